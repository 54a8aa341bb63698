//! Fleets of several sizes in several situations, sharing through a store and not.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::{failing, readable};
use crate::clock::At;
use crate::disturbance::Disturbance;
use crate::platform::DateHeader;
use crate::random::Random;
use crate::scenario::{DAY, HOUR, MINUTE, SECOND, Scenario, Sharing};
use crate::{Outcome, run};

/// Tokens live 30 days, as documented; a run sees the first renewal and a day more.
pub(super) const LIFETIME: Duration = Duration::from_secs(30 * 86_400);
pub(super) const ENDS: Duration = Duration::from_secs(31 * 86_400);

/// When the first renewal may fall due.
pub(super) const WINDOW: At = Duration::from_secs(29 * 86_400);

type Situation = (&'static str, fn(&mut Scenario, &mut Random));

const SITUATIONS: [Situation; 13] = [
    ("calm", |_, _| {}),
    ("wall clocks off by up to 60 days", |scenario, random| {
        for host in &mut scenario.hosts {
            let days = i64::try_from(random.below(121)).unwrap_or(0) - 60;
            host.clock_ahead = days * 86_400;
        }
    }),
    ("each process dies 3 times", |scenario, random| {
        for process in 0..scenario.hosts.len() {
            for _ in 0..3 {
                let at = random.between(At::ZERO, ENDS);
                let restart = 10 * SECOND;
                let death = Disturbance::Death { process, restart };
                scenario.disturbances.push((at, death));
            }
        }
    }),
    ("15 % of requests and replies lost", |scenario, _| {
        scenario.network.lost_request = 150;
        scenario.network.lost_reply = 150;
    }),
    ("30 % of replies after the timeout", |scenario, _| {
        scenario.network.delayed = 300;
    }),
    ("half of the requests answered 429", |scenario, _| {
        scenario.habits.overload = 500;
        scenario.habits.says_retry_after = 500;
        scenario.habits.longest_retry_after = 60;
    }),
    ("no `Date`", |scenario, _| {
        scenario.habits.date = DateHeader::Missing;
    }),
    (
        "platform away for 2 h as renewal falls due",
        |scenario, _| scenario.habits.outages.push(WINDOW..WINDOW + 2 * HOUR),
    ),
    ("a host with a wrong secret", |scenario, _| {
        scenario.hosts.last_mut().unwrap().wrong_secret = true;
    }),
    ("a host whose endpoint always answers 401", |scenario, _| {
        scenario.hosts.last_mut().unwrap().always_401 = true;
    }),
    ("15 % of store calls fail", |scenario, _| {
        scenario.store.down = 150;
    }),
    ("store down for 1 h as renewal falls due", |scenario, _| {
        scenario.store.outages.push(WINDOW..WINDOW + HOUR);
    }),
    ("store flushed 3 times", |scenario, random| {
        for _ in 0..3 {
            let at = random.between(At::ZERO, ENDS);
            scenario.disturbances.push((at, Disturbance::Flush));
        }
    }),
];

fn fleet(hosts: usize, sharing: Sharing) -> Scenario {
    let mut scenario = Scenario::calm(7, sharing, hosts, 1, LIFETIME);
    scenario.faults_end = ENDS;
    scenario.ends = ENDS;
    scenario.call_every = match hosts {
        0..=10 => 10 * MINUTE,
        _ => HOUR,
    };
    // Like the providers: nothing happens unless a caller wants a token.
    scenario.eager = false;
    scenario.most_steps = u64::MAX;
    // Of large ones the costs are what counts, and a fleet that doesn't share breaks rules by the thousand.
    scenario.checked = hosts <= 10;
    scenario
}

/// A table in Markdown: each situation, for fleets of these sizes.
///
/// API calls of a host that can't succeed, because of its secret or its endpoint, are not counted.
pub fn fleets(sizes: &[usize]) -> String {
    let mut table = String::from(
        "| situation | hosts | tokens/day, shared | failing calls | longest without | tokens/day, alone | failing calls | longest without |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    // Two at a time; the table's order stays.
    let rows: Vec<OnceLock<String>> = SITUATIONS.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(number) else {
                        return;
                    };
                    row.get_or_init(|| situation(SITUATIONS[number], sizes));
                }
            });
        }
    });
    rows.iter()
        .filter_map(OnceLock::get)
        .for_each(|row| table.push_str(row));
    table
}

fn situation((name, apply): Situation, sizes: &[usize]) -> String {
    let mut rows = String::new();
    for &hosts in sizes {
        let _ = write!(rows, "| {name} | {hosts} |");
        for sharing in [Sharing::Redis, Sharing::Alone] {
            if sharing == Sharing::Alone && name.contains("store") {
                rows.push_str(" – | – | – |");
                continue;
            }
            let mut scenario = fleet(hosts, sharing);
            apply(&mut scenario, &mut Random::new(1));
            let _ = write!(rows, " {}", cells(&run(scenario, false)));
        }
        rows.push('\n');
    }
    rows
}

fn cells(outcome: &Outcome) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let per_day = outcome.tally.issued as f64 / (ENDS.as_secs_f64() / DAY.as_secs_f64());
    let broken = outcome
        .broken
        .as_ref()
        .map(|broken| format!(" **{broken}**"))
        .unwrap_or_default();
    format!(
        "{per_day:.2} | {} | {}{broken} |",
        failing(&outcome.tally),
        readable(outcome.tally.longest_gap)
    )
}
