//! Tokens that a business call was refused with.

use pan123_token_cache::Rejection;

use super::*;

#[track_caller]
fn replaceable_in(rejection: Rejection) -> Duration {
    match rejection {
        Rejection::Suspect { replaceable_in } => replaceable_in,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_young_token_that_is_rejected_is_served_until_it_may_be_replaced() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(10 * SECOND);
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), 50 * SECOND);
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(host.wait(), (50 * SECOND, Reason::Suspect));
    host.pass(50 * SECOND - Duration::from_nanos(1));
    assert_eq!(host.served().as_deref(), Some("a"));
    host.pass(Duration::from_nanos(1));
    // Now callers wait for the replacement as if there were none.
    assert_eq!(host.served(), None);
    host.fetch_30_days("b");
    assert_eq!(host.served().as_deref(), Some("b"));
}

#[test]
fn an_old_token_that_is_rejected_is_replaced_at_once() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(DAY);
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), Duration::ZERO);
    assert_eq!(host.served(), None);
    let _ = host.ticket();
}

#[test]
fn forced_renewals_in_a_row_wait_twice_as_long_each_up_to_an_hour() {
    let mut host = Host::alone();
    host.fetch_30_days("t0");
    for (n, minutes) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        let rejection = host.cache.reject(&host.token(), host.now());
        assert_eq!(replaceable_in(rejection), minutes * MINUTE, "{n}");
        host.pass(minutes * MINUTE + SECOND);
        host.fetch_30_days(&format!("t{}", n + 1));
    }
}

#[test]
fn a_token_that_lived_for_a_day_ends_the_row() {
    let mut host = Host::alone();
    host.fetch_30_days("t0");
    for n in 1..5 {
        let _ = host.cache.reject(&host.token(), host.now());
        host.pass(2 * HOUR);
        host.fetch_30_days(&format!("t{n}"));
    }
    host.pass(DAY - SECOND);
    let _ = host.cache.reject(&host.token(), host.now());
    host.fetch_30_days("row-goes-on");
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), 32 * MINUTE);

    host.pass(DAY);
    host.fetch_30_days("row-ended");
    let rejection = host.cache.reject(&host.token(), host.now());
    // This one was forced, too: it is the first of a new row.
    assert_eq!(replaceable_in(rejection), 2 * MINUTE);
}

#[test]
fn a_token_that_is_not_at_hand_is_no_reason_to_renew() {
    let mut host = Host::alone();
    let stranger = AccessToken::new("x", date(START.wall + DAY)).unwrap();
    assert_eq!(
        host.cache.reject(&stranger, host.now()),
        Rejection::NotCurrent
    );
    host.fetch_30_days("a");
    let old = host.token();
    host.pass(30 * DAY - HOUR);
    host.fetch_30_days("b");
    assert_eq!(host.cache.reject(&old, host.now()), Rejection::NotCurrent);
    assert_eq!(host.served().as_deref(), Some("b"));
    assert_eq!(host.wait().1, Reason::Fresh);
}

#[test]
fn rejecting_twice_changes_nothing() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    let token = host.token();
    let _ = host.cache.reject(&token, host.now());
    host.events();
    host.pass(20 * SECOND);
    let rejection = host.cache.reject(&token, host.now());
    assert_eq!(replaceable_in(rejection), 40 * SECOND);
    assert_eq!(host.events(), []);
}

#[test]
fn a_rejected_token_that_the_platform_sends_again_is_confirmed_and_served() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(HOUR);
    let _ = host.cache.reject(&host.token(), host.now());
    assert_eq!(host.served(), None);
    host.fetch_30_days("a");
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(host.wait().1, Reason::Suspect);
    // It is a suspect that was replaced once: another rejection forces a renewal after twice the age.
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), 2 * MINUTE);
    assert_eq!(host.served().as_deref(), Some("a"));
}

#[test]
fn an_endpoint_that_always_refuses_a_token_that_never_changes_costs_a_request_an_hour() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    let expires = START.wall + 30 * DAY;
    let mut requests = 0;
    while host.now().wall < START.wall + DAY {
        if let Some(token) = host.cache.snapshot().token(host.now()) {
            let _ = host.cache.reject(&token.clone(), host.now());
        }
        match host.poll() {
            Action::Fetch(ticket) => {
                requests += 1;
                let issued = host.now().wall;
                host.cache
                    .fetched(ticket, grant("a", issued, expires - issued), host.now());
            }
            _ => host.pass(10 * SECOND),
        }
    }
    // After 1, 2, 4, 8, 16, 32 and 60 minutes, and then every hour.
    assert!((27..=30).contains(&requests), "{requests}");
}

#[test]
fn a_rejected_token_is_replaced_by_a_newer_one_from_the_store() {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let mut one = Host::sharing(&store, &clock, 1);
    let mut other = Host::sharing(&store, &clock, 2);
    one.fetch_30_days("a");
    assert_eq!(one.wait().1, Reason::Fresh);
    assert_eq!(other.wait().1, Reason::Fresh);
    let a = other.token();

    clock.advance(HOUR);
    let _ = one.cache.reject(&a, one.now());
    one.fetch_30_days("b");
    one.wait();

    let _ = other.cache.reject(&a, other.now());
    assert_eq!(other.wait().1, Reason::Fresh);
    assert_eq!(other.served().as_deref(), Some("b"));
}

