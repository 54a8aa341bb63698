//! The store: what it is asked, and what becomes of its answers.

use std::sync::Arc;
use std::time::Duration;

use super::deciding::Demand;
use super::{Call, Refresh, TokenCache, What};
use crate::action::{Action, Reason};
use crate::event::Event;
use crate::held::{Held, Life, Suspicion};
use crate::moment::Moment;
use crate::pacing::Backoff;
use crate::sharing::HeldLease;
use crate::step::{Answered, Load, Save, Step, StoreStep, TakeLease, Tier};
use crate::store::{Lease, Saved, StoreError, Stored};

impl TokenCache {
    pub(super) fn ask_store<C>(
        &mut self,
        kind: Call,
        call: C,
        step: fn(Step<C>) -> StoreStep,
        now: Moment,
    ) -> Action {
        let id = self.start(What::Call(kind), self.policy.store_timeout, now);
        Action::Store(step(Step { id, call }))
    }

    pub(super) fn call_failed(
        &mut self,
        call: Call,
        error: &StoreError,
        asked: Moment,
        now: Moment,
    ) {
        match call {
            // It may have been granted.
            Call::Lease(owner, tier) => self.sharing.owed(tier).release(owner, now.monotonic),
            Call::Save(Tier::Shared) => self.sharing.save_failed(),
            Call::Release(tier) => self.sharing.release_done(tier),
            _ => {}
        }
        let (policy, random) = (&self.policy, &mut self.random);
        match (call.tier(), &mut self.sharing.fallback) {
            (Tier::Host, Some(fallback)) => fallback.failed(policy, now),
            _ => self
                .sharing
                .failed(call.writes(), error, policy, random, asked.monotonic, now),
        }
        self.push_failed(call.tier(), call.name(), error.clone());
    }

    fn push_failed(&mut self, tier: Tier, call: &'static str, error: StoreError) {
        self.push_event(match tier {
            Tier::Shared => Event::StoreFailed { call, error },
            Tier::Host => Event::HostStoreFailed { call, error },
        });
    }

    /// Its leases can't be used: there is no point in trying again.
    pub(super) fn bypass_store(&mut self, tier: Tier, error: StoreError, now: Moment) {
        let (policy, random) = (&self.policy, &mut self.random);
        self.sharing.end_lease(Duration::ZERO, now);
        match (tier, &mut self.sharing.fallback) {
            (Tier::Host, Some(fallback)) => fallback.failed(policy, now),
            _ => self.sharing.skip(&error, policy, random, now),
        }
        self.push_failed(tier, "lease", error);
    }

    pub(super) fn store_answered(&mut self, answered: Answered, asked: Moment, now: Moment) {
        match answered {
            Answered::Load(Load { tier }, Ok(stored)) => {
                self.call_succeeded(Call::Load(tier));
                match (tier, &mut self.sharing.fallback) {
                    (Tier::Host, Some(fallback)) => {
                        let stored = stored.as_ref().map(|it| it.record.fingerprint());
                        fallback.loaded(stored, now);
                    }
                    _ => self.sharing.loaded_at = Some(now.monotonic),
                }
                self.adopt(stored, tier, asked, now);
            }
            Answered::TakeLease(call, Ok(lease)) => {
                self.call_succeeded(Call::Lease(call.owner, call.tier));
                self.leased(call, lease, asked, now);
            }
            // It would be asked again and again.
            Answered::Save(call, Ok(Saved::Newer(stored)))
                if call.record.is_ahead_of(&stored.record) =>
            {
                let error = StoreError::new("it keeps an older record of the same token");
                self.call_failed(Call::Save(call.tier), &error, asked, now);
            }
            Answered::Save(call, Ok(saved)) => {
                self.call_succeeded(Call::Save(call.tier));
                self.saved(&call, saved, asked, now);
            }
            // A store that is full ends leases all the same: that says nothing.
            Answered::Release(call, Ok(())) => self.sharing.released(call.tier),
            Answered::Load(Load { tier }, Err(error)) => {
                self.call_failed(Call::Load(tier), &error, asked, now);
            }
            Answered::TakeLease(call, Err(error)) => {
                self.call_failed(Call::Lease(call.owner, call.tier), &error, asked, now);
            }
            Answered::Save(call, Err(error)) => {
                self.call_failed(Call::Save(call.tier), &error, asked, now);
            }
            Answered::Release(call, Err(error)) => {
                self.call_failed(Call::Release(call.tier), &error, asked, now);
            }
        }
    }

    fn call_succeeded(&mut self, call: Call) {
        if call.tier() == Tier::Shared && self.sharing.recovered(call.writes()) {
            self.push_event(Event::StoreRecovered);
        }
    }

    fn saved(&mut self, call: &Save, saved: Saved, asked: Moment, now: Moment) {
        if call.tier == Tier::Shared {
            self.sharing.loaded_at = Some(now.monotonic);
        }
        if let Saved::Newer(stored) = saved {
            self.adopt(Some(stored), call.tier, asked, now);
        }
        // What is held may say more by now.
        let held = self.held.as_ref().map(|held| held.record());
        if held.as_ref() == Some(&call.record) {
            self.sharing.owed(call.tier).saved();
        }
        if let (Tier::Host, Some(fallback)) = (call.tier, &mut self.sharing.fallback) {
            // Also where it keeps a newer one: then that was adopted, or is of no use.
            let held = self.held.as_ref().map(|held| held.fingerprint);
            fallback.saved(held, &self.policy, now);
        }
    }

