//! Rules 11 and 12, host by host: who is polled has a token soon after the last fault.

use std::time::Duration;

use crate::clock::{At, START};
use crate::exchange::is_within;
use crate::fault::Fault;
use crate::life::since_1970;
use crate::rules::{Check, ensure};
use crate::scenario::{HOUR, SECOND};
use crate::world::World;

impl World {
    /// Rules 11 and 12: a process that is polled has a token soon after the last fault that hit it. Called at each wait.
    pub(crate) fn check_alive(&mut self, process: usize) -> Check {
        if self.served(process)?.is_some() {
            self.faults.without_since[process] = None;
            return Ok(());
        }
        if self.processes[process].job.is_some() || !self.scenario.checked {
            return Ok(());
        }
        let now = self.now;
        let since = *self.faults.without_since[process].get_or_insert(now);
        let scenario = &self.scenario;
        let host = &scenario.hosts[self.processes[process].host];
        let faulty = self.is_faulty();
        if is_within(&scenario.habits.outages, now)
            || is_within(&scenario.habits.refusals, now)
            || faulty && is_within(&scenario.network.lost_replies, now)
        {
            self.faults.of_all(now);
        }
        // A process whose store is misconfigured fails by design, until that is mended and seen. So does one whose secret is
        // wrong, unless another brings a token.
        let state = &self.hosts[self.processes[process].host];
        let wrong = state.misconfigured || !state.secret_is_right;
        if is_within(&host.dead_network, now) || wrong {
            self.faults.of_process(process, now);
        }
        let policy = &host.policy;
        let shares = self.processes[process].store.is_some();
        let lazy = if scenario.eager {
            Duration::ZERO
        } else {
            scenario.call_every * 4
        };
        let bound = policy.lease_term
            + policy.backoff_cap
            + policy.fetch_timeout
            + policy.store_timeout * 4
            + scenario.network.latency * 2
            + (policy.min_interval + policy.lease_poll * 14) * u32::from(shares)
            + lazy
            + 2 * SECOND;
        let turns = u32::try_from(self.processes.len()).unwrap_or(1);
        // Each of the others goes before it once at the most.
        let turn = policy.fetch_timeout + policy.min_interval + policy.lease_poll * 3;
        let alone = bound * 2
            + policy.lease_term * 2
            + policy.store_timeout * 6
            + turn * turns
            + policy.store_patience * 2;
        let seeks = policy.backoff_cap * 2 + policy.store_timeout * 4 + lazy;
        let margin = policy.expiry_margin + HOUR / 60;
        let (own, with_store) = self.faults.excused(process);
        let (own, with_store) = (own.max(since), with_store.max(since));
        let others = shares
            && self.faults.others_failed_since(
                process,
                with_store.max(now.saturating_sub(bound + 2 * policy.lease_term)),
            );
        let without = now.saturating_sub(with_store);
        let checks = if others {
            let fair = bound + turn * turns;
            vec![ensure(
                without <= fair,
                12,
                "healthy-hosts-go-first",
                || format!("no token for {without:?}, while others fail by themselves"),
            )]
        } else {
            let without_own = now.saturating_sub(own);
            let others = shares && self.faults.others_failed_since(process, own);
            let alone = alone + turn * (turns * u32::from(others));
            vec![
                ensure(without <= bound, 12, "alive", || {
                    format!("no token for {without:?}, beyond {bound:?}")
                }),
                ensure(without_own <= alone, 11, "alive-without-the-store", || {
                    format!("no token for {without_own:?}, beyond {alone:?}")
                }),
            ]
        };
        for check in checks {
            self.judge(check)?;
        }
        self.check_seeks(process, since, seeks, margin)
    }

    /// Rule 12: a process without a token finds the one in the store, whatever else it waits for.
    fn check_seeks(
        &mut self,
        process: usize,
        since: At,
        bound: Duration,
        margin: Duration,
    ) -> Check {
        let Some((stored, saved_at, record)) = self.stored_for(process) else {
            return Ok(());
        };
        let rejected = self.processes[process]
            .judged
            .as_ref()
            .is_some_and(|judged| judged.account().was_rejected(stored));
        let store_calls = self.faults.excused_by_store(process);
        let waited = self
            .now
            .saturating_sub(since.max(saved_at).max(store_calls));
        // The platform may have renewed it since, which its record doesn't say.
        let says = since_1970(record.token.expires_at()).saturating_sub(START);
        let usable = self.now + margin < self.platform.truth(stored).expires.min(says);
        let skewed = self.has(&[
            Fault::WrongClocks,
            Fault::Drift,
            Fault::Jumps,
            Fault::Suspends,
            Fault::WrongDate,
            Fault::NoDate,
        ]);
        let holds = rejected || skewed || !usable || waited <= bound;
        let check = ensure(holds, 12, "seekers-adopt", || {
            format!("token {stored} has been in the store for {waited:?}, and none is served")
        });
        self.judge(check)
    }
}
