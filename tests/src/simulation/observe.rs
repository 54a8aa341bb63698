//! The rules, asked after each step.

use std::time::Duration;

use pan123_token_cache::Moment;

use super::clock::At;
use super::fault::Fault;
use super::rules::{self, Check, Known};
use super::scenario::{HOUR, SECOND, Sharing};
use super::world::World;

impl World {
    /// What the passing of time alone has ended.
    pub(crate) fn settle(&mut self, node: usize, now: Moment) {
        let policy = &self.scenario.policy;
        let (fetch, step) = self.nodes[node].watch.settle(now, policy);
        if fetch {
            self.explained += 1;
            self.fault(node, self.now);
        }
        if step {
            self.store_fault(node);
        }
    }

    pub(crate) fn check_fetch(&mut self, node: usize, now: Moment) -> Check {
        let shares = self.nodes[node].session.is_some();
        let policy = self.scenario.policy.clone();
        self.nodes[node].watch.may_fetch(shares, now, &policy)?;
        let leased = self.nodes[node].watch.lease.is_some();
        if shares && !leased {
            self.explained += 1;
        }
        if leased
            && self.store_is_sound
            && let Some(store) = &self.nodes[node].store
        {
            let mut state = store.state();
            state.now = self.now;
            let left = state
                .lease_of(node)
                .map(|gate| gate.ends.saturating_sub(self.now));
            drop(state);
            rules::lease_is_real(left, &policy)?;
        }
        Ok(())
    }

    /// The gate as a cache leaves it behind.
    pub(crate) fn check_gate(&self, node: usize, cool: Duration) -> Check {
        let policy = &self.scenario.policy;
        let watch = &self.nodes[node].watch;
        let Some(step) = &watch.step else {
            // It was given up meanwhile.
            return Ok(());
        };
        let asked = step.asked.monotonic;
        let until_retry_after = watch.not_before.saturating_sub(asked);
        rules::gate_is_freed(cool, until_retry_after, policy)?;
        let until = watch.gate_until.unwrap_or_default();
        rules::gate_is_cool(cool, until.saturating_sub(asked))?;
        Ok(())
    }

    /// Before a caller is served: what is known must be what the machine says.
    pub(crate) fn check_served(&mut self, node: usize, now: Moment) -> Check {
        self.observe(node, now, None)
    }

    /// After each call to a machine. `candidate`: the token that this call brought before it.
    pub(crate) fn observe(&mut self, node: usize, now: Moment, candidate: Option<Known>) -> Check {
        let told = self.drain(node);
        if told {
            self.nodes[node].watch.lease = None;
        }
        let served = self.served(node);
        if !self.checks {
            self.count_gap(node, served.is_some());
            return Ok(());
        }
        let policy = self.scenario.policy.clone();
        let watch = &mut self.nodes[node].watch;
        let took = std::mem::take(&mut watch.took);
        let has = watch.known.as_ref().map(|known| known.token);
        if let Some(came) = candidate
            && (took || served == Some(came.token) && has != served)
        {
            let new = watch.known.as_ref().is_none_or(|known| {
                known.token != came.token
                    || came.expires_at > known.expires_at
                    || !known.is_usable_at(now, &policy)
            });
            if new {
                rules::calm(watch.known.as_ref(), served, now, &policy)?;
                rules::not_taken_again(watch.was_rejected(came.token), came.token)?;
                if watch.unsaved.is_some_and(|(token, ..)| token != came.token) {
                    watch.unsaved = None;
                }
                watch.holds(came);
            }
        }
        if let Some(token) = served {
            rules::never_dead(watch.known.as_ref(), token, now, &policy)?;
        }
        rules::calm(watch.known.as_ref(), served, now, &policy)?;
        rules::suspect_is_withheld(watch.known.as_ref(), served, now, &policy)?;
        self.count_gap(node, served.is_some());
        self.check_alive(node, served.is_some())
    }

    fn count_gap(&mut self, node: usize, served: bool) {
        if !self.counts(node) {
            return;
        }
        let now = self.now;
        let since = &mut self.nodes[node].unserved_since;
        let gap = now.saturating_sub(*since.get_or_insert(now));
        if served {
            *since = None;
        }
        self.tally.longest_gap = self.tally.longest_gap.max(gap);
    }

