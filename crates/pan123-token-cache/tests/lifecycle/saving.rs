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
    store.put(&record, 30 * DAY);
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

#[test]
fn a_store_that_was_flushed_gets_a_good_token_back_and_no_other() {
    for (rejected, passes, restored) in [
        (false, HOUR, true),
        (true, MINUTE / 2, false),
        // Renewal is due: a new one comes soon.
        (false, 30 * DAY - 11 * HOUR, false),
    ] {
        let clock = ManualClock::new(START);
        let (mut host, store) = Host::on_faulty_store(&clock);
        host.fetch_30_days("a");
        host.wait();
        clock.advance(passes);
        if rejected {
            let _ = host.cache.reject(&host.token(), host.now());
        }
        // The mark is saved before the flush.
        let _ = host.step_if_any();
        store.flush();
        clock.advance(5 * MINUTE);
        if restored {
            assert_eq!(host.wait().1, Reason::Fresh);
        } else {
            let _ = host.poll();
        }
        assert_eq!(store.stored().is_some(), restored, "{rejected} {passes:?}");
    }
}

impl Host {
    /// Carries one step out, if there is one.
    fn step_if_any(&mut self) -> bool {
        match self.cache.poll(self.now()) {
            Action::Store(step) => {
                self.run(step);
                true
            }
            _ => false,
        }
    }
}

#[test]
fn a_mark_that_could_not_be_saved_is_offered_again() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    host.wait();
    store.fail(&["save"]);
    let _ = host.cache.reject(&host.token(), host.now());
    host.wait();
    assert!(host.cache.is_unsaved());
    assert!(!store.stored().unwrap().suspect);
    store.recover();
    clock.advance(SECOND);
    host.wait();
    assert!(store.stored().unwrap().suspect);
    assert!(!host.cache.is_unsaved());
}

#[test]
fn a_mark_that_could_not_be_saved_before_the_store_was_bypassed_is_saved_after_it() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    host.wait();
    store.fail(&FaultyStore::ALL);
    let _ = host.cache.reject(&host.token(), host.now());
    for _ in 0..60 {
        let _ = host.poll();
        clock.advance(SECOND / 2);
    }
    store.recover();
    clock.advance(MINUTE);
    let _ = host.poll();
    assert!(store.stored().unwrap().suspect);
}

#[test]
fn what_two_hosts_know_of_one_token_is_merged() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    host.wait();
    // Another host has counted a lost reply, and has the token from a later exchange with a later expiry.
    let mut theirs = record("a", START.wall + MINUTE, 30 * DAY);
    theirs.maybe_issued = 1;
    store.put(&theirs, 30 * DAY);
    let _ = host.cache.reject(&host.token(), host.now());
    host.wait();
    let merged = store.stored().unwrap();
    assert_eq!(merged.token.expires_at(), theirs.token.expires_at());
    assert!(merged.suspect);
    assert_eq!(merged.maybe_issued, 1);
}

#[test]
fn a_later_date_of_one_token_alone_is_no_reason_to_save_it_again() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    host.wait();
    // Another host was answered with the same token an hour later.
    let theirs = record("a", START.wall + HOUR, 30 * DAY - HOUR);
    store.put(&theirs, 30 * DAY - HOUR);
    host.events();
    clock.advance(5 * MINUTE);
    store.called();
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(store.called(), ["load"]);
    assert_eq!(store.stored(), Some(theirs));
    assert_eq!(host.events(), []);
}

#[test]
fn a_store_that_keeps_an_older_record_of_the_token_counts_as_failed() {
    let clock = ManualClock::new(START);
    let (mut host, _) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    host.wait();
    let _ = host.cache.reject(&host.token(), host.now());
    let StoreStep::Save(step) = host.step() else {
        panic!("the mark is not saved");
    };
    // A replica that lags behind.
    let mut older = step.call().record.clone();
    older.suspect = false;
    let left = Some(30 * DAY);
    let record = older;
    let done = step.answer(Ok(Saved::Newer(Stored { record, left })));
    host.cache.stored(done, host.now());
    assert!(host.cache.is_unsaved());
    assert!(matches!(
        host.events().last(),
        Some(Event::StoreFailed { call: "save", .. })
    ));
}

#[test]
fn a_token_that_was_fetched_without_the_store_is_offered_to_it_at_once() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    store.fail(&FaultyStore::ALL);
    let ticket = host.ticket_without_the_store();
    // It is back during the exchange.
    store.recover();
    let result = grant("a", host.now().wall, 30 * DAY);
    host.cache.fetched(ticket, result, host.now());
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(store.stored().unwrap().token.secret(), "a");
}

#[test]
fn what_is_learnt_while_a_save_is_under_way_is_saved_next() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    let save = host.step();
    assert_eq!(save.name(), "save");
    let _ = host.cache.reject(&host.token(), host.now());
    host.run(save);
    assert!(!store.stored().unwrap().suspect);
    assert!(host.cache.is_unsaved());
    host.wait();
    assert!(store.stored().unwrap().suspect);
}

#[test]
fn a_store_that_was_set_back_to_an_older_token_gets_the_newer_one_back() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("new");
    host.wait();
    store.flush();
    store.put(&record("old", START.wall - DAY, 30 * DAY), 29 * DAY);
    clock.advance(5 * MINUTE);
    host.wait();
    let stored = store.stored().unwrap();
    assert_eq!(stored.token.secret(), "new");
    assert_eq!(host.served().as_deref(), Some("new"));
}

#[test]
fn a_rejection_before_the_save_does_not_change_what_the_save_may_replace() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    // Its date is later than that of the token that replaces it: the platform's clock was set back.
    store.put(&record("old", START.wall + 5 * SECOND, 30 * DAY), HOUR);
    store.fail(&["save"]);
    // What is left of the old one is less than its window.
    host.fetch(grant("new", START.wall, 30 * DAY));
    let _ = host.poll();
    let _ = host.cache.reject(&host.token(), host.now());
    store.recover();
    clock.advance(SECOND);
    host.wait();
    assert_eq!(store.stored().unwrap().token.secret(), "new");
    assert!(store.stored().unwrap().suspect);
}
