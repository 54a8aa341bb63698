//! A store that is down, and comes back.

use super::*;

#[test]
fn a_store_that_is_down_costs_no_token() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    store.fail(&FaultyStore::ALL);
    let ticket = host.ticket_without_the_store();
    let waited = host.now().monotonic - START.monotonic;
    assert!(
        (27 * SECOND..=28 * SECOND).contains(&waited),
        "it is tried again for 27 s: {waited:?}"
    );
    let tries = store.called();
    assert!((28..=56).contains(&tries.len()), "{tries:?}");
    assert!(tries.iter().all(|call| *call == "load"));
    assert_eq!(host.events().len(), tries.len());

    let issued = host.now().wall;
    let result = grant("a", issued, 30 * DAY);
    host.cache.fetched(ticket, result, host.now());
    assert_eq!(host.served().as_deref(), Some("a"));
}

#[test]
fn a_call_that_fails_now_and_then_is_tried_again_and_costs_no_token_of_its_own() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    let stored = record("theirs", START.wall, 30 * DAY);
    store.put(&stored, 30 * DAY);
    store.fail(&FaultyStore::ALL);
    let (wait, reason) = host.wait();
    assert_eq!(reason, Reason::StoreDown);
    assert!((SECOND / 2..=SECOND).contains(&wait), "{wait:?}");
    store.recover();
    clock.advance(wait);
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(host.served().as_deref(), Some("theirs"));
    assert!(matches!(
        host.events()[..],
        [
            Event::StoreFailed { call: "load", .. },
            Event::StoreRecovered,
            Event::Adopted { .. }
        ]
    ));
}

#[test]
fn a_store_that_can_be_read_and_not_written_is_bypassed_as_well() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    // At first not even read.
    store.fail(&FaultyStore::ALL);
    let (wait, reason) = host.wait();
    assert_eq!(reason, Reason::StoreDown);
    clock.advance(wait);
    store.fail(&["lease", "save", "release"]);
    let ticket = host.ticket_without_the_store();
    let waited = host.now().monotonic - START.monotonic;
    assert!(
        (27 * SECOND..=29 * SECOND).contains(&waited),
        "it is tried again for 27 s: {waited:?}"
    );
    let issued = host.now().wall;
    host.cache
        .fetched(ticket, grant("a", issued, 30 * DAY), host.now());
    // Looking into it shows nothing; only a save does.
    host.events();
    clock.advance(HOUR);
    host.wait();
    assert!(!host.events().contains(&Event::StoreRecovered));
    store.recover();
    clock.advance(HOUR);
    host.wait();
    assert!(host.events().contains(&Event::StoreRecovered));
}

#[test]
fn a_failure_long_ago_is_not_the_same_outage() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    store.fail(&FaultyStore::ALL);
    assert_eq!(host.wait().1, Reason::StoreDown);
    // No caller asked meanwhile.
    clock.advance(HOUR);
    assert_eq!(host.wait().1, Reason::StoreDown);
    let _ = host.ticket_without_the_store();
    assert!(host.now().monotonic >= START.monotonic + HOUR + 27 * SECOND);
}

#[test]
fn a_store_that_was_bypassed_gets_one_try_from_then_on() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    // Longer than the store is bypassed.
    let mut policy = RenewalPolicy::default();
    policy.store_patience = 2 * MINUTE;
    host.cache = TokenCache::new(policy, 1).unwrap().sharing();
    store.fail(&FaultyStore::ALL);
    let begun = host.now().monotonic;
    while let Action::Wait { until, .. } = host.poll() {
        clock.advance(until.monotonic - host.now().monotonic);
    }
    let tried_for = host.now().monotonic - begun;
    assert!(
        (2 * MINUTE..=121 * SECOND).contains(&tried_for),
        "{tried_for:?}"
    );
    // The ticket was dropped. When it has expired and the backoff has passed, the store is tried once.
    for wait in [70 * SECOND, HOUR] {
        clock.advance(wait);
        store.called();
        let (backoff, reason) = host.wait();
        assert_eq!(reason, Reason::Backoff);
        clock.advance(backoff);
        let _ = host.ticket();
        assert_eq!(store.called(), ["load"]);
    }
}

#[test]
fn while_the_store_is_down_a_valid_token_is_not_renewed_before_the_last_quarter_of_the_window() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    let _ = host.poll();
    store.fail(&FaultyStore::ALL);
    let left = |host: &Host| 30 * DAY - (host.now().wall - START.wall);
    let mut window = None;
    let mut polls = 0;
    while let Action::Wait { until, reason } = host.poll() {
        match (reason, window) {
            (Reason::StoreDown, None) => window = Some(left(&host)),
            (Reason::Fresh, None) | (Reason::StoreDown, _) => {}
            _ => panic!("{reason:?} in the window"),
        }
        polls += 1;
        assert!(polls < 10_000, "it waits for ever");
        clock.advance(until.monotonic - host.now().monotonic);
    }
    let (left, window) = (left(&host), window.unwrap());
    assert!(window > DAY / 2 && window <= DAY, "{window:?}");
    assert!(
        left <= window / 4 + MINUTE && left > window / 4 - 16 * MINUTE,
        "{left:?} of {window:?}"
    );
}

