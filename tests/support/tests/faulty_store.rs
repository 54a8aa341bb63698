//! The faulty store does what a test tells it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pan123_token::BaseUrl;
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{Lease, Moment, Owner, StoreError, StoreKey, TokenStore};
use pan123_token_support::faulty_store::{ALL, Call, Fault, FaultyStore};

fn store() -> (FaultyStore<MemoryStore>, StoreKey) {
    let clock = ManualClock::new(Moment::default());
    let key = StoreKey::new(&BaseUrl::default(), "client");
    (FaultyStore::new(MemoryStore::new(clock)), key)
}

#[test]
fn a_call_that_fails_has_no_effect_and_others_do_their_work() {
    let (store, key) = store();
    store.fail(&[Call::Lease]);
    assert!(store.lease(key, Owner(1), Duration::from_secs(9)).is_err());
    assert_eq!(store.load(key), Ok(None));
    store.heal();
    let lease = store.lease(key, Owner(2), Duration::from_secs(9));
    assert_eq!(lease, Ok(Lease::Granted(None)));
    assert_eq!(store.calls(), [Call::Lease, Call::Load, Call::Lease]);
    assert_eq!(store.calls(), []);
}

#[test]
fn a_call_whose_answer_is_lost_has_its_effect() {
    let (store, key) = store();
    store.set(&ALL, &Fault::AnswerLost(StoreError::new("reset")));
    let lease = store.lease(key, Owner(1), Duration::from_secs(9));
    assert_eq!(lease, Err(StoreError::new("reset")));
    store.heal();
    let lease = store.lease(key, Owner(2), Duration::from_secs(9)).unwrap();
    assert!(matches!(lease, Lease::Held(..)), "{lease:?}");
}

#[test]
fn a_call_that_hangs_goes_on_once_the_fault_is_taken_away() {
    let (store, key) = store();
    let store = Arc::new(store);
    store.set(&[Call::Load], &Fault::Hangs);
    let caller = thread::spawn({
        let store = Arc::clone(&store);
        move || store.load(key)
    });
    store.wait_until_one_hangs();
    assert!(!caller.is_finished());
    store.heal();
    assert_eq!(caller.join().unwrap(), Ok(None));
    assert_eq!(store.hung(), 1);
}

#[test]
fn a_call_that_panics_leaves_the_store_usable() {
    let (store, key) = store();
    store.set(&[Call::Load], &Fault::Panics);
    let store = Arc::new(store);
    let caller = thread::spawn({
        let store = Arc::clone(&store);
        move || store.load(key)
    });
    assert!(caller.join().is_err());
    store.heal();
    assert_eq!(store.load(key), Ok(None));
}
