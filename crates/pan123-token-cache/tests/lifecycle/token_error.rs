//! What a caller without a token gets.

use super::*;

#[test]
fn after_a_failure_it_is_that_failure_and_the_time_of_the_next_attempt() {
    let mut host = Host::alone();
    host.fetch(refused());
    let error = host.token_error().unwrap();
    assert_eq!(error.failure(), host.cache.last_failure());
    let next_attempt = error.next_attempt().unwrap();
    assert!(
        (30 * SECOND..=15 * MINUTE).contains(&next_attempt),
        "{next_attempt:?}"
    );
    assert!(!error.is_retryable());
    assert_eq!(error.retry_after(), None);
    assert!(
        error.to_string().contains("code 1") && error.to_string().contains("(next attempt in "),
        "{error}"
    );

    host.pass(next_attempt);
    host.fetch(parse(
        &http::Response::builder()
            .status(429)
            .header("retry-after", "600")
            .body(String::new())
            .unwrap(),
    ));
    let error = host.token_error().unwrap();
    assert_eq!(error.retry_after(), Some(600 * SECOND));
    assert_eq!(error.next_attempt(), Some(600 * SECOND));
    assert!(error.is_retryable());
    assert!(
        error.to_string().ends_with("(next attempt in 600 s)"),
        "{error}"
    );
}

#[test]
fn where_another_cache_was_asked_to_wait_it_says_so() {
    let clock = ManualClock::new(START);
    let store: Arc<dyn TokenStore> = Arc::new(MemoryStore::new(clock.clone()));
    let mut first = Host::sharing(&store, &clock, 1);
    let mut second = Host::sharing(&store, &clock, 2);
    first.fetch(parse(
        &http::Response::builder()
            .status(429)
            .header("retry-after", "600")
            .body(String::new())
            .unwrap(),
    ));
    let _ = first.poll();
    let error = second.token_error().unwrap();
    let TokenError::RateLimited { next_attempt } = error else {
        panic!("{error:?}");
    };
    // The store is asked again soon, and the platform isn't.
    assert_eq!(next_attempt, 600 * SECOND);
    assert!(second.wait().0 <= SECOND);
    assert!(error.is_retryable());
    assert_eq!(error.next_attempt(), Some(next_attempt));
    assert_eq!(error.retry_after(), Some(next_attempt));
    assert_eq!(error.failure(), None);
}

#[test]
fn a_wait_for_the_cache_that_fetches_is_worth_it() {
    let clock = ManualClock::new(START);
    let store: Arc<dyn TokenStore> = Arc::new(MemoryStore::new(clock.clone()));
    let mut first = Host::sharing(&store, &clock, 1);
    let mut second = Host::sharing(&store, &clock, 2);
    let ticket = first.ticket();
    assert_eq!(first.token_error(), None);
    assert_eq!(second.token_error(), None);
    drop(ticket);
}

#[test]
fn each_error_is_one_line() {
    let renewal = TokenError::Renewal {
        failure: Failure::Dropped,
        next_attempt: SECOND / 2,
    };
    assert_eq!(
        renewal.to_string(),
        "the renewal was dropped before it ended; try again later (next attempt in 500 ms)"
    );
    let limited = TokenError::RateLimited {
        next_attempt: MINUTE,
    };
    assert_eq!(
        limited.to_string(),
        "another process was rate limited; try again in 60 s"
    );
    let timed_out = TokenError::TimedOut(30 * SECOND);
    assert_eq!(
        timed_out.to_string(),
        "no token within 30 s; try again later, or allow more time"
    );
    assert_eq!(timed_out.next_attempt(), None);
    assert!(timed_out.is_retryable());
}

#[test]
fn what_a_clock_or_a_certificate_must_mend_is_not_worth_a_retry() {
    let token = AccessToken::new("expired", date(START.wall)).unwrap();
    assert!(!Failure::IssuedExpired(token).is_retryable());
    assert!(Failure::Unchanged.is_retryable());
    assert!(Failure::Dropped.is_retryable());
    assert!(!Failure::Fetch(FetchError::Tls("no trust".into())).is_retryable());
    assert!(Failure::Fetch(FetchError::Connect("refused".into())).is_retryable());
}

#[test]
fn the_source_of_an_error_is_the_systems_own() {
    use std::error::Error as _;
    let operation = GetAccessToken::new(Credentials::new("id", "secret").unwrap());
    let cut = std::io::Error::from_raw_os_error(104);
    let failure = Failure::from(FetchError::Body(operation.cause(&cut)));
    let error = TokenError::Renewal {
        failure: failure.clone(),
        next_attempt: SECOND,
    };
    for source in [failure.source(), error.source()] {
        let io = source.unwrap().downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(io.raw_os_error(), Some(104));
    }
    assert!(TokenError::TimedOut(SECOND).source().is_none());
}
