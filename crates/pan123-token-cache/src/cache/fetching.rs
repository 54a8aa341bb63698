//! The exchange with the platform: what it is for, and what becomes of its result.

use std::sync::Arc;
use std::time::Duration;

use pan123_token::Grant;

use super::{InFlight, Refresh, TokenCache, What};
use crate::action::{Action, FetchTicket, Reason};
use crate::event::Event;
use crate::failure::Failure;
use crate::held::{Held, Life, Provenance, Suspicion};
use crate::moment::{Moment, date, unix};
use crate::pacing::Backoff;
use crate::sharing::Turn;

/// No token lives longer than this; an expiry that says so is wrong.
const MAX_LIFETIME: Duration = Duration::from_secs(400 * 86_400);

impl TokenCache {
    pub(super) fn fetch(&mut self, now: Moment) -> Action {
        let provenance = self.provenance(now);
        let timeout = self.policy.fetch_timeout;
        Action::Fetch(FetchTicket {
            id: self.start(What::Fetch, timeout, now),
            sent: now,
            timeout,
            provenance,
        })
    }

    fn provenance(&self, now: Moment) -> Provenance {
        // A suspect in the store is replaced even by a cache that never held it: the count of forced renewals goes on.
        let stored = self
            .sharing
            .lease
            .as_ref()
            .and_then(|it| it.stored.as_ref());
        let of = |held: &Held| held.hands_on(&self.policy, now);
        stored
            .map(of)
            .filter(|provenance| provenance.forced)
            .or_else(|| self.held.as_deref().map(of))
            .unwrap_or_default()
    }

    pub(super) fn granted(
        &mut self,
        ticket: &FetchTicket,
        grant: &Grant,
        in_time: bool,
        now: Moment,
    ) {
        let mut fresh = self.held_of_grant(ticket, grant);
        if !fresh.is_usable_at(now) {
            if in_time {
                self.fetch_failed(Failure::IssuedExpired(fresh.token), now);
            }
            return;
        }
        if self.is_confirmed_by(&fresh, now) {
            if !in_time {
                return;
            }
            // The platform has confirmed it: whatever refused it, another call may not.
            self.rejected.retain(|it| *it != fresh.fingerprint);
            fresh.life.suspicion = Suspicion::RejectedElsewhere;
            self.renewed(fresh, ticket.provenance.forced, now);
            return;
        }
        match &self.held {
            Some(held) if held.fingerprint == fresh.fingerprint => {
                // Where the wall clock made it expire, a new `Date` may say that it lives.
                let later = fresh.token.expires_at() > held.token.expires_at();
                if later || !held.is_usable_at(now) {
                    self.renewed(fresh, ticket.provenance.forced, now);
                } else if in_time {
                    self.fetch_failed(Failure::Unchanged, now);
                }
            }
            // It comes late, and a newer one came before it.
            Some(held)
                if !in_time
                    && held.is_served_at(now)
                    && held.life.issued_at >= fresh.life.issued_at => {}
            _ => self.renewed(fresh, ticket.provenance.forced, now),
        }
    }

    /// Whether it is a token that was rejected here, or the suspect that is held, unchanged.
    fn is_confirmed_by(&self, fresh: &Held, now: Moment) -> bool {
        let unchanged = |held: &Arc<Held>| {
            held.fingerprint == fresh.fingerprint
                && held.is_suspect()
                && held.is_usable_at(now)
                && held.token.expires_at() >= fresh.token.expires_at()
        };
        self.rejected.contains(&fresh.fingerprint) || self.held.as_ref().is_some_and(unchanged)
    }

