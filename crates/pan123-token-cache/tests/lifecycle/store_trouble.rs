//! Stores that fail: sharing is lost, and nothing else.

use std::sync::Mutex;

use pan123_token::Fingerprint;
use pan123_token_cache::{Lease, Owner, Saved, StoreError, StoreStep, Stored};

use super::*;

/// A store in memory of which calls can be made to fail.
struct Flaky {
    memory: MemoryStore,
    failing: Mutex<Vec<&'static str>>,
    calls: Mutex<Vec<&'static str>>,
}

impl Flaky {
    fn new(clock: &ManualClock) -> Arc<Self> {
        Arc::new(Self {
            memory: MemoryStore::new(clock.clone()),
            failing: Mutex::default(),
            calls: Mutex::default(),
        })
    }

    fn fail(&self, calls: &[&'static str]) {
        *self.failing.lock().unwrap() = calls.to_vec();
    }

    fn called(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    fn check(&self, call: &'static str) -> Result<(), StoreError> {
        self.calls.lock().unwrap().push(call);
        if self.failing.lock().unwrap().contains(&call) {
            return Err(StoreError::new("it is down"));
        }
        Ok(())
    }
}

impl TokenStore for Flaky {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.check("load")?;
        self.memory.load(key)
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        self.check("lease")?;
        self.memory.lease(key, owner, term)
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        self.check("save")?;
        self.memory.save(key, record, replaces, left)
    }

    fn release(&self, key: StoreKey, owner: Owner, cool: Duration) -> Result<(), StoreError> {
        self.check("release")?;
        self.memory.release(key, owner, cool)
    }
}

const ALL: [&str; 4] = ["load", "lease", "save", "release"];

fn host(clock: &ManualClock) -> (Host, Arc<Flaky>) {
    let flaky = Flaky::new(clock);
    let store: Arc<dyn TokenStore> = Arc::clone(&flaky) as Arc<dyn TokenStore>;
    (Host::sharing(&store, clock, 1), flaky)
}

#[test]
fn a_store_that_is_down_costs_no_token() {
    let clock = ManualClock::new(START);
    let (mut host, store) = host(&clock);
    store.fail(&ALL);
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
    let (mut host, store) = host(&clock);
    let stored = record("theirs", START.wall, 30 * DAY);
    let key = StoreKey::of(&operation());
    store.memory.save(key, &stored, None, 30 * DAY).unwrap();
    store.fail(&ALL);
    let (wait, reason) = host.wait();
    assert_eq!(reason, Reason::StoreDown);
    assert!((SECOND / 2..=SECOND).contains(&wait), "{wait:?}");
    store.fail(&[]);
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
fn a_store_that_can_be_read_and_not_written_is_given_up_as_well() {
    let clock = ManualClock::new(START);
    let (mut host, store) = host(&clock);
    // At first not even read.
    store.fail(&ALL);
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
    store.fail(&[]);
    clock.advance(HOUR);
    host.wait();
    assert!(host.events().contains(&Event::StoreRecovered));
}

#[test]
fn a_failure_long_ago_is_not_the_same_trouble() {
    let clock = ManualClock::new(START);
    let (mut host, store) = host(&clock);
    store.fail(&ALL);
    assert_eq!(host.wait().1, Reason::StoreDown);
    // Nobody asked meanwhile.
    clock.advance(HOUR);
    assert_eq!(host.wait().1, Reason::StoreDown);
    let _ = host.ticket_without_the_store();
    assert!(host.now().monotonic >= START.monotonic + HOUR + 27 * SECOND);
}

#[test]
fn a_store_that_was_given_up_gets_one_try_from_then_on() {
    let clock = ManualClock::new(START);
    let (mut host, store) = host(&clock);
    // Longer than the store is left alone.
    let mut policy = RenewalPolicy::default();
    policy.store_patience = 2 * MINUTE;
    host.cache = TokenCache::new(policy, 1).unwrap().sharing();
    store.fail(&ALL);
    let begun = host.now().monotonic;
    while let Action::Wait { until, .. } = host.poll() {
        clock.advance(until.monotonic - host.now().monotonic);
    }
    let tried_for = host.now().monotonic - begun;
    assert!(
        (2 * MINUTE..=121 * SECOND).contains(&tried_for),
        "{tried_for:?}"
    );
    // The ticket was dropped. When it has expired and the backoff is over, the store is tried once.
    for wait in [70 * SECOND, HOUR] {
        clock.advance(wait);
        let (backoff, reason) = host.wait();
        assert_eq!(reason, Reason::Backoff);
        clock.advance(backoff);
        store.called();
        let _ = host.ticket();
        assert_eq!(store.called(), ["load"]);
    }
}

#[test]
fn a_save_that_failed_is_offered_again() {
    let clock = ManualClock::new(START);
    let (mut host, store) = host(&clock);
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
    store.fail(&[]);
    host.events();
    assert!(host.wait().0 > MINUTE);
    assert_eq!(host.events(), [Event::StoreRecovered]);
    let stored = store.load(StoreKey::of(&operation())).unwrap().unwrap();
    assert_eq!(stored.record.token.secret(), "a");
}

#[test]
fn while_the_store_is_down_a_valid_token_is_not_renewed_before_the_last_quarter_of_the_window() {
    let clock = ManualClock::new(START);
    let (mut host, store) = host(&clock);
    host.fetch_30_days("a");
    let _ = host.poll();
    store.fail(&ALL);
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
fn a_step_that_is_dropped_counts_as_a_store_that_failed() {
    let clock = ManualClock::new(START);
    let (mut host, _) = host(&clock);
    let Action::Store(step) = host.cache.poll(host.now()) else {
        panic!()
    };
    assert_eq!(step.name(), "load");
    drop(step);
    let Action::Wait { until, reason } = host.cache.poll(host.now()) else {
        panic!()
    };
    assert_eq!(reason, Reason::Storing);
    assert_eq!(until.monotonic, START.monotonic + 3 * SECOND);
    clock.advance(3 * SECOND);
    // It has waited long enough, and is asked again at once.
    assert!(matches!(
        host.cache.poll(host.now()),
        Action::Store(StoreStep::Load(_))
    ));
    assert!(matches!(
        host.events()[..],
        [Event::StoreFailed { call: "load", .. }]
    ));
}

#[test]
fn an_answer_that_comes_too_late_is_passed_over() {
    let clock = ManualClock::new(START);
    let (mut host, _) = host(&clock);
    let session = host.store.clone().unwrap();
    let Action::Store(step) = host.cache.poll(host.now()) else {
        panic!()
    };
    clock.advance(3 * SECOND);
    host.cache.stored(session.run(step), host.now());
    assert!(matches!(
        host.events()[..],
        [Event::StoreFailed { call: "load", .. }]
    ));
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
fn a_newer_record_in_the_store_is_taken_over_by_the_one_that_wanted_to_save() {
    let clock = ManualClock::new(START);
    let (mut host, store) = host(&clock);
    store.fail(&ALL);
    let ticket = host.ticket_without_the_store();
    let mine = grant("mine", START.wall, 30 * DAY);
    host.cache.fetched(ticket, mine, host.now());
    store.fail(&[]);
    let record = record("theirs", START.wall + 5 * SECOND, 30 * DAY);
    store
        .memory
        .save(StoreKey::of(&operation()), &record, None, 30 * DAY)
        .unwrap();
    clock.advance(MINUTE);
    assert_eq!(host.wait().1, Reason::Fresh);
    assert_eq!(host.served().as_deref(), Some("theirs"));
}

/// Carries out the calls to the store until there is something else to do.
fn settle(host: &mut Host) {
    let _ = host.poll();
}

#[test]
fn a_lease_that_may_have_been_granted_is_given_back() {
    let clock = ManualClock::new(START);
    let (mut host, store) = host(&clock);
    let session = host.store.clone().unwrap();
    let Action::Store(look) = host.cache.poll(host.now()) else {
        panic!()
    };
    host.cache.stored(session.run(look), host.now());
    let Action::Store(lease) = host.cache.poll(host.now()) else {
        panic!()
    };
    // It is granted, and nobody hears of it.
    drop(session.run(lease));
    clock.advance(3 * SECOND);
    store.called();
    host.fetch_30_days("a");
    // Or else this cache would stand before its own lease.
    assert_eq!(store.called(), ["release", "load", "lease"]);
}

#[test]
fn a_store_that_is_full_still_frees_its_gate() {
    let clock = ManualClock::new(START);
    let (mut host, store) = host(&clock);
    store.fail(&["save"]);
    host.fetch_30_days("a");
    settle(&mut host);
    assert_eq!(store.called(), ["load", "lease", "save"]);
    for _ in 0..60 {
        clock.advance(SECOND / 2);
        settle(&mut host);
    }
    // Tried again for a while; then the gate is freed, once, and the token is offered again later.
    let calls = store.called();
    assert_eq!(calls.last(), Some(&"release"));
    assert!(calls[..calls.len() - 1].iter().all(|call| *call == "save"));
    settle(&mut host);
    assert_eq!(store.called(), [] as [&str; 0]);
    clock.advance(MINUTE);
    settle(&mut host);
    assert_eq!(store.called(), ["save"]);
}
