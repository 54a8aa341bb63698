//! What a driver that serves many callers needs beside the machine's own calls.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::time::Duration;

use pan123_token::{Credentials, GetAccessToken, http};
use pan123_token_cache::{Action, Event, Moment, Reason, RenewalPolicy, StoreStep, TokenCache};

const START: Moment = Moment {
    wall: Duration::from_secs(1_740_124_117),
    monotonic: Duration::from_secs(60),
};

#[test]
fn a_step_that_is_lost_counts_as_a_failure_of_the_store_at_once() {
    let mut cache = TokenCache::new(RenewalPolicy::default(), 7)
        .unwrap()
        .sharing();
    let Action::Store(step) = cache.poll(START) else {
        panic!("a store is asked first");
    };
    let lost = step.lost();
    drop(step);
    cache.stored(lost, START);
    let Some(Event::StoreFailed { call, error }) = cache.next_event() else {
        panic!("a failure is an event");
    };
    assert_eq!(call, "load");
    assert_eq!(error.to_string(), "the call was dropped before it ended");
}

#[test]
fn of_two_answers_to_one_step_the_first_counts() {
    let mut cache = TokenCache::new(RenewalPolicy::default(), 7)
        .unwrap()
        .sharing();
    let Action::Store(StoreStep::Load(step)) = cache.poll(START) else {
        panic!("a store is asked first");
    };
    let step = StoreStep::Load(step);
    let lost = step.lost();
    let StoreStep::Load(step) = step else {
        panic!("it is the one that it was");
    };
    cache.stored(step.answer(Ok(None)), START);
    cache.stored(lost, START);
    assert_eq!(cache.next_event(), None);
}

#[test]
fn a_snapshot_serves_as_another_where_no_caller_would_see_a_difference() {
    let mut cache = TokenCache::new(RenewalPolicy::default(), 7).unwrap();
    let empty = cache.snapshot();
    let Action::Fetch(ticket) = cache.poll(START) else {
        panic!("there is no token");
    };
    // Nothing is held: what is under way makes no difference.
    assert!(cache.snapshot() == empty);

    let operation = GetAccessToken::new(Credentials::new("my-id", "my-secret").unwrap());
    let body =
        r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2025-03-23T15:48:37+08:00"}}"#;
    let grant = operation
        .parse_response(&http::Response::new(body))
        .unwrap();
    cache.fetched(ticket, Ok(grant), START);
    let reported = cache.snapshot();
    assert!(reported != empty);
    // Only after a poll is it known that there is nothing to do.
    let Action::Wait { reason, .. } = cache.poll(START) else {
        panic!("the token is fresh");
    };
    assert_eq!(reason, Reason::Fresh);
    let polled = cache.snapshot();
    assert!(polled != reported);
    let _ = cache.poll(START.after(Duration::from_secs(1)));
    assert!(cache.snapshot() == polled);
}