#[test]
fn retries_of_a_fleet_are_spread_between_half_a_wait_and_the_whole() {
    let clock = ManualClock::new(START);
    let store = FaultyStore::new(&clock);
    let shared: Arc<dyn TokenStore> = Arc::clone(&store) as Arc<dyn TokenStore>;
    store.fail(&FaultyStore::ALL);
    let mut hosts: Vec<_> = (0..200)
        .map(|seed| Host::sharing(&shared, &clock, seed))
        .collect();
    assert_spread(&mut hosts, SECOND);
    // Once it is bypassed, a host with a token asks it again after half a minute to a minute.
    for host in &mut hosts {
        host.clock = ManualClock::new(START);
        let ticket = host.ticket_without_the_store();
        let result = grant("a", host.now().wall, 30 * DAY);
        host.cache.fetched(ticket, result, host.now());
        host.wait();
    }
    // The save at once was the second failure of the bypassed store: the wait has doubled.
    assert_spread(&mut hosts, 2 * MINUTE);
}

#[track_caller]
fn assert_spread(hosts: &mut [Host], whole: Duration) {
    let mut waits: Vec<_> = hosts.iter_mut().map(|host| host.wait().0).collect();
    waits.sort();
    let (least, most) = (waits[0], waits[waits.len() - 1]);
    assert!(least >= whole / 2 && least < whole * 11 / 20, "{least:?}");
    assert!(most <= whole && most > whole * 19 / 20, "{most:?}");
    assert!(
        waits
            .windows(20)
            .all(|some| some[19] - some[0] > whole / 60),
        "{waits:?}"
    );
}

#[test]
fn loads_that_go_well_prove_nothing_of_a_store_that_can_not_be_written() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    store.fail(&["lease", "save"]);
    let ticket = host.ticket_without_the_store();
    let waited = host.now().monotonic - START.monotonic;
    assert!((27 * SECOND..29 * SECOND).contains(&waited), "{waited:?}");
    assert!(
        store
            .called()
            .iter()
            .filter(|call| **call == "load")
            .count()
            > 10
    );
    drop(ticket);
    assert!(!host.events().contains(&Event::StoreRecovered));
}

#[test]
fn a_store_is_tried_4_times_however_short_the_patience_is() {
    let clock = ManualClock::new(START);
    let store = FaultyStore::new(&clock);
    store.fail(&FaultyStore::ALL);
    let shared: Arc<dyn TokenStore> = Arc::clone(&store) as Arc<dyn TokenStore>;
    let mut policy = RenewalPolicy::default();
    policy.store_patience = SECOND;
    let mut host = Host::sharing_with(policy, &shared, &clock, 1);
    let _ = host.ticket_without_the_store();
    assert_eq!(store.called(), ["load"; 4]);
}

#[test]
fn with_a_patience_that_is_shorter_than_a_call_the_store_is_bypassed_after_four_tries() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    let mut policy = RenewalPolicy::default();
    policy.store_patience = SECOND;
    host.cache = TokenCache::new(policy, 1).unwrap().sharing();
    store.fail(&FaultyStore::ALL);
    let mut tries = 0;
    let ticket = loop {
        match host.cache.poll(host.now()) {
            // It hangs.
            Action::Store(step) => {
                tries += 1;
                drop(step);
            }
            Action::Wait { .. } => host.pass(3 * SECOND),
            Action::Fetch(ticket) => break ticket,
        }
        assert!(tries <= 4, "it is never bypassed");
    };
    assert_eq!(tries, 4);
    drop(ticket);
}

#[test]
fn a_cache_whose_own_fetches_hang_finds_what_others_saved_once_the_store_is_back() {
    for rounds in 1..10 {
        let clock = ManualClock::new(START);
        let (mut host, store) = Host::on_faulty_store(&clock);
        store.fail(&FaultyStore::ALL);
        // Its fetches hang, too; then the store is back, with another host's token.
        for _ in 0..rounds {
            let ticket = next_fetch(&mut host);
            host.pass(30 * SECOND);
            host.cache.fetched(ticket, maybe_issued(), host.now());
        }
        store.recover();
        let stored = record("theirs", host.now().wall, 30 * DAY);
        store.put(&stored, 30 * DAY);
        let back = host.now().monotonic;
        while host.served().is_none() {
            match host.cache.poll(host.now()) {
                Action::Store(step) => host.run(step),
                Action::Wait { until, .. } => host.pass(until.monotonic - host.now().monotonic),
                Action::Fetch(ticket) => {
                    host.pass(30 * SECOND);
                    host.cache.fetched(ticket, maybe_issued(), host.now());
                }
            }
            let waited = host.now().monotonic - back;
            // A load comes at least every minute, but for a fetch that is under way.
            assert!(waited <= 95 * SECOND, "{waited:?}");
        }
    }
}

fn next_fetch(host: &mut Host) -> FetchTicket {
    loop {
        match host.cache.poll(host.now()) {
            Action::Store(step) => host.run(step),
            Action::Wait { until, .. } => host.pass(until.monotonic - host.now().monotonic),
            Action::Fetch(ticket) => return ticket,
        }
    }
}
