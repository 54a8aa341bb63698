//! When a token is fetched, renewed, and not handed out any more.

use super::*;

#[test]
fn the_first_poll_fetches_and_the_token_is_then_served() {
    let mut host = Host::alone();
    assert_eq!(host.served(), None);
    assert!(host.cache.snapshot().wants_poll(host.now()));
    host.fetch_30_days("a");
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(host.wait().1, Reason::Fresh);
    assert!(!host.cache.snapshot().wants_poll(host.now()));
}

#[test]
fn renewal_falls_due_between_half_a_day_and_a_day_before_the_end() {
    let mut waits = Vec::new();
    for seed in 0..200 {
        let mut host = Host::with(RenewalPolicy::default(), seed);
        host.fetch_30_days("a");
        let (wait, reason) = host.wait();
        assert_eq!(reason, Reason::Fresh);
        host.pass(wait - SECOND);
        assert!(!host.cache.snapshot().wants_poll(host.now()));
        host.pass(2 * SECOND);
        assert!(host.cache.snapshot().wants_poll(host.now()));
        let _ = host.ticket();
        waits.push(wait);
    }
    let (first, last) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*first >= 29 * DAY && *first < 29 * DAY + HOUR, "{first:?}");
    assert!(
        *last <= 29 * DAY + DAY / 2 && *last > 29 * DAY + DAY / 2 - HOUR,
        "{last:?}"
    );
}

#[test]
fn renewal_of_a_short_life_falls_due_in_its_last_fifth() {
    for seed in 0..50 {
        let mut host = Host::with(RenewalPolicy::default(), seed);
        host.fetch(grant("a", START.wall, HOUR));
        let (wait, _) = host.wait();
        assert!((48 * MINUTE..=54 * MINUTE).contains(&wait), "{wait:?}");
    }
}

#[test]
fn the_last_minute_of_a_long_life_counts_as_over() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(30 * DAY - MINUTE - SECOND);
    assert_eq!(host.served().as_deref(), Some("a"));
    host.pass(SECOND);
    assert_eq!(host.served(), None);
}

#[test]
fn the_last_tenth_of_a_short_life_counts_as_over() {
    let mut host = Host::alone();
    host.fetch(grant("a", START.wall, 100 * SECOND));
    host.pass(89 * SECOND);
    assert_eq!(host.served().as_deref(), Some("a"));
    host.pass(SECOND);
    assert_eq!(host.served(), None);
}

#[test]
fn in_the_window_the_old_token_is_served_while_a_new_one_is_fetched() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(30 * DAY - HOUR);
    let ticket = host.ticket();
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(host.wait().1, Reason::Fetching);
    let issued = host.now().wall;
    host.cache
        .fetched(ticket, grant("b", issued, 30 * DAY), host.now());
    assert_eq!(host.served().as_deref(), Some("b"));
}

#[test]
fn the_life_is_counted_from_the_sending_of_the_request() {
    let mut host = Host::alone();
    let ticket = host.ticket();
    host.pass(20 * SECOND);
    // The server's clock says when it answered, which is later than when it was asked.
    let answered = host.now().wall;
    host.cache
        .fetched(ticket, grant("a", answered, 100 * SECOND), host.now());
    host.pass(69 * SECOND);
    assert_eq!(host.served().as_deref(), Some("a"));
    host.pass(SECOND);
    assert_eq!(host.served(), None);
}

#[test]
fn a_token_that_is_born_over_is_a_failure_that_backs_off() {
    let mut host = Host::alone();
    host.fetch(grant_without_date("a", START.wall + 5 * SECOND));
    // Without a `Date` it lives for 5 s by this host's clock, and half a second of that counts as over.
    assert_eq!(host.served().as_deref(), Some("a"));

    let mut host = Host::alone();
    host.fetch(grant_without_date("a", START.wall));
    assert_eq!(host.served(), None);
    let Some(pan123_token_cache::Failure::IssuedExpired(token)) = host.cache.last_failure() else {
        panic!("{:?}", host.cache.last_failure());
    };
    assert_eq!(token.secret(), "a");
    assert_eq!(host.wait().1, Reason::Backoff);
}

#[test]
fn the_same_token_with_a_later_expiry_is_a_success() {
    let mut host = Host::alone();
    host.fetch(grant("a", START.wall, HOUR));
    host.pass(55 * MINUTE);
    let issued = host.now().wall;
    host.fetch(grant("a", issued, HOUR));
    host.pass(50 * MINUTE);
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(host.cache.last_failure(), None);
}

