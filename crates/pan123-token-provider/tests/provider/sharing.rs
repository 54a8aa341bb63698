//! Calls to the store: one at a time, reported where they end.

use std::sync::Arc;
use std::time::Duration;

use pan123_token_cache::testing::MemoryStore;
use pan123_token_cache::{FallbackStore, StoreError, Tier};
use pan123_token_provider::{Place, Turn, Wanted, Work};

use crate::host::{Host, SECOND, exchange, grant, store_call};

/// Up to the exchange.
fn until_exchange(
    host: &Host,
    job: &mut pan123_token_provider::Job,
) -> pan123_token_provider::Exchange {
    loop {
        match job.next() {
            Some(Work::Store(call)) => call.run(&host.store),
            Some(Work::Exchange(exchange)) => return exchange,
            None => panic!("there is no token"),
        }
    }
}

#[test]
fn the_first_token_is_handed_out_when_it_is_saved() {
    let host = Host::new(true);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let mut exchange = until_exchange(&host, &mut job);
    let operation = exchange.operation();
    caller.waits();
    exchange.finish(Ok(grant(&operation, 1)));
    assert_eq!(
        caller.waits(),
        Duration::from_millis(100),
        "until a job saves it"
    );
    let save = store_call(&mut job);
    assert_eq!(caller.waits(), Duration::from_millis(250));
    save.run(&host.store);
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
}

#[test]
fn the_first_token_is_handed_out_after_a_moment_or_at_the_callers_limit_though_it_is_not_saved() {
    let host = Host::new(true);
    let mut patient = host.caller();
    let mut hasty = host.asking_within(Wanted::Usable, SECOND / 10);
    let (mut job, _) = patient.starts();
    let mut exchange = until_exchange(&host, &mut job);
    let operation = exchange.operation();
    hasty.waits();
    exchange.finish(Ok(grant(&operation, 1)));
    let save = store_call(&mut job);
    patient.waits();
    hasty.waits();
    hasty.waited = SECOND / 10;
    assert_eq!(hasty.ends().unwrap().secret(), "token-1");
    patient.waited = Duration::from_millis(249);
    assert_eq!(patient.waits(), Duration::from_millis(1));
    patient.waited = Duration::from_millis(250);
    assert_eq!(patient.ends().unwrap().secret(), "token-1");
    // A caller who didn't wait for it has it at once.
    assert_eq!(host.caller().ends().unwrap().secret(), "token-1");
    drop(save);
}

#[test]
fn the_moment_for_the_first_save_begins_when_the_token_comes() {
    let host = Host::new(true);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let mut exchange = until_exchange(&host, &mut job);
    let operation = exchange.operation();
    caller.waits();
    host.clock.advance(2 * SECOND);
    exchange.finish(Ok(grant(&operation, 1)));
    let save = store_call(&mut job);
    caller.waited = 2 * SECOND;
    assert_eq!(caller.waits(), Duration::from_millis(250));
    caller.waited = Duration::from_millis(2250);
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
    drop(save);
}

/// It could not be used, and would keep all other hosts from fetching.
#[test]
fn no_lease_is_taken_beside_an_exchange_that_outlives_its_deadline() {
    let host = Host::new(true);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let mut exchange = until_exchange(&host, &mut job);
    let operation = exchange.operation();
    // The machine gives it up after 31 s; a second later, another may follow.
    host.clock.advance(31 * SECOND);
    let mut calls = Vec::new();
    for _ in 0..3 {
        if let Turn::Start(mut job, _) = host.caller().turn() {
            while let Some(Work::Store(call)) = job.next() {
                let (step, key, report) = call.split();
                calls.push(step.name());
                report.finish(step.run(&host.store, key));
            }
        }
        host.clock.advance(SECOND);
    }
    assert_eq!(calls, ["release", "load", "load"]);
    exchange.finish(Ok(grant(&operation, 1)));
    assert_eq!(host.provider.current().unwrap().secret(), "token-1");
}

#[test]
fn a_later_token_is_handed_out_before_it_is_saved() {
    let host = Host::new(true);
    let old = host.token(1);
    host.clock.advance(60 * SECOND);
    host.provider.reject(&old);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let mut exchange = until_exchange(&host, &mut job);
    let operation = exchange.operation();
    caller.waits();
    exchange.finish(Ok(grant(&operation, 2)));
    let save = store_call(&mut job);
    assert_eq!(caller.ends().unwrap().secret(), "token-2");
    drop(save);
}

#[test]
fn a_call_that_is_lost_counts_as_a_failure_at_once() {
    let host = Host::new(true);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    drop(store_call(&mut job));
    drop(job);
    assert_eq!(host.events(), ["StoreFailed"]);
    let until_retry = caller.waits();
    assert!(until_retry <= SECOND, "{until_retry:?}");
}

