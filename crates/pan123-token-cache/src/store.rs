//! Sharing: what a store must do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hmac_sha256::Hash as Sha256;
use pan123_token::{BaseUrl, Fingerprint, GetAccessToken};

use crate::moment::{Moment, unix};
use crate::record::Record;

/// Which token is meant: a hash of the base URL and the client ID, as 32 hexadecimal digits.
///
/// ```
/// use pan123_token::{BaseUrl, Credentials, GetAccessToken};
/// use pan123_token_cache::StoreKey;
///
/// let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
/// let key = StoreKey::of(&operation);
/// assert_eq!(key, StoreKey::new(&BaseUrl::default(), "my-client-id"));
/// assert_eq!(key.to_string().len(), 32);
/// # Ok::<(), pan123_token::CredentialsError>(())
/// ```
///
/// The client secret is no part of it, so that a rotated secret finds the token that the old one got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey(u128);

impl StoreKey {
    /// The key of this client ID at this address.
    pub fn new(base_url: &BaseUrl, client_id: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"pan123-token store key\0");
        hash.update(base_url.as_str());
        hash.update(b"\0");
        hash.update(client_id);
        let first_128_bits = hash.finalize().into_iter().take(16);
        Self(first_128_bits.fold(0, |bits, byte| bits << 8 | u128::from(byte)))
    }

    /// The key of what this operation asks for.
    pub fn of(operation: &GetAccessToken) -> Self {
        Self::new(operation.base_url(), operation.client_id())
    }
}

impl fmt::Display for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreKey({self})")
    }
}

/// Who holds a lease: a number that each cache draws for each lease it asks for.
///
/// An example is with [`TokenStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub u64);

/// A place where processes or hosts share a token: a record, and a lease record beside it that says who may fetch.
///
/// ```
/// use std::time::Duration;
///
/// use pan123_token::BaseUrl;
/// use pan123_token_cache::testing::{ManualClock, MemoryStore};
/// use pan123_token_cache::{Lease, LeaseRecord, Owner, Saved, StoreKey, TokenStore};
/// # let record = pan123_token_cache::Record::decode(concat!(
/// #     r#"{"version":1,"readableBy":1,"accessToken":"a.b.c","fingerprint":"63304532e299f9ab","#,
/// #     r#""expiresAt":"2025-03-23T07:48:37Z","issuedAt":"2025-02-21T07:48:37Z","#,
/// #     r#""lifetimeMs":2592000000,"sentAtMs":1740124117000,"forced":0,"suspect":false}"#,
/// # ).as_bytes())?;
///
/// let store = MemoryStore::new(ManualClock::default());
/// let key = StoreKey::new(&BaseUrl::default(), "my-client-id");
/// let (term, cooldown) = (Duration::from_secs(45), Duration::from_secs(1));
///
/// // The owner of the lease fetches a token, saves it and releases the lease.
/// assert_eq!(store.lease(key, Owner(1), term)?, Lease::Granted(None));
/// assert_eq!(store.save(key, &record, None, record.lifetime)?, Saved::Kept);
/// store.release(key, Owner(1), cooldown)?;
/// assert_eq!(store.lease_record(key)?, Some(LeaseRecord::CoolingDown(cooldown)));
///
/// // Others load it.
/// let stored = store.load(key)?.ok_or("no record")?;
/// assert_eq!(stored.record.token.secret(), "a.b.c");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An implementation has the shape of the one with [`AsyncTokenStore`](crate::AsyncTokenStore), less the word `async`.
///
/// Every call blocks, and should end within [`RenewalPolicy::store_timeout`](crate::RenewalPolicy::store_timeout); a later
/// answer is not waited for. A store never hands out what it can't read: a damaged record counts as absent. The suite
/// `testing::conformance` checks an implementation. Where calls must not block, there is
/// [`AsyncTokenStore`](crate::AsyncTokenStore).
///
/// # Errors
///
/// Each call fails with a [`StoreError`] where the store is down, full, slow or locked ([`StoreError::new`]), or where a
/// person must change a setting ([`StoreError::misconfigured`]).
pub trait TokenStore: Send + Sync {
    /// The record.
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError>;

    /// Takes the right to fetch for `term`, and reads the record. Asking again as the same owner is granted again.
    ///
    /// While another owner's lease runs, or the lease is cooling down, the answer says for how long; the record comes with
    /// either.
    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError>;

