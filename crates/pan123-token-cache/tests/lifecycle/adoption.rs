//! Which stored tokens a cache adopts.

use super::*;

#[test]
fn a_token_in_the_store_is_adopted_without_a_fetch() {
    let (mut hosts, ..) = fleet(3);
    hosts[0].fetch_30_days("a");
    for host in &mut hosts {
        assert_eq!(host.wait().1, Reason::Fresh);
        assert_eq!(host.served().as_deref(), Some("a"));
    }
}

#[test]
fn in_the_window_one_renewal_serves_all() {
    let (mut hosts, clock, _) = fleet(10);
    hosts[0].fetch_30_days("a");
    for host in &mut hosts {
        host.wait();
    }
    clock.advance(30 * DAY - 11 * HOUR);
    hosts[3].fetch_30_days("b");
    hosts[3].wait();
    for host in &mut hosts {
        assert_eq!(host.wait().1, Reason::Fresh);
        assert_eq!(host.served().as_deref(), Some("b"));
    }
}

#[test]
fn a_date_beyond_the_expiry_puts_no_token_before_newer_ones() {
    let (mut hosts, clock, _) = fleet(2);
    let now = hosts[0].now().wall;
    hosts[0].fetch(grant_until("a", now + 15 * DAY, now + DAY));
    for host in &mut hosts {
        host.wait();
    }
    clock.advance(HOUR);
    hosts[0].cache.refresh();
    let now = hosts[0].now().wall;
    hosts[0].fetch(grant("b", now, DAY));
    hosts[0].wait();
    clock.advance(HOUR);
    assert_eq!(hosts[1].wait().1, Reason::Fresh);
    assert_eq!(hosts[1].served().as_deref(), Some("b"));
}

/// Puts a record into the store, whatever is there.
fn put(store: &Arc<dyn TokenStore>, record: &Record, left: Duration) {
    let key = StoreKey::of(&operation());
    let before = store.load(key).unwrap().map(|it| it.record.fingerprint());
    store.save(key, record, before, left).unwrap();
}

#[test]
fn a_stored_token_that_has_expired_is_not_adopted() {
    let (mut hosts, _, store) = fleet(1);
    put(
        &store,
        &record("expired", START.wall - 30 * DAY, 30 * DAY),
        MINUTE,
    );
    let _ = hosts[0].ticket();
    assert_eq!(hosts[0].served(), None);
    assert_eq!(hosts[0].events(), []);
}

#[test]
fn a_token_that_was_rejected_here_is_not_adopted_again() {
    let (mut hosts, clock, store) = fleet(1);
    let host = &mut hosts[0];
    host.fetch_30_days("a");
    host.wait();
    clock.advance(HOUR);
    let token = host.cache.snapshot().token(host.now()).unwrap().clone();
    host.cache.reject(&token, host.now());
    // Another host got the same one again, and it lives on for longer.
    let again = record("a", START.wall + HOUR, 30 * DAY);
    put(&store, &again, 30 * DAY);
    host.events();
    let _ = host.ticket();
    assert_eq!(host.events(), []);
}

#[test]
fn the_same_token_is_adopted_with_a_later_expiry_and_no_other() {
    for (later, adopted) in [(DAY, true), (Duration::ZERO, false)] {
        let (mut hosts, clock, store) = fleet(1);
        let host = &mut hosts[0];
        host.fetch_30_days("a");
        host.wait();
        host.events();
        clock.advance(30 * DAY - HOUR);
        put(
            &store,
            &record("a", START.wall, 30 * DAY + later),
            HOUR + later,
        );
        if adopted {
            assert_eq!(host.wait().1, Reason::Fresh);
            assert!(matches!(host.events()[..], [Event::Adopted { .. }]));
        } else {
            let _ = host.ticket();
            assert_eq!(host.events(), []);
        }
    }
    // Nor is an expiry that is nearer.
    let (mut hosts, clock, store) = fleet(1);
    hosts[0].fetch_30_days("a");
    hosts[0].wait();
    hosts[0].events();
    clock.advance(30 * DAY - HOUR);
    put(
        &store,
        &record("a", START.wall, 30 * DAY - MINUTE),
        59 * MINUTE,
    );
    let _ = hosts[0].ticket();
    assert_eq!(hosts[0].events(), []);
}

#[test]
fn a_token_that_was_issued_earlier_is_adopted_where_the_held_one_is_due_and_it_is_not() {
    for (lifetime, adopted) in [(60 * DAY, true), (30 * DAY, false)] {
        let (mut hosts, clock, store) = fleet(1);
        let host = &mut hosts[0];
        host.fetch_30_days("a");
        host.wait();
        host.events();
        clock.advance(30 * DAY - HOUR);
        let earlier = record("b", START.wall - MINUTE, lifetime);
        put(&store, &earlier, lifetime - 30 * DAY + HOUR - MINUTE);
        if adopted {
            assert_eq!(host.wait().1, Reason::Fresh);
            assert_eq!(host.served().as_deref(), Some("b"));
        } else {
            let _ = host.ticket();
            assert_eq!(host.served().as_deref(), Some("a"));
        }
    }
}

#[test]
fn a_token_that_was_issued_earlier_is_adopted_where_the_held_one_is_suspect() {
    let (mut hosts, _, store) = fleet(1);
    let host = &mut hosts[0];
    host.fetch_30_days("a");
    host.wait();
    put(
        &store,
        &record("b", START.wall - MINUTE, 30 * DAY),
        30 * DAY - MINUTE,
    );
    let _ = host.cache.reject(&host.token(), host.now());
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(host.served().as_deref(), Some("b"));
}

#[test]
fn a_newer_token_is_adopted_while_the_held_one_is_fresh() {
    let clock = ManualClock::new(START);
    let store: Arc<dyn TokenStore> = Arc::new(MemoryStore::new(clock.clone()));
    let mut host = Host::sharing(&store, &clock, 1);
    host.fetch_30_days("a");
    let (wait, reason) = host.wait();
    assert_eq!(reason, Reason::Fresh);
    // Each cache draws its share of 5 min.
    assert!(
        (2 * MINUTE + 29 * SECOND..=5 * MINUTE).contains(&wait),
        "{wait:?}"
    );
    let newer = record("b", START.wall + MINUTE, 30 * DAY);
    let key = StoreKey::of(&operation());
    store.save(key, &newer, None, 30 * DAY).unwrap();

    clock.advance(wait - SECOND);
    assert!(!host.cache.snapshot().wants_poll(host.now()));
    clock.advance(2 * SECOND);
    assert!(host.cache.snapshot().wants_poll(host.now()));
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(host.served().as_deref(), Some("b"));
}

#[test]
fn loads_of_a_fleet_are_spread_between_half_an_interval_and_the_whole() {
    let (mut hosts, ..) = fleet(200);
    hosts[0].fetch_30_days("a");
    let mut waits: Vec<_> = hosts.iter_mut().map(|host| host.wait().0).collect();
    waits.sort();
    assert!((150 * SECOND..160 * SECOND).contains(&waits[0]));
    assert!((290 * SECOND..=300 * SECOND).contains(&waits[199]));
    // No 20 hosts load within the same 5 seconds.
    assert!(
        waits
            .windows(20)
            .all(|some| some[19] - some[0] > 5 * SECOND)
    );
}
