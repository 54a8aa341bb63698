//! Tokens that another host rejected.

use pan123_token_cache::Rejection;

use super::*;

#[test]
fn a_rejected_token_is_replaced_by_a_newer_one_from_the_store() {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let mut one = Host::sharing(&store, &clock, 1);
    let mut other = Host::sharing(&store, &clock, 2);
    one.fetch_30_days("a");
    assert_eq!(one.wait().1, Reason::Fresh);
    assert_eq!(other.wait().1, Reason::Fresh);
    let a = other.token();

    clock.advance(HOUR);
    let _ = one.cache.reject(&a, one.now());
    one.fetch_30_days("b");
    one.wait();

    let _ = other.cache.reject(&a, other.now());
    assert_eq!(other.wait().1, Reason::Fresh);
    assert_eq!(other.served().as_deref(), Some("b"));
}

#[test]
fn other_hosts_go_on_using_a_token_that_one_host_rejects() {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let mut one = Host::sharing(&store, &clock, 1);
    let mut other = Host::sharing(&store, &clock, 2);
    one.fetch_30_days("a");
    one.wait();
    other.wait();
    let _ = one.cache.reject(&one.token(), one.now());
    one.wait();
    assert_eq!(other.wait().1, Reason::Fresh);
    assert_eq!(other.served().as_deref(), Some("a"));
    // A newcomer finds the mark.
    let mut newcomer = Host::sharing(&store, &clock, 3);
    assert_eq!(newcomer.wait().1, Reason::Suspect);
    assert_eq!(newcomer.served().as_deref(), Some("a"));
}

#[test]
fn a_newer_token_in_the_store_is_not_marked_for_an_older_ones_sake() {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let mut one = Host::sharing(&store, &clock, 1);
    one.fetch_30_days("a");
    one.wait();
    let key = StoreKey::of(&operation());
    let newer = record("b", START.wall + SECOND, 30 * DAY);
    store.save(key, &newer, None, 30 * DAY).unwrap();
    let _ = one.cache.reject(&one.token(), one.now());
    one.wait();
    assert!(!store.load(key).unwrap().unwrap().record.suspect);
    assert_eq!(one.served().as_deref(), Some("b"));
    // The one that is there is marked.
    let _ = one.cache.reject(&one.token(), one.now());
    one.wait();
    assert!(store.load(key).unwrap().unwrap().record.suspect);
}

#[test]
fn another_hosts_suspect_is_replaced_without_a_gap() {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let mut one = Host::sharing(&store, &clock, 1);
    one.fetch_30_days("a");
    one.wait();
    let _ = one.cache.reject(&one.token(), one.now());
    one.wait();

    let mut newcomer = Host::sharing(&store, &clock, 2);
    assert_eq!(newcomer.wait().1, Reason::Suspect);
    clock.advance(2 * MINUTE);
    // Another host said so: the token may be good for what this one does with it.
    let ticket = newcomer.ticket();
    assert_eq!(newcomer.served().as_deref(), Some("a"));
    newcomer.cache.fetched(ticket, not_sent(), newcomer.now());
    assert_eq!(newcomer.served().as_deref(), Some("a"));
    assert!(matches!(
        newcomer.events().last(),
        Some(Event::RenewalFailed {
            serving_old: true,
            ..
        })
    ));
    let (backoff, reason) = newcomer.wait();
    assert_eq!(reason, Reason::Backoff);
    clock.advance(backoff);
    let ticket = newcomer.next_ticket();
    let issued = newcomer.now().wall;
    let result = grant("b", issued, 30 * DAY);
    newcomer.cache.fetched(ticket, result, newcomer.now());
    assert_eq!(newcomer.served().as_deref(), Some("b"));
}

#[test]
fn a_served_token_is_kept_before_a_newer_one_that_another_host_rejected() {
    for (suspect, age, adopted) in [
        (true, HOUR, false),
        // Not to be replaced yet: it is as good as any.
        (true, MINUTE / 2, true),
        (false, HOUR, true),
    ] {
        let clock = ManualClock::new(START);
        let (mut host, store) = Host::on_faulty_store(&clock);
        host.fetch_30_days("a");
        host.wait();
        clock.advance(2 * HOUR);
        let mut theirs = record("theirs", host.now().wall - age, 30 * DAY);
        theirs.suspect = suspect;
        store.put_over(&theirs, 30 * DAY - age);
        host.wait();
        let served = if adopted { "theirs" } else { "a" };
        assert_eq!(host.served().as_deref(), Some(served), "{suspect} {age:?}");
    }
}

#[test]
fn a_host_that_holds_the_token_learns_that_another_rejected_it() {
    let clock = ManualClock::new(START);
    let (mut host, store) = Host::on_faulty_store(&clock);
    host.fetch_30_days("a");
    host.wait();
    let mut marked = store.stored().unwrap();
    marked.suspect = true;
    store.put(&marked, 30 * DAY);
    clock.advance(5 * MINUTE);
    // It is served until there is another, which is fetched since it is old enough.
    let ticket = host.ticket();
    assert_eq!(host.served().as_deref(), Some("a"));
    let result = grant("b", host.now().wall, 30 * DAY);
    host.cache.fetched(ticket, result, host.now());
    host.wait();
    assert_eq!(store.stored().unwrap().forced, 1);
}

#[test]
fn a_token_that_another_host_had_confirmed_is_as_young_as_that_for_the_whole_fleet() {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let mut one = Host::sharing(&store, &clock, 1);
    let mut other = Host::sharing(&store, &clock, 2);
    one.fetch_30_days("a");
    one.wait();
    other.wait();
    clock.advance(HOUR);
    let _ = one.cache.reject(&one.token(), one.now());
    // The platform sends the same token again.
    let issued = one.now().wall;
    let left = START.wall + 30 * DAY - issued;
    one.fetch(grant("a", issued, left));
    one.wait();
    clock.advance(6 * MINUTE);
    let ticket = other.next_ticket();
    let issued = other.now().wall;
    let left = START.wall + 30 * DAY - issued;
    other
        .cache
        .fetched(ticket, grant("a", issued, left), other.now());
    other.wait();
    // The first one hears of that second confirmation: the age of 4 minutes that it asks for is counted from there.
    clock.advance(MINUTE);
    one.wait();
    let rejection = one.cache.reject(&one.token(), one.now());
    assert_eq!(
        rejection,
        Rejection::Suspect {
            replaceable_in: 3 * MINUTE
        }
    );
}
