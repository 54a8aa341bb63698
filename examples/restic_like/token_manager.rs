//! What restic-123pan does in its `auth.rs`, in the same shape: a token manager with a reqwest client, a database in `SQLite`,
//! and upload hosts that are learnt at run time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pan123_token_reqwest::reqwest::{Client, redirect::Policy};
use pan123_token_reqwest::store::{
    Fingerprint, Lease, Owner, Record, Saved, StoreError, StoreKey, Stored, TokenStore,
};
use pan123_token_reqwest::{BaseUrl, Credentials, TokenProvider};
use rusqlite::{Connection, OptionalExtension, Result as Sqlite};

type BoxError = Box<dyn std::error::Error>;

pub(crate) struct TokenManager {
    /// `token()` gets a token; `send(request)` stands for the loop that refreshed it on a 401.
    pub(crate) provider: TokenProvider,
    pub(crate) http_client: Client,
}

impl TokenManager {
    pub(crate) fn new(login: Credentials, api: BaseUrl, db: Connection) -> Result<Self, BoxError> {
        let http_client = Client::builder().timeout(Duration::from_secs(30));
        let provider = TokenProvider::builder(login).base_url(api);
        Ok(Self {
            provider: provider.store(Arc::new(SqliteStore::new(db)?)).build()?,
            http_client: http_client.redirect(Policy::none()).build()?,
        })
    }

    /// The first of the hosts that this program trusts which the API has named, too.
    pub(crate) fn upload_host(&self, named: &[String], trusted: &[BaseUrl]) -> Option<BaseUrl> {
        let is_named = |host: &&BaseUrl| named.iter().any(|name| name == host.as_str());
        let host = trusted.iter().find(is_named)?;
        self.provider.allow_origin(host);
        Some(host.clone())
    }
}

/// A table of one process: the database's exclusive lock keeps others out, so every lease is granted.
struct SqliteStore(Mutex<Connection>);

impl SqliteStore {
    fn new(db: Connection) -> Sqlite<Self> {
        db.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE;
             CREATE TABLE IF NOT EXISTS access_token (key TEXT PRIMARY KEY, record TEXT NOT NULL)",
        )?;
        Ok(Self(Mutex::new(db)))
    }

    fn with<T>(&self, run: impl FnOnce(&Connection) -> Sqlite<T>) -> Result<T, StoreError> {
        run(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).map_err(StoreError::new)
    }
}

impl TokenStore for SqliteStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        let sql = "SELECT record FROM access_token WHERE key = ?1";
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let text = self.with(|db| db.query_row(sql, [key.to_string()], read).optional())?;
        // A damaged one counts as absent.
        let record = text.and_then(|text| Record::decode(text.as_bytes()).ok());
        Ok(record.map(|record| Stored { record, left: None }))
    }

    fn lease(&self, key: StoreKey, _: Owner, _: Duration) -> Result<Lease, StoreError> {
        self.load(key).map(Lease::Granted)
    }

    fn save(
        &self,
        key: StoreKey,
        new: &Record,
        replaces: Option<Fingerprint>,
        _: Duration,
    ) -> Result<Saved, StoreError> {
        let stored = self.load(key)?;
        if let Some(newer) = stored.filter(|it| !new.may_replace(&it.record, replaces)) {
            return Ok(Saved::Newer(newer));
        }
        let sql = "INSERT OR REPLACE INTO access_token VALUES (?1, ?2)";
        self.with(|db| db.execute(sql, [key.to_string(), new.encode()]))?;
        Ok(Saved::Kept)
    }

    fn release(&self, _: StoreKey, _: Owner, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}
