//! The rows of the table: each a situation, and a scenario that leads into it.

use std::time::Duration;

use super::fleets::{LIFETIME, WINDOW};
use super::law::Row;
use super::readable;
use crate::clock::At;
use crate::disturbance::Disturbance;
use crate::platform::{DateHeader, Repeat, Reply};
use crate::scenario::{DAY, HOUR, Host, MINUTE, SECOND, Scenario, Sharing};
use crate::store::Version;
use crate::tally::Tally;

fn nothing(_: &Tally) -> String {
    String::new()
}

fn base(hosts: usize, ends: At) -> Scenario {
    let mut scenario = Scenario::calm(1, Sharing::Redis, hosts, 1, LIFETIME);
    (scenario.faults_end, scenario.ends) = (ends, ends);
    scenario.call_every = 30 * SECOND;
    scenario.eager = false;
    scenario.most_steps = u64::MAX;
    // What it costs is wanted here, also where a rule is broken.
    scenario.checked = false;
    scenario
}

/// Jobs on hosts of their own, begun at times that are spread evenly.
fn add_jobs(scenario: &mut Scenario, jobs: u32, every: Duration) {
    for job in 0..jobs {
        let first = every / jobs * job + SECOND;
        scenario.hosts.push(Host::with_job(every, first));
    }
}

/// From shortly before the first window to the token's end.
fn window(hosts: usize, jobs: u32, lost: Duration) -> Scenario {
    let mut scenario = base(hosts, LIFETIME + HOUR);
    add_jobs(&mut scenario, jobs, 5 * MINUTE);
    scenario.idle = HOUR..WINDOW.saturating_sub(HOUR);
    scenario.network.lost_replies.push(WINDOW..WINDOW + lost);
    scenario
}

/// A week in the life of 3 hosts and 10 jobs that run every 5 minutes.
fn week(store: fn(&mut Scenario)) -> Scenario {
    let mut scenario = base(3, 7 * DAY);
    add_jobs(&mut scenario, 10, 5 * MINUTE);
    store(&mut scenario);
    scenario
}

/// A cold start in which so many of the hosts have a dead network.
fn dead(hosts: usize, dead: usize) -> Scenario {
    let mut scenario = base(hosts, 2 * HOUR);
    scenario.call_every = 5 * SECOND;
    scenario.eager = true;
    for host in &mut scenario.hosts[..dead] {
        host.dead_network.push(At::ZERO..scenario.ends);
    }
    scenario
}

/// The same with a file on each host for when the store is out.
fn with_fallback(mut scenario: Scenario) -> Scenario {
    scenario.fallback = true;
    scenario
}

fn flushed_every_6_h() -> Scenario {
    let mut scenario = base(5, LIFETIME.saturating_sub(DAY));
    scenario.call_every = MINUTE;
    add_jobs(&mut scenario, 10, HOUR);
    // At any second: jobs run on whole minutes.
    scenario.disturbances = (1..116)
        .map(|it| {
            let within = MINUTE * (it * 37 % 60) + SECOND * (it * 23 % 60);
            (6 * HOUR * it + within, Disturbance::Flush)
        })
        .collect();
    scenario
}

fn down_for_1_h() -> Scenario {
    week(|it| it.store.outages.push(3 * DAY..3 * DAY + HOUR))
}

fn cold_and_down_for_1_h() -> Scenario {
    let mut scenario = base(3, 2 * HOUR);
    add_jobs(&mut scenario, 10, 5 * MINUTE);
    scenario.store.outages.push(At::ZERO..HOUR);
    scenario
}

fn mixed(newer: Version, older: Version) -> Scenario {
    let mut scenario = base(10, HOUR / 2);
    scenario.call_every = 2 * SECOND;
    scenario.forms = true;
    for (number, host) in scenario.hosts.iter_mut().enumerate() {
        host.version = if number < 5 { newer } else { older };
    }
    scenario
}