#[test]
fn the_same_token_without_a_later_expiry_is_a_failure_that_backs_off() {
    let mut host = Host::alone();
    host.fetch(grant("a", START.wall, HOUR));
    host.pass(55 * MINUTE);
    host.fetch(grant("a", START.wall, HOUR));
    assert_eq!(
        host.cache.last_failure(),
        Some(&pan123_token_cache::Failure::Unchanged)
    );
    assert_eq!(host.wait().1, Reason::Backoff);
    assert_eq!(host.served().as_deref(), Some("a"));
}

#[test]
fn two_fetches_lie_the_minimum_interval_apart_from_end_to_start() {
    let mut host = Host::alone();
    let ticket = host.ticket();
    host.pass(Duration::from_millis(5300));
    // Most of it is over before it comes, and the window begins at once.
    host.cache
        .fetched(ticket, grant("a", START.wall, 6 * SECOND), host.now());
    assert_eq!(host.wait(), (SECOND, Reason::Spacing));
    host.pass(SECOND);
    let _ = host.ticket();
}

#[test]
fn every_figure_of_the_policy_counts() {
    let mut policy = RenewalPolicy::default();
    policy.min_interval = 7 * SECOND;
    policy.fetch_timeout = 11 * SECOND;
    policy.renewal_window = 2 * HOUR;
    policy.expiry_margin = 13 * MINUTE;
    policy.backoff_base = 100 * SECOND;
    policy.backoff_cap = 100 * SECOND;
    policy.refused_base = 200 * SECOND;
    policy.backoff_cap_serving = 200 * SECOND;
    let mut host = Host::with(policy, 3);
    let ticket = host.ticket();
    assert_eq!(ticket.timeout(), 11 * SECOND);
    host.cache.fetched(ticket, refused(), host.now());
    assert_eq!(host.wait(), (200 * SECOND, Reason::Backoff));
    host.pass(200 * SECOND);
    host.fetch_30_days("a");
    let (wait, _) = host.wait();
    assert!(
        (30 * DAY - 2 * HOUR..=30 * DAY - HOUR).contains(&wait),
        "{wait:?}"
    );
    host.pass(30 * DAY - 13 * MINUTE - SECOND);
    assert!(host.served().is_some());
    host.pass(SECOND);
    assert!(host.served().is_none());
    host.fetch(not_sent());
    let (wait, _) = host.wait();
    assert!((7 * SECOND..=100 * SECOND).contains(&wait), "{wait:?}");
}

#[test]
fn a_policy_whose_figures_do_not_fit_together_is_refused_by_name() {
    let refusal = |change: fn(&mut RenewalPolicy)| {
        let mut policy = RenewalPolicy::default();
        change(&mut policy);
        TokenCache::new(policy, 0).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(|p| p.min_interval = Duration::ZERO),
        "the renewal policy's min_interval must not be zero"
    );
    for (change, field) in [
        (
            (|p| p.fetch_timeout = Duration::ZERO) as fn(&mut RenewalPolicy),
            "fetch_timeout",
        ),
        (|p| p.store_timeout = Duration::ZERO, "store_timeout"),
        (|p| p.renewal_window = Duration::ZERO, "renewal_window"),
        (|p| p.backoff_base = Duration::ZERO, "backoff_base"),
        (|p| p.refused_base = Duration::ZERO, "refused_base"),
        (|p| p.min_token_age = Duration::ZERO, "min_token_age"),
        (|p| p.settled_after = Duration::ZERO, "settled_after"),
        (|p| p.store_retry_base = Duration::ZERO, "store_retry_base"),
        (|p| p.lease_poll = Duration::ZERO, "lease_poll"),
        (|p| p.lease_term = 35 * SECOND, "lease_term"),
        (|p| p.backoff_cap = SECOND / 2, "backoff_cap"),
        (
            |p| p.backoff_cap_serving = 59 * SECOND,
            "backoff_cap_serving",
        ),
        (|p| p.refused_base = HOUR, "backoff_cap_serving"),
        (|p| p.min_token_age_cap = 59 * SECOND, "min_token_age_cap"),
        (|p| p.store_retry_cap = 59 * SECOND, "store_retry_cap"),
    ] {
        let text = refusal(change);
        assert!(
            text.starts_with(&format!("the renewal policy's {field} must ")),
            "{text}"
        );
    }
    // The bounds themselves are fine.
    let mut policy = RenewalPolicy::default();
    policy.lease_term = 36 * SECOND;
    policy.backoff_cap = SECOND;
    policy.min_token_age_cap = MINUTE;
    policy.store_retry_cap = MINUTE;
    policy.check().unwrap();
}
