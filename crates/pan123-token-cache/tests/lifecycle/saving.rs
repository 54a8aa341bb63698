//! What is saved, and when.

use super::*;

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
fn a_save_that_failed_is_offered_again() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    store.fail(&["save"]);
    host.fetch_30_days("a");
    let mut waits = Vec::new();
    let mut tried_again_for = Duration::ZERO;
    while waits.len() < 8 {
        let (wait, reason) = host.wait();
        assert_eq!(reason, Reason::Fresh);
        clock.advance(wait);
        if waits.is_empty() && wait <= SECOND {
            tried_again_for += wait;
        } else {
            waits.push(wait);
        }
    }
    assert!((27 * SECOND..=28 * SECOND).contains(&tried_again_for));
    // From half a minute up to 15 min.
    for (wait, cap) in waits.iter().zip([1, 2, 4, 8, 15, 15, 15, 15]) {
        assert!(
            (cap * MINUTE / 2..=cap * MINUTE).contains(wait),
            "{wait:?} of {cap} min"
        );
    }
    store.recover();
    host.events();
    assert!(host.wait().0 > MINUTE);
    assert_eq!(host.events(), [Event::StoreRecovered]);
    let stored = store.load(StoreKey::of(&operation())).unwrap().unwrap();
    assert_eq!(stored.record.token.secret(), "a");
}

#[test]
fn a_newer_record_in_the_store_is_adopted_by_the_host_that_wanted_to_save() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    store.fail(&FaultyStore::ALL);
    let ticket = host.ticket_without_the_store();
    let mine = grant("mine", START.wall, 30 * DAY);
    host.cache.fetched(ticket, mine, host.now());
    store.recover();
    let record = record("theirs", START.wall + 5 * SECOND, 30 * DAY);
    store
        .memory
        .save(StoreKey::of(&operation()), &record, None, 30 * DAY)
        .unwrap();
    clock.advance(MINUTE);
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(host.served().as_deref(), Some("theirs"));
}

#[test]
fn a_store_that_is_full_still_ends_its_lease() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    store.fail(&["save"]);
    host.fetch_30_days("a");
    let _ = host.poll();
    assert_eq!(store.called(), ["load", "lease", "save"]);
    for _ in 0..60 {
        clock.advance(SECOND / 2);
        let _ = host.poll();
    }
    // Tried again for a while; then the lease is released, once, and the token is offered again later.
    let calls = store.called();
    assert_eq!(calls.last(), Some(&"release"));
    assert!(calls[..calls.len() - 1].iter().all(|call| *call == "save"));
    let _ = host.poll();
    assert_eq!(store.called(), [] as [&str; 0]);
    clock.advance(MINUTE);
    let _ = host.poll();
    assert_eq!(store.called(), ["save"]);
}