/// The situations.
#[expect(clippy::too_many_lines, reason = "a table, one row per situation")]
pub fn rows() -> Vec<Row> {
    let row = |name, what, runs, scenario, note| Row {
        name,
        what,
        runs,
        scenario,
        note,
    };
    let since_2_h: fn(&Tally) -> String = |tally| {
        let first = tally.last_issued_at.saturating_sub(2 * HOUR);
        let all = tally.served_again_at.saturating_sub(2 * HOUR);
        format!(
            "the first after {}, all after {}",
            readable(first),
            readable(all)
        )
    };
    let before_the_end: fn(&Tally) -> String = |tally| {
        let before = LIFETIME.saturating_sub(tally.last_issued_at);
        format!("renewed {} before the end", readable(before))
    };
    vec![
        row(
            "lost-6h-10",
            "replies lost for 6 h from the window's start, 10 hosts",
            3,
            || window(10, 0, 6 * HOUR),
            nothing,
        ),
        row(
            "lost-6h-50",
            "the same, 50 hosts",
            3,
            || window(50, 0, 6 * HOUR),
            nothing,
        ),
        row(
            "lost-6h-3+10",
            "the same, 3 hosts and 10 jobs every 5 min",
            3,
            || window(3, 10, 6 * HOUR),
            nothing,
        ),
        row(
            "lost-2h-3+10",
            "replies lost for 2 h, 3 hosts and 10 jobs every 5 min",
            3,
            || window(3, 10, 2 * HOUR),
            nothing,
        ),
        row(
            "lost-6h-0+1",
            "replies lost for 6 h, one job every 5 min",
            3,
            || window(0, 1, 6 * HOUR),
            nothing,
        ),
        row(
            "two-blips",
            "one host, two 504 as renewal falls due, then well",
            5,
            || {
                let mut scenario = window(1, 0, Duration::ZERO);
                scenario
                    .habits
                    .next_replies
                    .push((WINDOW, 2, Reply::GatewayTimeout));
                scenario
            },
            before_the_end,
        ),
        row(
            "slow-15",
            "a week, 3 hosts and 10 jobs every 5 min, 15 % of store calls slow",
            3,
            || week(|it| it.store.slow = 150),
            nothing,
        ),
        row(
            "slow-15-fail-15",
            "the same, 15 % slow and 15 % failing",
            3,
            || week(|it| (it.store.slow, it.store.down) = (150, 150)),
            nothing,
        ),
        row(
            "slow-50",
            "the same, 50 % slow",
            3,
            || week(|it| it.store.slow = 500),
            nothing,
        ),
        row(
            "slow-50-fallback",
            "the same, with a file on each host",
            3,
            || with_fallback(week(|it| it.store.slow = 500)),
            nothing,
        ),
        row(
            "store-down-1h",
            "the same week, store down for 1 h",
            3,
            down_for_1_h,
            nothing,
        ),
        row(
            "store-down-1h-fallback",
            "the same, with a file on each host",
            3,
            || with_fallback(down_for_1_h()),
            nothing,
        ),
        row(
            "cold-down-1h",
            "cold start, 3 hosts and 10 jobs every 5 min, 2 h, store down for the first",
            3,
            cold_and_down_for_1_h,
            nothing,
        ),
        row(
            "cold-down-1h-fallback",
            "the same, with a file on each host",
            3,
            || with_fallback(cold_and_down_for_1_h()),
            nothing,
        ),
        row(
            "store-down-1h-window",
            "10 hosts, down for the first hour of the window",
            3,
            || {
                let mut scenario = window(10, 0, Duration::ZERO);
                scenario.ends = WINDOW + HOUR;
                scenario.store.outages.push(WINDOW..WINDOW + HOUR);
                scenario
            },
            |tally| format!("{} of them in the outage", tally.issued.saturating_sub(1)),
        ),
        row(
            "dead-9-of-10",
            "cold start, 9 of 10 hosts with a dead network",
            12,
            || dead(10, 9),
            nothing,
        ),
        row(
            "dead-45-of-50",
            "cold start, 45 of 50 hosts with a dead network",
            12,
            || dead(50, 45),
            nothing,
        ),
        row(
            "refused-2h",
            "cold start, 10 hosts refused for 2 h",
            10,
            || {
                let mut scenario = base(10, 3 * HOUR);
                scenario.call_every = 5 * SECOND;
                scenario.habits.refusals.push(At::ZERO..2 * HOUR);
                scenario
            },
            since_2_h,
        ),
        row(
            "retry-after-1h",
            "a cold host told to wait 1 h while the store was down; another has a token 1 min later",
            3,
            || {
                let mut scenario = base(1, 2 * HOUR);
                scenario.call_every = 5 * SECOND;
                scenario.hosts.push(Host::with_job(HOUR, MINUTE));
                scenario.store.outages.push(At::ZERO..50 * SECOND);
                scenario.habits.next_replies.push((
                    At::ZERO,
                    1,
                    Reply::RateLimited {
                        retry_after: Some(3600),
                    },
                ));
                scenario
            },
            nothing,
        ),
        row(
            "stray-401",
            "one host, one stray 401, a platform that repeats its token",
            3,
            || {
                let mut scenario = base(1, LIFETIME + HOUR);
                scenario.call_every = MINUTE;
                scenario.habits.repeat = Repeat::Unchanged;
                scenario
                    .disturbances
                    .push((DAY, Disturbance::StrayRejection { process: 0 }));
                scenario
            },
            nothing,
        ),
        row(
            "flushed-6h",
            "30 days, 5 hosts and 10 hourly jobs, store flushed every 6 h",
            2,
            flushed_every_6_h,
            nothing,
        ),
        row(
            "flushed-6h-fallback",
            "the same, with a file on each host",
            2,
            || with_fallback(flushed_every_6_h()),
            nothing,
        ),
        row(
            "alone-store-back",
            "a job every 5 min, 3 times; the store comes back as the first one fetches",
            3,
            || {
                let mut scenario = base(0, 15 * MINUTE);
                add_jobs(&mut scenario, 1, 5 * MINUTE);
                scenario.store.outages.push(At::ZERO..HOUR);
                scenario.store_back_with_first_fetch = true;
                scenario
            },
            nothing,
        ),
        row(
            "year-9900",
            "one host, tokens that expire in the year 9900, 3,000 days",
            1,
            || {
                let mut scenario = base(1, 3000 * DAY);
                scenario.sharing = Sharing::Alone;
                scenario.call_every = 6 * HOUR;
                scenario.habits.year_9900 = true;
                scenario
            },
            nothing,
        ),
        row(
            "expired-on-issue",
            "a day, 10 hosts, 5-minute tokens, no `Date`, a platform 10 min behind",
            2,
            || {
                let mut scenario = base(10, DAY);
                scenario.habits.lifetime = 5 * MINUTE;
                scenario.habits.expiry_behind = 10 * MINUTE;
                scenario.habits.date = DateHeader::Missing;
                scenario
            },
            nothing,
        ),
        row(
            "cold-10000-down",
            "10,000 cold hosts, store down, the first minute",
            1,
            || {
                let mut scenario = base(10_000, MINUTE);
                scenario.store.outages.push(At::ZERO..MINUTE);
                scenario
            },
            nothing,
        ),
        row(
            "cold-10000",
            "10,000 cold hosts, store well, the first 10 minutes",
            1,
            || base(10_000, 10 * MINUTE),
            nothing,
        ),
        row(
            "calm-1000",
            "1,000 hosts, one renewal",
            1,
            || {
                let mut scenario = window(1000, 0, Duration::ZERO);
                scenario.call_every = 10 * MINUTE;
                scenario
            },
            nothing,
        ),
        row(
            "always-401",
            "a day, 10 hosts, one calls an endpoint that always answers 401 (the other 9)",
            3,
            || {
                let mut scenario = base(10, DAY);
                scenario.call_every = 5 * SECOND;
                scenario.hosts[9].always_401 = true;
                scenario
            },
            nothing,
        ),
        row(
            "second-program",
            "a day, one host, another program on the same client ID fetches every 20 min",
            3,
            || {
                let mut scenario = base(1, DAY);
                scenario.second_program = Some(20 * MINUTE);
                scenario
            },
            nothing,
        ),
        row(
            "misconfigured-job",
            "3 hosts, a job every 5 min that can't log in to the store, 2 h",
            3,
            || {
                let mut scenario = base(3, 2 * HOUR);
                add_jobs(&mut scenario, 1, 5 * MINUTE);
                scenario.hosts[3].misconfigured = true;
                scenario
            },
            nothing,
        ),
        row(
            "stale-30",
            "one renewal, 5 hosts and 10 jobs every 5 min, 30 % of reads 2 s behind",
            3,
            || {
                let mut scenario = window(5, 10, Duration::ZERO);
                scenario.store.stale = 300;
                scenario
            },
            nothing,
        ),
        row(
            "older-5-of-10",
            "5 hosts of an older version among 10, 30 min",
            3,
            || mixed(Version::Later, Version::Older),
            nothing,
        ),
        row(
            "unreadable-5-of-10",
            "the same, if they could not read what the others write",
            3,
            || mixed(Version::Unreadable, Version::Ours),
            nothing,
        ),
    ]
}
