//! Attempts that may have cost a token though none was received.

use super::*;

#[test]
fn two_failures_that_may_have_cost_a_token_end_the_attempts_while_one_lives() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(30 * DAY - 11 * HOUR);
    host.fetch(maybe_issued());
    let (wait, _) = host.wait();
    host.pass(wait);
    // One that was not sent costs nothing, and doesn't count.
    host.fetch(not_sent());
    let (wait, _) = host.wait();
    host.pass(wait);
    host.fetch(reply(200, "<html>"));
    let (wait, reason) = host.wait();
    assert_eq!(reason, Reason::MaybeIssued);
    let left = 30 * DAY - (host.now().wall - START.wall);
    // The last quarter of the window, of which this cache has drawn 0.7 days or so.
    let last_quarter = left - wait;
    assert!(
        (3 * HOUR..=6 * HOUR + MINUTE).contains(&last_quarter),
        "{last_quarter:?}"
    );
    // One attempt is made there.
    host.pass(wait);
    host.fetch(maybe_issued());
    let (wait, reason) = host.wait();
    assert_eq!(reason, Reason::MaybeIssued);
    assert_eq!(wait, last_quarter - MINUTE);
    // Once the token has expired, they go on.
    host.pass(wait);
    assert_eq!(host.served(), None);
    let _ = host.ticket();
}

#[test]
fn without_a_token_lost_replies_hold_nothing_back() {
    let mut host = Host::alone();
    for _ in 0..10 {
        host.fetch(maybe_issued());
        let (wait, reason) = host.wait();
        assert_eq!(reason, Reason::Backoff);
        host.pass(wait);
    }
    let _ = host.ticket();
}

#[test]
fn failures_that_may_have_cost_a_token_are_kept_apart_from_the_others() {
    for (failure, may_have_issued) in [
        (not_sent(), false),
        (Err(FetchError::Tls("x".into())), false),
        (Err(FetchError::Timeout(SECOND)), true),
        (maybe_issued(), true),
        (rate_limited(), false),
        (refused(), false),
        (reply(500, ""), false),
        (reply(502, ""), true),
        (reply(503, ""), false),
        (reply(504, ""), true),
        (reply(200, "<html>"), true),
        (reply(200, r#"{"code":0,"data":null}"#), true),
        (reply(404, "<html>"), false),
        (reply(302, ""), false),
    ] {
        let error = failure.unwrap_err();
        assert_eq!(error.may_have_issued(), may_have_issued, "{error}");
    }
}

#[test]
fn a_refresh_makes_no_third_attempt_that_may_cost_a_token() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(HOUR);
    host.cache.refresh();
    host.fetch(maybe_issued());
    let (wait, _) = host.wait();
    host.pass(wait);
    host.fetch(maybe_issued());
    let now = host.now();
    let Action::Wait { until, reason } = host.poll() else {
        panic!()
    };
    assert_eq!(reason, Reason::MaybeIssued);
    // Whoever asked for another gets an answer all the same.
    assert!(host.cache.token_error(until, reason, now).is_some());
    host.pass(DAY);
    assert_eq!(host.wait().1, Reason::MaybeIssued);
    assert_eq!(host.served().as_deref(), Some("a"));
}
