//! Whose turn it is to fetch: a host that failed by itself lets the waiting ones go first.

use super::*;

/// A fleet in which the network of all hosts but the last is dead, from a cold start. How long until the last one has a
/// token, where a failing fetch takes this long.
fn healthy_host_waits(hosts: u64, first_seed: u64, failing_takes: Duration) -> Duration {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let seeds = first_seed..first_seed + hosts;
    let mut hosts: Vec<_> = seeds
        .map(|seed| Host::sharing(&store, &clock, seed))
        .collect();
    let healthy = hosts.len() - 1;
    let mut under_way: Option<(usize, FetchTicket, Duration)> = None;
    for _ in 0..100_000 {
        let now = hosts[0].now();
        if let Some((at, ticket, _)) = under_way.take_if(|it| it.2 <= now.monotonic) {
            let result = if at == healthy {
                grant("a", now.wall, 30 * DAY)
            } else {
                not_sent()
            };
            hosts[at].cache.fetched(ticket, result, now);
        }
        let mut next = under_way.as_ref().map_or(now.monotonic + HOUR, |it| it.2);
        for (at, host) in hosts.iter_mut().enumerate() {
            match host.poll() {
                Action::Fetch(ticket) => {
                    assert!(under_way.is_none(), "two fetches at once");
                    let takes = if at == healthy { SECOND } else { failing_takes };
                    next = next.min(now.monotonic + takes);
                    under_way = Some((at, ticket, now.monotonic + takes));
                }
                Action::Wait { until, .. } => next = next.min(until.monotonic),
                Action::Store(_) => unreachable!("carried out"),
            }
        }
        if hosts[healthy].served().is_some() {
            return now.monotonic - START.monotonic;
        }
        clock.advance(next - now.monotonic);
    }
    panic!("it never has one");
}

#[test]
fn one_healthy_host_among_nine_with_a_dead_network_has_a_token_within_5_min() {
    for failing_takes in [SECOND / 10, 5 * SECOND, 29 * SECOND] {
        // Each failing host has one turn at the most before it.
        let longest = (0..20)
            .map(|seed| healthy_host_waits(10, 100 * seed, failing_takes))
            .max();
        assert!(
            longest <= Some(5 * MINUTE),
            "{longest:?}, where failing takes {failing_takes:?}"
        );
    }
}

#[test]
fn a_host_that_failed_by_itself_lets_a_waiting_one_go_first() {
    let (mut hosts, clock, _) = fleet(2);
    let ticket = hosts[0].ticket();
    let (wait, reason) = hosts[1].wait();
    assert_eq!(reason, Reason::Leased);
    let now = hosts[0].now();
    hosts[0].cache.fetched(ticket, not_sent(), now);
    // The spacing has passed: the lease is granted to the loser, which does not use it.
    assert_eq!(hosts[0].pass_wait(), Reason::Backoff);
    assert_eq!(hosts[0].wait(), (3 * SECOND, Reason::Leased));
    clock.advance(wait);
    let _winner = hosts[1].ticket();
    // The other has had its turn by then: the loser waits once more.
    clock.advance(3 * SECOND - wait);
    assert_eq!(hosts[0].wait().1, Reason::Leased);
}

#[test]
fn a_host_that_is_alone_attempts_again_after_two_grants() {
    let (mut hosts, ..) = fleet(1);
    let host = &mut hosts[0];
    host.fetch(not_sent());
    for _ in 0..3 {
        let (backoff, reason) = host.wait();
        assert_eq!(reason, Reason::Backoff);
        host.pass(backoff);
        assert_eq!(host.wait(), (3 * SECOND, Reason::Leased));
        host.pass(3 * SECOND);
        host.fetch(not_sent());
    }
}

#[test]
fn a_token_from_elsewhere_gives_a_host_its_turn_again() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch(not_sent());
    store.put(&record("theirs", START.wall, HOUR), HOUR);
    assert_eq!(host.pass_wait(), Reason::Backoff);
    assert_eq!(host.wait().1, Reason::Fresh);
    clock.advance(HOUR);
    let _ = host.ticket();
}

#[test]
fn what_the_platform_answered_costs_no_turn_where_it_is_everyones() {
    let (mut hosts, ..) = fleet(1);
    hosts[0].fetch(rate_limited());
    assert_eq!(hosts[0].pass_wait(), Reason::RateLimited);
    let _ = hosts[0].ticket();
}
