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
            "the renewal was dropped before it ended; try again later",
        ),
    ] {
        assert_eq!(failure.to_string(), line);
        assert_eq!(failure.may_have_issued(), may_have_issued, "{line}");
    }
}

#[test]
fn each_event_is_one_line() {
    let fingerprint = AccessToken::new("SENTINEL", date(START.wall))
        .unwrap()
        .fingerprint();
    let expires_at = date(START.wall + 30 * DAY);
    let renewed = |forced| Event::Renewed {
        fingerprint,
        expires_at,
        forced,
    };
    let failed = |serving_old| Event::RenewalFailed {
        failure: Failure::from(FetchError::Connect("why".into())),
        serving_old,
        next_attempt: 5 * SECOND,
    };
    for (event, line) in [
        (
            renewed(false),
            format!("token renewed: {fingerprint}, expires at 2025-03-23T07:48:37Z"),
        ),
        (
            renewed(true),
            format!("token renewed: {fingerprint}, expires at 2025-03-23T07:48:37Z (forced)"),
        ),
        (
            failed(true),
            "renewal failed: no connection: why; check the network, the base URL and any proxy \
             (the old token is still served; next attempt in 5 s)"
                .to_owned(),
        ),
        (
            failed(false),
            "renewal failed: no connection: why; check the network, the base URL and any proxy \
             (there is no token; next attempt in 5 s)"
                .to_owned(),
        ),
        (
            Event::RateLimited { wait: 10 * MINUTE },
            "rate limited: no request for 600 s".to_owned(),
        ),
        (
            Event::Rejected {
                fingerprint,
                replaceable_in: Duration::ZERO,
            },
            format!("token rejected: {fingerprint}, replaceable at once"),
        ),
        (
            Event::Rejected {
                fingerprint,
                replaceable_in: MINUTE,
            },
            format!("token rejected: {fingerprint}, replaceable in 60 s"),
        ),
        (
            Event::Adopted {
                fingerprint,
                expires_at,
            },
            format!("token adopted: {fingerprint}, expires at 2025-03-23T07:48:37Z"),
        ),
        (
            Event::StoreFailed {
                call: "lease",
                error: StoreError::new("the disk\nis full"),
            },
            "store failed (lease): the disk\u{fffd}is full".to_owned(),
        ),
        (Event::StoreRecovered, "store recovered".to_owned()),
        (
            Event::HostStoreFailed {
                call: "save",
                error: StoreError::new("the disk is full"),
            },
            "the host's own store failed (save): the disk is full".to_owned(),
        ),
    ] {
        assert_eq!(event.to_string(), line);
        assert!(!format!("{event} {event:?}").contains("SENTINEL"));
    }
}
