//! Attempts that may have cost a token though none was received.

use super::*;

#[test]
fn two_failures_that_may_have_cost_a_token_end_the_attempts_while_one_lives() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(30 * DAY - 11 * HOUR);
    host.fetch(maybe_issued());
    let (wait, _) = host.wait();
    host.pass(wait);
    // One that was not sent costs nothing, and doesn't count.
    host.fetch(not_sent());
    let (wait, _) = host.wait();
    host.pass(wait);
    host.fetch(reply(200, "<html>"));
    let (wait, reason) = host.wait();
    assert_eq!(reason, Reason::MaybeIssued);
    let left = 30 * DAY - (host.now().wall - START.wall);
    // The last quarter of the window, of which this cache has drawn 0.7 days or so.
    let last_quarter = left - wait;
    assert!(
        (3 * HOUR..=6 * HOUR + MINUTE).contains(&last_quarter),
        "{last_quarter:?}"
    );
    // One attempt is made there.
    host.pass(wait);
    host.fetch(maybe_issued());
    let (wait, reason) = host.wait();
    assert_eq!(reason, Reason::MaybeIssued);
    assert_eq!(wait, last_quarter - MINUTE);
    // Once the token has expired, they go on.
    host.pass(wait);
    assert_eq!(host.served(), None);
    let _ = host.ticket();
}

#[test]
fn attempts_count_also_while_the_wall_clock_is_ahead_of_the_expiry() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(30 * DAY - 11 * HOUR);
    let right = host.now().wall;
    host.clock.set_wall(right + DAY);
    assert_eq!(host.served(), None);
    for _ in 0..2 {
        host.fetch(maybe_issued());
        let (wait, _) = host.wait();
        host.pass(wait);
    }
    host.clock.set_wall(right + 5 * MINUTE);
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(host.wait().1, Reason::MaybeIssued);
}

#[test]
fn without_a_token_lost_replies_hold_nothing_back() {
    let mut host = Host::alone();
    for _ in 0..10 {
        host.fetch(maybe_issued());
        let (wait, reason) = host.wait();
        assert_eq!(reason, Reason::Backoff);
        host.pass(wait);
    }
    let _ = host.ticket();
}

#[test]
fn failures_that_may_have_cost_a_token_are_kept_apart_from_the_others() {
    for (failure, may_have_issued) in [
        (not_sent(), false),
        (Err(FetchError::Tls("x".into())), false),
        (Err(FetchError::Timeout(SECOND)), true),
        (maybe_issued(), true),
        (rate_limited(), false),
        (refused(), false),
        (reply(500, ""), false),
        (reply(502, ""), true),
        (reply(503, ""), false),
        (reply(504, ""), true),
        (reply(200, "<html>"), true),
        (reply(200, r#"{"code":0,"data":null}"#), true),
        (reply(404, "<html>"), false),
        (reply(302, ""), false),
    ] {
        let error = failure.unwrap_err();
        assert_eq!(error.may_have_issued(), may_have_issued, "{error}");
    }
}

#[test]
fn a_refresh_makes_no_third_attempt_that_may_cost_a_token() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(HOUR);
    host.cache.refresh();
    host.fetch(maybe_issued());
    let (wait, _) = host.wait();
    host.pass(wait);
    host.fetch(maybe_issued());
    let now = host.now();
    let Action::Wait { until, reason } = host.poll() else {
        panic!()
    };
    assert_eq!(reason, Reason::MaybeIssued);
    // A caller who asked for another gets an answer all the same.
    assert!(host.cache.token_error(until, reason, now).is_some());
    host.pass(DAY);
    assert_eq!(host.wait().1, Reason::MaybeIssued);
    assert_eq!(host.served().as_deref(), Some("a"));
}

#[test]
fn two_lost_replies_and_then_good_weather_bring_a_token_in_the_last_quarter() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(30 * DAY - 11 * HOUR);
    for _ in 0..2 {
        host.fetch(maybe_issued());
        if host.wait().1 == Reason::Backoff {
            host.pass_wait();
        }
    }
    assert_eq!(host.pass_wait(), Reason::MaybeIssued);
    assert_eq!(host.served().as_deref(), Some("a"));
    let left = 30 * DAY - (host.now().wall - START.wall);
    assert!(left >= 3 * HOUR, "{left:?}");
    host.fetch_30_days("b");
    assert_eq!(host.served().as_deref(), Some("b"));
    // The new token begins without a count.
    host.pass(30 * DAY - 11 * HOUR);
    host.fetch(maybe_issued());
    assert_eq!(host.pass_wait(), Reason::Backoff);
    let _ = host.ticket();
}

#[test]
fn the_count_is_the_fleets_and_is_saved_before_the_lease_is_released() {
    let clock = ManualClock::new(START);
    let (mut first, store) = Host::on_faulty_store(&clock);
    let shared: Arc<dyn TokenStore> = Arc::clone(&store) as Arc<dyn TokenStore>;
    let mut others: Vec<_> = (2..10)
        .map(|seed| Host::sharing(&shared, &clock, seed))
        .collect();
    first.fetch_30_days("a");
    first.wait();
    for other in &mut others {
        other.wait();
    }
    // All are in the window, and none in its last quarter.
    clock.advance(30 * DAY - 11 * HOUR);
    first.fetch(maybe_issued());
    store.called();
    first.wait();
    assert_eq!(store.called(), ["save", "release"]);
    assert_eq!(store.stored().unwrap().maybe_issued, 1);

    clock.advance(5 * SECOND);
    others[0].fetch(maybe_issued());
    others[0].wait();
    assert_eq!(store.stored().unwrap().maybe_issued, 2);
    // No host makes a third attempt, nor does a process that starts now.
    clock.advance(MINUTE);
    for other in &mut others {
        assert_eq!(other.wait().1, Reason::MaybeIssued);
    }
    let mut newcomer = Host::sharing(&shared, &clock, 99);
    assert_eq!(newcomer.wait().1, Reason::MaybeIssued);
    assert_eq!(newcomer.served().as_deref(), Some("a"));
}

