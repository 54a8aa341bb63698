//! Two stores: the one that all share, and one that the processes of a host share while that is out.

use std::sync::atomic::{AtomicU32, Ordering};

use pan123_token_cache::{FallbackStore, Rejection, Tier};

use super::*;

/// A host with both stores. Its processes come and go.
struct Scene {
    clock: ManualClock,
    shared: Arc<FaultyStore>,
    local: Arc<FaultyStore>,
    store: Arc<dyn TokenStore>,
}

impl Scene {
    fn new() -> Self {
        let clock = ManualClock::new(START);
        let (shared, local) = (FaultyStore::new(&clock), FaultyStore::new(&clock));
        let store = FallbackStore::new(
            Arc::clone(&shared) as Arc<dyn TokenStore>,
            Arc::clone(&local) as Arc<dyn TokenStore>,
        );
        Self {
            clock,
            shared,
            local,
            store: Arc::new(store),
        }
    }

    fn with_shared_store_down() -> Self {
        let scene = Self::new();
        scene.shared.fail(&FaultyStore::ALL);
        scene
    }

    fn process(&self, seed: u64) -> Host {
        Host::sharing(&self.store, &self.clock, seed)
    }
}

fn secret(stored: Option<Record>) -> Option<String> {
    stored.map(|record| record.token.secret().to_owned())
}

#[test]
fn while_the_shared_store_works_the_other_gets_one_copy_of_the_token() {
    let scene = Scene::new();
    let mut host = scene.process(1);
    host.fetch_30_days("a");
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(scene.shared.called(), ["load", "lease", "save", "release"]);
    assert_eq!(scene.local.called(), ["load", "save"]);
    // Another process finds it in the shared store, and the copy in place.
    assert_eq!(scene.process(2).wait().1, Reason::Fresh);
    assert_eq!(scene.local.called(), ["load"]);
    // In an outage it costs nothing to start.
    scene.shared.fail(&FaultyStore::ALL);
    let mut third = scene.process(3);
    let _ = third.poll();
    assert_eq!(third.served().as_deref(), Some("a"));
}

/// A file can't tell how old a token is: who loads it reckons from the sending, by its own clock.
#[test]
fn the_copy_of_another_hosts_token_says_when_it_was_sent_by_this_hosts_clock() {
    let scene = Scene::new();
    // It was asked for a minute ago, by a host whose clock is ten minutes ahead.
    let mut record = record("a", START.wall, 30 * DAY);
    record.sent_at = START.wall + 9 * MINUTE;
    scene.shared.put(&record, 30 * DAY - MINUTE);
    let mut host = scene.process(1);
    assert_eq!(host.wait().1, Reason::Fresh);
    let copy = scene.local.stored().unwrap();
    assert_eq!(copy.sent_at, START.wall - MINUTE);
}

#[test]
fn of_two_processes_that_start_in_an_outage_one_fetches() {
    let scene = Scene::with_shared_store_down();
    let (mut one, mut other) = (scene.process(1), scene.process(2));
    let mut tickets = Vec::new();
    while tickets.is_empty() {
        tickets.extend([&mut one, &mut other].into_iter().filter_map(
            |process| match process.poll() {
                Action::Fetch(ticket) => Some(ticket),
                _ => None,
            },
        ));
        scene.clock.advance(SECOND / 4);
    }
    assert_eq!(tickets.len(), 1);
    let waited = one.now().monotonic - START.monotonic;
    assert!((27 * SECOND..29 * SECOND).contains(&waited), "{waited:?}");
    let ticket = tickets.pop().unwrap();
    // Both are polled while it fetches; then its token comes.
    for _ in 0..8 {
        for process in [&mut one, &mut other] {
            assert!(!matches!(process.poll(), Action::Fetch(_)));
        }
        scene.clock.advance(SECOND / 4);
    }
    let result = grant("a", one.now().wall, 30 * DAY);
    let (fetched, waiting) = if one.wait().1 == Reason::Fetching {
        (&mut one, &mut other)
    } else {
        (&mut other, &mut one)
    };
    fetched.cache.fetched(ticket, result, fetched.now());
    fetched.wait();
    for _ in 0..8 {
        assert!(!matches!(waiting.poll(), Action::Fetch(_)));
        scene.clock.advance(SECOND / 2);
    }
    assert_eq!(waiting.served().as_deref(), Some("a"));

    // One that starts later has it at its first poll.
    let mut later = scene.process(3);
    let _ = later.poll();
    assert_eq!(later.served().as_deref(), Some("a"));
}

