//! What callers get when the platform gives nothing, and how long.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unchecked_time_subtraction,
    reason = "a panic is how a test reports"
)]

mod common;

use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use common::{Answer, DAY, HOUR, LIFE, Platform, SECOND, clock};
use pan123_token_ureq::{ErrorKind, Event, Rejection, TokenProvider};

const LONG: Duration = Duration::from_secs(20);
const RATE_LIMITED: &str = r#"{"code":429,"message":"请求太频繁","data":null}"#;

#[test]
fn a_platform_that_is_dead_for_the_whole_window_fails_nobody_while_the_token_lives() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    provider.token().unwrap();
    platform.answers_with(Answer::Dead);
    clock.advance(LIFE - DAY);
    // A minute before its end, the token counts as expired.
    for _ in 0..24 * 60 - 1 {
        let started = Instant::now();
        assert_eq!(provider.token().unwrap().secret(), "token-1");
        assert!(started.elapsed() < SECOND, "no caller waits");
        assert!(provider.flush(LONG));
        clock.advance(60 * SECOND);
    }
    assert!(
        (20..400).contains(&platform.requests()),
        "{}",
        platform.requests()
    );

    let started = Instant::now();
    let error = provider.token_within(LONG).unwrap_err();
    assert!(started.elapsed() < 5 * SECOND, "no hang");
    let line = error.to_string();
    assert!(
        line.starts_with("no connection: connection refused"),
        "{line}"
    );
    assert!(
        line.contains("; check the network, the base URL and any proxy (next attempt in "),
        "{line}"
    );
    assert!(error.is_retryable());

    platform.answers_with(Answer::Grant);
    clock.advance(error.next_attempt().unwrap());
    let requests = platform.requests() + 1;
    assert_eq!(
        provider.token_within(LONG).unwrap().secret(),
        format!("token-{requests}")
    );
}

#[test]
fn after_a_failure_callers_fail_at_once_until_the_next_attempt() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    platform.answers_with(Answer::Envelope(RATE_LIMITED));
    let error = provider.token_within(LONG).unwrap_err();
    let kind = error.failure().and_then(|failure| match failure {
        pan123_token_ureq::Failure::Fetch(error) => error.response(),
        _ => None,
    });
    assert_eq!(kind.unwrap().kind(), ErrorKind::RateLimited);
    platform.answers_with(Answer::Grant);
    let wait = error.next_attempt().unwrap();
    assert!(wait >= SECOND, "never less than the minimum interval");
    for _ in 0..100 {
        let again = provider.token_within(Duration::ZERO).unwrap_err();
        assert_eq!(again.failure(), error.failure());
    }
    assert_eq!(platform.requests(), 1);
    clock.advance(wait);
    assert_eq!(provider.token_within(LONG).unwrap().secret(), "token-2");
}

#[test]
fn all_who_wait_get_the_same_failure() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    platform.answers_with(Answer::Dead);
    platform.hold();
    let barrier = Barrier::new(9);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    provider.token_within(LONG).unwrap_err()
                })
            })
            .collect();
        barrier.wait();
        platform.release();
        let errors: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        for error in &errors {
            assert_eq!(error.failure(), errors[0].failure());
            assert!(error.failure().is_some());
        }
    });
    assert_eq!(platform.requests(), 1);
}

