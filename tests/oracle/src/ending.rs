//! Rules that can be judged only at the end of a run.

use std::time::Duration;

use crate::fault::Fault;
use crate::rules::{Check, ensure};
use crate::scenario::{HOUR, SECOND, Sharing};
use crate::world::World;

impl World {
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
        let hosts = self.scenario.hosts.iter();
        let window = hosts.map(|host| host.policy.renewal_window).max();
        let window = window.unwrap_or_default().min(lifetime / 5);
        let shortest = lifetime.saturating_sub(window + SECOND);
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