#[test]
fn what_was_fetched_in_an_outage_is_offered_to_the_shared_store_when_that_is_back() {
    let scene = Scene::with_shared_store_down();
    let mut dead = scene.process(1);
    let ticket = dead.ticket_without_the_store();
    let result = grant("a", dead.now().wall, 30 * DAY);
    dead.cache.fetched(ticket, result, dead.now());
    dead.wait();
    assert_eq!(secret(scene.local.stored()).as_deref(), Some("a"));
    drop(dead);
    // Another process has it from the host's store alone.
    let mut heir = scene.process(2);
    let _ = heir.poll();
    assert_eq!(heir.served().as_deref(), Some("a"));
    scene.shared.recover();
    heir.pass_wait();
    heir.wait();
    assert_eq!(secret(scene.shared.stored()).as_deref(), Some("a"));
}

#[test]
fn a_stale_record_of_the_hosts_store_displaces_no_newer_shared_one() {
    let scene = Scene::new();
    let stale = record("stale", START.wall - 10 * DAY, 30 * DAY);
    scene.local.put(&stale, 20 * DAY);
    scene
        .shared
        .put(&record("newer", START.wall - DAY, 30 * DAY), 29 * DAY);
    let mut host = scene.process(1);
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(host.served().as_deref(), Some("newer"));
    assert_eq!(secret(scene.local.stored()).as_deref(), Some("newer"));

    // A process that starts in an outage may find a stale one; it is used until the shared store is back.
    let scene = Scene::new();
    scene.local.put(&stale, 20 * DAY);
    scene
        .shared
        .put(&record("newer", START.wall - DAY, 30 * DAY), 29 * DAY);
    scene.shared.fail(&FaultyStore::ALL);
    let mut other = scene.process(2);
    let _ = other.poll();
    assert_eq!(other.served().as_deref(), Some("stale"));
    scene.shared.recover();
    other.pass_wait();
    other.wait();
    assert_eq!(other.served().as_deref(), Some("newer"));
    assert_eq!(secret(scene.shared.stored()).as_deref(), Some("newer"));

    // One that holds the newer one keeps it in an outage.
    scene.shared.fail(&FaultyStore::ALL);
    scene.clock.advance(HOUR);
    let _ = host.poll();
    assert_eq!(host.served().as_deref(), Some("newer"));
}

#[test]
fn a_shared_store_that_was_flushed_gets_the_hosts_token_and_no_new_one() {
    let scene = Scene::new();
    scene
        .local
        .put(&record("a", START.wall - DAY, 30 * DAY), 29 * DAY);
    let mut host = scene.process(1);
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(secret(scene.shared.stored()).as_deref(), Some("a"));
}

#[test]
fn where_both_stores_are_down_a_process_goes_without_them() {
    let scene = Scene::with_shared_store_down();
    scene.local.fail(&FaultyStore::ALL);
    let mut host = scene.process(1);
    let ticket = host.ticket_without_the_store();
    // The host's store was asked once: it is skipped for a minute.
    assert_eq!(scene.local.called(), ["load"]);
    let result = grant("a", host.now().wall, 30 * DAY);
    host.cache.fetched(ticket, result, host.now());
    assert_eq!(host.wait().1, Reason::Fresh);
    // It is saved in both as soon as they are back.
    scene.local.recover();
    scene.clock.advance(MINUTE);
    host.wait();
    assert_eq!(secret(scene.local.stored()).as_deref(), Some("a"));
}

#[test]
fn a_shared_store_that_gives_no_answer_is_bypassed_by_way_of_the_hosts_store() {
    let scene = Scene::new();
    let mut host = scene.process(1);
    let _ticket = loop {
        match host.cache.poll(host.now()) {
            Action::Store(StoreStep::Load(step)) if step.call().tier == Tier::Host => {
                host.run(StoreStep::Load(step));
            }
            Action::Store(StoreStep::Lease(step)) if step.call().tier == Tier::Host => {
                host.run(StoreStep::Lease(step));
            }
            // It hangs.
            Action::Store(step) => drop(step),
            Action::Wait { until, .. } => host.pass(until.monotonic - host.now().monotonic),
            Action::Fetch(ticket) => break ticket,
        }
        assert!(host.now().monotonic < START.monotonic + MINUTE, "it waits");
    };
    let waited = host.now().monotonic - START.monotonic;
    // Eleven tries of 2.5 s each: within the 30 s that a caller waits.
    assert_eq!(waited, 27 * SECOND + SECOND / 2);
    // Another process of this host waits for it.
    scene.shared.fail(&FaultyStore::ALL);
    let mut other = scene.process(2);
    while other.pass_wait() == Reason::StoreDown {}
    assert_eq!(other.wait().1, Reason::Leased);
}

