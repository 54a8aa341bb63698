//! What the token's life costs: tokens issued, business calls that fail, and time without a token.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use super::clock::At;
use super::random::Random;
use super::scenario::{Blow, DAY, DateHeader, HOUR, MINUTE, SECOND, Scenario, Sharing};
use super::store::Version;
use super::tally::Tally;
use super::{Outcome, run};

/// Tokens live 30 days, as documented; a run sees the first renewal and a day more.
const LIFETIME: Duration = Duration::from_secs(30 * 86_400);
const ENDS: Duration = Duration::from_secs(31 * 86_400);

/// When the first renewal may fall due.
const WINDOW: At = Duration::from_secs(29 * 86_400);

type Situation = (&'static str, fn(&mut Scenario, &mut Random));

const SITUATIONS: [Situation; 13] = [
    ("calm", |_, _| {}),
    ("wall clocks off by up to 60 days", |scenario, random| {
        for offset in &mut scenario.offsets {
            let days = i64::try_from(random.below(121)).unwrap_or(0) - 60;
            *offset = days * 86_400;
        }
    }),
    ("each process dies 3 times", |scenario, random| {
        for cache in 0..scenario.hosts {
            for _ in 0..3 {
                let at = random.between(At::ZERO, ENDS);
                let restart = 10 * SECOND;
                scenario.blows.push((at, Blow::Death { cache, restart }));
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
        |scenario, _| {
            scenario.habits.outages = vec![within(WINDOW, 2 * HOUR)];
        },
    ),
    ("a host with a wrong secret", |scenario, _| {
        *scenario.wrong_secrets.last_mut().unwrap() = true;
    }),
    ("a host whose endpoint always answers 401", |scenario, _| {
        *scenario.always_401.last_mut().unwrap() = true;
    }),
    ("15 % of store calls fail", |scenario, _| {
        scenario.store.down = 150;
    }),
    ("store down for 1 h as renewal falls due", |scenario, _| {
        scenario.store.outages = vec![within(WINDOW, HOUR)];
    }),
    ("store flushed 3 times", |scenario, random| {
        for _ in 0..3 {
            let at = random.between(At::ZERO, ENDS);
            scenario.blows.push((at, Blow::Flush));
        }
    }),
];

fn within(begins: At, lasts: Duration) -> Range<At> {
    begins..begins + lasts
}

fn fleet(hosts: usize, sharing: Sharing) -> Scenario {
    let mut scenario = Scenario::plain(7, sharing, hosts, 1, LIFETIME);
    scenario.faults_end = ENDS;
    scenario.ends = ENDS;
    scenario.call_every = match hosts {
        0..=10 => 10 * MINUTE,
        _ => HOUR,
    };
    // Like the providers: nothing happens unless someone wants a token.
    scenario.eager = false;
    scenario.most_steps = u64::MAX;
    scenario
}

/// A table in Markdown: each situation, for fleets of these sizes, shared through a store and not.
///
/// Business calls of a host that can't succeed, because of its secret or its endpoint, are not counted.
pub fn table(fleets: &[usize]) -> String {
    let mut table = String::from(
        "| situation | hosts | tokens/day, shared | failing calls | longest without | tokens/day, alone | failing calls | longest without |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for (name, apply) in SITUATIONS {
        for &hosts in fleets {
            let _ = write!(table, "| {name} | {hosts} |");
            for sharing in [Sharing::Redis, Sharing::Alone] {
                if sharing == Sharing::Alone && name.contains("store") {
                    table.push_str(" – | – | – |");
                    continue;
                }
                let mut scenario = fleet(hosts, sharing);
                apply(&mut scenario, &mut Random::new(1));
                let outcome = run(scenario, false);
                let _ = write!(table, " {}", cells(&outcome, ENDS));
            }
            table.push('\n');
        }
    }
    table
}

fn cells(outcome: &Outcome, ends: Duration) -> String {
    let Tally {
        issued,
        longest_gap,
        ..
    } = outcome.tally;
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let per_day = issued as f64 / (ends.as_secs_f64() / DAY.as_secs_f64());
    let broken = outcome
        .broken
        .as_ref()
        .map(|broken| format!(" **{broken}**"))
        .unwrap_or_default();
    format!(
        "{per_day:.2} | {} | {}{broken} |",
        share(&outcome.tally),
        readable(longest_gap)
    )
}

fn share(tally: &Tally) -> String {
    let failed = tally.rejected + tally.unserved;
    if failed == 0 {
        return "0 %".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let percent = failed as f64 * 100.0 / tally.calls.max(1) as f64;
    format!("{percent:.2} %")
}

fn readable(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..120.0 => format!("{seconds:.1} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.0} d", seconds / 86_400.0),
    }
}

/// The stories that the rules were made for, in one table: each the worst of eight runs.
pub fn stories() -> String {
    let mut table = String::from(
        "| story | tokens issued | calls | answered 401 | without a token |\n|---|---:|---:|---:|---:|\n",
    );
    let mut tell = |name: &str, scenario: &Scenario, before: u64| {
        // Of eight runs, the one that cost most.
        let outcome = (0..8)
            .map(|seed| {
                run(
                    Scenario {
                        seed,
                        ..scenario.clone()
                    },
                    false,
                )
            })
            .max_by_key(|outcome| (outcome.broken.is_some(), outcome.tally.issued))
            .unwrap();
        let tally = &outcome.tally;
        let broken = outcome
            .broken
            .as_ref()
            .map(|broken| format!(" **{broken}**"))
            .unwrap_or_default();
        let _ = writeln!(
            table,
            "| {name}{broken} | {} | {} | {} | {} |",
            tally.issued.saturating_sub(before),
            tally.calls,
            tally.rejected,
            tally.unserved
        );
    };

    let mut scenario = fleet(10, Sharing::Redis);
    (scenario.ends, scenario.faults_end) = (2 * HOUR, 2 * HOUR);
    scenario.call_every = 2 * SECOND;
    *scenario.always_401.last_mut().unwrap() = true;
    tell(
        "10 hosts, one calls an endpoint that always answers 401, 2 h (the other 9)",
        &scenario,
        0,
    );

    let mut scenario = fleet(10, Sharing::Redis);
    // To the end of the outage; the first token isn't counted.
    scenario.ends = WINDOW + HOUR;
    scenario.store.outages = vec![within(WINDOW, HOUR)];
    tell(
        "10 hosts, Redis down for the first hour of the renewal window",
        &scenario,
        1,
    );

    let mut mixed = |name, newer, older| {
        let mut scenario = fleet(10, Sharing::Redis);
        (scenario.ends, scenario.faults_end) = (HOUR / 2, HOUR / 2);
        scenario.call_every = 2 * SECOND;
        scenario.forms = true;
        scenario.versions = [[newer; 5], [older; 5]].concat();
        tell(name, &scenario, 0);
    };
    mixed(
        "5 hosts of an older version among 10, 30 min",
        Version::Later,
        Version::Ours,
    );
    mixed(
        "the same, if they could not read what the others write",
        Version::Unreadable,
        Version::Ours,
    );
    table
}
