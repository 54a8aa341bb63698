//! How old a rejected token must be before it is replaced.

use super::*;

#[test]
fn consecutive_forced_renewals_wait_twice_as_long_each_up_to_an_hour() {
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
fn a_token_that_lived_for_a_day_ends_the_count_of_forced_renewals() {
    let mut host = Host::alone();
    host.fetch_30_days("t0");
    for n in 1..5 {
        let _ = host.cache.reject(&host.token(), host.now());
        host.pass(2 * HOUR);
        host.fetch_30_days(&format!("t{n}"));
    }
    host.pass(DAY - SECOND);
    let _ = host.cache.reject(&host.token(), host.now());
    host.fetch_30_days("still-counted");
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), 32 * MINUTE);

    host.pass(DAY);
    host.fetch_30_days("counted-anew");
    let rejection = host.cache.reject(&host.token(), host.now());
    // This one was forced, too: the count begins with it.
    assert_eq!(replaceable_in(rejection), 2 * MINUTE);
}

#[test]
fn a_token_that_lived_for_half_of_a_short_life_ends_that_count() {
    let mut host = Host::alone();
    host.fetch(grant("a", START.wall, HOUR));
    let _ = host.cache.reject(&host.token(), host.now());
    host.pass(MINUTE);
    host.fetch(grant("b", host.now().wall, HOUR));
    // The second consecutive one may be replaced after 2 min; but half of its life ends the count.
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
fn a_forced_renewal_is_counted_in_the_record() {
    let (mut hosts, clock, store) = fleet(1);
    hosts[0].fetch_30_days("a");
    hosts[0].wait();
    for (n, secret) in ["b", "c"].into_iter().enumerate() {
        clock.advance(2 * HOUR);
        let (token, now) = (hosts[0].token(), hosts[0].now());
        let _ = hosts[0].cache.reject(&token, now);
        hosts[0].fetch_30_days(secret);
        hosts[0].wait();
        let stored = store.load(StoreKey::of(&operation())).unwrap().unwrap();
        assert_eq!(stored.record.forced as usize, n + 1);
    }
}

#[test]
fn a_host_learns_from_the_store_how_many_renewals_were_forced() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    host.wait();
    // Another host had the same token again by forced renewals.
    let mut theirs = store.stored().unwrap();
    theirs.forced = 3;
    store.put(&theirs, 30 * DAY);
    clock.advance(5 * MINUTE);
    assert_eq!(host.wait().1, Reason::Fresh);
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), 3 * MINUTE);
}

#[test]
fn an_older_record_in_the_store_does_not_end_the_count_of_forced_renewals() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    host.wait();
    let a = store.stored().unwrap();
    clock.advance(HOUR);
    let _ = host.cache.reject(&host.token(), host.now());
    host.fetch_30_days("b");
    host.wait();
    // The store has lost its last write.
    store.put_over(&a, 29 * DAY);
    clock.advance(HOUR);
    let _ = host.cache.reject(&host.token(), host.now());
    host.fetch_30_days("c");
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), 4 * MINUTE);
}
