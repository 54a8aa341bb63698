//! How far apart fetches lie, for one cache and for a fleet.

use super::*;

#[test]
fn two_fetches_lie_the_minimum_interval_apart_from_end_to_start() {
    let mut host = Host::alone();
    let ticket = host.ticket();
    host.pass(Duration::from_millis(5300));
    // Most of its life has passed before it comes, and the window begins at once.
    host.cache
        .fetched(ticket, grant("a", START.wall, 6 * SECOND), host.now());
    assert_eq!(host.wait(), (SECOND, Reason::Spacing));
    host.pass(SECOND);
    let _ = host.ticket();
}

#[test]
fn spacing_holds_for_the_whole_fleet() {
    let (mut hosts, clock, _) = fleet(2);
    hosts[0].fetch(not_sent());
    hosts[0].wait();
    assert_eq!(hosts[1].wait().1, Reason::Spacing);
    clock.advance(SECOND);
    let _ = hosts[1].ticket();
}

#[test]
fn rate_limiting_is_shared_and_a_refusal_is_not() {
    let (mut hosts, clock, _) = fleet(3);
    hosts[0].fetch(parse(
        &http::Response::builder()
            .status(429)
            .header("retry-after", "600")
            .body(String::new())
            .unwrap(),
    ));
    assert_eq!(
        hosts[0].token_error().unwrap().next_attempt(),
        Some(600 * SECOND)
    );
    assert_eq!(hosts[1].wait().1, Reason::RateLimited);
    clock.advance(590 * SECOND);
    assert_eq!(hosts[1].wait().1, Reason::RateLimited);
    clock.advance(11 * SECOND);
    // The one with the wrong secret keeps to itself.
    hosts[1].fetch(refused());
    hosts[1].wait();
    clock.advance(SECOND);
    hosts[2].fetch_30_days("a");
    hosts[2].wait();
    assert_eq!(hosts[1].wait().1, Reason::Backoff);
    clock.advance(30 * SECOND);
    assert_eq!(hosts[1].wait().1, Reason::Fresh);
    assert_eq!(hosts[1].served().as_deref(), Some("a"));
}
