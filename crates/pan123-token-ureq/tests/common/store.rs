//! A store in memory that does something else at one point.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{Lease, Owner, Record, Saved, StoreError, StoreKey, Stored, TokenStore};
use pan123_token_ureq::pan123_token::Fingerprint;

pub(crate) struct Scripted {
    store: MemoryStore,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    script: Script,
    /// Calls that hung, now or before.
    hung: u32,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Script {
    Nothing,
    Panic,
    HangInLoad,
    HangInSave,
    /// In both.
    Hang,
}

impl Scripted {
    pub(crate) fn new(clock: &ManualClock, script: Script) -> Self {
        Self {
            store: MemoryStore::new(clock.clone()),
            state: Mutex::new(State { script, hung: 0 }),
            changed: Condvar::new(),
        }
    }

    /// What hangs in the script of before, hangs no more.
    pub(crate) fn now_it_is(&self, script: Script) {
        self.state.lock().unwrap().script = script;
        self.changed.notify_all();
    }

    pub(crate) fn hung(&self) -> u32 {
        self.state.lock().unwrap().hung
    }

    pub(crate) fn wait_until_it_hangs(&self) {
        let state = self.state.lock().unwrap();
        drop(
            self.changed
                .wait_while(state, |state| state.hung == 0)
                .unwrap(),
        );
    }

    fn at(&self, point: Script) {
        let mut state = self.state.lock().unwrap();
        assert!(state.script != Script::Panic, "a store with a bug");
        let hangs = |state: &State| state.script == point || state.script == Script::Hang;
        if hangs(&state) {
            state.hung += 1;
            self.changed.notify_all();
            drop(
                self.changed
                    .wait_while(state, |state| hangs(state))
                    .unwrap(),
            );
        }
    }
}

impl TokenStore for Scripted {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.at(Script::HangInLoad);
        self.store.load(key)
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        self.store.lease(key, owner, term)
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        self.at(Script::HangInSave);
        self.store.save(key, record, replaces, left)
    }

    fn release(&self, key: StoreKey, owner: Owner, cool: Duration) -> Result<(), StoreError> {
        self.store.release(key, owner, cool)
    }
}
