//! Sharing: what a store must do, and how its calls are carried out for the state machine.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use pan123_token::{AccessToken, BaseUrl, Fingerprint, GetAccessToken};
use sha2::{Digest, Sha256};

use crate::moment::{Moment, unix};
use crate::record::Record;

/// Which token is meant: a hash of the base URL and the client ID, as 32 hexadecimal digits.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub u64);

/// A place where processes or hosts share a token: a record, and a gate beside it that says who may fetch.
///
/// Every call blocks, and should end within [`RenewalPolicy::store_timeout`](crate::RenewalPolicy::store_timeout); a later
/// answer is not waited for. A store never hands out what it can't read: a damaged record counts as absent. The suite
/// `testing::conformance` checks an implementation.
pub trait TokenStore: Send + Sync {
    /// The record.
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError>;

    /// Takes the right to fetch for `term`, and reads the record. Asking again as the same owner is granted again.
    ///
    /// While another owner's lease runs, or the gate is cool, the answer says for how long; the record comes with either.
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

    /// Ends the lease, if it is this owner's, and leaves the gate cool for so long: until then nobody is granted a lease.
    fn give_back(&self, key: StoreKey, owner: Owner, cool: Duration) -> Result<(), StoreError>;
}

/// A record as a store has it.
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
    /// Where the store has no clock of its own, this host's wall clock tells; but not where it was set back since.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is the asker's, for the term that it asked for.
    Granted(Option<Stored>),
    /// Another owner has it, for so long at the most. Zero where it has had it for longer than its term, and the store
    /// can't take it away: then the asker goes on alone.
    Held(Duration, Option<Stored>),
    /// The gate is cool: nobody is to ask the platform for so long.
    Cool(Duration, Option<Stored>),
}

/// The answer to [`TokenStore::save`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The record is kept.
    Kept,
    /// Another one is newer, and was left.
    Newer(Stored),
}

/// A store that failed: down, full, slow, locked.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreError(Arc<str>);

impl StoreError {
    /// What happened, in one line, without a secret.
    pub fn new(what: impl fmt::Display) -> Self {
        let line = pan123_token::Cause::from(what.to_string().as_str());
        Self(line.to_string().into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreError({:?})", self.0)
    }
}

impl std::error::Error for StoreError {}

/// One call to the store that the machine asks for. [`StoreSession::run`] carries it out.
///
/// It may be dropped: the machine then goes on at the step's deadline as if the store had failed.
#[must_use = "carry it out, and report how it ended"]
#[derive(Debug)]
pub struct StoreStep {
    pub(crate) id: u64,
    pub(crate) call: Call,
}

#[derive(Clone, Debug)]
pub(crate) enum Call {
    Look,
    Lease {
        owner: Owner,
        term: Duration,
    },
    Save {
        record: Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    },
    MarkSuspect {
        fingerprint: Fingerprint,
        now: Moment,
    },
    GiveBack {
        owner: Owner,
        cool: Duration,
    },
}

impl Call {
    /// Whether it says something about the store's being writable.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self, Self::Look)
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Lease { .. } => "lease",
            Self::Save { .. } => "save",
            Self::MarkSuspect { .. } => "mark suspect",
            Self::GiveBack { .. } => "give back",
        }
    }
}

impl StoreStep {
    /// What it does, for logs: `look`, `lease`, `save`, `mark suspect` or `give back`.
    pub fn name(&self) -> &'static str {
        self.call.name()
    }
}

/// How a step ended; for [`TokenCache::stored`](crate::TokenCache::stored).
#[must_use = "report it to the machine"]
#[derive(Debug)]
pub struct StoreDone {
    pub(crate) id: u64,
    pub(crate) answer: Result<Answer, StoreError>,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Looked(Option<Stored>),
    Leased(Lease),
    Saved(Saved),
    GivenBack,
}

/// A store and the key under which one cache uses it. Cheap to clone.
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

    /// Carries out a step. Blocks as long as the store does; an async driver runs it off its workers.
    pub fn run(&self, step: StoreStep) -> StoreDone {
        let StoreStep { id, call } = step;
        // A panic in a store is the store's trouble, and nobody else's.
        let answer = catch_unwind(AssertUnwindSafe(|| self.call(call)))
            .unwrap_or_else(|_| Err(StoreError::new("it panicked")));
        StoreDone { id, answer }
    }

    /// The record, past any cache. Blocks as long as the store does.
    pub fn load(&self) -> Result<Option<Stored>, StoreError> {
        self.store.load(self.key)
    }

    /// Reports, past any cache, that a business call was refused with this token: whoever uses the store then replaces it
    /// once that is allowed. False where it isn't the stored one. Blocks as long as the store does.
    ///
    /// A cache does this by itself, when it is told of a [rejection](crate::TokenCache::reject).
    pub fn reject(&self, token: &AccessToken, now: Moment) -> Result<bool, StoreError> {
        let answer = self.mark(token.fingerprint(), now)?;
        Ok(matches!(answer, Answer::Saved(Saved::Kept)))
    }

    /// Only what is stored now is marked; a newer one is nobody's suspect yet.
    fn mark(&self, fingerprint: Fingerprint, now: Moment) -> Result<Answer, StoreError> {
        let Self { store, key } = self;
        Ok(match store.load(*key)? {
            Some(stored) if stored.record.fingerprint() == fingerprint => {
                let left = stored.left_at(now);
                let marked = Record {
                    suspect: true,
                    ..stored.record
                };
                Answer::Saved(store.save(*key, &marked, Some(fingerprint), left)?)
            }
            stored => Answer::Looked(stored),
        })
    }

    fn call(&self, call: Call) -> Result<Answer, StoreError> {
        let (store, key) = (&self.store, self.key);
        Ok(match call {
            Call::Look => Answer::Looked(store.load(key)?),
            Call::Lease { owner, term } => Answer::Leased(store.lease(key, owner, term)?),
            Call::Save {
                record,
                replaces,
                left,
            } => Answer::Saved(store.save(key, &record, replaces, left)?),
            Call::MarkSuspect { fingerprint, now } => self.mark(fingerprint, now)?,
            Call::GiveBack { owner, cool } => {
                store.give_back(key, owner, cool)?;
                Answer::GivenBack
            }
        })
    }
}

impl fmt::Debug for StoreSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSession")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
