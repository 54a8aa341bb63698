//! What a program that is about to end waits for.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::task::Waker;
use std::thread;

use pan123_token_cache::testing::ManualClock;
use pan123_token_provider::Wanted;

use crate::host::{Host, SECOND, exchange, grant, settings, store_call};

fn is_flushed(host: &Host) -> bool {
    host.provider.flush().is_done(Waker::noop())
}

#[test]
fn a_flush_waits_for_what_is_under_way_until_it_is_saved_and_the_lease_is_released() {
    let host = Host::new(true);
    assert!(is_flushed(&host));
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    assert!(!is_flushed(&host));
    store_call(&mut job).run(&host.store);
    assert!(!is_flushed(&host));
    store_call(&mut job).run(&host.store);
    let mut exchange = exchange(&mut job);
    assert!(!is_flushed(&host));
    let operation = exchange.operation();
    exchange.finish(Ok(grant(&operation, 1)));
    assert!(!is_flushed(&host));
    store_call(&mut job).run(&host.store);
    assert!(!is_flushed(&host), "the lease");
    store_call(&mut job).run(&host.store);
    // The job has nothing left but to end.
    assert!(is_flushed(&host));
    assert!(job.next().is_none());
    assert!(is_flushed(&host));
}

#[test]
fn a_flush_is_woken_by_the_report_it_waits_for() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let exchange = exchange(&mut job);
    let waiting = host.caller();
    let mut flush = host.provider.flush();
    assert!(!flush.is_done(&waiting.waker()));
    exchange.finish(Err(crate::host::refused_port()));
    assert_eq!(waiting.woken(), 1);
    assert!(flush.is_done(&waiting.waker()));
}

#[test]
fn a_flush_waits_for_a_call_to_the_store() {
    let host = Host::new(true);
    let mut caller = host.caller();
    let (mut job, _) = caller.starts();
    let call = store_call(&mut job);
    assert!(!is_flushed(&host));
    call.run(&host.store);
    host.carry_out(job, 1);
    assert!(is_flushed(&host));
}

#[test]
fn a_flush_waits_for_the_delivery_of_events() {
    let clock = ManualClock::new(pan123_token_cache::Moment::default());
    let (entered, is_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let may_leave = Mutex::new(may_leave);
    let provider = settings(&clock)
        .on_event(move |_| {
            entered.send(()).unwrap();
            may_leave.lock().unwrap().recv().unwrap();
        })
        .build()
        .unwrap();
    let mut caller = provider.caller(Wanted::Usable, SECOND);
    let turn = caller.turn(std::time::Duration::ZERO, Waker::noop());
    let pan123_token_provider::Turn::Start(mut job, _) = turn else {
        panic!("{turn:?}");
    };
    let exchange = exchange(&mut job);
    #[expect(
        clippy::disallowed_methods,
        reason = "the listener blocks its own thread"
    )]
    let reporting = thread::spawn(move || exchange.finish(Err(crate::host::refused_port())));
    is_entered.recv().unwrap();
    let host = Host::new(false);
    let waiting = host.caller();
    let mut flush = provider.flush();
    assert!(!flush.is_done(&waiting.waker()));
    leave.send(()).unwrap();
    reporting.join().unwrap();
    assert_eq!(waiting.woken(), 1);
    assert!(flush.is_done(&waiting.waker()));
    drop(Arc::new(job));
}
