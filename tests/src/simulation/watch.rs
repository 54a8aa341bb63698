//! What the rules remember of one cache from step to step.

use std::collections::VecDeque;
use std::time::Duration;

use pan123_token_cache::{Moment, Reason, RenewalPolicy, Stored};

use super::clock::At;
use super::platform::{TokenId, token_id};
use super::rules::{self, Check, Known, LeaseSeen};

#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    pub(crate) known: Option<Known>,
    pub(crate) rejected: VecDeque<TokenId>,
    pub(crate) fetch: Option<FetchSeen>,
    pub(crate) step: Option<StepSeen>,
    /// By the monotonic clock: when the last fetch ended, and what came of it.
    pub(crate) last_end: Option<Duration>,
    pub(crate) not_before: Duration,
    refused_at: Option<Duration>,
    /// How the last fetch ended; taking a token over from the store changes nothing in that.
    last: Option<Ended>,
    failures: u32,
    failed_at: Option<Duration>,
    waits: Vec<Duration>,
    maybe_issued: u32,
    /// Since when calls to the store fail, by the monotonic clock. Zero where there is no point in trying again: nobody
    /// gave the lock back for a whole term, or leases come too late.
    pub(crate) store_trouble: Option<Duration>,
    /// It can't be written. That it can be read is no end of that.
    pub(crate) writing_trouble: bool,
    pub(crate) lease: Option<LeaseSeen>,
    late_leases: u32,
    /// Under a lease that isn't given back yet: until when the gate must be left cool, by the monotonic clock.
    pub(crate) gate_until: Option<Duration>,
    fetching_under_lease: bool,
    /// A token that the store doesn't have yet, how many forced renewals led to it, and since when.
    pub(crate) unsaved: Option<(TokenId, u32, At)>,
    /// The machine says that it took a token, from the platform or from the store.
    pub(crate) took: bool,
    pub(crate) without_since: Option<At>,
    pub(crate) fault_at: At,
    pub(crate) store_fault_at: At,
    /// Business calls that were refused when the last fault was long over.
    pub(crate) late_rejections: u32,
    last_poll: Duration,
    polls_at_once: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct FetchSeen {
    pub(crate) ends: Duration,
    pub(crate) forced: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct StepSeen {
    pub(crate) number: u64,
    pub(crate) writes: bool,
    pub(crate) asked: Moment,
    pub(crate) ends: Duration,
}

/// How a fetch ended, as far as the rules care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Refused,
    RateLimited(Option<Duration>),
    MaybeIssued,
    /// The platform is away, for everyone.
    Away,
    Otherwise,
}

impl Watch {
    pub(crate) fn polled(&mut self, now: Moment) -> Check {
        if now.monotonic == self.last_poll {
            self.polls_at_once += 1;
        } else {
            (self.last_poll, self.polls_at_once) = (now.monotonic, 0);
        }
        rules::not_spinning(self.polls_at_once)
    }

    /// Deadlines that have passed: what is still under way then has failed. True where it was a step.
    pub(crate) fn settle(&mut self, now: Moment, policy: &RenewalPolicy) -> (bool, bool) {
        let mut given_up = (false, false);
        if let Some(fetch) = self.fetch.take_if(|fetch| fetch.ends <= now.monotonic) {
            self.ended(fetch.ends, policy);
            self.failed(Ended::MaybeIssued, now);
            given_up.0 = true;
        }
        if let Some(step) = self.step.take_if(|step| step.ends <= now.monotonic) {
            self.step_failed(step.ends, step.writes);
            self.lease = None;
            given_up.1 = true;
        }
        given_up
    }

    pub(crate) fn step_failed(&mut self, at: Duration, writes: bool) {
        self.store_trouble.get_or_insert(at);
        self.writing_trouble |= writes;
    }

    /// Before a poll: a lease that came too late is no lease. Two in a row are trouble: this driver can't use them.
    pub(crate) fn outlive_lease(&mut self, now: Moment, policy: &RenewalPolicy) {
        let late =
            |lease: &mut LeaseSeen| rules::under_a_lease(Some(lease), true, now, policy).is_err();
        if self.lease.take_if(late).is_some() {
            self.late_leases += 1;
            if self.late_leases >= 2 {
                self.store_trouble = Some(Duration::ZERO);
            }
        }
    }

    pub(crate) fn may_fetch(&self, shares: bool, now: Moment, policy: &RenewalPolicy) -> Check {
        let in_flight = self.fetch.as_ref().map(|fetch| fetch.ends);
        rules::one_at_a_time(in_flight, now)?;
        rules::spacing(self.last_end, self.not_before, now, policy)?;
        rules::refused_rests(self.refused_at, now, policy)?;
        rules::fetch_has_a_reason(self.known.as_ref(), self.maybe_issued, now, policy)?;
        if !shares {
            return Ok(());
        }
        let store_works = self.store_trouble.is_none();
        rules::under_a_lease(self.lease.as_ref(), store_works, now, policy)?;
        let Some(lease) = &self.lease else {
            rules::store_is_tried_again(self.store_trouble, now, policy)?;
            return rules::store_down_can_wait(self.known.as_ref(), now, policy);
        };
        // The token at hand, or one that is older, is no reason to wait.
        let no_better = |known: &Known| {
            lease.record.as_ref().is_none_or(|record| {
                record.token == known.token || record.issued_at < known.issued_at
            })
        };
        if self.known.as_ref().is_some_and(no_better) {
            return Ok(());
        }
        rules::needed(lease, now, policy)
    }

