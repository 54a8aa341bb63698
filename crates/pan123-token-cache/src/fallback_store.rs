//! Two stores: the one that all share, and one for each host while that is out.

use std::sync::Arc;
use std::time::Duration;

use pan123_token::Fingerprint;

use crate::record::Record;
use crate::store::{Lease, LeaseRecord, Owner, Saved, StoreError, StoreKey, Stored, TokenStore};

/// A store that all share (Redis, say), and one in which the processes of a host share a token that one of them had to
/// fetch without it (a file, say). So an outage costs one token for each host at the most, and not one for each process.
///
/// While the shared store works, the other holds a copy of the token that this host uses. One that was fetched in an outage
/// and is newer than what the shared store holds is adopted and given to it.
///
/// ```
/// use std::sync::Arc;
///
/// use pan123_token_cache::testing::{ManualClock, MemoryStore};
/// use pan123_token_cache::{FallbackStore, TokenStore};
///
/// let clock = ManualClock::default();
/// let redis = Arc::new(MemoryStore::new(clock.clone()));
/// let file = Arc::new(MemoryStore::new(clock));
/// let store: Arc<dyn TokenStore> = Arc::new(FallbackStore::new(redis, file));
/// assert!(store.fallback().is_some());
/// ```
#[derive(Clone)]
pub struct FallbackStore {
    shared: Arc<dyn TokenStore>,
    host: Arc<dyn TokenStore>,
}

impl FallbackStore {
    /// The store that all share, and the one of this host.
    pub fn new(shared: Arc<dyn TokenStore>, host: Arc<dyn TokenStore>) -> Self {
        Self { shared, host }
    }
}

/// The shared store, with a fallback.
impl TokenStore for FallbackStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.shared.load(key)
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        self.shared.lease(key, owner, term)
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        self.shared.save(key, record, replaces, left)
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.shared.release(key, owner, cooldown)
    }

    fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        self.shared.lease_record(key)
    }

    fn fallback(&self) -> Option<&dyn TokenStore> {
        Some(&*self.host)
    }
}

impl std::fmt::Debug for FallbackStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FallbackStore").finish_non_exhaustive()
    }
}
