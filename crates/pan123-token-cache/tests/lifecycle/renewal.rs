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
fn the_last_minute_of_a_long_life_counts_as_expired() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(30 * DAY - MINUTE - SECOND);
    assert_eq!(host.served().as_deref(), Some("a"));
    host.pass(SECOND);
    assert_eq!(host.served(), None);
}

#[test]
fn the_last_tenth_of_a_short_life_counts_as_expired() {
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
fn a_token_that_has_expired_on_issue_is_a_failure_that_backs_off() {
    let mut host = Host::alone();
    host.fetch(grant_without_date("a", START.wall + 5 * SECOND));
    // Without a `Date` it lives for 5 s by this host's clock, and half a second of that counts as expired.
    assert_eq!(host.served().as_deref(), Some("a"));

    let mut host = Host::alone();
    host.fetch(grant_without_date("a", START.wall));
    assert_eq!(host.served(), None);
    let Some(Failure::IssuedExpired(token)) = host.cache.last_failure() else {
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
    assert_eq!(host.cache.last_failure(), Some(&Failure::Unchanged));
    assert_eq!(host.wait().1, Reason::Backoff);
    assert_eq!(host.served().as_deref(), Some("a"));
}
