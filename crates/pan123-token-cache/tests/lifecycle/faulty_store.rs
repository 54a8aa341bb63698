//! A store in memory of which calls can be made to fail.

use std::sync::Mutex;

use super::*;

pub(crate) struct FaultyStore {
    memory: Mutex<MemoryStore>,
    clock: ManualClock,
    failing: Mutex<Vec<&'static str>>,
    error: Mutex<StoreError>,
    calls: Mutex<Vec<&'static str>>,
}

impl FaultyStore {
    pub(crate) const ALL: [&str; 4] = ["load", "lease", "save", "release"];

    pub(crate) fn new(clock: &ManualClock) -> Arc<Self> {
        Arc::new(Self {
            memory: Mutex::new(MemoryStore::new(clock.clone())),
            clock: clock.clone(),
            failing: Mutex::default(),
            error: Mutex::new(StoreError::new("it is down")),
            calls: Mutex::default(),
        })
    }

    /// From now on these calls fail, and the others don't.
    pub(crate) fn fail(&self, calls: &[&'static str]) {
        *self.failing.lock().unwrap() = calls.to_vec();
    }

    /// All calls fail with this error.
    pub(crate) fn fail_with(&self, error: StoreError) {
        *self.error.lock().unwrap() = error;
        self.fail(&Self::ALL);
    }

    pub(crate) fn recover(&self) {
        self.fail(&[]);
    }

    /// The calls since this was asked last.
    pub(crate) fn called(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// What it holds.
    pub(crate) fn stored(&self) -> Option<Record> {
        let stored = self
            .memory
            .lock()
            .unwrap()
            .load(StoreKey::of(&operation()))
            .unwrap();
        stored.map(|stored| stored.record)
    }

    /// Puts a record in that lives for this long from now on, if it may replace the one there.
    pub(crate) fn put(&self, record: &Record, left: Duration) {
        let key = StoreKey::of(&operation());
        let saved = self
            .memory
            .lock()
            .unwrap()
            .save(key, record, None, left)
            .unwrap();
        assert_eq!(saved, Saved::Kept);
    }

    /// The same, whatever is there.
    pub(crate) fn put_over(&self, record: &Record, left: Duration) {
        let key = StoreKey::of(&operation());
        let before = self.stored().map(|record| record.fingerprint());
        let saved = self
            .memory
            .lock()
            .unwrap()
            .save(key, record, before, left)
            .unwrap();
        assert_eq!(saved, Saved::Kept);
    }

    /// It forgets all that it holds.
    pub(crate) fn flush(&self) {
        *self.memory.lock().unwrap() = MemoryStore::new(self.clock.clone());
    }

    fn check(&self, call: &'static str) -> Result<(), StoreError> {
        self.calls.lock().unwrap().push(call);
        if self.failing.lock().unwrap().contains(&call) {
            return Err(self.error.lock().unwrap().clone());
        }
        Ok(())
    }
}

impl TokenStore for FaultyStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.check("load")?;
        self.memory.lock().unwrap().load(key)
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        self.check("lease")?;
        self.memory.lock().unwrap().lease(key, owner, term)
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        self.check("save")?;
        self.memory
            .lock()
            .unwrap()
            .save(key, record, replaces, left)
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.check("release")?;
        self.memory.lock().unwrap().release(key, owner, cooldown)
    }
}
