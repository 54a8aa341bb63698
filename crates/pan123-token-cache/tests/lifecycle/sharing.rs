//! One token for many caches.

use pan123_token::Fingerprint;
use pan123_token_cache::{Lease, Owner, Saved, StoreError, Stored};

use super::*;

/// So many hosts on one store and one clock.
fn fleet(size: u64) -> (Vec<Host>, ManualClock, Arc<dyn TokenStore>) {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let hosts = (1..=size)
        .map(|seed| Host::sharing(&store, &clock, seed))
        .collect();
    (hosts, clock, store)
}

#[test]
fn a_token_in_the_store_is_taken_without_a_fetch() {
    let (mut hosts, ..) = fleet(3);
    hosts[0].fetch_30_days("a");
    for host in &mut hosts {
        assert_eq!(host.wait().1, Reason::Fresh);
        assert_eq!(host.served().as_deref(), Some("a"));
    }
}

#[test]
fn one_host_fetches_at_a_time_and_the_others_find_its_token() {
    let (mut hosts, clock, _) = fleet(2);
    let ticket = hosts[0].ticket();
    let (wait, reason) = hosts[1].wait();
    assert_eq!(reason, Reason::Leased);
    assert!(
        (SECOND / 2..=SECOND).contains(&wait),
        "whoever has no token looks again soon: {wait:?}"
    );
    let issued = hosts[0].now().wall;
    let now = hosts[0].now();
    hosts[0]
        .cache
        .fetched(ticket, grant("a", issued, 30 * DAY), now);
    assert_eq!(hosts[0].wait().1, Reason::Fresh);
    clock.advance(wait);
    assert_eq!(hosts[1].wait().1, Reason::Fresh);
    assert_eq!(hosts[1].served().as_deref(), Some("a"));
}

#[test]
fn whoever_can_still_serve_does_not_ask_the_store_again_and_again() {
    let (mut hosts, clock, _) = fleet(2);
    hosts[0].fetch_30_days("a");
    hosts[0].wait();
    hosts[1].wait();
    clock.advance(30 * DAY - HOUR);
    let _ticket = hosts[0].ticket();
    let (wait, reason) = hosts[1].wait();
    assert_eq!(reason, Reason::Leased);
    assert_eq!(wait, 45 * SECOND);
    assert_eq!(hosts[1].served().as_deref(), Some("a"));
}

#[test]
fn a_dead_holder_stops_the_others_for_no_longer_than_the_term() {
    let (mut hosts, clock, _) = fleet(2);
    drop(hosts[0].ticket());
    let started = hosts[1].now().monotonic;
    let mut waits = 0;
    while let Action::Wait { until, .. } = hosts[1].poll() {
        waits += 1;
        assert!(waits < 1000, "it waits for ever");
        clock.advance(until.monotonic - hosts[1].now().monotonic);
    }
    let waited = hosts[1].now().monotonic - started;
    assert!((45 * SECOND..=54 * SECOND).contains(&waited), "{waited:?}");
}

#[test]
fn spacing_holds_for_the_whole_fleet() {
    let (mut hosts, clock, _) = fleet(2);
    hosts[0].fetch(not_sent());
    hosts[0].wait();
    assert_eq!(hosts[1].wait().1, Reason::Spacing);
    clock.advance(SECOND);
    let _ = hosts[1].ticket();
}

