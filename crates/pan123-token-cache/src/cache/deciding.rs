//! The decision: what is to be done about the token, and by which way.

use std::time::Duration;

use super::{Call, TokenCache, What};
use crate::action::{Action, Reason};
use crate::moment::Moment;
use crate::sharing::{Availability, Pending};
use crate::step::{Load, StoreStep, TakeLease, Tier};
use crate::store::{Owner, StoreError};

/// What is to be done about the token.
pub(super) enum Demand {
    /// Nothing, until this moment; a newer one from the store is taken meanwhile.
    Wait { until: Moment, reason: Reason },
    /// Another one is to be had.
    Renewal { serving: bool },
}

impl TokenCache {
    pub(super) fn next_action(&mut self, now: Moment) -> Action {
        self.drop_overdue(now);
        if let Some(under_way) = &self.in_flight {
            return Action::Wait {
                until: now.at_monotonic(under_way.deadline),
                reason: match under_way.what {
                    What::Fetch => Reason::Fetching,
                    What::Call(_) => Reason::Storing,
                },
            };
        }
        self.drop_useless_lease(now);
        let held = self.held.as_deref();
        match self.sharing.pending(held, &self.policy, now) {
            Some(Pending::Load(tier)) => return self.load(tier, now),
            Some(Pending::Save(save)) => {
                return self.ask_store(Call::Save(save.tier), save, StoreStep::Save, now);
            }
            Some(Pending::Release(release)) => {
                return self.ask_store(
                    Call::Release(release.tier),
                    release,
                    StoreStep::Release,
                    now,
                );
            }
            None => {}
        }
        match self.demand(now) {
            Demand::Wait { until, reason } => self.wait_or_load(until, reason, true, now),
            Demand::Renewal { serving } => self.renew(serving, now),
        }
    }

    pub(super) fn demand(&self, now: Moment) -> Demand {
        let Some(held) = self.held.as_ref().filter(|held| held.is_served_at(now)) else {
            return Demand::Renewal { serving: false };
        };
        let refreshing = self.is_refreshing();
        let (until, reason) = if held.is_due_at(now) || refreshing {
            let held_back = held.held_back_until(now).filter(|_| !held.is_suspect());
            let available = self.sharing.availability(&self.policy, now) == Availability::Open;
            if let Some(until) = held_back {
                (until, Reason::MaybeIssued)
            } else if available || held.is_last_resort_at(now) || refreshing {
                return Demand::Renewal { serving: true };
            } else {
                (held.last_resort(), Reason::StoreDown)
            }
        } else if held.is_suspect() {
            (now.after(held.until_forced(now)), Reason::Suspect)
        } else {
            (held.due(), Reason::Fresh)
        };
        Demand::Wait { until, reason }
    }

    fn renew(&mut self, serving: bool, now: Moment) -> Action {
        if self.sharing.lease.is_some() {
            return self.fetch(now);
        }
        let pause = self.pacing.pause();
        // A caller who wants another token waits for the cache that fetches one, as if there were none.
        let others = matches!(pause.reason, Reason::Leased | Reason::Spacing);
        let until = pause.until(serving && !(others && self.is_refreshing()));
        if now.monotonic < until {
            return self.wait_or_load(now.at_monotonic(until), pause.reason, serving, now);
        }
        if !self.sharing.enabled {
            return self.fetch(now);
        }
        // Two consecutive loads must fit in, or else one would make the other too old for ever.
        let poll = match self.sharing.fallback {
            Some(_) => self.policy.lease_poll + self.policy.store_timeout,
            None => self.policy.lease_poll,
        };
        let available = self.sharing.availability(&self.policy, now);
        if available == Availability::Open && self.sharing.load_at(poll) <= now.monotonic {
            return self.load(Tier::Shared, now);
        }
        // What a process of this host fetched while the store was out.
        let fallback = self.sharing.fallback.as_ref();
        if fallback.is_some_and(|fallback| fallback.load_at(poll) <= now.monotonic) {
            return self.load(Tier::Host, now);
        }
        match available {
            Availability::Open => self.take_lease(Tier::Shared, now),
            Availability::Bypassed(_) if fallback.is_some_and(|it| it.is_usable_at(now)) => {
                self.take_lease(Tier::Host, now)
            }
            Availability::Bypassed(_) => self.fetch(now),
            Availability::Retry(retry_at) => Action::Wait {
                until: now.at_monotonic(retry_at),
                reason: Reason::StoreDown,
            },
        }
    }

    fn take_lease(&mut self, tier: Tier, now: Moment) -> Action {
        // Two processes that were forked from one draw the same numbers, though not at the same time.
        let at = u64::try_from(now.monotonic.as_nanos()).unwrap_or(u64::MAX);
        let owner = Owner(self.random.next() ^ at);
        let term = self.policy.lease_term;
        let call = TakeLease { owner, term, tier };
        self.ask_store(Call::Lease(owner, tier), call, StoreStep::Lease, now)
    }

    /// A lease is no use where the token came meanwhile; and where it has too little left for a fetch and a save, since the
    /// host slept or the driver did. Then another is asked for, once.
    fn drop_useless_lease(&mut self, now: Moment) {
        let Some(lease) = &self.sharing.lease else {
            return;
        };
        let fetch_and_save = self
            .policy
            .fetch_timeout
            .saturating_add(self.policy.store_timeout);
        let (tier, in_time) = (lease.tier, lease.has_left(now, fetch_and_save));
        let needed = matches!(self.demand(now), Demand::Renewal { .. });
        if needed && in_time {
            return;
        }
        if !needed {
            self.sharing.end_lease(Duration::ZERO, now);
        } else if self.sharing.late_leases == 0 {
            self.sharing.late_leases = 1;
            self.sharing.loaded_at = None;
            self.sharing.end_lease(Duration::ZERO, now);
        } else {
            let error = StoreError::new("the lease came too late to be used");
            self.bypass_store(tier, error, now);
        }
    }

    /// There is nothing to do but to see whether the store has a newer token.
    fn wait_or_load(
        &mut self,
        until: Moment,
        reason: Reason,
        serving: bool,
        now: Moment,
    ) -> Action {
        if !self.sharing.enabled {
            return Action::Wait { until, reason };
        }
        let interval = match reason {
            // The lease is asked for soon, and comes with the record.
            Reason::Leased | Reason::Spacing => return Action::Wait { until, reason },
            Reason::Suspect => self.policy.store_retry_base,
            _ if serving => self.policy.load_interval,
            _ => self.policy.backoff_cap,
        };
        let interval = interval.saturating_mul(self.jitter) / 1024;
        let mut load_at = match self.sharing.availability(&self.policy, now) {
            Availability::Open => self.sharing.load_at(interval),
            Availability::Bypassed(at) if !serving => at.min(self.sharing.probe_at(interval)),
            Availability::Retry(at) | Availability::Bypassed(at) => at,
        };
        if load_at <= now.monotonic {
            return self.load(Tier::Shared, now);
        }
        if let (Some(fallback), true) = (&self.sharing.fallback, self.sharing.is_skipped()) {
            let load_host_at = fallback.load_at(interval);
            if load_host_at <= now.monotonic {
                return self.load(Tier::Host, now);
            }
            load_at = load_at.min(load_host_at);
        }
        Action::Wait {
            until: until.min_of_each(now.at_monotonic(load_at)),
            reason,
        }
    }

    fn load(&mut self, tier: Tier, now: Moment) -> Action {
        self.ask_store(Call::Load(tier), Load { tier }, StoreStep::Load, now)
    }
}
