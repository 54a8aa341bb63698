//! The suite that every store must pass: stores that conform, and stores with one thing wrong.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pan123_token::{AccessToken, BaseUrl, Fingerprint, OffsetDateTime};
use pan123_token_cache::testing::{ManualClock, MemoryStore, conformance, conformance_async};
use pan123_token_cache::{
    AsyncTokenStore, Blocking, Lease, LeaseRecord, Owner, Record, Saved, StoreError, StoreKey,
    Stored, TokenStore,
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
    /// The wrapper itself is no fault.
    None,
    LosesRecords,
    TakesOlderRecords,
    RefusesWhatWasReadUnderTheLease,
    TakesSuspects,
    TakesEarlierExpiries,
    RefusesLaterExpiries,
    UndoesMarks,
    LowersCounts,
    GrantsEachOwner,
    GrantsNoOwnerTwice,
    LeasesWithoutTheRecord,
    LetsStrangersRelease,
    ForgetsCooldowns,
    CoolsDownForEver,
    LeasesForEver,
    MixesKeys,
    TellsOfCooldownsAlone,
    TellsOfLeasesAlone,
    TellsOfCooldownsAsLeases,
    TellsOfLeasesThatEnded,
}

impl Fault {
    const ALL: [Self; 20] = [
        Self::LosesRecords,
        Self::TakesOlderRecords,
        Self::RefusesWhatWasReadUnderTheLease,
        Self::TakesSuspects,
        Self::TakesEarlierExpiries,
        Self::RefusesLaterExpiries,
        Self::UndoesMarks,
        Self::LowersCounts,
        Self::GrantsEachOwner,
        Self::GrantsNoOwnerTwice,
        Self::LeasesWithoutTheRecord,
        Self::LetsStrangersRelease,
        Self::ForgetsCooldowns,
        Self::CoolsDownForEver,
        Self::LeasesForEver,
        Self::MixesKeys,
        Self::TellsOfCooldownsAlone,
        Self::TellsOfLeasesAlone,
        Self::TellsOfCooldownsAsLeases,
        Self::TellsOfLeasesThatEnded,
    ];

    /// Whether it keeps the record in place of the one there, come what may.
    fn forces(self, record: &Record, there: &Record) -> bool {
        let same = record.fingerprint() == there.fingerprint();
        match self {
            Self::TakesOlderRecords => !same && record.issued_at <= there.issued_at,
            Self::TakesSuspects => !same && record.suspect,
            Self::TakesEarlierExpiries => {
                same && record.token.expires_at() < there.token.expires_at()
            }
            Self::UndoesMarks => same && there.suspect && !record.suspect,
            Self::LowersCounts => {
                same && (record.forced, record.maybe_issued) < (there.forced, there.maybe_issued)
            }
            _ => false,
        }
    }
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
            Fault::GrantsEachOwner => Ok(Lease::Granted(self.memory.load(key)?)),
            Fault::GrantsNoOwnerTwice => {
                let owner = Owner(owner.0 ^ next_number());
                self.memory.lease(key, owner, term)
            }
            Fault::LeasesForEver => self.memory.lease(key, owner, 10 * term),
            Fault::LeasesWithoutTheRecord => Ok(match self.memory.lease(key, owner, term)? {
                Lease::Held(wait, _) => Lease::Held(wait, None),
                other => other,
            }),
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
        let mut replaces = replaces;
        if let Some(there) = self.memory.load(key)? {
            let fingerprint = there.record.fingerprint();
            if self.fault == Fault::RefusesLaterExpiries && fingerprint == record.fingerprint() {
                return Ok(Saved::Newer(there));
            }
            if self.fault.forces(record, &there.record) {
                // By way of a token that was read under a lease.
                let between = self::record("between");
                self.memory.save(key, &between, Some(fingerprint), left)?;
                replaces = Some(between.fingerprint());
            }
        }
        if self.fault == Fault::RefusesWhatWasReadUnderTheLease {
            replaces = None;
        }
        self.memory.save(key, record, replaces, left)
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        let key = self.key(key);
        match self.fault {
            Fault::ForgetsCooldowns => self.memory.release(key, owner, Duration::ZERO),
            Fault::CoolsDownForEver => self.memory.release(key, owner, 10 * cooldown),
            Fault::LetsStrangersRelease => {
                for owner in 0..100 {
                    self.memory.release(key, Owner(owner), cooldown)?;
                }
                Ok(())
            }
            _ => self.memory.release(key, owner, cooldown),
        }
    }

    fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        let key = self.key(key);
        let record = self.memory.lease_record(key)?;
        let is_held = matches!(record, Some(LeaseRecord::Held(_)));
        Ok(match (self.fault, record) {
            (Fault::TellsOfCooldownsAlone, _) if is_held => None,
            (Fault::TellsOfLeasesAlone, _) if !is_held => None,
            (Fault::TellsOfCooldownsAsLeases, Some(LeaseRecord::CoolingDown(left))) => {
                Some(LeaseRecord::Held(left))
            }
            (Fault::TellsOfLeasesThatEnded, None) => Some(LeaseRecord::Held(Duration::ZERO)),
            (_, record) => record,
        })
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
fn next_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1 << 32);
    NEXT.fetch_add(1 << 32, Ordering::Relaxed)
}

#[test]
fn the_suite_finds_each_fault() {
    check(Fault::None);
    for fault in Fault::ALL {
        let found = std::panic::catch_unwind(|| check(fault));
        assert!(found.is_err(), "{fault:?} passed");
    }
}

fn check(fault: Fault) {
    let clock = ManualClock::default();
    let memory = MemoryStore::new(clock.clone());
    conformance(&Broken { memory, fault }, &|time| clock.advance(time));
}

#[test]
fn an_async_store_passes_the_same_suite() {
    /// Each call is pending once before it is carried out.
    struct Pending(Blocking<MemoryStore>);

    impl AsyncTokenStore for Pending {
        async fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
            pending_once().await;
            self.0.load(key).await
        }

        async fn lease(
            &self,
            key: StoreKey,
            owner: Owner,
            term: Duration,
        ) -> Result<Lease, StoreError> {
            pending_once().await;
            self.0.lease(key, owner, term).await
        }

        async fn save(
            &self,
            key: StoreKey,
            record: &Record,
            replaces: Option<Fingerprint>,
            left: Duration,
        ) -> Result<Saved, StoreError> {
            pending_once().await;
            self.0.save(key, record, replaces, left).await
        }

        async fn release(
            &self,
            key: StoreKey,
            owner: Owner,
            cooldown: Duration,
        ) -> Result<(), StoreError> {
            pending_once().await;
            self.0.release(key, owner, cooldown).await
        }
    }

    let clock = ManualClock::default();
    let memory = Arc::new(MemoryStore::new(clock.clone()));
    let store = Pending(Blocking(memory));
    block_on(conformance_async(&store, async |time| {
        pending_once().await;
        clock.advance(time);
    }));
}

async fn pending_once() {
    let mut polled = false;
    poll_fn(|_| {
        if std::mem::replace(&mut polled, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Polls again and again: nothing in here waits for a wake-up.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("it never ends");
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
