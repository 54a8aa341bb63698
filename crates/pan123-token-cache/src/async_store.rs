//! A store whose calls don't block.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pan123_token::Fingerprint;

use crate::record::Record;
use crate::store::{Lease, LeaseRecord, Owner, Saved, StoreError, StoreKey, Stored, TokenStore};

/// A place where processes or hosts share a token, for stores that are asked asynchronously. Each call does what the one
/// of the same name in [`TokenStore`] does.
///
/// Implementors write plain `async fn`s; the futures must be `Send`. A store whose futures aren't carries the
/// [steps](crate::StoreStep) out by itself.
///
/// ```
/// use std::time::Duration;
///
/// use pan123_token_cache::pan123_token::Fingerprint;
/// use pan123_token_cache::{
///     AsyncTokenStore, Lease, Owner, Record, Saved, StoreError, StoreKey, Stored,
/// };
///
/// /// Holds nothing.
/// struct Nowhere;
///
/// impl AsyncTokenStore for Nowhere {
///     async fn load(&self, _: StoreKey) -> Result<Option<Stored>, StoreError> {
///         Ok(None)
///     }
///
///     async fn lease(&self, _: StoreKey, _: Owner, _: Duration) -> Result<Lease, StoreError> {
///         Ok(Lease::Granted(None))
///     }
///
///     async fn save(
///         &self,
///         _: StoreKey,
///         _: &Record,
///         _: Option<Fingerprint>,
///         _: Duration,
///     ) -> Result<Saved, StoreError> {
///         Ok(Saved::Kept)
///     }
///
///     async fn release(&self, _: StoreKey, _: Owner, _: Duration) -> Result<(), StoreError> {
///         Ok(())
///     }
/// }
/// ```
///
/// # Cancel safety
///
/// A future may be dropped before it ends, with its runtime, say. The machine takes that for a failure of the store, and may
/// ask again for what was done already; each call may be repeated.
pub trait AsyncTokenStore: Send + Sync {
    /// The record.
    fn load(
        &self,
        key: StoreKey,
    ) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// Takes the right to fetch for `term`, and reads the record.
    fn lease(
        &self,
        key: StoreKey,
        owner: Owner,
        term: Duration,
    ) -> impl Future<Output = Result<Lease, StoreError>> + Send;

    /// Keeps the record if it may replace what is there.
    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> impl Future<Output = Result<Saved, StoreError>> + Send;

    /// Ends the lease, if it is this owner's, and starts a cooldown.
    fn release(
        &self,
        key: StoreKey,
        owner: Owner,
        cooldown: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What the lease record says, for operators; nothing where there is none, or where the store doesn't tell.
    fn lease_record(
        &self,
        key: StoreKey,
    ) -> impl Future<Output = Result<Option<LeaseRecord>, StoreError>> + Send {
        let _ = key;
        std::future::ready(Ok(None))
    }
}

/// A blocking store as an async one: its futures block while they are polled. For tests and for single-threaded programs;
/// an async program gives a blocking store to its adapter as it is.
///
/// ```
/// use std::sync::Arc;
///
/// use pan123_token_cache::testing::{ManualClock, MemoryStore, conformance_async};
/// use pan123_token_cache::Blocking;
///
/// let clock = ManualClock::default();
/// let store = Blocking(Arc::new(MemoryStore::new(clock.clone())));
/// let suite = conformance_async(&store, async |time| clock.advance(time));
/// // Any runtime may poll it.
/// # use std::task::{Context, Waker};
/// # let suite = std::pin::pin!(suite);
/// # assert!(suite.poll(&mut Context::from_waker(Waker::noop())).is_ready());
/// ```
#[derive(Clone, Debug)]
pub struct Blocking<S: ?Sized>(pub Arc<S>);

impl<S: TokenStore + ?Sized> AsyncTokenStore for Blocking<S> {
    async fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.0.load(key)
    }

    async fn lease(
        &self,
        key: StoreKey,
        owner: Owner,
        term: Duration,
    ) -> Result<Lease, StoreError> {
        self.0.lease(key, owner, term)
    }

    async fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        self.0.save(key, record, replaces, left)
    }

    async fn release(
        &self,
        key: StoreKey,
        owner: Owner,
        cooldown: Duration,
    ) -> Result<(), StoreError> {
        self.0.release(key, owner, cooldown)
    }

    async fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        self.0.lease_record(key)
    }
}
