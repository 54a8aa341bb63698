//! The store: what is asked of it, and what becomes of its answers.

use std::sync::Arc;
use std::time::Duration;

use super::{FlightKind, Need, Refresh, TokenCache};
use crate::action::{Action, Reason};
use crate::event::Event;
use crate::held::{Held, Life};
use crate::moment::Moment;
use crate::policy::doubled;
use crate::sharing::HeldLease;
use crate::store::{Answer, Call, Lease, Owner, Saved, StoreError, StoreStep, Stored};

impl TokenCache {
    pub(super) fn call(&mut self, call: Call, now: Moment) -> Action {
        let id = self.take_off(
            now,
            self.policy.store_timeout,
            FlightKind::Store(call.clone()),
        );
        Action::Store(StoreStep { id, call })
    }

    /// What is owed to the store, whether or not anyone needs a token.
    pub(super) fn duty(&mut self, now: Moment) -> Option<Call> {
        let sharing = self.sharing.as_mut()?;
        if sharing.left_alone_until(now).is_some() {
            // A store that is full may still free its gate, for which the others wait.
            let full = sharing.save_failed && sharing.is_given_up();
            let (owner, cool_until) = sharing.give_back.take_if(|_| full)?;
            sharing.save_failed = false;
            let cool = cool_until.saturating_sub(now.monotonic);
            return Some(Call::GiveBack { owner, cool });
        }
        let held = self.held.as_ref();
        if let (true, Some(held)) = (sharing.unsaved, held) {
            let left = held.left_at(now);
            if !left.is_zero() {
                return Some(Call::Save {
                    record: held.record(),
                    replaces: sharing.replaces,
                    left,
                });
            }
            sharing.unsaved = false;
        }
        if let Some((owner, cool_until)) = sharing.give_back {
            let cool = cool_until.saturating_sub(now.monotonic);
            return Some(Call::GiveBack { owner, cool });
        }
        if let (true, Some(held)) = (sharing.unmarked, held) {
            return Some(Call::MarkSuspect {
                fingerprint: held.fingerprint,
                now,
            });
        }
        None
    }

    pub(super) fn call_failed(&mut self, call: &Call, error: StoreError, now: Moment) {
        if let Some(sharing) = &mut self.sharing {
            match call {
                // It may have been granted.
                Call::Lease { owner, .. } => sharing.give_back = Some((*owner, Duration::ZERO)),
                Call::Save { .. } => sharing.save_failed = true,
                _ => {}
            }
            sharing.failed(call.writes(), &self.policy, &mut self.random, now);
        }
        let call = call.name();
        self.tell(Event::StoreFailed { call, error });
    }

    pub(super) fn go_on_alone(&mut self, call: &'static str, error: StoreError, now: Moment) {
        if let Some(sharing) = &mut self.sharing {
            sharing.give_up(&self.policy, &mut self.random, now);
        }
        self.tell(Event::StoreFailed { call, error });
    }

    pub(super) fn store_answered(
        &mut self,
        call: Call,
        answer: Answer,
        asked: Moment,
        now: Moment,
    ) {
        // A store that is full gives leases back all the same.
        let tells = !matches!(call, Call::GiveBack { .. });
        let Some(sharing) = &mut self.sharing else {
            return;
        };
        if tells && sharing.recovered(call.writes()) {
            self.tell(Event::StoreRecovered);
        }
        let Some(sharing) = &mut self.sharing else {
            return;
        };
        match (call, answer) {
            (Call::Look, Answer::Looked(stored)) => {
                sharing.looked_at = Some(now.monotonic);
                self.adopt(stored, asked, now);
            }
            (Call::Lease { owner, term }, Answer::Leased(lease)) => {
                self.leased(owner, term, lease, asked, now);
            }
            (Call::Save { record, .. }, Answer::Saved(saved)) => {
                let at_hand = self.held.as_ref().map(|held| held.fingerprint);
                if at_hand == Some(record.fingerprint()) {
                    sharing.unsaved = false;
                }
                sharing.looked_at = Some(now.monotonic);
                if let Saved::Newer(stored) = saved {
                    self.adopt(Some(stored), asked, now);
                }
            }
            (Call::MarkSuspect { .. }, answer) => {
                sharing.unmarked = false;
                if let Answer::Looked(stored) = answer {
                    self.adopt(stored, asked, now);
                }
            }
            (Call::GiveBack { .. }, _) => sharing.give_back = None,
            // No step leads to another answer than its own.
            _ => {}
        }
    }

