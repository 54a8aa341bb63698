//! Rules about all hosts together, and about what is true whatever a host believes.

use std::time::Duration;

use crate::clock::At;
use crate::exchange::is_within;
use crate::fault::Fault;
use crate::life::Life;
use crate::platform::TokenId;
use crate::rules::{Check, ensure};
use crate::scenario::{HOUR, SECOND, Sharing};
use crate::world::World;

impl World {
    fn judge(&self, check: Check) -> Check {
        if self.scenario.checked { check } else { Ok(()) }
    }

    fn has(&self, faults: &[Fault]) -> bool {
        self.scenario.faults.iter().any(|it| faults.contains(it))
    }

    /// Rule 1, by the truth: for hosts whose clocks run evenly. A second is what the platform's times are cut by.
    pub(crate) fn check_handed_out(&mut self, process: usize, token: TokenId) -> Check {
        let even = !self.has(&[Fault::Jumps, Fault::Suspends, Fault::Drift]);
        let truth = self.platform.truth(token);
        let late = self.now.saturating_sub(truth.expires);
        let holds = !even || !truth.honest || late < SECOND;
        let check = ensure(holds, 1, "never-dead-in-truth", || {
            format!("token {token} was handed out {late:?} after its end")
        });
        self.judge(check)?;
        self.check_adopted(process, token)
    }

    /// Rule 12: others adopt what one of them stored.
    fn check_adopted(&mut self, process: usize, token: TokenId) -> Check {
        let now = self.clock(process);
        let Some((stored, saved_at, issued_at)) = self.stored_for(process) else {
            self.faults.behind_since[process] = None;
            return Ok(());
        };
        let Some(judged) = &self.processes[process].judged else {
            return Ok(());
        };
        let account = judged.account();
        let older = |life: &Life| life.issued_at < issued_at;
        if stored == token
            || account.was_rejected(stored)
            || account.now_excused(now)
            || !account.lives_of(token).iter().all(older)
            || self.processes[process].job.is_some()
        {
            self.faults.behind_since[process] = None;
            return Ok(());
        }
        let behind_since = match self.faults.behind_since[process] {
            Some((token, since)) if token == stored => since,
            _ => self.now,
        };
        self.faults.behind_since[process] = Some((stored, behind_since));
        let since = saved_at
            .max(self.faults.excused(process).1)
            .max(behind_since);
        let policy = self.policy(process);
        let bound = policy.load_interval
            + policy.lease_term
            + policy.store_timeout * 4
            + self.scenario.call_every * 4
            + 30 * SECOND;
        let waited = self.now.saturating_sub(since);
        let check = ensure(waited <= bound, 12, "holders-adopt", || {
            format!("token {stored} has been in the store for {waited:?}, and {token} is served")
        });
        self.judge(check)
    }

    /// What this process could read in the store: the token, since when, and its date.
    pub(crate) fn stored_for(
        &self,
        process: usize,
    ) -> Option<(TokenId, At, pan123_token::OffsetDateTime)> {
        let store = &self.stores[self.processes[process].store?];
        let host = &self.hosts[self.processes[process].host];
        if self.processes[process].real.is_some() || host.misconfigured {
            return None;
        }
        let version = self.hosts[self.processes[process].host].version;
        let (record, saved_at) = store.readable(version, self.now)?;
        let token = crate::platform::token_id(&record.token);
        (!record.suspect).then_some((token, saved_at, record.issued_at))
    }

    pub(crate) fn check_fetch(&mut self, process: usize) -> Check {
        let now = self.clock(process);
        let Some(judged) = &self.processes[process].judged else {
            return Ok(());
        };
        let account = judged.account();
        let leased = account.lease.is_some();
        let serving = account.held.filter(|_| account.serving);
        let exempt = serving.is_none_or(|it| account.is_suspect(it)) || account.wants_another();
        let policy = self.policy(process);
        let in_last_quarter = serving.is_some_and(|token| {
            let lives = account.lives_of(token);
            let late = |life: &Life| life.left_at(now) <= life.last_quarter(policy);
            lives.iter().any(late)
        });
        let stored = account.lease.and_then(|lease| lease.record);
        let forced = account.held.is_some_and(|token| account.is_suspect(token))
            || stored.is_some_and(|(token, _)| account.is_suspect(token));
        let fetch_timeout = policy.fetch_timeout;
        if self.processes[process].store.is_some() && !leased || forced {
            self.faults.explained += 1;
        }
        let unsound = [
            Fault::Jumps,
            Fault::Suspends,
            Fault::Drift,
            Fault::StoreForgets,
        ];
        if leased && !self.has(&unsound) && self.processes[process].real.is_none() {
            let store = self.processes[process].store.map(|it| &self.stores[it]);
            let left = store.and_then(|store| store.lease_left(process, self.now));
            let holds = left.is_some_and(|left| left >= fetch_timeout);
            let check = ensure(holds, 2, "lease-is-real", || {
                format!("the store knows of a lease with {left:?} left")
            });
            self.judge(check)?;
        }
        // Rule 4, for the fleet.
        let (token, lost) = self.faults.lost_replies;
        // A host of a version that knows no count neither reads nor keeps it.
        // And a count that the store doesn't take stays with the process that made it.
        let uncounted = [
            Fault::OlderHosts,
            Fault::StoreFails,
            Fault::StoreSlow,
            Fault::StoreDown,
            Fault::StoreFull,
            Fault::StoreForgets,
            Fault::StaleReads,
            Fault::Misconfigured,
        ];
        let counted = !self.has(&uncounted) && self.stores.len() == 1;
        if leased && counted && !exempt && serving == token {
            let allowed = lost < 2 || lost < 3 && in_last_quarter;
            let check = ensure(allowed, 4, "fleet-counts-lost-replies", || {
                format!("a fetch after {lost} replies that the fleet may have lost")
            });
            self.judge(check)?;
        }
        Ok(())
    }