#[test]
fn in_the_last_quarter_the_fleet_makes_one_attempt() {
    let (mut hosts, clock, store) = fleet(5);
    hosts[0].fetch_30_days("a");
    let mut lost = 0;
    let mut rounds = 0;
    while hosts[0].served().is_some() {
        rounds += 1;
        assert!(rounds < 100_000, "time stands still");
        let now = hosts[0].now();
        let mut next = now.monotonic + HOUR;
        for host in &mut hosts {
            match host.poll() {
                Action::Fetch(ticket) => {
                    lost += 1;
                    host.cache.fetched(ticket, maybe_issued(), now);
                    next = now.monotonic + SECOND;
                }
                Action::Wait { until, .. } => next = next.min(until.monotonic),
                Action::Store(_) => unreachable!("carried out"),
            }
        }
        clock.advance(next - now.monotonic);
    }
    // Two when renewal fell due, and one for the fleet in the last quarter.
    assert_eq!(lost, 3);
    assert!(clock_is_at_the_end(&hosts[0]));
    // With no token to lose, they go on.
    let key = StoreKey::of(&operation());
    assert!(store.load(key).unwrap().is_some());
    let _ = hosts[0].next_ticket();
}

fn clock_is_at_the_end(host: &Host) -> bool {
    let end = START.wall + 30 * DAY - MINUTE;
    (end..end + MINUTE).contains(&host.now().wall)
}

#[test]
fn a_suspect_is_replaced_whatever_the_count_says() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(HOUR);
    host.cache.refresh();
    for _ in 0..2 {
        host.fetch(maybe_issued());
        if host.wait().1 == Reason::Backoff {
            host.pass_wait();
        }
    }
    assert_eq!(host.wait().1, Reason::MaybeIssued);
    let _ = host.cache.reject(&host.token(), host.now());
    let _ = host.next_ticket();
}

#[test]
fn a_token_that_has_expired_on_issue_backs_off_as_a_refusal_does() {
    let mut longest = [Duration::ZERO; 7];
    for seed in 0..300 {
        let mut host = Host::with(RenewalPolicy::default(), seed);
        for longest in &mut longest {
            // The platform is 10 minutes behind, and its tokens live for 5.
            let issued = host.now().wall - 10 * MINUTE;
            host.fetch(grant_without_date("late", issued + 5 * MINUTE));
            let (wait, reason) = host.wait();
            assert_eq!(reason, Reason::Backoff);
            assert!(wait >= 30 * SECOND, "{wait:?}");
            *longest = (*longest).max(wait);
            host.pass(wait);
        }
    }
    let caps = [30, 60, 120, 240, 480, 600, 600].map(Duration::from_secs);
    backoff::assert_caps(&longest, &caps);
}

#[test]
fn a_suspect_of_another_host_is_replaced_whatever_the_count_says() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    let mut theirs = record("theirs", START.wall, 30 * DAY);
    theirs.maybe_issued = 2;
    store.put(&theirs, 30 * DAY);
    clock.advance(30 * DAY - 11 * HOUR);
    assert_eq!(host.wait().1, Reason::MaybeIssued);
    theirs.suspect = true;
    store.put(&theirs, 11 * HOUR);
    clock.advance(5 * MINUTE);
    let _ = host.ticket();
    assert_eq!(host.served().as_deref(), Some("theirs"));
}

#[test]
fn an_adopted_token_begins_without_the_count_of_the_one_before() {
    let (mut hosts, clock, _) = fleet(2);
    hosts[0].fetch_30_days("a");
    hosts[0].wait();
    hosts[1].wait();
    clock.advance(30 * DAY - 11 * HOUR);
    for _ in 0..2 {
        let ticket = hosts[0].next_ticket();
        let now = hosts[0].now();
        hosts[0].cache.fetched(ticket, maybe_issued(), now);
    }
    hosts[0].wait();
    // The other one replaces it in the last quarter of the window.
    assert_eq!(hosts[1].pass_wait(), Reason::MaybeIssued);
    while hosts[1].served().as_deref() == Some("a") {
        match hosts[1].poll() {
            Action::Fetch(ticket) => {
                let now = hosts[1].now();
                hosts[1]
                    .cache
                    .fetched(ticket, grant("b", now.wall, 30 * DAY), now);
            }
            Action::Wait { until, .. } => clock.advance(until.monotonic - hosts[1].now().monotonic),
            Action::Store(_) => unreachable!("carried out"),
        }
    }
    hosts[1].wait();
    while hosts[0].served().as_deref() == Some("a") {
        hosts[0].pass_wait();
        let _ = hosts[0].poll();
    }
    assert_eq!(hosts[0].served().as_deref(), Some("b"));
    clock.advance(30 * DAY - 11 * HOUR);
    let _ = hosts[0].ticket();
}
