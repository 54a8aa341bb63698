//! The exchange with the platform: what it is for, and what becomes of its result.

use std::sync::Arc;
use std::time::Duration;

use pan123_token::Grant;

use super::{FlightKind, Hold, Refresh, TokenCache};
use crate::action::{Action, FetchTicket, Lineage, Reason};
use crate::event::Event;
use crate::failure::Failure;
use crate::held::{Held, Life};
use crate::moment::{Moment, date, unix};
use crate::policy::doubled;

impl TokenCache {
    pub(super) fn fetch(&mut self, now: Moment) -> Action {
        let timeout = self.policy.fetch_timeout;
        let lineage = self.lineage(now);
        if let Some(sharing) = &mut self.sharing {
            sharing.late_leases = 0;
        }
        let id = self.take_off(now, timeout, FlightKind::Fetch);
        Action::Fetch(FetchTicket {
            id,
            sent: now,
            timeout,
            lineage,
        })
    }

    fn lineage(&self, now: Moment) -> Lineage {
        // A suspect in the store is replaced even by a cache that never held it: the row of forced renewals goes on.
        let stored = self.lease().and_then(|lease| lease.stored.as_ref());
        let of = |held: &Held| self.lineage_of(held, now);
        stored
            .map(of)
            .filter(|lineage| lineage.forced)
            .or_else(|| self.held.as_deref().map(of))
            .unwrap_or(Lineage {
                forced: false,
                in_a_row: 0,
            })
    }

    /// What a fetch that replaces this token hands on.
    fn lineage_of(&self, held: &Held, now: Moment) -> Lineage {
        // A token that lives for less than that has settled halfway.
        let settled = self.policy.settled_after.min(held.life.lifetime / 2);
        let before = if held.age_at(now) >= settled {
            0
        } else {
            held.life.forced
        };
        let forced = held.is_usable_at(now) && held.may_be_forced_at(now);
        Lineage {
            forced,
            in_a_row: before.saturating_add(u32::from(forced)),
        }
    }

    pub(super) fn granted(
        &mut self,
        ticket: &FetchTicket,
        grant: &Grant,
        in_time: bool,
        now: Moment,
    ) {
        let sent = ticket.sent;
        let lifetime = grant
            .lifetime()
            .unwrap_or_else(|| unix(grant.token.expires_at()).saturating_sub(sent.wall));
        let fresh = self.hold_token(
            grant.token.clone(),
            Life {
                since: sent,
                left: lifetime,
                age: Duration::ZERO,
                lifetime,
                issued_at: grant.server_time.unwrap_or_else(|| date(sent.wall)),
                sent_at: sent.wall,
                forced: ticket.lineage.in_a_row,
                suspect: false,
                rejected: false,
            },
        );
        let failure = if !fresh.is_usable_at(now) {
            Some(Failure::IssuedExpired(fresh.token.clone()))
        } else if self.rejected.contains(&fresh.fingerprint) {
            Some(Failure::Unchanged)
        } else {
            match &self.held {
                Some(held) if held.fingerprint == fresh.fingerprint => {
                    let extended = fresh.token.expires_at() > held.token.expires_at();
                    (!extended).then_some(Failure::Unchanged)
                }
                // It comes late, and a newer one came before it.
                Some(held)
                    if !in_time
                        && held.is_served_at(now)
                        && held.life.issued_at >= fresh.life.issued_at =>
                {
                    return;
                }
                _ => None,
            }
        };
        match failure {
            Some(failure) if in_time => self.failed(failure, now),
            Some(_) => {}
            None => self.renewed(fresh, ticket.lineage.forced, now),
        }
    }

    fn renewed(&mut self, fresh: Held, forced: bool, now: Moment) {
        self.tell(Event::Renewed {
            fingerprint: fresh.fingerprint,
            expires_at: fresh.token.expires_at(),
            forced,
        });
        self.held = Some(Arc::new(fresh));
        self.refresh = Refresh::No;
        self.failures = 0;
        self.maybe_issued = 0;
        self.last_failure = None;
        self.hold_until(
            self.policy.min_interval,
            self.policy.min_interval,
            Reason::Spacing,
            now,
        );
        if let Some(sharing) = &mut self.sharing {
            sharing.unsaved = true;
            let stored = sharing.lease.as_ref().and_then(|it| it.stored.as_ref());
            sharing.replaces = stored.map(|stored| stored.fingerprint);
            // One that came late leaves the lease to the fetch that is under way.
            if self.flight.is_none() {
                sharing.end_lease(self.policy.min_interval, now);
            }
        }
    }

    pub(super) fn failed(&mut self, failure: Failure, now: Moment) {
        let policy = &self.policy;
        let serving_old = self
            .held
            .as_ref()
            .is_some_and(|held| held.is_served_at(now));
        let (base, cap) = if failure.is_refused() {
            (policy.refused_base, policy.backoff_cap_serving)
        } else if serving_old {
            (policy.backoff_base, policy.backoff_cap_serving)
        } else {
            (policy.backoff_base, policy.backoff_cap)
        };
        let jittered = self.random.up_to(doubled(base, self.failures, cap));
        let least = if failure.is_refused() {
            policy.refused_base
        } else {
            Duration::ZERO
        };
        let asked_for = failure
            .retry_after()
            .unwrap_or_default()
            .max(policy.min_interval);
        let serving = jittered.max(least).max(asked_for);
        // A token that ends meanwhile makes it more urgent, but for a refusal.
        let without = if failure.is_refused() {
            serving
        } else {
            jittered.min(policy.backoff_cap).max(asked_for)
        };

        let (rate_limited, min_interval) = (failure.is_rate_limited(), policy.min_interval);
        let reason = if rate_limited {
            Reason::RateLimited
        } else {
            Reason::Backoff
        };
        if let Some(retry_after) = failure.retry_after() {
            let until = now.monotonic.saturating_add(retry_after);
            self.not_before = self.not_before.max(until);
        }
        self.hold_until(serving, without, reason, now);
        self.failures = self.failures.saturating_add(1);
        if failure.may_have_issued() {
            self.maybe_issued = self.maybe_issued.saturating_add(1);
        }
        if let Some(sharing) = &mut self.sharing {
            // Only rate limiting is everyone's; a wrong secret or a bad network is this host's own.
            sharing.end_lease(if rate_limited { without } else { min_interval }, now);
            sharing.looked_at = None;
        }
        let next_attempt = if serving_old { serving } else { without };
        if rate_limited {
            self.tell(Event::RateLimited { wait: next_attempt });
        }
        self.tell(Event::RenewalFailed {
            failure: failure.clone(),
            serving_old,
            next_attempt,
        });
        self.last_failure = Some(failure);
    }

    pub(super) fn hold_until(
        &mut self,
        serving: Duration,
        without: Duration,
        reason: Reason,
        now: Moment,
    ) {
        self.hold = Hold {
            serving: now.monotonic.saturating_add(serving).max(self.not_before),
            without: now.monotonic.saturating_add(without).max(self.not_before),
            reason,
        };
    }
}
