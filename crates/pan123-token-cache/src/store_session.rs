//! A store and the key under which it is used.

use std::fmt;
use std::sync::Arc;

use pan123_token::AccessToken;

use crate::moment::Moment;
use crate::record::Record;
use crate::step::{StoreDone, StoreStep};
use crate::store::{LeaseRecord, Saved, StoreError, StoreKey, Stored, TokenStore};

/// A blocking store and the key under which one cache uses it. Cheap to clone.
///
/// ```
/// use std::sync::Arc;
///
/// use pan123_token::BaseUrl;
/// use pan123_token_cache::testing::{ManualClock, MemoryStore};
/// use pan123_token_cache::{Action, Moment, RenewalPolicy, StoreKey, StoreSession, TokenCache};
///
/// let store = Arc::new(MemoryStore::new(ManualClock::default()));
/// let session = StoreSession::new(store, StoreKey::new(&BaseUrl::default(), "my-client-id"));
/// assert_eq!(session.load()?, None);
///
/// // It carries out the calls that a cache asks for.
/// let mut cache = TokenCache::new(RenewalPolicy::default(), 42)?.sharing();
/// let now = Moment::default();
/// let Action::Store(step) = cache.poll(now) else { unreachable!() };
/// cache.stored(session.run(step), now);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct StoreSession {
    store: Arc<dyn TokenStore>,
    key: StoreKey,
}

impl StoreSession {
    /// The store, for what this key means.
    pub fn new(store: Arc<dyn TokenStore>, key: StoreKey) -> Self {
        Self { store, key }
    }

    /// Carries out a step: [`StoreStep::run`] under this key.
    pub fn run(&self, step: StoreStep) -> StoreDone {
        step.run(&*self.store, self.key)
    }

    /// The record, without a cache. Blocks as long as the store does.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn load(&self) -> Result<Option<Stored>, StoreError> {
        self.store.load(self.key)
    }

    /// What the lease record says, without a cache. Blocks as long as the store does.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn lease_record(&self) -> Result<Option<LeaseRecord>, StoreError> {
        self.store.lease_record(self.key)
    }

    /// Reports, without a cache, that an API call was refused with this token: the caches on this store then replace it
    /// once that is allowed. False where it isn't the stored one. Blocks as long as the store does.
    ///
    /// A cache does this by itself when it gets a [rejection](crate::TokenCache::reject).
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn reject(&self, token: &AccessToken, now: Moment) -> Result<bool, StoreError> {
        let fingerprint = token.fingerprint();
        let stored = self.load()?;
        let Some(stored) = stored.filter(|stored| stored.record.fingerprint() == fingerprint)
        else {
            return Ok(false);
        };
        let left = stored.left_at(now);
        let record = Record {
            suspect: true,
            ..stored.record
        };
        let saved = self
            .store
            .save(self.key, &record, Some(fingerprint), left)?;
        Ok(saved == Saved::Kept)
    }
}

impl fmt::Debug for StoreSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSession")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