    pub(crate) fn began(&mut self, now: Moment, timeout: Duration, policy: &RenewalPolicy) {
        if let Some(at) = self.failed_at.take() {
            self.waited(now.monotonic.saturating_sub(at));
        }
        // A suspect that stands in the store is what is replaced, else the token at hand.
        let suspect = self
            .lease
            .as_ref()
            .and_then(|lease| lease.record.as_ref())
            .filter(|record| {
                record.is_usable_at(now, policy) && record.may_be_forced_at(now, policy)
            });
        let replaced = suspect.or(self.known.as_ref());
        self.fetch = Some(FetchSeen {
            ends: now.monotonic + timeout,
            forced: replaced.map_or(0, |known| known.forced_next(now, policy)),
        });
        self.fetching_under_lease = self.lease.take().is_some();
        self.last = None;
        self.late_leases = 0;
    }

    /// A fetch ended, so or so.
    pub(crate) fn ended(&mut self, at: Duration, policy: &RenewalPolicy) {
        self.fetch = None;
        self.last_end = Some(at);
        if self.fetching_under_lease {
            self.gate_until = Some(at + policy.min_interval);
        }
    }

    pub(crate) fn failed(&mut self, ended: Ended, now: Moment) {
        self.last = Some(ended);
        self.failures += 1;
        self.failed_at = Some(now.monotonic);
        self.refused_at = None;
        match ended {
            Ended::Refused => {
                self.refused_at = Some(now.monotonic);
            }
            Ended::RateLimited(retry_after) => {
                let wait = retry_after.unwrap_or_default();
                self.not_before = self.not_before.max(now.monotonic + wait);
                if self.fetching_under_lease {
                    self.gate_until = self.gate_until.max(Some(self.not_before));
                }
            }
            Ended::MaybeIssued => self.maybe_issued += 1,
            Ended::Away | Ended::Otherwise => {}
        }
    }

    /// For how long at the most the platform's own words keep it from asking again.
    pub(crate) fn held_back(&self, now: Moment, policy: &RenewalPolicy) -> Duration {
        let refused = if self.last == Some(Ended::Refused) {
            policy.backoff_cap_serving
        } else {
            Duration::ZERO
        };
        refused.max(self.not_before.saturating_sub(now.monotonic))
    }

    fn waited(&mut self, wait: Duration) {
        // By the eighth failure each backoff has come to its cap.
        if self.failures >= 8 {
            self.waits.push(wait);
        } else {
            self.waits.clear();
        }
    }

    /// Something was received or taken over: no failure counts any more.
    pub(crate) fn holds(&mut self, known: Known) {
        self.known = Some(known);
        self.failures = 0;
        self.failed_at = None;
        self.waits.clear();
        self.maybe_issued = 0;
        self.refused_at = None;
    }

    pub(crate) fn waits(
        &mut self,
        until: Moment,
        reason: Reason,
        now: Moment,
        policy: &RenewalPolicy,
    ) -> Check {
        rules::wait_has_a_length(until, now, reason)?;
        let in_flight = match reason {
            Reason::Fetching => self.fetch.as_ref().map(|fetch| fetch.ends),
            _ => self.step.as_ref().map(|step| step.ends),
        };
        rules::given_up(reason, in_flight, until, now)?;
        let wait = until.monotonic.saturating_sub(now.monotonic);
        let known = self.known.as_ref();
        let serving = known.is_some_and(|known| known.is_served_at(now, policy));
        let until_retry_after = self.not_before.saturating_sub(now.monotonic);
        let refused = self.last == Some(Ended::Refused);
        rules::backoff_is_capped(reason, wait, serving, refused, until_retry_after, policy)?;
        if let (Reason::Fresh, Some(known)) = (reason, known) {
            rules::early(known, until, policy)?;
        }
        if let (Reason::Backoff, Some(at)) = (reason, self.failed_at.take()) {
            self.waited(until.monotonic.saturating_sub(at));
            if self.waits.len() == 16 {
                let waits = std::mem::take(&mut self.waits);
                rules::backoff_grows(&waits, policy)?;
            }
        }
        Ok(())
    }

    /// What this cache can know of a stored token that it asked for at `asked`.
    pub(crate) fn known_of(stored: &Stored, asked: Moment) -> Known {
        let record = &stored.record;
        let expires = record.token.expires_at().unix_timestamp_nanos();
        let expires = u64::try_from(expires).map_or(Duration::ZERO, Duration::from_nanos);
        let left = stored.left.unwrap_or_else(|| {
            asked.wall.checked_sub(record.sent_at).map_or_else(
                || expires.saturating_sub(asked.wall),
                |elapsed| record.lifetime.saturating_sub(elapsed),
            )
        });
        let left = left.min(record.lifetime);
        Known {
            token: token_id(&record.token),
            since: asked,
            left,
            age: record.lifetime.saturating_sub(left),
            lifetime: record.lifetime,
            expires_at: record.token.expires_at(),
            issued_at: record.issued_at,
            forced: record.forced,
            suspect: record.suspect,
            rejected: false,
        }
    }

    pub(crate) fn was_rejected(&self, token: TokenId) -> bool {
        self.rejected.contains(&token)
    }

    pub(crate) fn rejects(&mut self, token: TokenId) {
        if let Some(known) = self.known.as_mut().filter(|known| known.token == token)
            && !self.rejected.contains(&token)
        {
            (known.suspect, known.rejected) = (true, true);
            self.rejected.push_back(token);
            // The machine remembers sixteen; so must the rules, no more.
            if self.rejected.len() > 16 {
                self.rejected.pop_front();
            }
        }
    }
}
