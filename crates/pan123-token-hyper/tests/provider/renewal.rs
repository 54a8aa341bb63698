//! Renewal in time, beside the callers.

use std::time::Duration;

use pan123_token_hyper::Rejection;

use crate::platform::{DAY, HOUR, LIFETIME, Mood, SECOND, quiet, set_up};

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_before_it_is_asked_for_and_nothing_twice() {
    let (provider, platform, clock) = set_up();
    quiet().await;
    assert_eq!(provider.current(), None);
    assert_eq!(platform.requests(), 0);
    for _ in 0..29 {
        assert_eq!(provider.token().await.unwrap().secret(), "token-1");
        assert_eq!(provider.current().unwrap().secret(), "token-1");
        clock.advance(DAY);
    }
    assert_eq!(platform.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_lent_as_it_is_handed_out() {
    let (provider, platform, clock) = set_up();
    let lent = || provider.with_token(|token| token.secret().to_owned());
    platform.set_mood(Mood::Down);
    assert!(lent().await.is_err());
    platform.set_mood(Mood::Well);
    clock.advance(HOUR);
    assert_eq!(lent().await.unwrap(), "token-1");
    assert_eq!(lent().await.unwrap(), "token-1");
    assert_eq!(platform.issued(), 1);
    clock.advance(LIFETIME);
    assert_eq!(lent().await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn whom_a_token_is_lent_may_call_the_provider() {
    let (provider, _, clock) = set_up();
    provider.token().await.unwrap();
    clock.advance(2 * HOUR);
    let rejection = provider.with_token(|token| provider.reject(token)).await;
    assert!(matches!(rejection, Ok(Rejection::Suspect { .. })));
    let next = provider.with_token(|token| token.secret().to_owned()).await;
    assert_eq!(next.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn in_the_window_callers_go_on_while_one_renewal_runs_beside_them() {
    let (provider, platform, clock) = set_up();
    provider.token().await.unwrap();
    // Within half a day before the end, every provider's renewal is due.
    clock.advance(LIFETIME - 12 * HOUR);
    platform.shut();
    let begun = tokio::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(provider.token().await.unwrap().secret(), "token-1");
        tokio::task::yield_now().await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(platform.requests(), 2);
    platform.open();
    quiet().await;
    assert_eq!(provider.token().await.unwrap().secret(), "token-2");
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_what_is_held_starts_nothing() {
    let (provider, platform, clock) = set_up();
    provider.token().await.unwrap();
    clock.advance(LIFETIME - HOUR);
    assert_eq!(provider.current().unwrap().secret(), "token-1");
    clock.advance(HOUR);
    assert_eq!(provider.current(), None);
    quiet().await;
    assert_eq!(platform.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dead_for_the_whole_window_fails_nobody_before_the_end() {
    let (provider, platform, clock) = set_up();
    provider.token().await.unwrap();
    clock.advance(LIFETIME - DAY);
    platform.set_mood(Mood::Down);
    // The last minute counts as over.
    let steps = 24 * 60 * 2 - 2;
    for step in 0..steps {
        let token = provider.token().await;
        assert_eq!(token.unwrap().secret(), "token-1", "step {step} of {steps}");
        quiet().await;
        clock.advance(30 * SECOND);
    }
    assert!(platform.requests() > 10, "renewal was tried all the while");

    let begun = tokio::time::Instant::now();
    let error = provider.token().await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::ZERO, "at once");
    let line = error.to_string();
    assert!(line.contains("connection refused"), "{line}");
    assert!(line.contains("next attempt in"), "{line}");
    assert!(error.is_retryable());

    // Recovery needs no restart.
    platform.set_mood(Mood::Well);
    clock.advance(error.next_attempt().unwrap());
    assert_eq!(provider.token().await.unwrap().secret(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_short_life_is_renewed_in_its_last_fifth() {
    let (provider, platform, clock) = set_up();
    platform.set_lifetime(1000 * SECOND);
    provider.token().await.unwrap();
    clock.advance(799 * SECOND);
    provider.token().await.unwrap();
    quiet().await;
    assert_eq!(platform.requests(), 1);
    // Each provider draws its own time between 800 and 900 s.
    clock.advance(101 * SECOND);
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    quiet().await;
    assert_eq!(provider.token().await.unwrap().secret(), "token-2");
}
