//! A store that answers well and keeps nothing, or keeps what it should not.

use super::*;

/// Each load finds what it always finds, and each save is answered in the same way.
struct Stubborn {
    finds: Option<Stored>,
    saves: Saved,
}

/// How many calls a host that holds a token makes in an hour.
fn calls_in_an_hour(host: &mut Host, store: &Stubborn) -> usize {
    let begun = host.now().monotonic;
    let mut calls = 0;
    while host.now().monotonic < begun + HOUR {
        match host.cache.poll(host.now()) {
            Action::Store(step) => {
                calls += 1;
                assert!(calls < 1000, "an endless loop");
                let done = match step {
                    StoreStep::Load(step) => step.answer(Ok(store.finds.clone())),
                    StoreStep::Lease(step) => step.answer(Ok(Lease::Granted(store.finds.clone()))),
                    StoreStep::Save(step) => step.answer(Ok(store.saves.clone())),
                    StoreStep::Release(step) => step.answer(Ok(())),
                };
                host.cache.stored(done, host.now());
            }
            Action::Wait { until, .. } => host.pass(until.monotonic - host.now().monotonic),
            Action::Fetch(_) => panic!("a fetch while the token is fresh"),
        }
    }
    calls
}

/// A host that holds a token, sharing.
fn host() -> Host {
    let (mut hosts, ..) = fleet(1);
    hosts[0].fetch_30_days("a");
    assert_eq!(hosts[0].wait().1, Reason::Fresh);
    hosts.remove(0)
}

#[test]
fn a_store_that_forgets_what_it_kept_is_asked_no_more_often() {
    let store = Stubborn {
        finds: None,
        saves: Saved::Kept,
    };
    // A load and a save every 2.5 to 5 minutes.
    let calls = calls_in_an_hour(&mut host(), &store);
    assert!((24..=48).contains(&calls), "{calls}");
}

#[test]
fn a_newer_token_that_is_not_adopted_is_not_answered_by_endless_saves() {
    let mut host = host();
    let rejected = host.token();
    host.pass(HOUR);
    let _ = host.cache.reject(&rejected, host.now());
    host.fetch_30_days("b");
    // The store has the rejected one, with a later date, and keeps it.
    let theirs = Stored {
        record: record("a", host.now().wall + MINUTE, 30 * DAY),
        left: Some(30 * DAY),
    };
    let store = Stubborn {
        finds: Some(theirs.clone()),
        saves: Saved::Newer(theirs),
    };
    let calls = calls_in_an_hour(&mut host, &store);
    assert!((13..=48).contains(&calls), "{calls}");
    assert_eq!(host.served().as_deref(), Some("b"));
}

#[test]
fn a_store_that_keeps_an_older_record_of_the_token_is_tried_as_one_that_fails() {
    let mut host = host();
    let theirs = Stored {
        record: record("a", START.wall, 30 * DAY),
        left: Some(30 * DAY),
    };
    let store = Stubborn {
        finds: Some(theirs.clone()),
        saves: Saved::Newer(theirs),
    };
    host.pass(SECOND);
    let _ = host.cache.reject(&host.token(), host.now());
    let begun = host.now().monotonic;
    let mut calls = 0;
    while host.now().monotonic < begun + 50 * SECOND {
        match host.cache.poll(host.now()) {
            Action::Store(StoreStep::Save(step)) => {
                calls += 1;
                let done = step.answer(Ok(store.saves.clone()));
                host.cache.stored(done, host.now());
            }
            Action::Store(StoreStep::Load(step)) => {
                let done = step.answer(Ok(store.finds.clone()));
                host.cache.stored(done, host.now());
            }
            Action::Wait { until, .. } => host.pass(until.monotonic - host.now().monotonic),
            other => panic!("{other:?}"),
        }
    }
    // For 27 s every 0.5 to 1 s, and then after half a minute to a minute.
    assert!((28..=60).contains(&calls), "{calls}");
}
