//! For tests: a clock that is moved by hand, a store in memory, and the suite that every store must pass.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "for tests, which share it between threads and report by panicking"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use pan123_token::{AccessToken, BaseUrl, Fingerprint, OffsetDateTime};

use crate::moment::{Clock, Moment};
use crate::record::Record;
use crate::store::{Lease, Owner, Saved, StoreError, StoreKey, Stored, TokenStore};

/// A clock that stands still until it is moved. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<Mutex<Moment>>);

impl ManualClock {
    /// Starts at this moment.
    pub fn new(start: Moment) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    /// Lets time pass by both clocks.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now = now.after(by);
    }

    /// Sets the wall clock alone.
    pub fn set_wall(&self, wall: Duration) {
        self.lock().wall = wall;
    }

    fn lock(&self) -> MutexGuard<'_, Moment> {
        self.0.lock().expect("no test panicked in here")
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.lock()
    }
}

/// A store that ends with the process. It tells the time by a clock's monotonic half.
pub struct MemoryStore {
    clock: Box<dyn Clock>,
    slots: Mutex<HashMap<StoreKey, Slot>>,
}

#[derive(Default)]
struct Slot {
    /// The stored form, and when the token's life ends.
    record: Option<(String, Duration)>,
    gate: Option<Gate>,
}

/// Who may fetch, or until when nobody may.
struct Gate {
    owner: Option<Owner>,
    ends: Duration,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(clock: impl Clock + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            slots: Mutex::default(),
        }
    }

    fn with_slot<T>(&self, key: StoreKey, use_it: impl FnOnce(&mut Slot, Duration) -> T) -> T {
        let now = self.clock.now().monotonic;
        let mut slots = self.slots.lock().expect("no test panicked in here");
        let slot = slots.entry(key).or_default();
        slot.record.take_if(|(_, ends)| *ends <= now);
        slot.gate.take_if(|gate| gate.ends <= now);
        use_it(slot, now)
    }
}

impl Slot {
    fn stored(&self, now: Duration) -> Option<Stored> {
        let (form, ends) = self.record.as_ref()?;
        Some(Stored {
            record: Record::decode(form.as_bytes()).ok()?,
            left: Some(ends.saturating_sub(now)),
        })
    }
}

impl TokenStore for MemoryStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        Ok(self.with_slot(key, |slot, now| slot.stored(now)))
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        Ok(self.with_slot(key, |slot, now| {
            let stored = slot.stored(now);
            match &slot.gate {
                Some(gate) if gate.owner.is_none() => {
                    Lease::CoolingDown(gate.ends.saturating_sub(now), stored)
                }
                Some(gate) if gate.owner != Some(owner) => {
                    Lease::Held(gate.ends.saturating_sub(now), stored)
                }
                _ => {
                    slot.gate = Some(Gate {
                        owner: Some(owner),
                        ends: now.saturating_add(term),
                    });
                    Lease::Granted(stored)
                }
            }
        }))
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        Ok(self.with_slot(key, |slot, now| match slot.stored(now) {
            Some(stored) if !record.may_replace(&stored.record, replaces) => Saved::Newer(stored),
            _ => {
                slot.record = Some((record.encode(), now.saturating_add(left)));
                Saved::Kept
            }
        }))
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.with_slot(key, |slot, now| {
            if slot
                .gate
                .as_ref()
                .is_some_and(|gate| gate.owner == Some(owner))
            {
                slot.gate = Some(Gate {
                    owner: None,
                    ends: now.saturating_add(cooldown),
                });
            }
        });
        Ok(())
    }
}

/// Checks that a store does what [`TokenStore`] says. Panics where it doesn't, and says what it did.
///
/// `store` is used under keys of this suite's own; they should be unused. `wait` lets time pass for the store: it sleeps,
/// or moves the store's clock.
pub fn conformance(store: &dyn TokenStore, wait: &dyn Fn(Duration)) {
    let suite = Suite { store, wait };
    suite.a_record_comes_back_as_it_was_saved();
    suite.an_older_record_replaces_nothing();
    suite.a_record_read_under_the_lease_may_be_replaced();
    suite.one_owner_has_the_lease_at_a_time();
    suite.a_lease_ends_with_its_term();
    suite.a_lease_that_cools_down_is_granted_to_no_owner();
    suite.a_stranger_releases_nothing();
    suite.keys_do_not_meet();
    suite.of_many_askers_one_is_granted();
}

struct Suite<'a> {
    store: &'a dyn TokenStore,
    wait: &'a dyn Fn(Duration),
}

const TERM: Duration = Duration::from_millis(600);
const LIFE: Duration = Duration::from_secs(30 * 86_400);

