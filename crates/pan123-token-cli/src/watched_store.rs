//! The store as `get` and `api` use it: what it answered last is remembered, and at a signal no lease is taken any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pan123_token_cache::pan123_token::Fingerprint;
use pan123_token_cache::{
    Clock, Lease, LeaseRecord, Moment, Owner, Record, Saved, StoreError, StoreKey, Stored,
    SystemClock, TokenStore,
};

use crate::signals::Stop;

pub(crate) struct WatchedStore {
    store: Arc<dyn TokenStore>,
    stop: Stop,
    clock: SystemClock,
    seen: Arc<Seen>,
}

/// What the store answered last.
#[derive(Default)]
pub(crate) struct Seen(Mutex<Answers>);

#[derive(Default)]
struct Answers {
    lease: Option<(LeaseRecord, Instant)>,
    stored: Option<(Stored, Moment)>,
}

impl Seen {
    fn change(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What the lease record said, as far as it still holds.
    pub(crate) fn lease(&self) -> Option<LeaseRecord> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (lease, at) = answers.lease?;
        let left = |wait: Duration| {
            let left = wait.saturating_sub(at.elapsed());
            (!left.is_zero()).then_some(left)
        };
        match lease {
            LeaseRecord::Held(wait) => left(wait).map(LeaseRecord::Held),
            LeaseRecord::CoolingDown(wait) => left(wait).map(LeaseRecord::CoolingDown),
        }
    }

    /// The record of this token, and the moment before it was read.
    pub(crate) fn stored(&self, fingerprint: Fingerprint) -> Option<(Stored, Moment)> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = answers.stored.clone();
        stored.filter(|(stored, _)| stored.record.fingerprint() == fingerprint)
    }
}

impl WatchedStore {
    pub(crate) fn new(store: Arc<dyn TokenStore>, stop: Stop, seen: Arc<Seen>) -> Self {
        Self {
            store,
            stop,
            clock: SystemClock::new(),
            seen,
        }
    }

    fn saw(&self, stored: Option<&Stored>, asked: Moment) {
        let stored = stored.map(|stored| (stored.clone(), asked));
        self.seen.change(|answers| answers.stored = stored);
    }
}

impl TokenStore for WatchedStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        let asked = self.clock.now();
        let stored = self.store.load(key)?;
        self.saw(stored.as_ref(), asked);
        Ok(stored)
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        if self.stop.is_asked() {
            return Err(StoreError::new("the command is to end"));
        }
        let asked = self.clock.now();
        let lease = self.store.lease(key, owner, term)?;
        let (record, stored) = match &lease {
            Lease::Granted(stored) | Lease::Stuck(stored) => (None, stored),
            Lease::Held(wait, stored) => (Some(LeaseRecord::Held(*wait)), stored),
            Lease::CoolingDown(wait, stored) => (Some(LeaseRecord::CoolingDown(*wait)), stored),
        };
        let now = Instant::now();
        self.seen
            .change(|answers| answers.lease = record.map(|record| (record, now)));
        self.saw(stored.as_ref(), asked);
        Ok(lease)
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        self.store.save(key, record, replaces, left)
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.store.release(key, owner, cooldown)
    }

    fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        self.store.lease_record(key)
    }

    fn fallback(&self) -> Option<&dyn TokenStore> {
        self.store.fallback()
    }
}
