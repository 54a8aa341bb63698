//! Renewals that a caller asks for.

use super::*;

#[test]
fn a_fresh_token_is_renewed_on_demand_and_served_meanwhile() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(HOUR);
    assert_eq!(host.wait().1, Reason::Fresh);
    host.cache.refresh();
    assert!(host.cache.snapshot().wants_poll(host.now()));
    let ticket = host.ticket();
    assert_eq!(host.served().as_deref(), Some("a"));
    assert!(host.cache.is_refreshing());

    let result = grant("b", host.now().wall, 30 * DAY);
    host.cache.fetched(ticket, result, host.now());
    assert_eq!(host.served().as_deref(), Some("b"));
    assert!(!host.cache.is_refreshing());
    assert_eq!(host.wait().1, Reason::Fresh);
}

#[test]
fn it_keeps_to_the_spacing_and_the_backoff() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.cache.refresh();
    assert_eq!(host.wait(), (SECOND, Reason::Spacing));
    host.pass(SECOND);
    host.fetch(rate_limited());
    assert_eq!(host.served().as_deref(), Some("a"));
    let (wait, reason) = host.wait();
    assert_eq!(reason, Reason::RateLimited);
    assert!(wait >= SECOND, "{wait:?}");
    // It is still wanted.
    assert!(host.cache.is_refreshing());
    host.pass(wait);
    let _ = host.ticket();
}

#[test]
fn the_same_token_once_more_is_no_success() {
    let mut host = Host::alone();
    host.fetch_30_days("a");
    host.pass(HOUR);
    host.cache.refresh();
    host.fetch(grant("a", START.wall, 30 * DAY));
    assert!(host.cache.is_refreshing());
    assert!(matches!(
        host.events().last(),
        Some(Event::RenewalFailed { .. })
    ));
}

#[test]
fn a_cache_that_held_nothing_wants_another_than_the_stored_one() {
    let clock = ManualClock::new(START);
    let store: Arc<dyn TokenStore> = Arc::new(MemoryStore::new(clock.clone()));
    let mut first = Host::sharing(&store, &clock, 1);
    first.fetch_30_days("a");
    let _ = first.poll();
    clock.advance(HOUR);

    let mut second = Host::sharing(&store, &clock, 2);
    let mut third = Host::sharing(&store, &clock, 3);
    second.cache.refresh();
    third.cache.refresh();
    let ticket = second.ticket();
    // Meanwhile the other finds the old one, and the lease taken.
    assert_eq!(third.wait().1, Reason::Leased);
    assert_eq!(third.served().as_deref(), Some("a"));
    let result = grant("b", clock_wall(&clock), 30 * DAY);
    second.cache.fetched(ticket, result, second.now());
    let _ = second.poll();
    assert_eq!(second.served().as_deref(), Some("b"));
    // One renewal serves both.
    clock.advance(MINUTE);
    assert_eq!(third.wait().1, Reason::Fresh);
    assert_eq!(third.served().as_deref(), Some("b"));
    assert!(!third.cache.is_refreshing());
}

fn clock_wall(clock: &ManualClock) -> Duration {
    pan123_token_cache::Clock::now(clock).wall
}

#[test]
fn it_finds_what_another_fetches_meanwhile_long_before_the_lease_ends() {
    let clock = ManualClock::new(START);
    let store: Arc<dyn TokenStore> = Arc::new(MemoryStore::new(clock.clone()));
    let mut first = Host::sharing(&store, &clock, 1);
    let mut second = Host::sharing(&store, &clock, 2);
    first.fetch_30_days("a");
    first.wait();
    second.wait();
    clock.advance(HOUR);
    first.cache.refresh();
    second.cache.refresh();
    let ticket = first.ticket();
    let (wait, reason) = second.wait();
    assert_eq!(reason, Reason::Leased);
    assert!(wait <= SECOND, "{wait:?}");
    let result = grant("b", clock_wall(&clock), 30 * DAY);
    first.cache.fetched(ticket, result, first.now());
    let _ = first.poll();
    clock.advance(wait);
    second.wait();
    assert_eq!(second.served().as_deref(), Some("b"));
}

#[test]
fn an_empty_cache_on_its_own_takes_the_first_token_for_another() {
    let mut host = Host::alone();
    host.cache.refresh();
    assert!(host.cache.is_refreshing());
    host.fetch_30_days("a");
    assert!(!host.cache.is_refreshing());
    assert_eq!(host.wait().1, Reason::Fresh);
}

#[test]
fn an_empty_cache_takes_the_first_token_for_another_where_the_store_holds_none() {
    let (mut hosts, ..) = fleet(1);
    hosts[0].cache.refresh();
    hosts[0].fetch_30_days("a");
    assert!(!hosts[0].cache.is_refreshing());
    assert_eq!(hosts[0].wait().1, Reason::Fresh);
}

#[test]
fn an_empty_cache_serves_what_the_store_holds_until_another_comes() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    store.put(&record("stored", START.wall - DAY, 30 * DAY), 29 * DAY);
    host.cache.refresh();
    let ticket = host.ticket();
    assert_eq!(host.served().as_deref(), Some("stored"));
    host.cache.fetched(ticket, not_sent(), host.now());
    assert!(host.cache.is_refreshing());
    assert_eq!(host.served().as_deref(), Some("stored"));
}
