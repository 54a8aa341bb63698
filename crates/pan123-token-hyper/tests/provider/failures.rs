//! What goes wrong around the exchange, and that no caller is left waiting for it.

use std::time::Duration;

use pan123_token_hyper::{Failure, TokenError};
use tokio::runtime;

use crate::platform::{Mood, SECOND, quiet, set_up};

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_is_a_failure_like_any_other() {
    let (provider, platform, clock) = set_up();
    platform.set_mood(Mood::Panicking);
    let begun = tokio::time::Instant::now();
    let error = provider.token().await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(
        error.to_string().contains("the HTTP client panicked"),
        "{error}"
    );
    // The request may have been sent.
    assert!(error.failure().is_some_and(Failure::may_have_issued));

    platform.set_mood(Mood::Well);
    clock.advance(SECOND);
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
}

#[test]
fn a_caller_goes_on_waiting_while_another_ones_runtime_is_shut_down() {
    let (provider, platform, clock) = set_up();
    platform.shut();
    let current_thread = || {
        runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let (first, second) = (current_thread(), current_thread());
    let waited = first.block_on(provider.token_within(SECOND));
    assert_eq!(waited.unwrap_err(), TokenError::TimedOut(SECOND));

    let waiting = second.spawn({
        let provider = provider.clone();
        async move { provider.token().await }
    });
    second.block_on(quiet());
    drop(first);
    platform.open();
    clock.advance(SECOND);
    let token = second.block_on(waiting).unwrap().unwrap();
    assert_eq!(token.secret(), "token-1");
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_to_do_and_when_it_is_tried_again() {
    let (provider, platform, clock) = set_up();
    platform.set_mood(Mood::Refusing);
    let error = provider.token().await.unwrap_err();
    let line = error.to_string();
    for part in ["code 7", "no such client", "check the client ID and secret"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!error.is_retryable());
    assert_eq!(error.next_attempt(), Some(30 * SECOND));
    clock.advance(30 * SECOND - Duration::from_millis(1));
    provider.token().await.unwrap_err();
    assert_eq!(platform.requests(), 1);
    clock.advance(Duration::from_millis(1));
    provider.token().await.unwrap_err();
    assert_eq!(platform.requests(), 2);
}
