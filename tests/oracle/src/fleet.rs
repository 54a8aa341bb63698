//! Rules about all hosts together, and about what is true whatever a host believes.

use pan123_token_cache::Record;

use crate::clock::At;
use crate::fault::Fault;
use crate::life::Life;
use crate::platform::TokenId;
use crate::rules::{Check, ensure};
use crate::scenario::{HOUR, SECOND, Sharing};
use crate::world::World;

impl World {
    pub(crate) fn judge(&self, check: Check) -> Check {
        if self.scenario.checked { check } else { Ok(()) }
    }

    pub(crate) fn has(&self, faults: &[Fault]) -> bool {
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
        let Some((stored, saved_at, record)) = self.stored_for(process) else {
            self.faults.behind_since[process] = None;
            return Ok(());
        };
        let Some(judged) = &self.processes[process].judged else {
            return Ok(());
        };
        let account = judged.account();
        let older = |life: &Life| life.issued_at < record.issued_at;
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

    /// What this process could read in the store: the token, since when, and its record.
    pub(crate) fn stored_for(&self, process: usize) -> Option<(TokenId, At, &Record)> {
        let store = &self.stores[self.processes[process].store?];
        let host = &self.hosts[self.processes[process].host];
        if self.processes[process].real.is_some() || host.misconfigured {
            return None;
        }
        let version = self.hosts[self.processes[process].host].version;
        let (record, saved_at) = store.readable(version, self.now)?;
        let token = crate::wire::token_id(&record.token);
        (!record.suspect).then_some((token, saved_at, record))
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
            let shared = self.processes[process].store.map(|it| &self.stores[it]);
            let own = self.fallbacks.get(self.processes[process].host);
            let left = [shared, own]
                .into_iter()
                .flatten()
                .filter_map(|store| store.lease_left(process, self.now))
                .max();
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
        // By the clocks of hosts, an older token may seem newer: it is put in place of the one that the count belongs to.
        let ordered = !self.has(&[Fault::WrongClocks, Fault::Jumps]) || !self.has(&[Fault::NoDate]);
        let counted = ordered && !self.has(&uncounted) && self.stores.len() == 1;
        let usable = serving.is_some_and(|token| account.is_surely_usable(token, now));
        if leased && counted && !exempt && usable && serving == token {
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
        if judged.is_none_or(|judged| judged.account().was_leased.is_none()) {
            return;
        }
        let held = judged.and_then(|judged| judged.account().held);
        if self.faults.lost_replies.0 == held {
            self.faults.lost_replies.1 += 1;
        } else {
            self.faults.lost_replies = (held, 1);
        }
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
}
