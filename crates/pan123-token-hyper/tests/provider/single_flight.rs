//! However many ask, one asks the platform.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pan123_token_cache::testing::MemoryStore;
use pan123_token_hyper::clock::TokioClock;
use pan123_token_hyper::store::{Owner, StoreKey, TokenStore};
use pan123_token_hyper::{BaseUrl, TokenError};

use crate::platform::{LIFETIME, Mood, SECOND, builder, quiet, set_up};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_thousand_tasks_that_ask_after_expiry_cause_one_request() {
    let (provider, platform, clock) = set_up();
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    clock.advance(LIFETIME);

    // The reply comes only after all of them have asked.
    platform.shut();
    let asking = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..100_000)
        .map(|_| {
            let (provider, asking) = (provider.clone(), Arc::clone(&asking));
            tokio::spawn(async move {
                asking.fetch_add(1, Ordering::Relaxed);
                provider.token().await
            })
        })
        .collect();
    while asking.load(Ordering::Relaxed) < 100_000 {
        tokio::task::yield_now().await;
    }
    platform.open();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().secret(), "token-2");
    }
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_everyones_until_the_next_attempt_is_due() {
    let (provider, platform, clock) = set_up();
    platform.set_mood(Mood::Status(503));
    platform.shut();
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let provider = provider.clone();
            tokio::spawn(async move { provider.token().await })
        })
        .collect();
    quiet().await;
    platform.open();
    let mut errors = Vec::new();
    for task in waiting {
        errors.push(task.await.unwrap().unwrap_err());
    }
    // A caller who comes later hears the same, at once.
    let begun = tokio::time::Instant::now();
    errors.push(provider.token().await.unwrap_err());
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(platform.requests(), 1);

    let first = errors[0].clone();
    assert!(errors.iter().all(|error| *error == first), "{errors:?}");
    assert!(first.to_string().contains("HTTP 503"), "{first}");
    assert!(first.is_retryable());
    // At least a second, as two fetches lie apart; the first backoff is no longer than that.
    assert_eq!(first.next_attempt(), Some(SECOND));

    platform.set_mood(Mood::Well);
    clock.advance(SECOND);
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn clones_share_one_token() {
    let (provider, platform, _) = set_up();
    let clone = provider.clone();
    drop(provider.token().await.unwrap());
    drop(provider);
    assert_eq!(clone.token().await.unwrap().secret(), "token-1");
    assert_eq!(platform.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_bounds_the_exchange() {
    let (_, platform, clock) = set_up();
    let provider = builder(&platform, clock.clone())
        .timeout(5 * SECOND)
        // So that the machine's own deadline comes, too.
        .clock(TokioClock::new())
        .build()
        .unwrap();
    platform.shut();
    let first = provider.token_within(2 * SECOND).await.unwrap_err();
    assert_eq!(first, TokenError::TimedOut(2 * SECOND));
    let begun = tokio::time::Instant::now();
    let error = provider.token().await.unwrap_err();
    assert!(begun.elapsed() < 4 * SECOND, "{:?}", begun.elapsed());
    assert!(
        error.to_string().contains("no whole reply within 5s"),
        "{error}"
    );
    assert_eq!(platform.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_bounds_a_caller_who_waits_for_more_than_an_exchange() {
    let (_, platform, clock) = set_up();
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let provider = builder(&platform, clock.clone())
        .store(store.clone())
        .timeout(5 * SECOND)
        .build()
        .unwrap();
    // Another process is fetching, and takes its time.
    let key = StoreKey::new(&BaseUrl::default(), "my-id");
    store.lease(key, Owner(1), 45 * SECOND).unwrap();
    let begun = tokio::time::Instant::now();
    let error = provider.token().await.unwrap_err();
    assert_eq!(error, TokenError::TimedOut(5 * SECOND));
    assert!(begun.elapsed() < 6 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(platform.requests(), 0);
}
