//! Exchanges that are lost, that fall asleep, and that panic.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pan123_token::{FetchError, Grant};
use pan123_token_cache::Failure;
use pan123_token_provider::Place;

use crate::host::{Count, DAY, Host, LIFETIME, SECOND, exchange, grant};

type Fetching = Pin<Box<dyn Future<Output = ()>>>;

/// An exchange whose reply never comes, and how often that was looked for.
fn silent(mut exchange: pan123_token_provider::Exchange) -> (Fetching, Arc<AtomicU32>) {
    let polls: Arc<AtomicU32> = Arc::default();
    let counted = Arc::clone(&polls);
    exchange.operation();
    let fetch = async move {
        let mut never = pin!(pending::<Result<Grant, FetchError>>());
        std::future::poll_fn(|context| {
            counted.fetch_add(1, Ordering::SeqCst);
            never.as_mut().poll(context)
        })
        .await
    };
    (Box::pin(exchange.run(fetch)), polls)
}

fn poll(fetching: &mut Fetching, waker: &Waker) -> Poll<()> {
    fetching.as_mut().poll(&mut Context::from_waker(waker))
}

#[test]
fn an_exchange_that_is_lost_once_is_followed_by_another_for_which_callers_wait() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let mut lost = exchange(&mut job);
    lost.operation();
    caller.waits();
    drop((lost, job));
    assert_eq!(host.events(), ["RenewalFailed"]);
    // Two exchanges lie a second apart.
    assert_eq!(caller.waits(), SECOND);
    host.clock.advance(SECOND);
    caller.waited = SECOND;
    let (job, place) = caller.starts();
    assert_eq!(place, Place::Usual);
    host.carry_out(job, 1);
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
}

#[test]
fn a_second_exchange_that_is_lost_is_an_error_that_may_have_cost_a_token() {
    let host = Host::new(false);
    let mut caller = host.caller();
    for _ in 0..2 {
        host.clock.advance(SECOND);
        let (mut job, _) = caller.starts();
        exchange(&mut job).operation();
    }
    let error = caller.ends().unwrap_err();
    assert_eq!(error.failure(), Some(&Failure::Dropped));
    assert!(error.failure().unwrap().may_have_issued());
}

#[test]
fn an_exchange_that_ended_well_makes_the_next_loss_a_first_one() {
    let host = Host::new(false);
    for number in [1, 2] {
        let mut caller = host.caller();
        let (mut job, _) = caller.starts();
        exchange(&mut job).operation();
        drop(job);
        caller.waits();
        host.clock.advance(SECOND);
        let (job, _) = caller.starts();
        host.carry_out(job, number);
        caller.ends().unwrap();
        // To the end of the first one's life.
        host.clock.advance(LIFETIME);
    }
}

#[test]
fn an_exchange_that_was_never_taken_up_costs_nothing() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    drop(exchange(&mut job));
    drop(job);
    let (job, _) = caller.starts();
    host.carry_out(job, 1);
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
    assert_eq!(host.events(), ["Renewed"]);
}

#[test]
fn an_exchange_whose_runtime_answers_is_waited_for() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let (mut fetching, _) = silent(exchange(&mut job));
    let count: Arc<Count> = Arc::default();
    let waker = Waker::from(Arc::clone(&count));
    assert!(poll(&mut fetching, &waker).is_pending());
    assert_eq!(caller.waits(), 2 * SECOND);
    for seconds in [2, 4, 6, 8] {
        caller.waited = seconds * SECOND;
        let before = count.get();
        assert_eq!(caller.waits(), SECOND, "after {seconds} s");
        assert_eq!(count.get(), before + 1, "after {seconds} s");
        assert!(poll(&mut fetching, &waker).is_pending());
        assert_eq!(caller.waits(), 2 * SECOND);
    }
    assert!(host.events().is_empty());
}

#[test]
fn an_exchange_that_moves_to_another_task_is_pinged_there() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let (mut fetching, _) = silent(exchange(&mut job));
    let counts: [Arc<Count>; 2] = Default::default();
    for count in &counts {
        assert!(poll(&mut fetching, &Waker::from(Arc::clone(count))).is_pending());
    }
    caller.waits();
    caller.waited = 2 * SECOND;
    caller.waits();
    assert_eq!([counts[0].get(), counts[1].get()], [0, 1]);
}

#[test]
fn an_exchange_whose_runtime_sleeps_is_superseded_and_dropped_unpolled() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let (mut fetching, polls) = silent(exchange(&mut job));
    assert!(poll(&mut fetching, Waker::noop()).is_pending());
    assert_eq!(caller.waits(), 2 * SECOND);
    caller.waited = 2 * SECOND;
    host.clock.advance(2 * SECOND);
    assert_eq!(caller.waits(), SECOND);
    caller.waited = 3 * SECOND;
    host.clock.advance(SECOND);
    caller.waits();
    assert_eq!(host.events(), ["RenewalFailed"]);

    // Another one follows, as after any exchange that was lost.
    assert_eq!(caller.waits(), SECOND);
    host.clock.advance(SECOND);
    let (second, _) = caller.starts();
    host.carry_out(second, 1);
    assert_eq!(caller.ends().unwrap().secret(), "token-1");

    // The runtime wakes.
    assert!(poll(&mut fetching, Waker::noop()).is_ready());
    assert_eq!(polls.load(Ordering::SeqCst), 1);
    assert!(job.next().is_none());
    assert_eq!(host.events(), ["Renewed"]);
}

