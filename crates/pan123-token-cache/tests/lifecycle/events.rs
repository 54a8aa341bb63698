//! What is reported in events.

use super::*;

#[test]
fn the_events_of_a_life_come_in_order_and_hold_no_secret() {
    let mut host = Host::alone();
    host.fetch(rate_limited());
    let (wait, _) = host.wait();
    host.pass(wait);
    host.fetch_30_days("SENTINEL-token");
    host.pass(DAY);
    let _ = host.cache.reject(&host.token(), host.now());
    host.fetch(not_sent());
    let events = host.events();
    assert!(
        matches!(
            &events[..],
            [
                Event::RateLimited { .. },
                Event::RenewalFailed {
                    serving_old: false,
                    ..
                },
                Event::Renewed { forced: false, .. },
                Event::Rejected { .. },
                Event::RenewalFailed {
                    serving_old: false,
                    ..
                },
            ]
        ),
        "{events:#?}"
    );
    let texts = format!(
        "{events:?}{events:#?}{:?}{:?}",
        host.cache,
        host.cache.snapshot()
    );
    assert!(!texts.contains("SENTINEL"), "{texts}");
}

#[test]
fn a_failure_in_the_window_says_that_the_old_token_is_served() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(30 * DAY - HOUR);
    host.events();
    host.fetch(not_sent());
    let events = host.events();
    assert!(
        matches!(
            &events[..],
            [Event::RenewalFailed {
                serving_old: true,
                ..
            }]
        ),
        "{events:?}"
    );
}

#[test]
fn a_forced_renewal_says_so() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(DAY);
    let _ = host.cache.reject(&host.token(), host.now());
    host.fetch_30_days("b");
    assert!(matches!(
        host.events().last(),
        Some(Event::Renewed { forced: true, .. })
    ));
}

#[test]
fn events_that_are_not_taken_do_not_pile_up() {
    let mut host = Host::alone();
    for _ in 0..500 {
        host.fetch(not_sent());
        let (wait, _) = host.wait();
        host.pass(wait);
    }
    assert_eq!(host.events().len(), 64);
}

#[test]
fn a_failure_says_in_one_line_what_happened() {
    for (failure, may_have_issued, line) in [
        (
            Failure::from(FetchError::Connect("why".into())),
            false,
            "no connection: why; check the network, the base URL and any proxy",
        ),
        (
            Failure::IssuedExpired(AccessToken::new("SENTINEL", date(START.wall)).unwrap()),
            true,
            "the platform sent a token that has already expired; check this host's clock",
        ),
        (
            Failure::Unchanged,
            false,
            "the platform sent the same token again; try again later",
        ),
        (
            Failure::Dropped,
            true,
            "the renewal was given up before it ended; try again later",
        ),
    ] {
        assert_eq!(failure.to_string(), line);
        assert_eq!(failure.may_have_issued(), may_have_issued, "{line}");
    }
}
