//! The store in memory, by the suite that every store must pass.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use pan123_token::{
    AccessToken, BaseUrl, Credentials, Fingerprint, GetAccessToken, OffsetDateTime,
};
use pan123_token_cache::testing::{ManualClock, MemoryStore, conformance};
use pan123_token_cache::{
    Lease, Moment, Owner, Record, Saved, StoreError, StoreKey, StoreSession, Stored, TokenStore,
};

#[test]
fn the_store_in_memory_conforms() {
    let clock = ManualClock::default();
    let store = MemoryStore::new(clock.clone());
    conformance(&store, &|time| clock.advance(time));
}

/// A store with one thing wrong.
struct Broken {
    memory: MemoryStore,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    LosesRecords,
    TakesOlderRecords,
    RefusesWhatWasReadUnderTheLease,
    GrantsEveryone,
    GrantsNobodyTwice,
    LetsStrangersGiveBack,
    ForgetsToCool,
    MixesKeys,
    LeasesForEver,
}

impl TokenStore for Broken {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        if self.fault == Fault::LosesRecords {
            return Ok(None);
        }
        self.memory.load(self.key(key))
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        let key = self.key(key);
        match self.fault {
            Fault::GrantsEveryone => Ok(Lease::Granted(self.memory.load(key)?)),
            Fault::GrantsNobodyTwice => {
                let owner = Owner(owner.0 ^ rand());
                self.memory.lease(key, owner, term)
            }
            Fault::LeasesForEver => self.memory.lease(key, owner, 10 * term),
            _ => self.memory.lease(key, owner, term),
        }
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        let key = self.key(key);
        let replaces = match self.fault {
            Fault::TakesOlderRecords => self.memory.load(key)?.map(|it| it.record.fingerprint()),
            Fault::RefusesWhatWasReadUnderTheLease => None,
            _ => replaces,
        };
        self.memory.save(key, record, replaces, left)
    }

    fn release(&self, key: StoreKey, owner: Owner, cool: Duration) -> Result<(), StoreError> {
        let key = self.key(key);
        match self.fault {
            Fault::ForgetsToCool => self.memory.release(key, owner, Duration::ZERO),
            Fault::LetsStrangersGiveBack => {
                for owner in 0..100 {
                    self.memory.release(key, Owner(owner), cool)?;
                }
                Ok(())
            }
            _ => self.memory.release(key, owner, cool),
        }
    }
}

impl Broken {
    fn key(&self, key: StoreKey) -> StoreKey {
        if self.fault == Fault::MixesKeys {
            return StoreKey::new(&BaseUrl::default(), "");
        }
        key
    }
}

/// Never the same twice.
fn rand() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1 << 32);
    NEXT.fetch_add(1 << 32, Ordering::Relaxed)
}

#[test]
fn the_suite_finds_each_fault() {
    for fault in [
        Fault::LosesRecords,
        Fault::TakesOlderRecords,
        Fault::RefusesWhatWasReadUnderTheLease,
        Fault::GrantsEveryone,
        Fault::GrantsNobodyTwice,
        Fault::LetsStrangersGiveBack,
        Fault::ForgetsToCool,
        Fault::MixesKeys,
        Fault::LeasesForEver,
    ] {
        let found = std::panic::catch_unwind(|| {
            let clock = ManualClock::default();
            let memory = MemoryStore::new(clock.clone());
            conformance(&Broken { memory, fault }, &|time| clock.advance(time));
        });
        assert!(found.is_err(), "{fault:?} passed");
    }
}

