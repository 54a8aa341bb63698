//! A store of one's own: a database that the program has anyway (`SQLite`), which several processes have open. The suite
//! `pan123_token_cache::testing::conformance` checks it in this package's tests.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pan123_token_cache::pan123_token::Fingerprint;
use pan123_token_cache::{Lease, Owner, Record, Saved, StoreError, StoreKey, Stored, TokenStore};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

/// No owner: a cooldown.
const NO_OWNER: &str = "";

/// Two tables: the record of each key, and who may fetch for it. Each call is one transaction, which keeps other processes
/// out while it runs.
pub struct SqliteStore(Mutex<Connection>);

impl SqliteStore {
    /// Opens the database, and makes the tables.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let db = Connection::open(path)?;
        // Less than the 2.5 s that a call to a store may take.
        db.busy_timeout(Duration::from_secs(2))?;
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS token (key TEXT PRIMARY KEY, record TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS lease (key TEXT PRIMARY KEY, owner TEXT NOT NULL, ends INTEGER NOT NULL)",
        )?;
        Ok(Self(Mutex::new(db)))
    }

    fn transaction<T>(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut db = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let run = || {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = run(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        // An outage. What no waiting heals would be `StoreError::misconfigured`.
        run().map_err(|error: rusqlite::Error| StoreError::new(error))
    }
}

impl TokenStore for SqliteStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.transaction(|db| stored(db, key))
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        let owner = owner.0.to_string();
        self.transaction(|db| {
            let stored = stored(db, key)?;
            let sql = "SELECT owner, ends FROM lease WHERE key = ?1 AND ends > ?2";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?));
            let now = millis_now();
            let held = db.query_row(sql, params![key.to_string(), now], row);
            let left = |ends: i64| Duration::from_millis((ends - now).unsigned_abs());
            Ok(match held.optional()? {
                Some((holder, ends)) if holder == NO_OWNER => {
                    Lease::CoolingDown(left(ends), stored)
                }
                Some((holder, ends)) if holder != owner => Lease::Held(left(ends), stored),
                _ => {
                    set_lease(db, key, &owner, term)?;
                    Lease::Granted(stored)
                }
            })
        })
    }

    fn save(
        &self,
        key: StoreKey,
        new: &Record,
        replaces: Option<Fingerprint>,
        _left: Duration,
    ) -> Result<Saved, StoreError> {
        self.transaction(|db| {
            let stored = stored(db, key)?;
            if let Some(newer) = stored.filter(|it| !new.may_replace(&it.record, replaces)) {
                return Ok(Saved::Newer(newer));
            }
            let sql = "INSERT OR REPLACE INTO token VALUES (?1, ?2)";
            db.execute(sql, params![key.to_string(), new.encode()])?;
            Ok(Saved::Kept)
        })
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.transaction(|db| {
            let sql = "DELETE FROM lease WHERE key = ?1 AND owner = ?2";
            let was_owners = db.execute(sql, params![key.to_string(), owner.0.to_string()])? > 0;
            if was_owners {
                set_lease(db, key, NO_OWNER, cooldown)?;
            }
            Ok(())
        })
    }
}

fn stored(db: &Transaction<'_>, key: StoreKey) -> rusqlite::Result<Option<Stored>> {
    let sql = "SELECT record FROM token WHERE key = ?1";
    let text = db.query_row(sql, [key.to_string()], |row| row.get::<_, String>(0));
    // A damaged one counts as absent.
    let record = text
        .optional()?
        .and_then(|text| Record::decode(text.as_bytes()).ok());
    // This store has no clock of its own: the record says how much of the token's life is left.
    Ok(record.map(|record| Stored { record, left: None }))
}

fn set_lease(
    db: &Transaction<'_>,
    key: StoreKey,
    owner: &str,
    term: Duration,
) -> rusqlite::Result<()> {
    let term = i64::try_from(term.as_millis()).unwrap_or(i64::MAX);
    let ends = millis_now().saturating_add(term);
    let sql = "INSERT OR REPLACE INTO lease VALUES (?1, ?2, ?3)";
    db.execute(sql, params![key.to_string(), owner, ends])?;
    Ok(())
}

fn millis_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}
