//! Jobs that are dropped, that don't run, or that can't be started.

use std::time::Duration;

use pan123_token_cache::Failure;
use pan123_token_provider::Place;

use crate::host::{DAY, Host, LIFETIME, LIMIT, SECOND, exchange, grant};

const MOMENT: Duration = Duration::from_millis(100);

#[test]
fn a_job_that_is_dropped_before_it_begins_costs_nothing_and_is_started_elsewhere() {
    let host = Host::new(false);
    let (mut starter, mut other) = (host.caller(), host.caller());
    let (job, _) = starter.starts();
    other.waits();
    drop(job);
    assert_eq!(other.woken(), 1);
    let (job, place) = other.starts();
    assert_eq!(place, Place::Elsewhere);
    host.carry_out(job, 1);
    assert_eq!(other.ends().unwrap().secret(), "token-1");
    assert_eq!(host.events(), ["Renewed"]);
}

#[test]
fn jobs_that_all_vanish_end_as_an_error_and_not_in_a_loop() {
    let host = Host::new(false);
    let mut caller = host.caller();
    for _ in 0..3 {
        drop(caller.starts());
    }
    let error = caller.ends().unwrap_err();
    assert!(matches!(error.failure(), Some(Failure::NotSent(_))));
    assert_eq!(
        error.to_string(),
        "the renewal could not be started: what was to carry it out ended before it began; keep its runtime alive \
         (next attempt in 1 s)"
    );
    assert!(!error.failure().unwrap().may_have_issued());
    // It is tried again when that is due.
    host.clock.advance(SECOND);
    assert_eq!(host.token(1).secret(), "token-1");
}

#[test]
fn a_job_that_does_not_run_is_helped_after_a_moment_by_one_more() {
    let host = Host::new(false);
    let (mut caller, mut other) = (host.caller(), host.caller());
    let (mut asleep, _) = caller.starts();
    assert_eq!(caller.waits(), MOMENT);
    assert_eq!(other.waits(), MOMENT);
    caller.waited = MOMENT;
    let (mut helper, place) = caller.starts();
    assert_eq!(place, Place::Elsewhere);
    // No third one, however long that takes.
    caller.waited = 10 * SECOND;
    assert_eq!(caller.waits(), LIMIT - 10 * SECOND);
    other.waited = 10 * SECOND;
    other.waits();

    // The one that asks first carries it out.
    let mut exchange = exchange(&mut helper);
    assert!(asleep.next().is_none());
    let operation = exchange.operation();
    exchange.finish(Ok(grant(&operation, 1)));
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
    assert_eq!(host.events(), ["Renewed"]);
}

#[test]
fn a_job_that_does_not_run_is_helped_after_a_minute_though_no_caller_waits() {
    let host = Host::new(false);
    let old = host.token(1);
    host.clock.advance(LIFETIME - DAY / 2);
    let mut caller = host.caller();
    let (mut asleep, _) = caller.starts();
    assert_eq!(caller.ends().unwrap(), old);
    host.clock.advance(59 * SECOND);
    assert_eq!(host.caller().ends().unwrap(), old);
    host.clock.advance(SECOND);
    let mut caller = host.caller();
    let (helper, place) = caller.starts();
    assert_eq!(place, Place::Elsewhere);
    assert_eq!(caller.ends().unwrap(), old);
    // No third one, however long that takes.
    host.clock.advance(DAY / 4);
    assert_eq!(host.caller().ends().unwrap(), old);
    host.carry_out(helper, 2);
    assert_eq!(host.provider.fresh().unwrap().secret(), "token-2");
    assert!(asleep.next().is_none());
}

#[test]
fn a_job_that_stops_between_two_actions_is_helped_as_well() {
    let host = Host::new(true);
    let mut caller = host.caller();
    let (mut asleep, _) = caller.starts();
    crate::host::store_call(&mut asleep).run(&host.store);
    caller.waits();
    caller.waited = MOMENT;
    let (helper, place) = caller.starts();
    assert_eq!(place, Place::Elsewhere);
    host.carry_out(helper, 1);
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
    assert!(asleep.next().is_none());
}

#[test]
fn a_job_that_cannot_be_started_says_why() {
    let host = Host::new(false);
    let (mut caller, mut other) = (host.caller(), host.caller());
    let (job, _) = caller.starts();
    other.waits();
    job.could_not_start("no thread can be started for it: out of memory; allow more threads");
    let error = other.ends().unwrap_err();
    assert!(matches!(error.failure(), Some(Failure::NotSent(_))));
    let line = error.to_string();
    assert!(line.contains("no thread can be started for it: out of memory; allow more threads"));
    assert_eq!(caller.ends().unwrap_err(), error);
    assert_eq!(host.events(), ["RenewalFailed"]);
}

#[test]
fn a_job_draws_nothing_that_is_not_due_any_more() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut late, _) = caller.starts();
    caller.waits();
    caller.waited = MOMENT;
    let (helper, _) = caller.starts();
    host.carry_out(helper, 1);
    // Its runtime wakes weeks before the next renewal.
    assert!(late.next().is_none());
    assert!(late.next().is_none());
}

#[test]
fn a_second_job_that_could_not_be_started_is_followed_by_another() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (asleep, _) = caller.starts();
    caller.waits();
    caller.waited = MOMENT;
    let (second, place) = caller.starts();
    assert_eq!(place, Place::Elsewhere);
    second.could_not_start("no thread");
    caller.ends().unwrap_err();
    host.clock.advance(2 * SECOND);
    let mut caller = host.caller();
    caller.waits();
    caller.waited = MOMENT;
    let (third, place) = caller.starts();
    assert_eq!(place, Place::Elsewhere);
    host.carry_out(third, 1);
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
    drop(asleep);
}
