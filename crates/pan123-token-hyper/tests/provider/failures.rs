//! What goes wrong around the exchange, and that no caller is left waiting for it.

use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use pan123_token_hyper::{Bytes, Failure, Full, TokenError, TokenProvider};
use tokio::runtime;

use crate::platform::{Mood, SECOND, credentials, quiet, set_up};

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_is_a_failure_like_any_other() {
    let (provider, platform, clock) = set_up();
    platform.set_mood(Mood::Panicking);
    let begun = tokio::time::Instant::now();
    let error = provider.token().await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(
        error
            .to_string()
            .starts_with("the HTTP client panicked: the client of this test panics; "),
        "{error}"
    );
    // The request may have been sent.
    assert!(error.failure().is_some_and(Failure::may_have_issued));

    platform.set_mood(Mood::Well);
    clock.advance(SECOND);
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
}

#[test]
fn a_runtime_without_io_is_named_as_the_reason() {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let provider = TokenProvider::builder(credentials())
        .base_url("http://127.0.0.1:9".parse().unwrap())
        .client(client)
        .build()
        .unwrap();
    let runtime = runtime::Builder::new_current_thread().enable_time().build();
    let error = runtime.unwrap().block_on(provider.token()).unwrap_err();
    let line = error.to_string();
    assert!(line.contains("IO is disabled"), "{line}");
    assert!(!line.contains("base URL"), "{line}");
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