#[test]
fn a_call_may_end_after_its_job_and_reports_where_it_ends() {
    let host = Host::new(true);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let call = store_call(&mut job);
    drop(job);
    caller.waits();
    call.run(&host.store);
    assert_eq!(caller.woken(), 1);
    let (job, place) = caller.starts();
    assert_eq!(place, Place::Usual);
    host.carry_out(job, 1);
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
    assert_eq!(host.events(), ["Renewed"]);
}

#[test]
fn while_a_call_hangs_a_second_job_fetches_and_no_second_call_is_made() {
    let host = Host::new(true);
    let mut caller = host.caller();
    let (mut hanging, _) = caller.starts();
    let call = store_call(&mut hanging);
    let mut seconds = 0;
    let (mut job, _) = loop {
        match caller.turn() {
            Turn::Start(job, place) => break (job, place),
            Turn::Wait(time) => {
                host.clock.advance(time);
                caller.waited += time;
                seconds += 1;
            }
            other @ Turn::Done(_) => {
                panic!("{other:?} after {seconds} waits")
            }
        }
    };
    // The store is tried for most of what a caller waits.
    assert!(caller.waited < 28 * SECOND, "{:?}", caller.waited);
    let mut exchange = exchange(&mut job);
    let operation = exchange.operation();
    exchange.finish(Ok(grant(&operation, 1)));
    // Until the store is tried again, nothing is asked of it: the token isn't saved now.
    assert!(job.next().is_none());
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
    let (step, _, report) = call.split();
    report.finish(step.fail(StoreError::new("at last")));
}

#[test]
fn while_a_call_to_the_shared_store_hangs_the_hosts_own_is_asked() {
    let host = Host::new(true);
    host.token(1);
    let other = crate::host::settings(&host.clock)
        .sharing(true)
        .fallback(true)
        .build()
        .unwrap();
    let mut caller = other.caller(Wanted::Usable, 30 * SECOND);
    let mut turn = |waited| caller.turn(waited, std::task::Waker::noop());
    let Turn::Start(mut hanging, _) = turn(Duration::ZERO) else {
        panic!("no job")
    };
    let call = store_call(&mut hanging);
    assert!(matches!(turn(Duration::ZERO), Turn::Wait(_)));
    let patience = Duration::from_millis(2500);
    host.clock.advance(patience);
    let Turn::Start(mut job, _) = turn(patience) else {
        panic!("no other job")
    };
    let own = FallbackStore::new(
        Arc::new(MemoryStore::new(host.clock.clone())),
        Arc::new(host.store),
    );
    let (step, key, report) = store_call(&mut job).split();
    assert_eq!(step.tier(), Tier::Host);
    report.finish(step.run(&own, key));
    let Turn::Done(token) = turn(patience) else {
        panic!("no token")
    };
    assert_eq!(token.unwrap().secret(), "token-1");
    drop(call);
}

#[test]
fn a_call_that_hangs_holds_a_replacement_up_for_as_long_as_the_machine_waits_for_it() {
    let host = Host::new(true);
    let young = host.token(1);
    host.events();
    host.provider.reject(&young);
    let mut replacing = host.asking(Wanted::Replacing(young.fingerprint()));
    let (mut job, _) = replacing.starts();
    let call = store_call(&mut job);
    let patience = Duration::from_millis(2500);
    assert_eq!(replacing.waits(), patience);
    host.clock.advance(patience);
    replacing.waited = patience;
    assert_eq!(replacing.ends().unwrap(), young);
    // It has waited long enough and is tried again at once, which fails as long as the first call hangs.
    assert_eq!(host.events(), ["Rejected", "StoreFailed", "StoreFailed"]);
    drop(call);
}

#[test]
fn a_token_that_is_newer_in_the_store_replaces_a_rejected_one() {
    let host = Host::new(true);
    let first = host.token(1);
    // Another host has renewed it.
    let other = crate::host::settings(&host.clock)
        .sharing(true)
        .build()
        .unwrap();
    host.clock.advance(60 * SECOND);
    let mut caller = other.caller(Wanted::Refreshed, 30 * SECOND);
    while let Turn::Start(job, _) = caller.turn(Duration::ZERO, std::task::Waker::noop()) {
        host.carry_out(job, 2);
    }
    assert_eq!(other.current().unwrap().secret(), "token-2");
    host.provider.reject(&first);
    let mut replacing = host.asking(Wanted::Replacing(first.fingerprint()));
    let (job, _) = replacing.starts();
    replacing.waits();
    host.carry_out(job, 3);
    assert_eq!(replacing.ends().unwrap().secret(), "token-2");
}
