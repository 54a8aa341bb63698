//! The store that seals.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pan123_token_cache::pan123_token::Fingerprint;
use pan123_token_cache::{
    Lease, LeaseRecord, Owner, Record, Saved, StoreError, StoreKey, Stored, Tier, TokenStore,
};

use crate::seal::Seal;

/// A store that holds nothing but sealed tokens. What holds, and an example, is in the [crate's documentation](crate).
#[derive(Clone)]
pub struct SealedStore {
    store: Arc<dyn TokenStore>,
    seal: Arc<Seal>,
    tier: Tier,
    /// The same over the store's fallback, where it has one.
    fallback: Option<Box<Self>>,
}

impl SealedStore {
    /// Seals what is given to this store, and to its [fallback](TokenStore::fallback).
    pub fn new(store: Arc<dyn TokenStore>, seal: Seal) -> Self {
        let seal = Arc::new(seal);
        let fallback = store.fallback().map(|_| {
            Box::new(Self {
                store: Arc::clone(&store),
                seal: Arc::clone(&seal),
                tier: Tier::Host,
                fallback: None,
            })
        });
        Self {
            store,
            seal,
            tier: Tier::Shared,
            fallback,
        }
    }

    fn store(&self) -> Result<&dyn TokenStore, StoreError> {
        match self.tier {
            Tier::Shared => Ok(&*self.store),
            Tier::Host => {
                let fallback = self.store.fallback();
                fallback.ok_or_else(|| StoreError::new("its fallback is gone"))
            }
        }
    }

    /// What can't be opened counts as absent.
    fn open(&self, key: StoreKey, stored: Option<Stored>) -> Option<Stored> {
        let stored = stored?;
        let record = self.seal.open(key, &stored.record)?;
        Some(Stored { record, ..stored })
    }
}

impl TokenStore for SealedStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        let stored = self.store()?.load(key)?;
        Ok(self.open(key, stored))
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        Ok(match self.store()?.lease(key, owner, term)? {
            Lease::Granted(stored) => Lease::Granted(self.open(key, stored)),
            Lease::Held(wait, stored) => Lease::Held(wait, self.open(key, stored)),
            Lease::Stuck(stored) => Lease::Stuck(self.open(key, stored)),
            Lease::CoolingDown(wait, stored) => Lease::CoolingDown(wait, self.open(key, stored)),
        })
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        let sealed = self.seal.seal(key, record)?;
        match self.store()?.save(key, &sealed, replaces, left)? {
            Saved::Kept => Ok(Saved::Kept),
            // To replace it, too, would be a war between those who seal with one secret and those with another.
            Saved::Newer(stored) => match self.open(key, Some(stored)) {
                Some(stored) => Ok(Saved::Newer(stored)),
                None => Err(StoreError::new(
                    "it holds a newer token that can't be opened here; give all hosts the same secret to seal with",
                )),
            },
        }
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.store()?.release(key, owner, cooldown)
    }

    fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        self.store()?.lease_record(key)
    }

    fn fallback(&self) -> Option<&dyn TokenStore> {
        let fallback: &dyn TokenStore = self.fallback.as_deref()?;
        Some(fallback)
    }
}

impl fmt::Debug for SealedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedStore").finish_non_exhaustive()
    }
}