    fn leased(&mut self, owner: Owner, term: Duration, lease: Lease, asked: Moment, now: Moment) {
        let Some(sharing) = &mut self.sharing else {
            return;
        };
        let (wait, stored, reason) = match lease {
            Lease::Granted(stored) => {
                let lease = HeldLease {
                    owner,
                    ends: asked.after(term),
                    stored: stored.clone().map(|stored| self.read(stored, asked)),
                };
                if let Some(sharing) = &mut self.sharing {
                    sharing.shut = 0;
                    sharing.lease = Some(lease);
                }
                self.adopt(stored, asked, now);
                if !matches!(self.need(now), Need::Renewal { .. }) {
                    // What was to be fetched came meanwhile.
                    if let Some(sharing) = &mut self.sharing {
                        sharing.end_lease(Duration::ZERO, now);
                    }
                }
                return;
            }
            Lease::Held(wait, stored) if wait.is_zero() => {
                // A holder that stopped, or a lock that a forked child keeps alive.
                self.adopt(stored, asked, now);
                let error =
                    StoreError::new("another process has had the lease for longer than its term");
                self.go_on_alone("lease", error, now);
                return;
            }
            Lease::Held(wait, stored) => (wait, stored, Reason::Leased),
            Lease::Cool(wait, stored) if wait <= self.policy.min_interval => {
                (wait, stored, Reason::Spacing)
            }
            Lease::Cool(wait, stored) => {
                sharing.cool_until = now.monotonic.saturating_add(wait);
                (wait, stored, Reason::RateLimited)
            }
        };
        // Whoever has no token looks again soon: the holder may be done long before its term ends.
        let soon = doubled(
            self.policy.lease_poll,
            sharing.shut.min(3),
            self.policy.backoff_cap,
        );
        let soon = self.random.half_to(soon);
        sharing.shut = sharing.shut.saturating_add(1);
        sharing.looked_at = None;
        self.adopt(stored, asked, now);
        let serving = wait.min(self.policy.backoff_cap_serving).max(soon);
        self.hold_until(serving, wait.min(soon), reason, now);
    }

    /// A stored token, as it would be in this cache's hands.
    fn read(&self, stored: Stored, asked: Moment) -> Held {
        let left = stored.left_at(asked);
        let record = stored.record;
        self.hold_token(
            record.token,
            Life {
                since: asked,
                left,
                age: record.lifetime.saturating_sub(left),
                lifetime: record.lifetime,
                issued_at: record.issued_at,
                sent_at: record.sent_at,
                forced: record.forced,
                suspect: record.suspect,
                // A cache doesn't take over what it rejected.
                rejected: false,
            },
        )
    }

    /// Takes over a stored token, if it is better than the one at hand.
    fn adopt(&mut self, stored: Option<Stored>, asked: Moment, now: Moment) {
        let Some(stored) = stored else {
            return;
        };
        let stored = self.read(stored, asked);
        if !stored.is_usable_at(now) || self.rejected.contains(&stored.fingerprint) {
            return;
        }
        if let Some(held) = self.held.as_ref().filter(|held| held.is_usable_at(now)) {
            let better = if held.is_served_at(now) && stored.may_be_forced_at(now) {
                // Another cache's suspect, which is to be replaced.
                false
            } else if held.fingerprint == stored.fingerprint {
                stored.token.expires_at() > held.token.expires_at()
            } else {
                // A `Date` that was wrong once must not keep a cache on a token that is due or suspect.
                stored.life.issued_at >= held.life.issued_at
                    || held.life.suspect
                    || held.is_due_at(now) && !stored.is_due_at(now)
            };
            if !better {
                return;
            }
        }
        self.tell(Event::Adopted {
            fingerprint: stored.fingerprint,
            expires_at: stored.token.expires_at(),
        });
        if matches!(self.refresh, Refresh::Wanted) {
            self.refresh = Refresh::InsteadOf(stored.fingerprint);
        }
        self.held = Some(Arc::new(stored));
        self.failures = 0;
        self.maybe_issued = 0;
        self.last_failure = None;
        if let Some(sharing) = &mut self.sharing {
            sharing.unsaved = false;
            sharing.unmarked = false;
        }
    }
}