#[test]
fn events_come_in_order_and_a_listener_may_panic_or_call_back() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let itself: Arc<OnceLock<TokenProvider>> = Arc::default();
    let provider = platform
        .provider(&clock)
        .on_event({
            let (events, itself) = (Arc::clone(&events), Arc::clone(&itself));
            move |event| {
                events.lock().unwrap().push(event.clone());
                if let Event::Renewed { .. } = event {
                    let provider = itself.get().unwrap();
                    let token = provider.token().unwrap();
                    provider.reject(&token);
                    std::panic::panic_any("a listener with a bug");
                }
            }
        })
        .build()
        .unwrap();
    assert!(itself.set(provider.clone()).is_ok());
    platform.answers_with(Answer::Dead);
    let error = provider.token_within(LONG).unwrap_err();
    platform.answers_with(Answer::Grant);
    clock.advance(error.next_attempt().unwrap());
    let token = provider.token_within(LONG).unwrap();
    assert!(provider.flush(LONG));
    // The token was rejected by the listener already.
    let mark = token.fingerprint();
    assert_eq!(
        provider.reject(&token),
        Rejection::Suspect {
            replaceable_in: 60 * SECOND
        }
    );
    let events = wait_for(&events, 3);
    assert!(matches!(
        events[0],
        Event::RenewalFailed {
            serving_old: false,
            ..
        }
    ));
    assert!(
        matches!(events[1], Event::Renewed { fingerprint, forced: false, .. } if fingerprint == mark)
    );
    assert!(matches!(events[2], Event::Rejected { fingerprint, .. } if fingerprint == mark));
    assert_eq!(events.len(), 3);
}

/// The job delivers its events after it has reported.
fn wait_for(events: &Mutex<Vec<Event>>, many: usize) -> Vec<Event> {
    let started = Instant::now();
    loop {
        let events = events.lock().unwrap().clone();
        if events.len() >= many || started.elapsed() > LONG {
            return events;
        }
        thread::yield_now();
    }
}

#[test]
fn a_rejected_token_is_served_until_it_may_be_replaced() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    let token = provider.token().unwrap();
    clock.advance(20 * SECOND);
    assert_eq!(
        provider.reject(&token),
        Rejection::Suspect {
            replaceable_in: 40 * SECOND
        }
    );
    assert_eq!(provider.token().unwrap().secret(), "token-1");
    clock.advance(40 * SECOND);
    assert_eq!(provider.token_within(LONG).unwrap().secret(), "token-2");
    assert_eq!(provider.reject(&token), Rejection::NotCurrent);
    assert_eq!(platform.requests(), 2);
}

/// A host's clock, and the platform's, which is right.
mod clocks {
    use super::*;

    #[test]
    fn a_laptop_that_slept_through_the_expiry_hands_out_no_dead_token() {
        let (clock, right) = (clock(), clock());
        let platform = Platform::new(&right);
        let provider = platform.provider(&clock).build().unwrap();
        provider.token().unwrap();
        clock.advance(SECOND);
        // Its monotonic clock stood still.
        clock.set_wall(common::START.wall + LIFE);
        right.advance(LIFE);
        assert!(provider.current().is_none());
        assert_eq!(provider.token_within(LONG).unwrap().secret(), "token-2");
    }

    #[test]
    fn a_clock_that_is_set_back_a_year_makes_no_token_live_longer() {
        let (clock, right) = (clock(), clock());
        let platform = Platform::new(&right);
        let provider = platform.provider(&clock).build().unwrap();
        provider.token().unwrap();
        clock.set_wall(common::START.wall - 365 * DAY);
        assert_eq!(provider.token().unwrap().secret(), "token-1");
        clock.advance(LIFE);
        right.advance(LIFE);
        assert_eq!(provider.token_within(LONG).unwrap().secret(), "token-2");
        assert_eq!(platform.requests(), 2);
    }

    #[test]
    fn a_clock_that_is_wrong_shortens_and_lengthens_nothing() {
        for (wrong, ahead) in [(3 * HOUR, true), (3 * HOUR, false), (60 * DAY, true)] {
            let (clock, right) = (clock(), clock());
            let wall = common::START.wall;
            clock.set_wall(if ahead { wall + wrong } else { wall - wrong });
            let platform = Platform::new(&right);
            let provider = platform.provider(&clock).build().unwrap();
            assert_eq!(provider.token_within(LONG).unwrap().secret(), "token-1");
            let almost = LIFE - 61 * SECOND;
            clock.advance(almost);
            right.advance(almost);
            assert_eq!(provider.current().unwrap().secret(), "token-1");
            clock.advance(SECOND);
            assert!(provider.current().is_none());
        }
    }
}
