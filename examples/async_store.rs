//! An async store of one's own: a database that lives on a thread of its own, and is asked through a channel. A call that is
//! dropped is carried out all the same, which no rule of the store minds.

use std::thread;
use std::time::Duration;

use pan123_token_cache::pan123_token::Fingerprint;
use pan123_token_cache::{
    AsyncTokenStore, Lease, Owner, Record, Saved, StoreError, StoreKey, Stored, TokenStore,
};
use tokio::sync::{mpsc, oneshot};

use crate::sqlite_store::SqliteStore;

type Call = Box<dyn FnOnce(&SqliteStore) + Send>;

/// Hands each call to the database's thread. The thread ends with the last clone.
#[derive(Clone)]
pub struct DatabaseThread(mpsc::Sender<Call>);

impl DatabaseThread {
    /// Starts the thread.
    pub fn start(db: SqliteStore) -> Self {
        let (sender, mut calls) = mpsc::channel::<Call>(16);
        thread::spawn(move || {
            while let Some(call) = calls.blocking_recv() {
                call(&db);
            }
        });
        Self(sender)
    }

    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&SqliteStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let call: Call = Box::new(move |db| {
            // The asker may be gone.
            let _ = answer.send(call(db));
        });
        let gone = || StoreError::new("the database's thread has ended");
        self.0.send(call).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl AsyncTokenStore for DatabaseThread {
    async fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.call(move |db| db.load(key)).await
    }

    async fn lease(
        &self,
        key: StoreKey,
        owner: Owner,
        term: Duration,
    ) -> Result<Lease, StoreError> {
        self.call(move |db| db.lease(key, owner, term)).await
    }

    async fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        let record = record.clone();
        self.call(move |db| db.save(key, &record, replaces, left))
            .await
    }

    async fn release(
        &self,
        key: StoreKey,
        owner: Owner,
        cooldown: Duration,
    ) -> Result<(), StoreError> {
        self.call(move |db| db.release(key, owner, cooldown)).await
    }
}
