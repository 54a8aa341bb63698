//! How long no attempt is made after a failure.

use super::*;

/// The longest wait after each of so many consecutive failures, over many seeds; each checked against its least.
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
pub(crate) fn assert_caps(longest: &[Duration], caps: &[Duration]) {
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
fn after_a_refusal_backoff_goes_from_30_s_to_10_min() {
    let longest = longest_waits(refused, false, 7, 30 * SECOND);
    let caps = [30, 60, 120, 240, 480, 600, 600].map(Duration::from_secs);
    assert_caps(&longest, &caps);
}

#[test]
fn a_success_ends_the_count_of_consecutive_failures() {
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
    let mut long_ones = 0;
    for seed in 0..50 {
        let mut host = Host::with(RenewalPolicy::default(), seed);
        host.fetch_30_days("a");
        host.pass(30 * DAY - 11 * HOUR);
        let (wait, left) = loop {
            host.fetch(not_sent());
            let (wait, _) = host.wait();
            let left = START.wall + 30 * DAY - MINUTE - host.now().wall;
            if wait > left {
                break (wait, left);
            }
            host.pass(wait);
        };
        // Backed off by up to 15 min; without a token, 60 s from the failure on must do.
        host.pass(left);
        assert_eq!(host.served(), None);
        let (rest, _) = host.wait_or_fetch();
        assert!(left + rest <= left.max(MINUTE), "{left:?} {rest:?}");
        long_ones += u32::from(wait > 2 * MINUTE + left);
    }
    assert!(long_ones > 10, "{long_ones}");
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
fn an_adopted_token_ends_the_count_of_consecutive_failures() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    for _ in 0..6 {
        let ticket = host.next_ticket();
        host.cache.fetched(ticket, not_sent(), host.now());
    }
    store.put(&record("theirs", host.now().wall, HOUR), HOUR);
    while host.served().is_none() {
        host.pass_wait();
        let _ = host.poll();
    }
    assert_eq!(host.cache.last_failure(), None);
    clock.advance(HOUR);
    host.fetch(not_sent());
    assert_eq!(host.wait(), (SECOND, Reason::Backoff));
}

#[test]
fn a_host_that_backs_off_for_an_hour_adopts_what_the_store_has_within_a_minute() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    // It is this host's own failure: no other is kept from the platform.
    host.fetch(parse(
        &http::Response::builder()
            .status(503)
            .header("retry-after", "3600")
            .body(String::new())
            .unwrap(),
    ));
    let error = host.token_error().unwrap();
    assert_eq!(error.next_attempt(), Some(HOUR));
    let shared: Arc<dyn TokenStore> = Arc::clone(&store) as Arc<dyn TokenStore>;
    let mut other = Host::sharing(&shared, &clock, 2);
    clock.advance(SECOND);
    other.fetch_30_days("theirs");
    other.wait();
    let before = clock_now(&host);
    while host.served().is_none() {
        host.pass_wait();
        let _ = host.poll();
    }
    let waited = clock_now(&host) - before;
    assert!(waited <= MINUTE, "{waited:?}");
}

fn clock_now(host: &Host) -> Duration {
    host.now().monotonic
}

#[test]
fn a_token_that_comes_late_does_not_shorten_a_retry_after() {
    let mut host = Host::alone();
    let late = host.ticket();
    assert!(host.cache.supersede(host.now()));
    host.pass_wait();
    host.fetch(parse(
        &http::Response::builder()
            .status(503)
            .header("retry-after", "600")
            .body(String::new())
            .unwrap(),
    ));
    host.cache
        .fetched(late, grant("late", START.wall, 30 * DAY), host.now());
    host.cache.refresh();
    assert_eq!(host.wait().0, 600 * SECOND);
    assert_eq!(host.served().as_deref(), Some("late"));
}
