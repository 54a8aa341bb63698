//! The lease: one fetch at a time for a fleet.

use super::*;

#[test]
fn one_host_fetches_at_a_time_and_the_others_find_its_token() {
    let (mut hosts, clock, _) = fleet(2);
    let ticket = hosts[0].ticket();
    let (wait, reason) = hosts[1].wait();
    assert_eq!(reason, Reason::Leased);
    assert!(
        (SECOND / 2..=SECOND).contains(&wait),
        "a host without a token asks again soon: {wait:?}"
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
fn a_host_that_can_still_serve_asks_for_the_lease_once_a_term() {
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
    // Then it bypasses the store, and says so.
    assert!(matches!(
        host.events()[..],
        [Event::StoreFailed { call: "lease", .. }]
    ));
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

#[test]
fn a_holder_that_outlived_its_term_is_not_waited_for() {
    /// A lock that a stopped process keeps.
    struct Stuck;

    impl TokenStore for Stuck {
        fn load(&self, _: StoreKey) -> Result<Option<Stored>, StoreError> {
            Ok(None)
        }

        fn lease(&self, _: StoreKey, _: Owner, _: Duration) -> Result<Lease, StoreError> {
            Ok(Lease::Stuck(None))
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

    let clock = ManualClock::new(START);
    let store: Arc<dyn TokenStore> = Arc::new(Stuck);
    let mut host = Host::sharing(&store, &clock, 1);
    // Before that, the store had failed.
    drop(host.cache.poll(host.now()));
    clock.advance(3 * SECOND);
    let _ = host.ticket_without_the_store();
    assert!(matches!(
        host.events()[..],
        [
            Event::StoreFailed { call: "load", .. },
            Event::StoreRecovered,
            Event::StoreFailed { call: "lease", .. }
        ]
    ));
}

#[test]
fn a_lease_that_may_have_been_granted_is_released() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    let session = host.store.clone().unwrap();
    let Action::Store(load) = host.cache.poll(host.now()) else {
        panic!()
    };
    host.cache.stored(session.run(load), host.now());
    let Action::Store(lease) = host.cache.poll(host.now()) else {
        panic!()
    };
    // It is granted, and the answer is lost.
    drop(session.run(lease));
    clock.advance(3 * SECOND);
    store.called();
    host.fetch_30_days("a");
    // Or else this cache would stand before its own lease.
    assert_eq!(store.called(), ["release", "load", "lease"]);
}

#[test]
fn a_lease_is_released_at_once_where_the_token_came_meanwhile() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    host.wait();
    clock.advance(30 * DAY - HOUR);
    for name in ["load", "lease"] {
        let step = host.step();
        assert_eq!(step.name(), name);
        host.run(step);
    }
    // Under the lease its token is marked, and the store has a newer one by then.
    let _ = host.cache.reject(&host.token(), host.now());
    let newer = record("b", host.now().wall, 30 * DAY);
    store.put(&newer, 30 * DAY);
    store.called();
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(host.served().as_deref(), Some("b"));
    assert_eq!(store.called(), ["save", "release"]);
}

#[test]
fn a_lease_that_comes_with_the_token_is_released_at_once() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    let load = host.step();
    host.run(load);
    store.put(&record("theirs", START.wall, 30 * DAY), 30 * DAY);
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(store.called(), ["load", "lease", "release"]);
    assert_eq!(host.served().as_deref(), Some("theirs"));
}

#[test]
fn a_late_token_ends_a_lease_whose_fetch_has_not_begun() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    let late = host.ticket();
    assert!(host.cache.supersede(host.now()));
    host.pass_wait();
    let step = loop {
        match host.cache.poll(host.now()) {
            Action::Store(step) if step.name() == "lease" => break step,
            Action::Store(step) => host.run(step),
            other => panic!("{other:?}"),
        }
    };
    // The token comes while the lease is asked for.
    let done = host.store.as_ref().unwrap().run(step);
    host.cache
        .fetched(late, grant("late", START.wall, 30 * DAY), host.now());
    host.cache.stored(done, host.now());
    store.called();
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(store.called(), ["save", "release"]);
}

#[test]
fn a_lease_that_was_granted_and_not_used_is_asked_for_again_later() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    for name in ["load", "lease"] {
        let step = host.step();
        assert_eq!(step.name(), name);
        host.run(step);
    }
    // The driver has no caller for a while: 45 s hold no fetch of 30 s and a save of 3 s any more.
    clock.advance(13 * SECOND);
    store.called();
    let _ = host.ticket();
    assert_eq!(store.called(), ["release", "load", "lease"]);
    assert_eq!(host.events(), []);
}

#[test]
fn a_lease_that_came_too_late_long_ago_does_not_count() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    host.wait();
    clock.advance(30 * DAY - HOUR);
    // A lease that is late, and then a token that another host has saved.
    lease_late(&mut host);
    store.put(&record("b", host.now().wall, 30 * DAY), 30 * DAY);
    assert_eq!(host.wait().1, Reason::Fresh);
    host.events();
    clock.advance(30 * DAY - HOUR);
    lease_late(&mut host);
    let _ = host.ticket();
    assert_eq!(host.events(), []);
}

/// Loads, and takes the lease so late that it is no use.
fn lease_late(host: &mut Host) {
    for name in ["load", "lease"] {
        let step = host.step();
        assert_eq!(step.name(), name);
        host.run(step);
    }
    host.pass(13 * SECOND);
}

#[test]
fn hosts_that_wait_for_a_lease_ask_again_at_different_times() {
    let (mut hosts, _clock, _) = fleet(100);
    let _ticket = hosts[0].ticket();
    let waits: Vec<_> = hosts[1..].iter_mut().map(Host::wait).collect();
    assert!(waits.iter().all(|(_, reason)| *reason == Reason::Leased));
    let (least, most) = (
        waits.iter().map(|it| it.0).min().unwrap(),
        waits.iter().map(|it| it.0).max().unwrap(),
    );
    assert!(least >= SECOND / 2 && least < SECOND * 11 / 20, "{least:?}");
    assert!(most <= SECOND && most > SECOND * 19 / 20, "{most:?}");
}
