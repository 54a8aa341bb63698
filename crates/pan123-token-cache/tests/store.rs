//! Keys, errors, sessions and steps of a store.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pan123_token::{AccessToken, BaseUrl, Credentials, GetAccessToken, OffsetDateTime};
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{
    Action, AsyncTokenStore, Blocking, Event, FallbackStore, Lease, LeaseRecord, Moment, Owner,
    Record, RenewalPolicy, StoreError, StoreKey, StoreSession, Stored, TokenCache, TokenStore,
};

#[test]
fn an_async_store_carries_out_steps_and_has_no_fallback() {
    let store = Blocking(Arc::new(MemoryStore::new(ManualClock::default())));
    let key = StoreKey::new(&BaseUrl::default(), "my-id");
    let policy = RenewalPolicy::default();
    let mut cache = TokenCache::new(policy, 1).expect("it fits").with_fallback();
    let mut names = Vec::new();
    let ticket = loop {
        match cache.poll(wall(1_000_010)) {
            Action::Store(step) => {
                names.push(step.name());
                let mut running = pin!(step.run_async(&store, key));
                let mut context = Context::from_waker(Waker::noop());
                let Poll::Ready(done) = running.as_mut().poll(&mut context) else {
                    panic!("a blocking store is pending");
                };
                cache.stored(done, wall(1_000_010));
            }
            Action::Fetch(ticket) => break ticket,
            Action::Wait { .. } => panic!("a wait"),
        }
    };
    drop(ticket);
    // The second is for the host's store, which is not the shared one.
    assert_eq!(names, ["load", "load", "lease"]);
    let event = cache.next_event();
    let Some(Event::HostStoreFailed {
        call: "load",
        error,
    }) = event
    else {
        panic!("{event:?}");
    };
    assert_eq!(error.to_string(), "it has no fallback");
}

#[test]
fn each_way_to_hold_a_store_hands_its_lease_record_on() {
    let clock = ManualClock::default();
    let memory = || Arc::new(MemoryStore::new(clock.clone()));
    let (store, host) = (memory(), memory());
    let key = StoreKey::new(&BaseUrl::default(), "my-id");
    let term = Duration::from_secs(45);
    let lease = store.lease(key, Owner(1), term).expect("a lease");
    assert_eq!(lease, Lease::Granted(None));
    let held = Ok(Some(LeaseRecord::Held(term)));

    assert_eq!(TokenStore::lease_record(&&*store, key), held);
    let dynamic: Arc<dyn TokenStore> = store.clone();
    assert_eq!(dynamic.lease_record(key), held);
    let fallback = FallbackStore::new(dynamic.clone(), host);
    assert_eq!(fallback.lease_record(key), held);
    assert_eq!(StoreSession::new(dynamic, key).lease_record(), held);
    let blocking = Blocking(store);
    let mut asked = pin!(blocking.lease_record(key));
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(asked.as_mut().poll(&mut context), Poll::Ready(held));
}

#[test]
fn to_a_cache_a_store_with_a_sealed_token_is_misconfigured_and_to_an_operator_it_is_not() {
    let clock = ManualClock::default();
    let store = Arc::new(MemoryStore::new(clock));
    let key = StoreKey::new(&BaseUrl::default(), "my-id");
    let record = record("token").seal_with("v1.xyz").expect("visible ASCII");
    let life = Duration::from_secs(100);
    store.save(key, &record, None, life).expect("a save");

    let mut cache = TokenCache::new(RenewalPolicy::default(), 1)
        .expect("it fits")
        .sharing();
    let Action::Store(step) = cache.poll(wall(1_000_010)) else {
        panic!("it asks no store");
    };
    cache.stored(step.run(&*store, key), wall(1_000_010));
    assert_eq!(cache.snapshot().token(wall(1_000_010)), None);
    let Some(Event::StoreFailed { error, .. }) = cache.next_event() else {
        panic!("it took the token");
    };
    assert!(error.is_misconfigured());
    assert_eq!(
        error.to_string(),
        "the stored token is sealed: give this host what opens it, or a store of its own"
    );
    let Action::Wait { .. } = cache.poll(wall(1_000_010)) else {
        panic!("it bypasses the store");
    };

    let session = StoreSession::new(store, key);
    let stored = session.load().expect("a load").expect("a record");
    assert_eq!(stored.record, record);
    assert_eq!(stored.record.sealed(), Some("v1.xyz"));
}

#[test]
fn a_key_keeps_addresses_and_clients_apart_and_no_secrets() {
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
    let store = Arc::new(MemoryStore::new(ManualClock::default()));
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
fn what_is_left_is_read_from_the_stores_clock_or_else_from_the_hosts() {
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
    let store: Arc<dyn TokenStore> = Arc::new(MemoryStore::new(clock));
    let key = StoreKey::new(&BaseUrl::default(), "my-id");
    let session = StoreSession::new(Arc::clone(&store), key);
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