#[test]
fn other_hosts_go_on_using_a_token_that_one_host_rejects() {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let mut one = Host::sharing(&store, &clock, 1);
    let mut other = Host::sharing(&store, &clock, 2);
    one.fetch_30_days("a");
    one.wait();
    other.wait();
    let _ = one.cache.reject(&one.token(), one.now());
    one.wait();
    assert_eq!(other.wait().1, Reason::Fresh);
    assert_eq!(other.served().as_deref(), Some("a"));
    // A newcomer finds the mark.
    let mut newcomer = Host::sharing(&store, &clock, 3);
    assert_eq!(newcomer.wait().1, Reason::Suspect);
    assert_eq!(newcomer.served().as_deref(), Some("a"));
}

#[test]
fn a_token_that_lived_for_half_of_a_short_life_ends_the_row() {
    let mut host = Host::alone();
    host.fetch(grant("a", START.wall, HOUR));
    let _ = host.cache.reject(&host.token(), host.now());
    host.pass(MINUTE);
    host.fetch(grant("b", host.now().wall, HOUR));
    // The second in a row may be replaced after 2 min; but half of its life ends the row.
    host.pass(30 * MINUTE);
    let _ = host.cache.reject(&host.token(), host.now());
    host.fetch(grant("c", host.now().wall, HOUR));
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), 2 * MINUTE);
    // A little less than half doesn't.
    host.pass(30 * MINUTE - SECOND);
    host.fetch(grant("d", host.now().wall, HOUR));
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), 4 * MINUTE);
}

#[test]
fn a_renewal_in_the_window_is_not_forced() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(30 * DAY - HOUR);
    host.fetch_30_days("b");
    assert!(matches!(
        host.events()[..],
        [
            Event::Renewed { forced: false, .. },
            Event::Renewed { forced: false, .. }
        ]
    ));
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), MINUTE);
}

#[test]
fn the_last_16_rejected_tokens_are_remembered() {
    let rejected_17 = || {
        let mut host = Host::alone();
        host.fetch_30_days("t0");
        for n in 1..=17 {
            host.pass(2 * HOUR);
            let _ = host.cache.reject(&host.token(), host.now());
            if n < 17 {
                host.fetch_30_days(&format!("t{n}"));
            }
        }
        host
    };
    // One that is remembered comes back as a suspect.
    for (n, reason) in [
        (0, Reason::Fresh),
        (1, Reason::Suspect),
        (16, Reason::Suspect),
    ] {
        let mut host = rejected_17();
        host.fetch_30_days(&format!("t{n}"));
        assert_eq!(host.wait().1, reason, "t{n}");
    }
}

#[test]
fn a_newer_token_in_the_store_is_not_marked_for_an_older_ones_sake() {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let mut one = Host::sharing(&store, &clock, 1);
    one.fetch_30_days("a");
    one.wait();
    let key = StoreKey::of(&operation());
    let newer = record("b", START.wall + SECOND, 30 * DAY);
    store.save(key, &newer, None, 30 * DAY).unwrap();
    let _ = one.cache.reject(&one.token(), one.now());
    one.wait();
    assert!(!store.load(key).unwrap().unwrap().record.suspect);
    assert_eq!(one.served().as_deref(), Some("b"));
    // The one that is there is marked.
    let _ = one.cache.reject(&one.token(), one.now());
    one.wait();
    assert!(store.load(key).unwrap().unwrap().record.suspect);
}

#[test]
fn another_hosts_suspect_is_replaced_without_a_gap() {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let mut one = Host::sharing(&store, &clock, 1);
    one.fetch_30_days("a");
    one.wait();
    let _ = one.cache.reject(&one.token(), one.now());
    one.wait();

    let mut newcomer = Host::sharing(&store, &clock, 2);
    assert_eq!(newcomer.wait().1, Reason::Suspect);
    clock.advance(2 * MINUTE);
    // It is only hearsay: the token may be good for what this one does with it.
    let ticket = newcomer.ticket();
    assert_eq!(newcomer.served().as_deref(), Some("a"));
    newcomer.cache.fetched(ticket, not_sent(), newcomer.now());
    assert_eq!(newcomer.served().as_deref(), Some("a"));
    assert!(matches!(
        newcomer.events().last(),
        Some(Event::RenewalFailed {
            serving_old: true,
            ..
        })
    ));
    let (backoff, reason) = newcomer.wait();
    assert_eq!(reason, Reason::Backoff);
    clock.advance(backoff);
    let ticket = newcomer.next_ticket();
    let issued = newcomer.now().wall;
    let result = grant("b", issued, 30 * DAY);
    newcomer.cache.fetched(ticket, result, newcomer.now());
    assert_eq!(newcomer.served().as_deref(), Some("b"));
}
