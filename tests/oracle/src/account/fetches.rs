//! What fetches change in the account.

use std::collections::BTreeSet;
use std::time::Duration;

use pan123_token::{ErrorKind, FetchError, Grant};
use pan123_token_cache::{Moment, Tier};

use super::{Account, FlightKind, InFlight, Refresh, Unsaved};
use crate::life::Life;
use crate::platform::TokenId;
use crate::wire::token_id;

/// How a fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchEnd {
    /// A token came that can be used.
    Token,
    /// A token came that has expired on issue.
    Useless,
    /// The current token came again.
    Unchanged,
    /// After its deadline.
    Late,
    /// The platform refused.
    Refused,
    /// It limits the rate, perhaps until then.
    RateLimited(Option<Duration>),
    /// A token may have been issued and lost.
    MaybeIssued,
    /// The platform is away, for everyone.
    Unavailable,
    /// The request never left this host.
    NotSent,
}

impl Account {
    pub(crate) fn fetch_begins(&mut self, number: u64, timeout: Duration, now: Moment) {
        if let Some(at) = self.failed_at.take() {
            let gap = now.monotonic.saturating_sub(at);
            let by_itself =
                now.monotonic > self.not_before + Duration::from_secs(1) && !self.gave_way;
            // By the eighth failure each backoff has come to its cap.
            if self.failures >= 8 && by_itself {
                self.gaps.push(gap);
            } else {
                self.gaps.clear();
            }
        }
        let leased = self.lease.map(|lease| lease.tier);
        self.in_flight = Some(InFlight {
            number,
            ends: now.monotonic + timeout,
            kind: FlightKind::Fetch { leased },
        });
        self.store.late_leases = 0;
        self.due_since = None;
        self.calls_at_once = 0;
    }

    /// How many forced renewals the token may have that is fetched now.
    pub(crate) fn forced_next(&self, now: Moment) -> BTreeSet<u32> {
        let mut next = BTreeSet::new();
        // A suspect of the store is replaced also by a cache that never held it.
        if let Some((token, life)) = self.lease.and_then(|lease| lease.record)
            && self.may_be_forced(token, &[life], now)
        {
            next.extend(self.forced_before(&[life], now).iter().map(|it| it + 1));
        }
        let Some(held) = self.held else {
            next.insert(0);
            return next;
        };
        let lives = self.lives_of(held);
        for before in self.forced_before(lives, now) {
            if self.may_be_forced(held, lives, now) {
                next.insert(before + 1);
            }
            if !self.must_be_forced(held, lives, now) {
                next.insert(before);
            }
        }
        next
    }

    // Records of one token may differ: the cache keeps the most forced renewals that any of them counts, and may take age
    // and expiry from another.

    /// How many forced renewals before it still count.
    fn forced_before(&self, lives: &[Life], now: Moment) -> BTreeSet<u32> {
        let is_settled = |life: &Life| life.is_settled_at(now, &self.policy);
        let mut before = BTreeSet::new();
        if lives.iter().any(is_settled) {
            before.insert(0);
        }
        if !lives.iter().all(is_settled) {
            before.extend(lives.iter().map(|life| life.forced));
        }
        before
    }

    fn may_be_forced(&self, token: TokenId, lives: &[Life], now: Moment) -> bool {
        self.is_suspect(token)
            && lives.iter().any(|it| it.is_usable_at(now, &self.policy))
            && lives
                .iter()
                .any(|it| it.is_old_enough_at(now, &self.policy))
    }

    /// That it is suspect may also be hearsay, which the cache may not have taken.
    fn must_be_forced(&self, token: TokenId, lives: &[Life], now: Moment) -> bool {
        self.was_rejected(token)
            && lives.iter().all(|it| it.is_usable_at(now, &self.policy))
            && self.until_replaceable(token, now).1.is_zero()
    }

    pub(super) fn fetch_ended(&mut self, leased: Option<Tier>, at: Duration) {
        self.last_end = Some(at);
        self.lease = None;
        self.was_leased = leased;
        if let Some(tier) = leased {
            self.cooldown = Some((tier, at + self.policy.min_interval));
        }
    }

    /// Takes the fetch of this number as ended, if it is in flight. Returns whether it was.
    pub(crate) fn end_fetch(&mut self, number: u64, now: Moment) -> bool {
        let flight = self.in_flight.take_if(|flight| flight.number == number);
        let Some(FlightKind::Fetch { leased }) = flight.map(|flight| flight.kind) else {
            return false;
        };
        self.fetch_ended(leased, now.monotonic);
        true
    }

    /// A fetch was drawn, and nothing could be started for it.
    pub(crate) fn could_not_send(&mut self, now: Moment) {
        const NUMBER: u64 = u64::MAX;
        self.fetch_begins(NUMBER, Duration::ZERO, now);
        self.end_fetch(NUMBER, now);
        self.failed(FetchEnd::NotSent, now);
    }

    /// Gives up what is fetched.
    pub(crate) fn supersede(&mut self, now: Moment) -> bool {
        let Some(flight) = self
            .in_flight
            .take_if(|flight| matches!(flight.kind, FlightKind::Fetch { .. }))
        else {
            return false;
        };
        if let FlightKind::Fetch { leased } = flight.kind {
            self.fetch_ended(leased, now.monotonic);
        }
        self.failed(FetchEnd::MaybeIssued, now);
        true
    }