#[test]
fn a_caller_who_comes_after_a_sleeping_exchange_has_expired_is_served_as_well() {
    let host = Host::new(false);
    let (mut job, _) = host.caller().starts();
    let (mut fetching, _) = silent(exchange(&mut job));
    assert!(poll(&mut fetching, Waker::noop()).is_pending());
    host.clock.advance(DAY);
    let mut caller = host.caller();
    caller.waits();
    for seconds in [2, 3] {
        host.clock.advance(SECOND);
        caller.waited = seconds * SECOND;
        caller.waits();
    }
    let (job, _) = caller.starts();
    host.carry_out(job, 1);
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
    assert_eq!(host.events(), ["RenewalFailed", "Renewed"]);
}

#[test]
fn an_exchange_whose_runtime_sleeps_is_superseded_though_no_caller_waits() {
    let host = Host::new(false);
    let old = host.token(1);
    host.clock.advance(LIFETIME - DAY / 2);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let (mut fetching, polls) = silent(exchange(&mut job));
    let count: Arc<Count> = Arc::default();
    let waker = Waker::from(Arc::clone(&count));
    assert!(poll(&mut fetching, &waker).is_pending());
    let minute = 60 * SECOND;
    // One that answers is not superseded.
    for minutes in 1..=3 {
        assert_eq!(host.caller().ends().unwrap(), old);
        host.clock.advance(minute);
        assert_eq!(host.caller().ends().unwrap(), old);
        assert_eq!(count.get(), minutes);
        assert!(poll(&mut fetching, &waker).is_pending());
    }
    for _ in 0..2 {
        assert_eq!(host.caller().ends().unwrap(), old);
        host.clock.advance(minute);
    }
    let (job, _) = host.caller().starts();
    host.carry_out(job, 2);
    // It is dropped unpolled.
    let polled = polls.load(Ordering::SeqCst);
    assert!(poll(&mut fetching, &waker).is_ready());
    assert_eq!(polls.load(Ordering::SeqCst), polled);
    assert_eq!(host.provider.fresh().unwrap().secret(), "token-2");
}

#[test]
fn a_caller_who_slept_itself_pings_before_it_supersedes() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let (mut fetching, _) = silent(exchange(&mut job));
    assert!(poll(&mut fetching, Waker::noop()).is_pending());
    caller.waits();
    caller.waited = 20 * SECOND;
    assert_eq!(caller.waits(), SECOND);
    assert!(poll(&mut fetching, Waker::noop()).is_pending());
    assert!(host.events().is_empty());
}

#[test]
fn a_blocking_exchange_is_never_superseded() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let mut exchange = exchange(&mut job);
    let operation = exchange.operation();
    caller.waits();
    caller.waited = 29 * SECOND;
    assert_eq!(caller.waits(), SECOND);
    exchange.finish(Ok(grant(&operation, 1)));
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
}

#[test]
fn a_clock_that_jumps_leads_to_no_second_exchange_beside_the_first() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let mut late = exchange(&mut job);
    let operation = late.operation();
    host.clock.advance(DAY);
    // Its ticket has expired; what was sent is still under way.
    caller.waits();
    host.clock.advance(DAY);
    let mut other = host.caller();
    other.waits();
    late.finish(Ok(grant(&operation, 1)));
    assert_eq!((caller.woken(), other.woken()), (1, 1));
    assert_eq!(caller.ends().unwrap().secret(), "token-1");
    assert_eq!(other.ends().unwrap().secret(), "token-1");
}

#[test]
fn a_client_that_panics_is_a_failure_of_the_exchange() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    exchange(&mut job).run_blocking(|_, _| panic!("a client with a bug"));
    let line = caller.ends().unwrap_err().to_string();
    assert!(
        line.starts_with("the HTTP client panicked: a client with a bug; "),
        "{line}"
    );
    drop(job);

    host.clock.advance(60 * SECOND);
    let (mut job, _) = host.caller().starts();
    let mut exchange = exchange(&mut job);
    exchange.operation();
    let mut fetching: Fetching = Box::pin(exchange.run(async { panic!("sent SENTINEL-secret") }));
    assert!(poll(&mut fetching, Waker::noop()).is_ready());
    let line = host.caller().ends().unwrap_err().to_string();
    assert!(
        line.starts_with("the HTTP client panicked: sent "),
        "{line}"
    );
    assert!(!line.contains("SENTINEL"), "{line}");
}

#[test]
fn an_exchange_may_take_as_long_as_a_caller_waits() {
    let host = Host::new(false);
    let (mut job, _) = host.caller().starts();
    assert_eq!(exchange(&mut job).timeout(), Duration::from_secs(30));
}
