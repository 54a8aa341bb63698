//! A store whose calls fail, hang or panic when a test says so.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use pan123_token_cache::pan123_token::Fingerprint;
use pan123_token_cache::{
    Lease, LeaseRecord, Owner, Record, Saved, StoreError, StoreKey, Stored, TokenStore,
};

/// One of a store's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Reads the record.
    Load,
    /// Takes the lease.
    Lease,
    /// Keeps a record.
    Save,
    /// Ends the lease.
    Release,
}

/// All of them.
pub const ALL: [Call; 4] = [Call::Load, Call::Lease, Call::Save, Call::Release];

/// What a call does instead of its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Fails with this error, and has no effect.
    Fails(StoreError),
    /// Has its effect, and fails with this error all the same.
    AnswerLost(StoreError),
    /// Doesn't end until the fault is taken away; then it does its work.
    Hangs,
    /// Panics.
    Panics,
}

/// A store and what is wrong with it now.
#[derive(Debug)]
pub struct FaultyStore<S> {
    store: S,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    faults: BTreeMap<Call, Fault>,
    calls: Vec<Call>,
    hung: usize,
}

impl<S: TokenStore> FaultyStore<S> {
    /// This store, with nothing wrong.
    pub fn new(store: S) -> Self {
        Self {
            store,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no call panics with the lock")
    }

    /// From now on these calls do this, until [`heal`](Self::heal). Calls that hang for another reason go on.
    pub fn set(&self, calls: &[Call], fault: &Fault) {
        let mut state = self.state();
        for call in calls {
            state.faults.insert(*call, fault.clone());
        }
        self.changed.notify_all();
    }

    /// From now on these calls fail as in an outage.
    pub fn fail(&self, calls: &[Call]) {
        self.set(calls, &Fault::Fails(StoreError::new("it is down")));
    }

    /// From now on nothing is wrong. Calls that hang go on.
    pub fn heal(&self) {
        self.state().faults.clear();
        self.changed.notify_all();
    }

    /// The calls since this was last asked, in order.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }

    /// How many calls hang, or hung before.
    pub fn hung(&self) -> usize {
        self.state().hung
    }

    /// Waits until a call hangs, or hung before; ten seconds at the most.
    pub fn wait_until_one_hangs(&self) {
        let limit = Duration::from_secs(10);
        let waited = self
            .changed
            .wait_timeout_while(self.state(), limit, |state| state.hung == 0);
        assert!(!waited.expect("no panic").1.timed_out(), "no call hangs");
    }

    fn run<T>(
        &self,
        call: Call,
        work: impl FnOnce(&S) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.state();
        state.calls.push(call);
        if state.faults.get(&call) == Some(&Fault::Hangs) {
            state.hung += 1;
            self.changed.notify_all();
            let hangs = |state: &mut State| state.faults.get(&call) == Some(&Fault::Hangs);
            state = self.changed.wait_while(state, hangs).expect("no panic");
        }
        let fault = state.faults.get(&call).cloned();
        drop(state);
        match fault {
            Some(Fault::Fails(error)) => Err(error),
            Some(Fault::AnswerLost(error)) => work(&self.store).and(Err(error)),
            Some(Fault::Panics) => panic!("a store with a fault of its own"),
            Some(Fault::Hangs) | None => work(&self.store),
        }
    }
}

impl<S: TokenStore> TokenStore for FaultyStore<S> {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.run(Call::Load, |store| store.load(key))
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        self.run(Call::Lease, |store| store.lease(key, owner, term))
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        self.run(Call::Save, |store| store.save(key, record, replaces, left))
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.run(Call::Release, |store| store.release(key, owner, cooldown))
    }

    fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        self.store.lease_record(key)
    }
}
