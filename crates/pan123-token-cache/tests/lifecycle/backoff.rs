//! How failures space out, and what they never do.

use super::*;

/// The longest wait after each of so many failures in a row, over many seeds; each checked against its least.
fn longest_waits(
    failure: fn() -> Result<Grant, FetchError>,
    serving: bool,
    failures: usize,
    least: Duration,
) -> Vec<Duration> {
    let mut longest = vec![Duration::ZERO; failures];
    for seed in 0..300 {
        let mut host = Host::with(RenewalPolicy::default(), seed);
        if serving {
            host.fetch_30_days("a");
            host.pass(30 * DAY - 11 * HOUR);
        }
        for longest in &mut longest {
            host.fetch(failure());
            let (wait, reason) = host.wait();
            assert_eq!(reason, Reason::Backoff);
            assert!(wait >= least, "{wait:?}");
            *longest = (*longest).max(wait);
            host.pass(wait);
        }
    }
    longest
}

/// Within the cap, and near it for one seed among hundreds: full jitter.
#[track_caller]
fn assert_caps(longest: &[Duration], caps: &[Duration]) {
    for (longest, cap) in longest.iter().zip(caps) {
        assert!(
            longest <= cap && *longest > cap.mul_f32(0.95),
            "{longest:?} of {cap:?}"
        );
    }
}

#[test]
fn without_a_token_backoff_doubles_from_1_s_to_60_s() {
    let longest = longest_waits(not_sent, false, 8, SECOND);
    let caps = [1, 2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs);
    assert_caps(&longest, &caps);
}

#[test]
fn with_a_token_backoff_goes_on_to_15_min() {
    let longest = longest_waits(not_sent, true, 12, SECOND);
    let caps = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900].map(Duration::from_secs);
    assert_caps(&longest, &caps);
}

#[test]
fn after_a_refusal_backoff_goes_from_30_s_to_15_min() {
    let longest = longest_waits(refused, false, 7, 30 * SECOND);
    let caps = [30, 60, 120, 240, 480, 900, 900].map(Duration::from_secs);
    assert_caps(&longest, &caps);
}

#[test]
fn a_success_ends_the_row() {
    let mut host = Host::alone();
    for _ in 0..6 {
        host.fetch(not_sent());
        let (wait, _) = host.wait();
        host.pass(wait);
    }
    host.fetch(grant("a", host.now().wall, 10 * SECOND));
    host.pass(10 * SECOND);
    host.fetch(not_sent());
    assert_eq!(host.wait().0, SECOND);
}

#[test]
fn no_fetch_comes_before_a_retry_after() {
    for (response, reason) in [
        (http::Response::builder().status(429), Reason::RateLimited),
        (http::Response::builder().status(503), Reason::Backoff),
        (http::Response::builder().status(403), Reason::Backoff),
    ] {
        let mut host = Host::alone();
        host.fetch(parse(
            &response
                .header("retry-after", "1234")
                .body(String::new())
                .unwrap(),
        ));
        assert_eq!(host.wait(), (1234 * SECOND, reason));
    }
}

#[test]
fn a_token_that_ends_during_a_long_backoff_makes_it_short() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(30 * DAY - 11 * HOUR);
    for _ in 0..15 {
        host.fetch(not_sent());
        let (wait, _) = host.wait();
        host.pass(wait);
    }
    // Backed off by up to 15 min; with the token over, 60 s must do.
    host.fetch(not_sent());
    let left = 30 * DAY - (host.now().wall - START.wall);
    host.pass(left);
    let (wait, _) = host.wait_or_fetch();
    assert!(wait <= MINUTE, "{wait:?}");
}

impl Host {
    fn wait_or_fetch(&mut self) -> (Duration, Option<Reason>) {
        match self.poll() {
            Action::Wait { until, reason } => {
                (until.monotonic - self.now().monotonic, Some(reason))
            }
            _ => (Duration::ZERO, None),
        }
    }
}

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
fn without_a_token_such_failures_end_nothing() {
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
fn what_may_have_cost_a_token_is_told_from_what_did_not() {
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