    /// Whoever is polled has a token within one lease term, the longest backoff, and a timeout, after the last fault that
    /// may concern it.
    fn check_alive(&mut self, node: usize, served: bool) -> Check {
        let now = self.now;
        let policy = &self.scenario.policy;
        let shares = self.nodes[node].session.is_some();
        let (all, of_stores) = if shares {
            (self.fault_at, self.store_fault_at)
        } else {
            (At::ZERO, At::ZERO)
        };
        // Who is refused, or finds no connection, takes its turn at the gate all the same.
        let no_connection = self.scenario.network.no_connection > 0;
        let failing = self
            .hosts
            .iter()
            .filter(|host| no_connection || !host.secret_is_right)
            .count()
            * self.scenario.caches_per_host;
        let others = 1 + u32::try_from(failing).unwrap_or(0);
        let watch = &mut self.nodes[node].watch;
        if served {
            watch.without_since = None;
            return Ok(());
        }
        let since = *watch.without_since.get_or_insert(now);
        let fault = watch.fault_at.max(all).max(since);
        let store_fault = watch.store_fault_at.max(of_stores).max(fault);
        let bound = policy.lease_term
            + policy.backoff_cap
            + policy.fetch_timeout
            + policy.store_timeout * 4
            + self.scenario.network.latency * 2
            + (policy.min_interval + policy.lease_poll * 8) * if shares { others } else { 0 }
            + SECOND;
        rules::alive(now.saturating_sub(store_fault), bound, false)?;
        // A store that fails costs a term and a few calls at the most.
        // And where nothing can be saved, all take turns at the gate.
        let turns = u32::try_from(self.scenario.hosts * self.scenario.caches_per_host).unwrap_or(1);
        let bound =
            bound + policy.lease_term + policy.store_timeout * 6 + policy.min_interval * turns;
        rules::alive(now.saturating_sub(fault), bound, true)
    }

    pub(crate) fn check_saved(&self, node: usize) -> Check {
        let watch = &self.nodes[node].watch;
        let Some((token, _, since)) = watch.unsaved else {
            return Ok(());
        };
        let usable = watch.known.as_ref().is_some_and(|known| {
            known.token == token && !known.left_at(self.clock(node)).is_zero()
        });
        let since = since.max(watch.store_fault_at).max(watch.fault_at);
        if !usable || watch.step.is_some() || watch.fetch.is_some() {
            return Ok(());
        }
        rules::saved(token, self.now.saturating_sub(since), &self.scenario.policy)
    }

    /// A business call was refused.
    pub(crate) fn check_peace(&mut self, node: usize) -> Check {
        let scenario = &self.scenario;
        let over = scenario.faults_end + scenario.policy.min_token_age_cap + HOUR / 6;
        let at_odds = scenario.always_401.contains(&true)
            || scenario.faults.contains(&Fault::UnreadableVersions)
            || scenario.sharing != Sharing::Redis;
        if self.now < over || at_odds || !self.checks {
            return Ok(());
        }
        let watch = &mut self.nodes[node].watch;
        watch.late_rejections += 1;
        rules::war_is_over(watch.late_rejections)
    }

    /// What can be told only at the end.
    pub(crate) fn finish(&mut self) -> Check {
        let explained_faults = [
            Fault::WrongClocks,
            Fault::NoConnection,
            Fault::Losses,
            Fault::Delays,
            Fault::Duplicates,
            Fault::Overload,
            Fault::Gateway,
            Fault::Outage,
            Fault::Deaths,
            Fault::WrongSecret,
            Fault::Always401,
        ];
        let sound = self
            .scenario
            .faults
            .iter()
            .all(|fault| explained_faults.contains(fault));
        if self.scenario.sharing != Sharing::Redis || !sound || !self.checks {
            return Ok(());
        }
        let lifetime = self.scenario.habits.lifetime;
        let policy = &self.scenario.policy;
        let shortest = lifetime.saturating_sub(policy.renewal_window.min(lifetime / 5) + SECOND);
        let lifetimes = 1 + self.now.as_nanos() / shortest.as_nanos().max(1);
        rules::frugal(
            self.tally.issued,
            u64::try_from(lifetimes).unwrap_or(u64::MAX),
            self.explained,
        )
    }
}