impl Suite<'_> {
    /// A key that no other part of the suite uses.
    fn key(name: &str) -> StoreKey {
        StoreKey::new(&BaseUrl::default(), &format!("conformance: {name}"))
    }

    fn load(&self, key: StoreKey) -> Option<Record> {
        let stored = self.store.load(key).expect("load");
        if let Some(left) = stored.as_ref().and_then(|stored| stored.left) {
            assert!(
                left <= LIFE,
                "the record has more life left than it had: {left:?}"
            );
        }
        stored.map(|stored| stored.record)
    }

    fn save(&self, key: StoreKey, record: &Record, replaces: Option<Fingerprint>) -> Saved {
        self.store.save(key, record, replaces, LIFE).expect("save")
    }

    fn lease(&self, key: StoreKey, owner: u64) -> Lease {
        self.store.lease(key, Owner(owner), TERM).expect("lease")
    }

    fn a_record_comes_back_as_it_was_saved(&self) {
        let key = Self::key("round trip");
        assert_eq!(
            self.load(key),
            None,
            "there is a record before one was saved"
        );
        let first = record("first", 0);
        assert_eq!(self.save(key, &first, None), Saved::Kept);
        assert_eq!(self.load(key), Some(first.clone()));
        match self.lease(key, 1) {
            Lease::Granted(Some(stored)) => assert_eq!(stored.record, first),
            other => panic!("the lease comes without the record: {other:?}"),
        }
    }

    fn an_older_record_replaces_nothing(&self) {
        let key = Self::key("older");
        let newer = record("newer", 10);
        assert_eq!(self.save(key, &newer, None), Saved::Kept);
        for other in [record("older", 9), record("as old", 10)] {
            match self.save(key, &other, None) {
                Saved::Newer(stored) => assert_eq!(stored.record, newer),
                Saved::Kept => panic!("an older record replaced a newer one"),
            }
        }
        assert_eq!(self.load(key), Some(newer));
        assert_eq!(self.save(key, &record("newest", 11), None), Saved::Kept);
        assert_eq!(self.load(key), Some(record("newest", 11)));
    }

    fn a_record_read_under_the_lease_may_be_replaced(&self) {
        let key = Self::key("read under the lease");
        let (read, older) = (record("read", 10), record("older", 5));
        assert_eq!(self.save(key, &read, None), Saved::Kept);
        assert_eq!(
            self.save(key, &older, Some(read.fingerprint())),
            Saved::Kept
        );
        assert_eq!(self.load(key), Some(older));
    }

    fn one_owner_has_the_lease_at_a_time(&self) {
        let key = Self::key("one owner");
        assert_eq!(self.lease(key, 1), Lease::Granted(None));
        match self.lease(key, 2) {
            Lease::Held(wait, None) => assert!(wait <= TERM, "held for {wait:?}"),
            other => panic!("a second owner was answered {other:?}"),
        }
        assert_eq!(
            self.lease(key, 1),
            Lease::Granted(None),
            "asking again isn't granted again"
        );
        self.store
            .release(key, Owner(1), Duration::ZERO)
            .expect("release");
        assert_eq!(self.lease(key, 2), Lease::Granted(None));
    }

    fn a_lease_ends_with_its_term(&self) {
        let key = Self::key("term");
        assert_eq!(self.lease(key, 1), Lease::Granted(None));
        (self.wait)(TERM + Duration::from_millis(50));
        assert_eq!(
            self.lease(key, 2),
            Lease::Granted(None),
            "the lease outlives its term"
        );
        // The one that came too late ends nobody else's.
        self.store
            .release(key, Owner(1), Duration::ZERO)
            .expect("release");
        assert!(matches!(self.lease(key, 3), Lease::Held(..)));
    }

    fn a_lease_that_cools_down_is_granted_to_no_owner(&self) {
        let key = Self::key("cool");
        let cool = Duration::from_millis(600);
        assert_eq!(self.lease(key, 1), Lease::Granted(None));
        self.store.release(key, Owner(1), cool).expect("release");
        for owner in [1, 2] {
            match self.lease(key, owner) {
                Lease::CoolingDown(wait, None) => assert!(wait <= cool, "cool for {wait:?}"),
                other => panic!("at a cool gate, owner {owner} was answered {other:?}"),
            }
        }
        (self.wait)(cool + Duration::from_millis(50));
        assert_eq!(self.lease(key, 2), Lease::Granted(None));
    }

    fn a_stranger_releases_nothing(&self) {
        let key = Self::key("stranger");
        self.store.release(key, Owner(9), TERM).expect("release");
        assert_eq!(
            self.lease(key, 1),
            Lease::Granted(None),
            "a stranger shut the gate"
        );
        self.store
            .release(key, Owner(9), Duration::ZERO)
            .expect("release");
        assert!(
            matches!(self.lease(key, 2), Lease::Held(..)),
            "a stranger opened the gate"
        );
    }

    fn keys_do_not_meet(&self) {
        let (one, other) = (Self::key("one"), Self::key("another"));
        assert_eq!(self.save(one, &record("one", 0), None), Saved::Kept);
        assert_eq!(self.load(other), None);
        assert!(matches!(self.lease(one, 1), Lease::Granted(Some(_))));
        assert_eq!(self.lease(other, 2), Lease::Granted(None));
    }

    fn of_many_askers_one_is_granted(&self) {
        let key = Self::key("many");
        let store = self.store;
        let granted = thread::scope(|scope| {
            let askers: Vec<_> = (1..=16)
                .map(|owner| scope.spawn(move || store.lease(key, Owner(owner), TERM)))
                .collect();
            askers
                .into_iter()
                .map(|asker| asker.join().expect("no panic").expect("lease"))
                .filter(|lease| matches!(lease, Lease::Granted(_)))
                .count()
        });
        assert_eq!(granted, 1, "owners who were granted the lease at once");
    }
}

/// A record whose token was issued so many seconds after another.
fn record(secret: &str, seconds: i64) -> Record {
    let issued_at = OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(1_740_124_117 + seconds);
    let token = AccessToken::new(secret.replace(' ', "-"), issued_at + LIFE).expect("a token");
    Record {
        token,
        issued_at,
        lifetime: LIFE,
        sent_at: Duration::from_secs(1_740_124_117),
        forced: 0,
        suspect: false,
        maybe_issued: 0,
    }
}
