//! Callers who go away.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use pan123_token_hyper::TokenError;

use crate::platform::{LIFETIME, SECOND, quiet, set_up};

/// Polls the future so many times, with all that there is to do in between; true if it is done by then.
async fn poll_times<F: Future>(future: F, times: usize) -> bool {
    let mut future = Box::pin(future);
    for _ in 0..times {
        let done = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if done {
            return true;
        }
        quiet().await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn the_first_caller_may_be_dropped_wherever_he_waits() {
    let mut times = 0;
    loop {
        let (provider, platform, _) = set_up();
        let done = poll_times(provider.token(), times).await;
        let next = provider.token().await.unwrap();
        assert_eq!(next.secret(), "token-1", "dropped after {times} polls");
        assert_eq!(platform.requests(), 1, "dropped after {times} polls");
        if done {
            break;
        }
        times += 1;
    }
    assert!(times >= 1, "the first poll had nothing to wait for");
}

#[tokio::test(start_paused = true)]
async fn the_first_caller_may_be_dropped_wherever_others_wait_for_him() {
    for times in 0..4 {
        let (provider, platform, clock) = set_up();
        provider.token().await.unwrap();
        clock.advance(LIFETIME);
        platform.shut();
        assert!(!poll_times(provider.token(), times).await);
        let waiting = tokio::spawn({
            let provider = provider.clone();
            async move { provider.token().await }
        });
        quiet().await;
        platform.open();
        let token = waiting.await.unwrap().unwrap();
        assert_eq!(token.secret(), "token-2");
        assert_eq!(platform.requests(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_stops_nothing() {
    let (provider, platform, _) = set_up();
    platform.shut();
    let begun = tokio::time::Instant::now();
    let error = provider.token_within(2 * SECOND).await.unwrap_err();
    assert_eq!(error, TokenError::TimedOut(2 * SECOND));
    assert!(begun.elapsed() < 3 * SECOND);
    let none = provider.token_within(Duration::ZERO).await.unwrap_err();
    assert_eq!(none, TokenError::TimedOut(Duration::ZERO));

    platform.open();
    quiet().await;
    assert_eq!(provider.current().unwrap().secret(), "token-1");
    assert_eq!(platform.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flight_ends_though_the_last_provider_is_gone() {
    let (provider, platform, _) = set_up();
    platform.shut();
    assert!(!poll_times(provider.token(), 1).await);
    drop(provider);
    platform.open();
    quiet().await;
    assert_eq!(platform.issued(), 1);
}
