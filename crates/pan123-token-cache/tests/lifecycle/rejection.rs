//! Tokens that an API call was refused with.

use super::*;

#[test]
fn a_young_token_that_is_rejected_is_served_until_it_may_be_replaced() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(10 * SECOND);
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), 50 * SECOND);
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(host.wait(), (50 * SECOND, Reason::Suspect));
    host.pass(50 * SECOND - Duration::from_nanos(1));
    assert_eq!(host.served().as_deref(), Some("a"));
    host.pass(Duration::from_nanos(1));
    // Now callers wait for the replacement as if there were none.
    assert_eq!(host.served(), None);
    host.fetch_30_days("b");
    assert_eq!(host.served().as_deref(), Some("b"));
}

#[test]
fn an_old_token_that_is_rejected_is_replaced_at_once() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(DAY);
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), Duration::ZERO);
    assert_eq!(host.served(), None);
    let _ = host.ticket();
}

#[test]
fn a_rejected_token_that_is_not_held_is_no_reason_to_renew() {
    let mut host = Host::alone();
    let stranger = AccessToken::new("x", date(START.wall + DAY)).unwrap();
    assert_eq!(
        host.cache.reject(&stranger, host.now()),
        Rejection::NotCurrent
    );
    host.fetch_30_days("a");
    let old = host.token();
    host.pass(30 * DAY - HOUR);
    host.fetch_30_days("b");
    assert_eq!(host.cache.reject(&old, host.now()), Rejection::NotCurrent);
    assert_eq!(host.served().as_deref(), Some("b"));
    assert_eq!(host.wait().1, Reason::Fresh);
}

#[test]
fn rejecting_twice_changes_nothing() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    let token = host.token();
    let _ = host.cache.reject(&token, host.now());
    host.events();
    host.pass(20 * SECOND);
    let rejection = host.cache.reject(&token, host.now());
    assert_eq!(replaceable_in(rejection), 40 * SECOND);
    assert_eq!(host.events(), []);
}

#[test]
fn a_rejected_token_that_the_platform_sends_again_is_confirmed_and_served() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(HOUR);
    let _ = host.cache.reject(&host.token(), host.now());
    assert_eq!(host.served(), None);
    host.fetch_30_days("a");
    assert_eq!(host.served().as_deref(), Some("a"));
    assert_eq!(host.wait().1, Reason::Suspect);
    // It is a suspect that was replaced once: another rejection forces a renewal after twice the age.
    let rejection = host.cache.reject(&host.token(), host.now());
    assert_eq!(replaceable_in(rejection), 2 * MINUTE);
    assert_eq!(host.served().as_deref(), Some("a"));
}

#[test]
fn an_endpoint_that_always_refuses_a_token_that_never_changes_costs_a_request_an_hour() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    let expires = START.wall + 30 * DAY;
    let mut requests = 0;
    while host.now().wall < START.wall + DAY {
        if let Some(token) = host.cache.snapshot().token(host.now()) {
            let _ = host.cache.reject(&token.clone(), host.now());
        }
        match host.poll() {
            Action::Fetch(ticket) => {
                requests += 1;
                let issued = host.now().wall;
                host.cache
                    .fetched(ticket, grant("a", issued, expires - issued), host.now());
            }
            _ => host.pass(10 * SECOND),
        }
    }
    // After 1, 2, 4, 8, 16, 32 and 60 minutes, and then every hour.
    assert!((27..=30).contains(&requests), "{requests}");
}

#[test]
fn the_last_16_rejected_tokens_are_remembered() {
    let rejected_17 = || {
        let mut host = Host::alone();
        host.fetch_30_days("t0");
        for n in 1..=17 {
            host.pass(2 * HOUR);
            let _ = host.cache.reject(&host.token(), host.now());
            if n < 17 {
                host.fetch_30_days(&format!("t{n}"));
            }
        }
        host
    };
    // One that is remembered comes back as a suspect.
    for (n, reason) in [
        (0, Reason::Fresh),
        (1, Reason::Suspect),
        (16, Reason::Suspect),
    ] {
        let mut host = rejected_17();
        host.fetch_30_days(&format!("t{n}"));
        assert_eq!(host.wait().1, reason, "t{n}");
    }
}

#[test]
fn a_confirmed_token_that_comes_again_with_a_later_expiry_is_no_suspect_any_more() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(HOUR);
    let _ = host.cache.reject(&host.token(), host.now());
    host.fetch_30_days("a");
    assert_eq!(host.wait().1, Reason::Suspect);
    host.pass(HOUR);
    host.fetch_30_days("a");
    assert_eq!(host.wait().1, Reason::Fresh);
}