    /// Keeps the record if there is none, or if it [may replace](Record::may_replace) the one that is there. Needs no
    /// lease. `left` is how much of its life is left: a store that forgets by itself keeps it for that long.
    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError>;

    /// Ends the lease, if it is this owner's, and starts a cooldown of this length: until its end no owner is granted a
    /// lease.
    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError>;

    /// What the lease record says, for operators; nothing where there is none, or where the store doesn't tell.
    fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        let _ = key;
        Ok(None)
    }

    /// The store that the processes of one host share while this one is out; see [`FallbackStore`](crate::FallbackStore).
    fn fallback(&self) -> Option<&dyn TokenStore> {
        None
    }
}

impl<S: TokenStore + ?Sized> TokenStore for &S {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        (**self).load(key)
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        (**self).lease(key, owner, term)
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        (**self).save(key, record, replaces, left)
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        (**self).release(key, owner, cooldown)
    }

    fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        (**self).lease_record(key)
    }

    fn fallback(&self) -> Option<&dyn TokenStore> {
        (**self).fallback()
    }
}

/// A record as a store has it.
///
/// An example is with [`TokenStore`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// How much of the token's life is left by the store's own clock, where it has one.
    pub left: Option<Duration>,
}

impl Stored {
    /// How much of the token's life is left, `loaded` being the moment before it was loaded.
    ///
    /// Where the store has no clock of its own, this host's wall clock decides; where it was set back since, the expiry does.
    pub fn left_at(&self, loaded: Moment) -> Duration {
        let record = &self.record;
        let left = self
            .left
            .unwrap_or_else(|| match loaded.wall.checked_sub(record.sent_at) {
                Some(elapsed) => record.lifetime.saturating_sub(elapsed),
                None => unix(record.token.expires_at()).saturating_sub(loaded.wall),
            });
        left.min(record.lifetime)
    }
}

/// The answer to [`TokenStore::lease`]. Each comes with the record as it is now.
///
/// An example is with [`TokenStore`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is the asker's, for the term that it asked for.
    Granted(Option<Stored>),
    /// Another owner has it, for this long at the most.
    Held(Duration, Option<Stored>),
    /// Another owner has had it for longer than its term, and the store can't take it away. The asker bypasses the store.
    Stuck(Option<Stored>),
    /// No process may ask the platform for this long.
    CoolingDown(Duration, Option<Stored>),
}

/// What a lease record says. From [`TokenStore::lease_record`].
///
/// An example is with [`TokenStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseRecord {
    /// A process has the lease, for this long at the most.
    Held(Duration),
    /// No process may ask the platform for this long.
    CoolingDown(Duration),
}

/// The answer to [`TokenStore::save`].
///
/// An example is with [`TokenStore`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The record is kept.
    Kept,
    /// Another one is newer, and was left.
    Newer(Stored),
}

/// A store that failed: down, full, slow, locked; or one that is misconfigured and will not heal by itself.
///
/// ```
/// use pan123_token_cache::StoreError;
///
/// let outage = StoreError::new("connection refused");
/// assert!(!outage.is_misconfigured());
/// let setting = StoreError::misconfigured("wrong password: set the one of this server");
/// assert!(setting.is_misconfigured());
/// assert_eq!(setting.to_string(), "wrong password: set the one of this server");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreError {
    what: Arc<str>,
    misconfigured: bool,
}

impl StoreError {
    /// An outage. What happened, in one line, without a secret.
    pub fn new(what: impl fmt::Display) -> Self {
        let line = pan123_token::Cause::from(what.to_string().as_str());
        Self {
            what: line.to_string().into(),
            misconfigured: false,
        }
    }

    /// A wrong setting: a wrong password, a missing permission, a path that is no folder. What is wrong and what to set,
    /// in one line, without a secret.
    pub fn misconfigured(what: impl fmt::Display) -> Self {
        Self {
            misconfigured: true,
            ..Self::new(what)
        }
    }

    /// Whether a person must change a setting. An outage heals by itself.
    pub fn is_misconfigured(&self) -> bool {
        self.misconfigured
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.misconfigured {
            "StoreError::misconfigured"
        } else {
            "StoreError"
        };
        write!(f, "{name}({:?})", self.what)
    }
}

impl std::error::Error for StoreError {}