#[test]
fn a_token_that_the_shared_store_does_not_take_is_saved_in_the_hosts_store_at_once() {
    let scene = Scene::new();
    let mut host = scene.process(1);
    let ticket = host.ticket();
    // The outage begins while it fetches.
    scene.shared.fail(&FaultyStore::ALL);
    let result = grant("a", host.now().wall, 30 * DAY);
    host.cache.fetched(ticket, result, host.now());
    let _ = host.poll();
    assert_eq!(secret(scene.local.stored()).as_deref(), Some("a"));
    let mut next = scene.process(2);
    let _ = next.poll();
    assert_eq!(next.served().as_deref(), Some("a"));
}

#[test]
fn a_process_that_backs_off_in_an_outage_adopts_what_another_one_fetched() {
    let scene = Scene::with_shared_store_down();
    let mut refused_one = scene.process(1);
    let ticket = refused_one.ticket_without_the_store();
    refused_one
        .cache
        .fetched(ticket, reply_to_wait_an_hour(), refused_one.now());
    let _ = refused_one.poll();
    scene
        .local
        .put(&record("a", refused_one.now().wall, 30 * DAY), 30 * DAY);
    for _ in 0..4 {
        scene.clock.advance(15 * SECOND);
        let _ = refused_one.poll();
    }
    assert_eq!(refused_one.served().as_deref(), Some("a"));
}

fn reply_to_wait_an_hour() -> Result<Grant, FetchError> {
    parse(
        &http::Response::builder()
            .status(503)
            .header("retry-after", "3600")
            .body(String::new())
            .unwrap(),
    )
}

#[test]
fn leases_of_the_hosts_store_that_come_too_late_are_gone_without() {
    let scene = Scene::with_shared_store_down();
    let mut host = scene.process(1);
    let mut late_leases = 0;
    let _ticket = loop {
        match host.cache.poll(host.now()) {
            Action::Store(StoreStep::Lease(step)) => {
                assert_eq!(step.call().tier, Tier::Host);
                host.run(StoreStep::Lease(step));
                late_leases += 1;
                host.pass(13 * SECOND);
            }
            Action::Store(step) => host.run(step),
            Action::Wait { until, .. } => host.pass(until.monotonic - host.now().monotonic),
            Action::Fetch(ticket) => break ticket,
        }
        assert!(late_leases <= 2, "it asks for ever");
    };
    assert_eq!(late_leases, 2);
}

#[test]
fn a_process_that_holds_a_good_token_in_an_outage_spares_the_others_of_its_host_a_fetch() {
    let scene = Scene::new();
    let mut host = scene.process(1);
    host.fetch_30_days("a");
    host.wait();
    scene.shared.fail(&FaultyStore::ALL);
    let begun = host.now().monotonic;
    while scene.local.stored().is_none() {
        assert_eq!(host.pass_wait(), Reason::Fresh);
        let _ = host.poll();
        assert!(host.now().monotonic < begun + 6 * MINUTE, "it keeps it");
    }
    let mut newcomer = scene.process(2);
    let _ = newcomer.poll();
    assert_eq!(newcomer.served().as_deref(), Some("a"));
}

#[test]
fn loads_that_take_longer_than_the_poll_do_not_keep_it_from_the_lease() {
    let scene = Scene::new();
    let mut host = scene.process(1);
    let mut steps = 0;
    let ticket = loop {
        match host.cache.poll(host.now()) {
            Action::Store(step) => {
                steps += 1;
                host.pass(SECOND + SECOND / 5);
                host.run(step);
            }
            Action::Fetch(ticket) => break ticket,
            Action::Wait { .. } => panic!("a wait after {steps} steps"),
        }
        assert!(steps < 10, "it loads again and again");
    };
    assert_eq!(steps, 3);
    drop(ticket);
}

fn suspect(secret: &str, age: Duration) -> Record {
    let mut record = record(secret, START.wall - age, 30 * DAY);
    record.suspect = true;
    record
}

/// A good token that was issued ten seconds ago, after four forced renewals: it may be replaced after 16 minutes.
fn young() -> Record {
    let mut record = record("young", START.wall - 10 * SECOND, 30 * DAY);
    record.forced = 4;
    record
}

#[test]
fn a_suspect_is_not_copied_to_the_hosts_store() {
    let scene = Scene::new();
    let age = 10 * SECOND;
    scene.shared.put(&suspect("a", age), 30 * DAY - age);
    let mut host = scene.process(1);
    assert_eq!(host.wait().1, Reason::Suspect);
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(secret(scene.local.stored()), None);
}