    pub(crate) fn failed(&mut self, end: FetchEnd, now: Moment) {
        self.ends.push(end);
        self.changed_at = now.monotonic;
        self.failures += 1;
        self.failed_at = Some(now.monotonic);
        self.gave_way = false;
        self.refused_at = None;
        self.useless_at = None;
        match end {
            FetchEnd::Refused => self.refused_at = Some(now.monotonic),
            FetchEnd::RateLimited(retry_after) => {
                let until = now.monotonic + retry_after.unwrap_or_default();
                self.not_before = self.not_before.max(until);
                if let Some(tier) = self.was_leased {
                    let until = self.cooldown.map_or(Duration::ZERO, |(_, until)| until);
                    self.cooldown = Some((tier, until.max(self.not_before)));
                }
            }
            FetchEnd::MaybeIssued => {
                self.maybe_issued += 1;
                self.spent += 1;
            }
            FetchEnd::Useless => {
                self.useless_at = Some(now.monotonic);
                self.spent += 1;
            }
            FetchEnd::Unavailable => self.spent += 1,
            _ => {}
        }
        self.excuse(self.not_before.max(now.monotonic + self.longest_backoff()));
    }

    /// The longest wait after a failure, by the policy.
    pub(crate) fn longest_backoff(&self) -> Duration {
        if self.serving || self.refused_at.is_some() || self.useless_at.is_some() {
            self.policy.backoff_cap_serving
        } else {
            self.policy.backoff_cap.max(self.policy.min_interval)
        }
    }

    /// A token came. What it is, and whether it must be served at once.
    pub(crate) fn granted(
        &mut self,
        grant: &Grant,
        sent: Moment,
        in_time: bool,
        forced: BTreeSet<u32>,
        leased: Option<Tier>,
        now: Moment,
    ) -> (FetchEnd, Option<(TokenId, &'static str)>) {
        let token = token_id(&grant.token);
        let least = forced.iter().min().copied().unwrap_or(0);
        let came = Life::of_grant(grant, sent, least);
        let usable = came.is_usable_at(now, &self.policy);
        let known = self.held == Some(token);
        let rejected = self.was_rejected(token);
        let later = self
            .held_lives()
            .iter()
            .all(|life| came.expires_at > life.expires_at);
        let newer = self
            .held_lives()
            .iter()
            .all(|life| came.issued_at > life.issued_at);
        let expired = known && !self.may_be_usable(token, now);
        for forced in &forced {
            let life = Life {
                forced: *forced,
                ..came
            };
            self.learn(token, life);
        }
        // The platform has confirmed a suspect that it sends again.
        let unchanged = known && self.is_suspect(token) && !later && !expired;
        let confirmed = in_time && usable && (rejected || unchanged);
        let good = usable
            && !rejected
            && if known {
                later || expired
            } else {
                // Late and older, it is still better than none.
                in_time || newer || !self.serving
            };
        if !good && !confirmed {
            if !in_time {
                return (FetchEnd::Late, None);
            }
            let end = if usable {
                FetchEnd::Unchanged
            } else {
                FetchEnd::Useless
            };
            self.failed(end, now);
            return (end, None);
        }
        // What was known of it before counts no more: its age begins anew.
        self.lives.remove(&token);
        for forced in &forced {
            let forced = *forced;
            self.learn(token, Life { forced, ..came });
        }
        self.rejected.retain(|it| *it != token);
        if !confirmed {
            self.suspects.retain(|it| *it != token);
        }
        self.renewed();
        self.refresh = Refresh::No;
        self.changed_at = now.monotonic;
        self.received = Some(token);
        if self.shares {
            self.unsaved = Some(Unsaved {
                token,
                forced,
                since: now.monotonic,
            });
            if in_time && leased != Some(Tier::Shared) {
                self.must_save = Some((token, "fetched-alone-is-offered-at-once"));
            }
        }
        let rule = if confirmed {
            "confirmed-is-served"
        } else {
            "received-is-served"
        };
        (FetchEnd::Token, Some((token, rule)))
    }

    pub(super) fn renewed(&mut self) {
        self.failures = 0;
        self.failed_at = None;
        self.gaps.clear();
        self.maybe_issued = 0;
        self.spent = 0;
        self.refused_at = None;
        self.useless_at = None;
    }
}

/// As the design has it, not as the core says it.
pub(crate) fn end_of(error: &FetchError) -> FetchEnd {
    match error {
        FetchError::Timeout(_) | FetchError::Body(_) => FetchEnd::MaybeIssued,
        FetchError::Response(response) => match response.kind() {
            ErrorKind::Refused => FetchEnd::Refused,
            ErrorKind::RateLimited => FetchEnd::RateLimited(response.retry_after()),
            ErrorKind::Unavailable if matches!(response.status().as_u16(), 502 | 504) => {
                FetchEnd::MaybeIssued
            }
            ErrorKind::TooLarge | ErrorKind::Malformed | ErrorKind::NotApi
                if response.status().is_success() =>
            {
                FetchEnd::MaybeIssued
            }
            _ => FetchEnd::Unavailable,
        },
        _ => FetchEnd::NotSent,
    }
}