    fn held_of_grant(&self, ticket: &FetchTicket, grant: &Grant) -> Held {
        let sent = ticket.sent;
        let by_date = grant.lifetime();
        let lifetime = by_date.unwrap_or_else(|| {
            let by_our_clock = unix(grant.token.expires_at()).saturating_sub(sent.wall);
            by_our_clock.min(MAX_LIFETIME)
        });
        // A `Date` that can't be right would order this token wrongly among the fleet's others, too.
        let issued_at = by_date.and(grant.server_time);
        let life = Life {
            since: sent,
            left: lifetime,
            age: Duration::ZERO,
            lifetime,
            issued_at: issued_at.unwrap_or_else(|| date(sent.wall)),
            sent_at: sent.wall,
            forced: ticket.provenance.consecutive,
            suspicion: Suspicion::Good,
            maybe_issued: 0,
        };
        Held::new(grant.token.clone(), life, &self.policy, self.jitter)
    }

    fn renewed(&mut self, fresh: Held, forced: bool, now: Moment) {
        self.push_event(Event::Renewed {
            fingerprint: fresh.fingerprint,
            expires_at: fresh.token.expires_at(),
            forced,
        });
        self.held = Some(Arc::new(fresh));
        self.refresh = Refresh::No;
        self.pacing.token_came();
        let spacing = Backoff {
            serving: self.policy.min_interval,
            without: self.policy.min_interval,
        };
        self.pacing
            .pause_for(spacing, Reason::Spacing, now.monotonic);
        let stored = self
            .sharing
            .lease
            .as_ref()
            .and_then(|it| it.stored.as_ref());
        let replaces = stored.map(|stored| stored.fingerprint);
        self.sharing.offer(replaces);
        self.sharing.retry_now(now);
        self.sharing.token_came();
        // One that came late leaves the lease to the fetch that is under way.
        let fetching = |it: &InFlight| it.what == What::Fetch;
        if !self.in_flight.as_ref().is_some_and(fetching) {
            self.sharing.end_lease(self.policy.min_interval, now);
        }
    }

    pub(super) fn fetch_failed(&mut self, failure: Failure, now: Moment) {
        self.end_attempt(failure, false, now);
    }

    /// What carried the fetch out is gone, a runtime that ended, say: that says nothing of the network or the platform.
    pub(super) fn fetch_lost(&mut self, now: Moment) {
        let first = !self.pacing.has_failed();
        self.end_attempt(Failure::Dropped, first, now);
    }

    /// `at_once`: without a backoff, and without letting others go first.
    fn end_attempt(&mut self, failure: Failure, at_once: bool, now: Moment) {
        self.sharing.late_leases = 0;
        let serving_old = self
            .held
            .as_ref()
            .is_some_and(|held| held.is_served_at(now));
        if failure.may_have_issued() {
            self.count_maybe_issued(now);
        }
        let backoff = self.pacing.failed(
            &failure,
            at_once,
            serving_old,
            &self.policy,
            &mut self.random,
            now.monotonic,
        );
        let rate_limited = failure.is_rate_limited();
        // Only rate limiting concerns the fleet; a wrong secret or a bad network is this host's own.
        let cooldown = if rate_limited {
            backoff.without
        } else {
            if self.sharing.lease.is_some() && !at_once {
                self.sharing.turn = Turn::Others;
            }
            self.policy.min_interval
        };
        self.sharing.end_lease(cooldown, now);
        if !self.sharing.is_skipped() {
            // It was read before the fetch. While it is bypassed it wasn't: others may have a token there by now.
            self.sharing.loaded_at = Some(now.monotonic);
        }
        let next_attempt = if serving_old {
            backoff.serving
        } else {
            backoff.without
        };
        if rate_limited {
            self.push_event(Event::RateLimited { wait: cooldown });
        }
        self.push_event(Event::RenewalFailed {
            failure,
            serving_old,
            next_attempt,
        });
    }

    /// The platform may have issued a token that didn't arrive. The fleet counts that with the token held, which such a
    /// token may take offline.
    fn count_maybe_issued(&mut self, now: Moment) {
        let Some(held) = &mut self.held else {
            return;
        };
        let held = Arc::make_mut(held);
        // Also where it has expired: a wall clock that jumped ahead may be set back.
        held.life.maybe_issued = held.life.maybe_issued.saturating_add(1);
        if held.is_usable_at(now) {
            self.sharing.offer_again();
        }
    }
}
