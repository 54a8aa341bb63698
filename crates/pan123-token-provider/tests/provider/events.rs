//! Events: one after the other, in order, without a lock.

use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;
use std::time::Duration;

use pan123_token_cache::testing::ManualClock;
use pan123_token_cache::{Event, Moment};
use pan123_token_provider::{Provider, Turn, Wanted};

use crate::host::{DAY, LIMIT, exchange, grant, settings};

fn fetch(provider: &Provider, number: u32) {
    let mut caller = provider.caller(Wanted::Usable, LIMIT);
    let Turn::Start(mut job, _) = caller.turn(Duration::ZERO, Waker::noop()) else {
        panic!("there is no token");
    };
    let mut exchange = exchange(&mut job);
    let operation = exchange.operation();
    exchange.finish(Ok(grant(&operation, number)));
}

#[test]
fn a_listener_may_call_the_provider_and_its_own_events_come_after_the_one_it_is_at() {
    let clock = ManualClock::new(Moment {
        wall: Duration::from_secs(1_740_124_117),
        monotonic: Duration::ZERO,
    });
    let provider: Arc<OnceLock<Provider>> = Arc::default();
    let log: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let (theirs, entries) = (Arc::clone(&provider), Arc::clone(&log));
    let built = settings(&clock)
        .on_event(move |event| {
            let name = match event {
                Event::Renewed { .. } => "renewed",
                Event::Rejected { .. } => "rejected",
                _ => "other",
            };
            entries.lock().unwrap().push(name);
            if name == "renewed" {
                let provider = theirs.get().unwrap();
                provider.reject(&provider.current().unwrap());
                entries.lock().unwrap().push("end of renewed");
            }
        })
        .build()
        .unwrap();
    provider.set(built.clone()).unwrap();
    fetch(&built, 1);
    let log = log.lock().unwrap();
    assert_eq!(*log, ["renewed", "end of renewed", "rejected"]);
}

#[test]
fn a_listener_that_panics_is_asked_again_and_costs_nothing_else() {
    let clock = ManualClock::new(Moment {
        wall: Duration::from_secs(1_740_124_117),
        monotonic: Duration::ZERO,
    });
    let count: Arc<Mutex<u32>> = Arc::default();
    let counted = Arc::clone(&count);
    let provider = settings(&clock)
        .on_event(move |_| {
            *counted.lock().unwrap() += 1;
            panic!("a listener with a bug");
        })
        .build()
        .unwrap();
    fetch(&provider, 1);
    assert_eq!(provider.fresh(), None, "it was never polled since");
    let token = provider.current().unwrap();
    clock.advance(DAY);
    provider.reject(&token);
    let _count_is_poisoned = count.lock().is_err();
    fetch(&provider, 2);
    assert_eq!(provider.current().unwrap().secret(), "token-2");
}