    /// A reply may have been lost, while the fleet holds this token. Without a lease, others can't hear of it.
    pub(crate) fn count_lost_reply(&mut self, process: usize) {
        let judged = self.processes[process].judged.as_ref();
        if !judged.is_some_and(|judged| judged.account().was_leased) {
            return;
        }
        let held = judged.and_then(|judged| judged.account().held);
        if self.faults.lost_replies.0 == held {
            self.faults.lost_replies.1 += 1;
        } else {
            self.faults.lost_replies = (held, 1);
        }
    }

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
        // A process whose store is misconfigured fails by design, until that is mended and seen.
        let misconfigured = self.hosts[self.processes[process].host].misconfigured;
        if is_within(&host.dead_network, now) || misconfigured {
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
            + SECOND;
        let turns = u32::try_from(self.processes.len()).unwrap_or(1);
        let alone = bound * 2
            + policy.lease_term * 2
            + policy.store_timeout * 6
            + (policy.min_interval + policy.lease_poll * 3) * turns
            + policy.store_patience * 2;
        let seeks = policy.backoff_cap * 2 + policy.store_timeout * 4 + lazy;
        let (own, with_store) = self.faults.excused(process);
        let (own, with_store) = (own.max(since), with_store.max(since));
        let others = shares
            && self.faults.others_failed_since(
                process,
                with_store.max(now.saturating_sub(bound + 2 * policy.lease_term)),
            );
        let without = now.saturating_sub(with_store);
        let checks = if others {
            // Each of the others goes before it once at the most.
            let turn = policy.fetch_timeout + policy.min_interval + policy.lease_poll * 3;
            let fair = bound + turn * turns;
            vec![ensure(
                without <= fair,
                12,
                "healthy-hosts-go-first",
                || format!("no token for {without:?}, while others fail by themselves"),
            )]
        } else {
            let without_own = now.saturating_sub(own);
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
        self.check_seeks(process, since, seeks)
    }

    /// Rule 12: a process without a token finds the one in the store, whatever else it waits for.
    fn check_seeks(&mut self, process: usize, since: At, bound: Duration) -> Check {
        let Some((stored, saved_at, _)) = self.stored_for(process) else {
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
        let usable = self.now + HOUR / 30 < self.platform.truth(stored).expires;
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

    /// Rule 7: once all faults have ended for longer than the longest minimum age, a fleet that shares knows of one token.
    pub(crate) fn check_peace(&mut self, process: usize) -> Check {
        let scenario = &self.scenario;
        let policy = self.policy(process);
        let settled = scenario.faults_end + policy.min_token_age_cap + HOUR / 6;
        let at_odds = scenario.hosts.iter().any(|host| host.always_401)
            || scenario.second_program.is_some()
            || self.has(&[Fault::UnreadableVersions, Fault::OlderHosts])
            || scenario.sharing != Sharing::Redis;
        if self.now < settled || at_odds {
            return Ok(());
        }
        self.faults.late_rejections[process] += 1;
        let late = self.faults.late_rejections[process];
        let check = ensure(late <= 3, 7, "the-war-ends", || {
            format!("{late} API calls were refused long after the last fault")
        });
        self.judge(check)
    }

    /// What can be told only at the end.
    pub(crate) fn finish(&mut self) -> Check {
        let check = self.frugal();
        self.judge(check)?;
        let check = self.loads_are_spread();
        self.judge(check)
    }

    /// Rule 13: tokens issued, against what explains them.
    fn frugal(&self) -> Check {
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
            Fault::DeadNetwork,
            Fault::LostReplies,
            Fault::StaleReads,
            Fault::Jobs,
            Fault::KilledJobs,
        ];
        let faults = &self.scenario.faults;
        let sound = faults.iter().all(|it| explained_faults.contains(it));
        if self.scenario.sharing != Sharing::Redis || !sound {
            return Ok(());
        }
        let lifetime = self.scenario.habits.lifetime;
        let window = self.scenario.hosts[0].policy.renewal_window;
        let shortest = lifetime.saturating_sub(window.min(lifetime / 5) + SECOND);
        let lifetimes = 1 + self.now.as_nanos() / shortest.as_nanos().max(1);
        let (issued, explained) = (self.tally.issued, self.faults.explained);
        let lifetimes = u64::try_from(lifetimes).unwrap_or(u64::MAX);
        ensure(issued <= lifetimes + explained, 13, "frugal", || {
            format!("{issued} tokens for {lifetimes} lifetimes; {explained} more are explained")
        })
    }

    /// Rule 12: jitter spreads the loads of caches that hold a fresh token.
    fn loads_are_spread(&self) -> Check {
        let scenario = &self.scenario;
        let fresh_for_long = scenario.habits.lifetime >= HOUR && scenario.eager;
        if scenario.sharing != Sharing::Redis || !scenario.faults.is_empty() || !fresh_for_long {
            return Ok(());
        }
        let usual: Vec<Duration> = self
            .processes
            .iter()
            .filter_map(|process| process.judged.as_ref())
            .filter_map(|judged| {
                let mut intervals = judged.account().load_intervals.clone();
                intervals.sort_unstable();
                intervals.get(intervals.len() / 2).copied()
            })
            .collect();
        let (least, most) = (usual.iter().min(), usual.iter().max());
        let (Some(least), Some(most)) = (least, most) else {
            return Ok(());
        };
        let spread = usual.len() < 5 || most.saturating_sub(*least) > *most / 50;
        ensure(spread, 12, "jitter-spreads-loads", || {
            format!("all load at the same interval: {usual:?}")
        })
    }
}
