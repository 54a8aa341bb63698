//! Time in which nothing can happen is skipped: callers are idle, and no job runs.

use std::ops::Range;
use std::time::Duration;

use crate::clock::At;
use crate::platform::TokenId;
use crate::scenario::{HOUR, MINUTE};
use crate::world::{Event, World};

/// Shorter calms are not worth it.
const LEAST: Duration = Duration::from_secs(1800);

impl World {
    /// When this event happens instead, because nothing can come of it until then.
    pub(crate) fn after_calm(&mut self, at: At, event: &Event) -> Option<At> {
        if !matches!(
            event,
            Event::Call(_) | Event::Wake(..) | Event::JobBegins(_)
        ) {
            return None;
        }
        let every = match event {
            Event::JobBegins(process) => self.processes[*process].job?.every,
            _ => self.scenario.call_every,
        };
        let idle = self.scenario.idle.clone();
        if idle.contains(&at) {
            let after = at.saturating_sub(idle.start).as_nanos() % every.as_nanos().max(1);
            return Some(idle.end + Duration::from_nanos(u64::try_from(after).unwrap_or(0)));
        }
        if !self.scenario.skips_calm {
            return None;
        }
        let until = self.calm_until(at).filter(|until| at + LEAST < *until)?;
        // A few calls are made all the same.
        if self.random.chance(30) {
            return None;
        }
        let spread = self.random.between(Duration::ZERO, every.min(10 * MINUTE));
        Some(until + spread)
    }

    /// All serve a token that is good for long, nothing is in flight, and nothing is about to go wrong.
    fn calm_until(&self, at: At) -> Option<At> {
        let mut until = self.next_change(at);
        for (number, process) in self.processes.iter().enumerate() {
            let Some(judged) = &process.judged else {
                if process.job.is_some() {
                    continue;
                }
                return None;
            };
            let account = judged.account();
            let token = account.held.filter(|_| account.serving)?;
            let clock = &self.hosts[process.host].clock;
            let now = clock.at(at);
            let busy = account.in_flight.is_some()
                || !process.waiting.is_empty()
                || !process.crew.rests()
                || process.job.is_some()
                || (account.is_suspect(token) || account.unsaved.is_some())
                    && now.monotonic.saturating_sub(account.changed_at) < HOUR * 2
                || account.wants_another()
                || account
                    .holds_lease
                    .is_some_and(|(_, until)| now.monotonic < until)
                || now.monotonic.saturating_sub(account.changed_at) < LEAST
                || self.hosts[process.host].asleep_until > at
                || !self.platform.accepts(token, at)
                || self.newer_is_stored(number, token);
            if busy {
                return None;
            }
            for life in account.lives_of(token) {
                let calm = life
                    .left_at(now)
                    .saturating_sub(life.window(self.policy(number)));
                until = until.min(at + calm.saturating_sub(MINUTE));
            }
        }
        Some(until)
    }

    fn newer_is_stored(&self, process: usize, token: TokenId) -> bool {
        self.stored_for(process)
            .is_some_and(|(stored, ..)| stored > token)
    }

    /// When the next thing goes wrong, or ends.
    fn next_change(&self, at: At) -> At {
        let scenario = &self.scenario;
        let ranges = [
            &scenario.habits.outages,
            &scenario.habits.refusals,
            &scenario.network.lost_replies,
            &scenario.store.outages,
            &scenario.store.full_times,
        ];
        let of_hosts = scenario.hosts.iter().map(|host| &host.dead_network);
        let edges = ranges
            .into_iter()
            .chain(of_hosts)
            .flatten()
            .flat_map(|Range { start, end }| [*start, *end])
            .chain([scenario.faults_end, scenario.ends])
            .chain(self.disturbed_at.iter().copied());
        edges.filter(|edge| *edge > at).min().unwrap_or(at)
    }
}