#[test]
fn rate_limiting_is_shared_and_a_refusal_is_not() {
    let (mut hosts, clock, _) = fleet(3);
    hosts[0].fetch(parse(
        &http::Response::builder()
            .status(429)
            .header("retry-after", "600")
            .body(String::new())
            .unwrap(),
    ));
    assert_eq!(hosts[0].error().next_attempt(), Some(600 * SECOND));
    assert_eq!(hosts[1].wait().1, Reason::RateLimited);
    clock.advance(590 * SECOND);
    assert_eq!(hosts[1].wait().1, Reason::RateLimited);
    clock.advance(11 * SECOND);
    // The one with the wrong secret keeps to itself.
    hosts[1].fetch(refused());
    hosts[1].wait();
    clock.advance(SECOND);
    hosts[2].fetch_30_days("a");
    hosts[2].wait();
    assert_eq!(hosts[1].wait().1, Reason::Backoff);
    clock.advance(30 * SECOND);
    assert_eq!(hosts[1].wait().1, Reason::Fresh);
    assert_eq!(hosts[1].served().as_deref(), Some("a"));
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
fn a_stored_life_goes_on_by_the_stores_clock() {
    let (mut hosts, clock, store) = fleet(1);
    hosts[0].fetch_30_days("a");
    hosts[0].wait();
    clock.advance(10 * DAY);
    let mut host = Host::sharing(&store, &clock, 9);
    // This host's wall clock is wrong; the store's is not.
    host.clock = ManualClock::new(Moment {
        wall: START.wall - 100 * DAY,
        monotonic: SECOND,
    });
    assert_eq!(host.wait().1, Reason::Fresh);
    host.pass(20 * DAY - MINUTE - SECOND);
    assert!(host.served().is_some());
    host.pass(SECOND);
    assert!(host.served().is_none());
}

#[test]
fn a_lease_that_comes_too_late_to_fetch_and_save_in_it_is_asked_for_once_more() {
    let (mut hosts, clock, _) = fleet(1);
    let host = &mut hosts[0];
    let session = host.store.clone().unwrap();
    // By the wall clock 13 of its 45 s are gone when the answer comes, by the monotonic one none.
    let mut late_leases = 0;
    let ticket = loop {
        match host.cache.poll(host.now()) {
            Action::Store(step) => {
                let is_lease = step.name() == "lease";
                let done = session.run(step);
                if is_lease {
                    late_leases += 1;
                    clock.set_wall(host.now().wall + 13 * SECOND);
                }
                host.cache.stored(done, host.now());
            }
            Action::Fetch(ticket) => break ticket,
            Action::Wait { reason, .. } => panic!("it waits: {reason:?}"),
        }
    };
    drop(ticket);
    assert_eq!(late_leases, 2);
    // Then it goes on alone, and says so.
    assert!(matches!(
        host.events()[..],
        [Event::StoreFailed { call: "lease", .. }]
    ));
}

#[test]
fn a_token_is_saved_with_what_others_need_to_know() {
    let (mut hosts, _, store) = fleet(1);
    hosts[0].fetch_30_days("a");
    hosts[0].wait();
    let stored = store.load(StoreKey::of(&operation())).unwrap().unwrap();
    assert_eq!(stored.left, Some(30 * DAY));
    assert_eq!(stored.record.token.secret(), "a");
    assert_eq!(stored.record.issued_at, date(START.wall));
    assert_eq!(stored.record.lifetime, 30 * DAY);
    assert_eq!(stored.record.sent_at, START.wall);
    assert_eq!(stored.record.forced, 0);
    assert!(!stored.record.suspect);
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
fn processes_that_were_forked_from_one_do_not_share_a_lease() {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    // Equal seeds, equal draws.
    let mut one = Host::sharing(&store, &clock, 1);
    let mut other = Host::sharing(&store, &clock, 1);
    let _ticket = one.ticket();
    clock.advance(Duration::from_millis(1));
    assert_eq!(other.wait().1, Reason::Leased);
}

/// Puts a record into the store, whatever is there.
fn put(store: &Arc<dyn TokenStore>, record: &Record, left: Duration) {
    let key = StoreKey::of(&operation());
    let before = store.load(key).unwrap().map(|it| it.record.fingerprint());
    store.save(key, record, before, left).unwrap();
}

#[test]
fn a_stored_token_that_counts_as_over_is_not_taken() {
    let (mut hosts, _, store) = fleet(1);
    put(
        &store,
        &record("over", START.wall - 30 * DAY, 30 * DAY),
        MINUTE,
    );
    let _ = hosts[0].ticket();
    assert_eq!(hosts[0].served(), None);
    assert_eq!(hosts[0].events(), []);
}

#[test]
fn a_token_that_was_rejected_here_is_not_taken_from_the_store_again() {
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
fn the_same_token_is_taken_with_a_later_expiry_and_no_other() {
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
fn a_stored_token_that_was_issued_earlier_is_taken_where_the_one_at_hand_is_due_and_it_isnt() {
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
fn a_stored_token_that_was_issued_earlier_is_taken_where_the_one_at_hand_is_suspect() {
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
fn without_a_clock_of_the_stores_own_the_hosts_wall_clock_tells_what_is_left() {
    /// A file: no clock, and no gate.
    struct File(Record);

    impl TokenStore for File {
        fn load(&self, _: StoreKey) -> Result<Option<Stored>, StoreError> {
            Ok(Some(Stored {
                record: self.0.clone(),
                left: None,
            }))
        }

        fn lease(&self, _: StoreKey, _: Owner, _: Duration) -> Result<Lease, StoreError> {
            Err(StoreError::new("no locks"))
        }

        fn save(
            &self,
            _: StoreKey,
            _: &Record,
            _: Option<Fingerprint>,
            _: Duration,
        ) -> Result<Saved, StoreError> {
            Ok(Saved::Kept)
        }

        fn release(&self, _: StoreKey, _: Owner, _: Duration) -> Result<(), StoreError> {
            Ok(())
        }
    }

    for (sent, left) in [
        (START.wall - 10 * DAY, 20 * DAY),
        (START.wall, 30 * DAY),
        // A clock that was set back since: the expiry tells, but no more than a whole life.
        (START.wall + DAY, 30 * DAY),
        (START.wall + 100 * DAY, 30 * DAY),
    ] {
        let clock = ManualClock::new(START);
        let store: Arc<dyn TokenStore> = Arc::new(File(record("a", sent, 30 * DAY)));
        let mut host = Host::sharing(&store, &clock, 1);
        assert_eq!(host.wait().1, Reason::Fresh);
        host.pass(left - MINUTE - SECOND);
        assert!(host.served().is_some(), "{sent:?}");
        host.pass(SECOND);
        assert!(host.served().is_none(), "{sent:?}");
    }
}

#[test]
fn a_newer_token_in_the_store_is_taken_over_while_the_one_at_hand_is_fresh() {
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