#[test]
fn a_copy_that_could_not_be_made_is_not_made_of_a_suspect_later() {
    let scene = Scene::new();
    let older = record("older", START.wall - DAY, 30 * DAY);
    scene.local.put(&older, 29 * DAY);
    scene.local.fail(&["save"]);
    scene
        .shared
        .put(&record("a", START.wall, 30 * DAY), 30 * DAY);
    let mut host = scene.process(1);
    host.wait();
    assert_eq!(host.served().as_deref(), Some("a"));
    // Another host has one that it rejected.
    scene.clock.advance(5 * MINUTE);
    let mut theirs = record("b", host.now().wall, 30 * DAY);
    (theirs.suspect, theirs.forced) = (true, 4);
    scene.shared.put_over(&theirs, 30 * DAY);
    host.wait();
    assert_eq!(host.served().as_deref(), Some("b"));
    scene.local.recover();
    scene.local.called();
    scene.clock.advance(5 * MINUTE);
    host.wait();
    assert!(scene.local.called().is_empty());
    assert_eq!(secret(scene.local.stored()).as_deref(), Some("older"));
}

#[test]
fn the_copy_takes_the_place_of_a_suspect_that_was_issued_later() {
    let scene = Scene::new();
    scene.local.put(&suspect("b", HOUR), 30 * DAY - HOUR);
    let good = record("a", START.wall - DAY, 30 * DAY);
    scene.shared.put(&good, 29 * DAY);
    let mut host = scene.process(1);
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(secret(scene.local.stored()).as_deref(), Some("a"));
}

/// Holds a newer token whenever one is saved.
struct Outbids(Arc<AtomicU32>);

impl TokenStore for Outbids {
    fn load(&self, _: StoreKey) -> Result<Option<Stored>, StoreError> {
        Ok(None)
    }

    fn lease(&self, _: StoreKey, _: Owner, _: Duration) -> Result<Lease, StoreError> {
        Ok(Lease::Granted(None))
    }

    fn save(
        &self,
        _: StoreKey,
        _: &Record,
        _: Option<Fingerprint>,
        _: Duration,
    ) -> Result<Saved, StoreError> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let issued = START.wall + MINUTE + SECOND * number;
        Ok(Saved::Newer(Stored {
            record: record(&format!("newer-{number}"), issued, 30 * DAY),
            left: Some(30 * DAY),
        }))
    }

    fn release(&self, _: StoreKey, _: Owner, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn two_stores_that_always_have_a_newer_token_do_not_keep_a_cache_busy() {
    let clock = ManualClock::new(START);
    let saves: Arc<AtomicU32> = Arc::default();
    let stores = [(); 2].map(|()| Arc::new(Outbids(Arc::clone(&saves))));
    let [shared, own] = stores;
    let store: Arc<dyn TokenStore> = Arc::new(FallbackStore::new(shared, own));
    let mut host = Host::sharing(&store, &clock, 1);
    host.fetch_30_days("a");
    for seconds in 0..3 {
        host.wait();
        let saves = saves.swap(0, Ordering::Relaxed);
        assert!(saves <= 3, "{saves} saves after {seconds} s");
        host.pass(SECOND);
    }
}

#[test]
fn a_lease_of_the_hosts_store_that_may_have_been_granted_is_released_there() {
    let scene = Scene::with_shared_store_down();
    scene.local.fail(&["lease"]);
    let mut host = scene.process(1);
    let ticket = host.ticket_without_the_store();
    assert_eq!(scene.local.called().last(), Some(&"lease"));
    scene.local.recover();
    let result = grant("a", host.now().wall, 30 * DAY);
    host.cache.fetched(ticket, result, host.now());
    host.wait();
    host.pass(MINUTE);
    host.wait();
    assert_eq!(scene.local.called(), ["save", "release"]);
}

#[test]
fn in_place_of_a_suspect_no_older_token_of_the_hosts_store_is_taken() {
    let scene = Scene::new();
    scene.shared.put(&young(), 30 * DAY - 10 * SECOND);
    let mut host = scene.process(1);
    host.wait();
    let rejection = host.cache.reject(&host.token(), host.now());
    let replaceable_in = 16 * MINUTE - 10 * SECOND;
    assert_eq!(rejection, Rejection::Suspect { replaceable_in });
    scene.shared.fail(&FaultyStore::ALL);
    let older = record("older", START.wall - DAY, 30 * DAY);
    scene.local.put_over(&older, 29 * DAY);
    scene.local.called();
    for _ in 0..10 {
        host.pass(MINUTE);
        host.wait();
        assert_eq!(host.served().as_deref(), Some("young"));
    }
    assert!(scene.local.called().contains(&"load"));
}

#[test]
fn what_becomes_known_of_the_token_in_an_outage_is_known_to_the_others_of_the_host() {
    let scene = Scene::with_shared_store_down();
    scene.local.put(&young(), 30 * DAY - 10 * SECOND);
    let mut host = scene.process(1);
    // Until it bypasses the shared one.
    while host.now().monotonic < START.monotonic + 40 * SECOND {
        host.wait();
        host.pass(SECOND);
    }
    assert_eq!(host.served().as_deref(), Some("young"));
    let _ = host.cache.reject(&host.token(), host.now());
    host.wait();
    assert!(scene.local.stored().unwrap().suspect);
}