#[test]
fn a_key_tells_addresses_and_clients_apart_and_no_secrets() {
    let key = |url: &str, client_id| StoreKey::new(&url.parse().expect("a URL"), client_id);
    let official = key("https://open-api.123pan.com", "my-id");
    // SHA-256 of "pan123-token store key", a NUL, the URL, a NUL and the ID; its first 32 digits, as sha256sum prints them.
    assert_eq!(official.to_string(), "2468dca3ff8c286f2e38eee23f1252b8");
    assert_eq!(official, key("HTTPS://Open-API.123pan.com:443/", "my-id"));
    assert_ne!(official, key("https://open-api.123pan.com", "my-other-id"));
    assert_ne!(official, key("https://open-api.123pan.com/pan", "my-id"));
    for secret in ["one", "another"] {
        let credentials = Credentials::new("my-id", secret).expect("credentials");
        assert_eq!(StoreKey::of(&GetAccessToken::new(credentials)), official);
    }
}

#[test]
fn keys_errors_and_sessions_are_shown_in_one_line() {
    let key = StoreKey::new(&BaseUrl::default(), "my-id");
    assert_eq!(format!("{key:?}"), format!("StoreKey({key})"));
    let error = StoreError::new("the disk\nis full");
    assert_eq!(error.to_string(), "the disk\u{fffd}is full");
    assert_eq!(
        format!("{error:?}"),
        "StoreError(\"the disk\u{fffd}is full\")"
    );
    let store = std::sync::Arc::new(MemoryStore::new(ManualClock::default()));
    let session = StoreSession::new(store, key);
    assert_eq!(
        format!("{session:?}"),
        format!("StoreSession {{ key: {key:?}, .. }}")
    );
}

/// The record of a token that was asked for at 1,000,000 s since 1970 and lives for 100 s.
fn record(secret: &str) -> Record {
    let expires_at = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_000_100);
    let fingerprint = AccessToken::new(secret, expires_at)
        .expect("valid")
        .fingerprint();
    let form = format!(
        r#"{{"version":1,"readableBy":1,"accessToken":"{secret}","fingerprint":"{fingerprint}","expiresAt":"1970-01-12T13:48:20Z","issuedAt":"1970-01-12T13:46:40Z","lifetimeMs":100000,"sentAtMs":1000000000,"forced":0,"suspect":false}}"#
    );
    Record::decode(form.as_bytes()).expect("valid")
}

fn wall(seconds: u64) -> Moment {
    Moment {
        wall: Duration::from_secs(seconds),
        monotonic: Duration::ZERO,
    }
}

#[test]
fn what_is_left_is_told_by_the_stores_clock_or_else_by_the_hosts() {
    let left_at = |left: Option<u64>, seconds| {
        let stored = Stored {
            record: record("a"),
            left: left.map(Duration::from_secs),
        };
        stored.left_at(wall(seconds)).as_secs()
    };
    assert_eq!(left_at(Some(7), 1_000_010), 7);
    // It can't have more than it ever had.
    assert_eq!(left_at(Some(101), 1_000_010), 100);
    assert_eq!(left_at(None, 1_000_010), 90);
    assert_eq!(left_at(None, 1_000_100), 0);
    assert_eq!(left_at(None, 2_000_000), 0);
    // The clock was set back: now only the expiry counts, and never more than a lifetime.
    assert_eq!(left_at(None, 999_999), 100);
}

#[test]
fn a_rejection_past_any_cache_marks_the_stored_token_and_no_other() {
    let clock = ManualClock::new(wall(1_000_010));
    let store: std::sync::Arc<dyn TokenStore> = std::sync::Arc::new(MemoryStore::new(clock));
    let key = StoreKey::new(&BaseUrl::default(), "my-id");
    let session = StoreSession::new(std::sync::Arc::clone(&store), key);
    let (stored, other) = (record("stored").token, record("other").token);
    let reject = |token| session.reject(token, wall(1_000_010)).expect("it works");
    let suspect = || {
        let stored = store.load(key).expect("it works").expect("a record");
        (stored.record.suspect, stored.left)
    };

    assert!(!reject(&stored), "nothing is stored");
    let left = Duration::from_secs(90);
    store
        .save(key, &record("stored"), None, left)
        .expect("it works");
    assert!(!reject(&other));
    assert_eq!(suspect(), (false, Some(left)));
    assert!(reject(&stored));
    assert_eq!(suspect(), (true, Some(left)));
}
