//! The store: what is asked of it, and what becomes of its answers.

use std::sync::Arc;
use std::time::Duration;

use super::{Call, FlightKind, Need, Refresh, TokenCache};
use crate::action::{Action, Reason};
use crate::event::Event;
use crate::held::{Held, Life};
use crate::moment::Moment;
use crate::policy::doubled;
use crate::sharing::HeldLease;
use crate::step::{Answered, Load, Release, Save, Step, StoreStep, TakeLease};
use crate::store::{Lease, Saved, StoreError, Stored};

impl TokenCache {
    fn store_step(&mut self, call: Call, now: Moment) -> u64 {
        self.take_off(now, self.policy.store_timeout, FlightKind::Store(call))
    }

    pub(super) fn load(&mut self, now: Moment) -> Action {
        let id = self.store_step(Call::Load, now);
        Action::Store(StoreStep::Load(Step { id, call: Load }))
    }

    pub(super) fn take_lease(&mut self, call: TakeLease, now: Moment) -> Action {
        let id = self.store_step(Call::Lease(call.owner), now);
        Action::Store(StoreStep::Lease(Step { id, call }))
    }

    fn save(&mut self, call: Save, now: Moment) -> Action {
        let id = self.store_step(Call::Save, now);
        Action::Store(StoreStep::Save(Step { id, call }))
    }

    fn release(&mut self, call: Release, now: Moment) -> Action {
        let id = self.store_step(Call::Release, now);
        Action::Store(StoreStep::Release(Step { id, call }))
    }

    /// What is owed to the store, whether or not anyone needs a token.
    pub(super) fn duty(&mut self, now: Moment) -> Option<Action> {
        let sharing = self.sharing.as_mut()?;
        let release = |(owner, until): (_, Duration)| Release {
            owner,
            cooldown: until.saturating_sub(now.monotonic),
        };
        if sharing.left_alone_until(now).is_some() {
            // A store that is full may still free its gate, for which the others wait.
            let full = sharing.save_failed && sharing.is_given_up();
            let pending = sharing.give_back.take_if(|_| full)?;
            sharing.save_failed = false;
            return Some(self.release(release(pending), now));
        }
        let held = self.held.as_ref();
        if let (true, Some(held)) = (sharing.unsaved, held) {
            let left = held.left_at(now);
            if !left.is_zero() {
                let save = Save {
                    record: held.record(),
                    replaces: sharing.replaces,
                    left,
                };
                return Some(self.save(save, now));
            }
            sharing.unsaved = false;
        }
        let pending = sharing.give_back?;
        Some(self.release(release(pending), now))
    }

    pub(super) fn call_failed(&mut self, call: Call, error: StoreError, now: Moment) {
        if let Some(sharing) = &mut self.sharing {
            match call {
                // It may have been granted.
                Call::Lease(owner) => sharing.give_back = Some((owner, Duration::ZERO)),
                Call::Save => sharing.save_failed = true,
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

    pub(super) fn store_answered(&mut self, answered: Answered, asked: Moment, now: Moment) {
        match answered {
            Answered::Load(_, Err(error)) => self.call_failed(Call::Load, error, now),
            Answered::TakeLease(call, Err(error)) => {
                self.call_failed(Call::Lease(call.owner), error, now);
            }
            Answered::Save(_, Err(error)) => self.call_failed(Call::Save, error, now),
            Answered::Release(_, Err(error)) => self.call_failed(Call::Release, error, now),
            Answered::Load(_, Ok(stored)) => {
                self.store_works(Call::Load);
                if let Some(sharing) = &mut self.sharing {
                    sharing.looked_at = Some(now.monotonic);
                }
                self.adopt(stored, asked, now);
            }
            Answered::TakeLease(call, Ok(lease)) => {
                self.store_works(Call::Lease(call.owner));
                self.leased(call, lease, asked, now);
            }
            Answered::Save(call, Ok(saved)) => {
                self.store_works(Call::Save);
                self.saved(&call, saved, asked, now);
            }
            // A store that is full gives leases back all the same: that says nothing.
            Answered::Release(_, Ok(())) => {
                if let Some(sharing) = &mut self.sharing {
                    sharing.give_back = None;
                }
            }
        }
    }

    fn store_works(&mut self, call: Call) {
        let works_again = |sharing: &mut crate::sharing::Sharing| sharing.recovered(call.writes());
        if self.sharing.as_mut().is_some_and(works_again) {
            self.tell(Event::StoreRecovered);
        }
    }

    fn saved(&mut self, call: &Save, saved: Saved, asked: Moment, now: Moment) {
        let held = self.held.as_ref().map(|held| held.record());
        if let Some(sharing) = &mut self.sharing {
            sharing.looked_at = Some(now.monotonic);
            if held.as_ref() == Some(&call.record) {
                sharing.unsaved = false;
            }
        }
        if let Saved::Newer(stored) = saved {
            self.adopt(Some(stored), asked, now);
        }
    }

    fn leased(&mut self, call: TakeLease, lease: Lease, asked: Moment, now: Moment) {
        let TakeLease { owner, term } = call;
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
            Lease::Stuck(stored) => {
                // A holder that stopped, or a lock that a forked child keeps alive.
                self.adopt(stored, asked, now);
                let error =
                    StoreError::new("another process has had the lease for longer than its term");
                self.go_on_alone("lease", error, now);
                return;
            }
            Lease::Held(wait, stored) => (wait, stored, Reason::Leased),
            Lease::CoolingDown(wait, stored) if wait <= self.policy.min_interval => {
                (wait, stored, Reason::Spacing)
            }
            Lease::CoolingDown(wait, stored) => {
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
        }
    }
}