    fn leased(&mut self, call: TakeLease, lease: Lease, asked: Moment, now: Moment) {
        let (wait, stored, reason) = match lease {
            Lease::Granted(stored) => {
                self.sharing.lease = Some(HeldLease {
                    owner: call.owner,
                    tier: call.tier,
                    ends: asked.after(call.term),
                    stored: stored
                        .clone()
                        .map(|stored| self.held_of_record(stored, asked)),
                });
                self.sharing.contended = 0;
                self.adopt(stored, call.tier, asked, now);
                let needed = matches!(self.demand(now), Demand::Renewal { .. });
                if needed && !self.sharing.takes_turn() {
                    self.sharing.end_lease(Duration::ZERO, now);
                    self.pause(self.policy.longest_poll(), Reason::Leased, now);
                }
                return;
            }
            Lease::Stuck(stored) => {
                self.adopt(stored, call.tier, asked, now);
                let error =
                    StoreError::new("another process has had the lease for longer than its term");
                self.bypass_store(call.tier, error, now);
                return;
            }
            Lease::Held(wait, stored) => (wait, stored, Reason::Leased),
            Lease::CoolingDown(wait, stored) if wait <= self.policy.min_interval => {
                (wait, stored, Reason::Spacing)
            }
            Lease::CoolingDown(wait, stored) => {
                self.sharing.cooling_until = now.monotonic.saturating_add(wait);
                (wait, stored, Reason::RateLimited)
            }
        };
        let soon = self.sharing.wait_for_lease(&self.policy, &mut self.random);
        self.adopt(stored, call.tier, asked, now);
        let wait = Backoff {
            serving: wait.min(self.policy.backoff_cap_serving).max(soon),
            // A store that says "for no time" is not asked again in the same moment.
            without: wait.max(self.policy.lease_poll / 100).min(soon),
        };
        self.pacing.pause_for(wait, reason, now.monotonic);
    }

    fn pause(&mut self, wait: Duration, reason: Reason, now: Moment) {
        let wait = Backoff {
            serving: wait,
            without: wait,
        };
        self.pacing.pause_for(wait, reason, now.monotonic);
    }

    /// A stored token, as this cache would hold it.
    fn held_of_record(&self, stored: Stored, asked: Moment) -> Held {
        let left = stored.left_at(asked);
        let by_its_own_clock = stored.left.is_some();
        let record = stored.record;
        let age = record.lifetime.saturating_sub(left);
        let suspicion = if record.suspect {
            // A cache doesn't adopt what it rejected.
            Suspicion::RejectedElsewhere
        } else {
            Suspicion::Good
        };
        let life = Life {
            since: asked,
            left,
            age,
            lifetime: record.lifetime,
            issued_at: record.issued_at,
            // Another host's clock may have said that. A copy in this host's file is read by this one.
            sent_at: if by_its_own_clock {
                asked.wall.saturating_sub(age)
            } else {
                record.sent_at
            },
            forced: record.forced,
            suspicion,
            maybe_issued: record.maybe_issued,
        };
        Held::new(record.token, life, &self.policy, self.jitter)
    }

    /// Holds a stored token from now on, if it is better than the one held.
    fn adopt(&mut self, stored: Option<Stored>, tier: Tier, asked: Moment, now: Moment) {
        let Some(stored) = stored else {
            self.restore(tier, now);
            return;
        };
        let stored = self.held_of_record(stored, asked);
        if !stored.is_usable_at(now) {
            return;
        }
        if let Some(held) = self.held.as_mut().filter(|held| held.is_usable_at(now)) {
            if held.fingerprint == stored.fingerprint {
                let extended = stored.token.expires_at() > held.token.expires_at()
                    && held.life.suspicion != Suspicion::RejectedHere;
                let (mine, theirs) = (held.record(), stored.record());
                if theirs.says_more_than(&mine) {
                    Arc::make_mut(held).merge(&stored);
                }
                if mine.says_more_than(&theirs) {
                    self.sharing.offer_again();
                } else {
                    self.sharing.owed(tier).saved();
                }
                if extended {
                    self.adopted();
                }
                return;
            }
            // Another cache's suspect that is to be replaced is no better.
            let replaceable = held.is_served_at(now) && stored.may_be_forced_at(now);
            // A `Date` that was wrong once must not keep a cache on a token that is due or suspect.
            // Between two stores, only what is newer and good moves: or else two tokens would change places for ever.
            let newer = match tier {
                Tier::Host => {
                    stored.life.issued_at > held.life.issued_at
                        && !stored.is_suspect()
                        && !stored.is_due_at(now)
                }
                Tier::Shared => {
                    stored.life.issued_at >= held.life.issued_at
                        || held.is_suspect()
                        || held.is_due_at(now) && !stored.is_due_at(now)
                }
            };
            if replaceable || !newer {
                if held.life.issued_at > stored.life.issued_at {
                    self.restore(tier, now);
                }
                return;
            }
        }
        if self.rejected.contains(&stored.fingerprint) {
            return;
        }
        if matches!(self.refresh, Refresh::Wanted) {
            self.refresh = Refresh::InsteadOf(stored.fingerprint);
        }
        self.held = Some(Arc::new(stored));
        self.sharing.adopted(tier);
        self.adopted();
    }

    fn adopted(&mut self) {
        let Some(held) = &self.held else {
            return;
        };
        let (fingerprint, expires_at) = (held.fingerprint, held.token.expires_at());
        self.push_event(Event::Adopted {
            fingerprint,
            expires_at,
        });
        self.pacing.token_came();
        self.sharing.token_came();
    }

    /// A store that was emptied, or set back to an older token, gets the good one back.
    fn restore(&mut self, tier: Tier, now: Moment) {
        let good = |held: &&Arc<Held>| {
            held.is_usable_at(now) && !held.is_due_at(now) && !held.is_suspect()
        };
        let pending = self.sharing.owed(tier);
        if self.held.as_ref().is_some_and(|held| good(&held)) && !pending.is_unsaved() {
            pending.save(None);
        }
    }
}
