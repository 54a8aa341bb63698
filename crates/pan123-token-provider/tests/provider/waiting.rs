//! Callers who wait, and who stop waiting.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use pan123_token_provider::{Turn, Wanted};

use crate::host::{Count, Host, LIMIT, exchange, refused_port};

#[test]
fn a_caller_who_is_dropped_is_not_woken_and_leaves_nothing_behind() {
    let host = Host::new(false);
    let mut starter = host.caller();
    let (mut job, _) = starter.starts();
    let exchange = exchange(&mut job);
    let count: Arc<Count> = Arc::default();
    let waker = Waker::from(Arc::clone(&count));
    let mut flush = host.provider.flush();
    assert!(!flush.is_done(&waker));
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 2);
    drop(flush);
    assert_eq!(Arc::strong_count(&count), 1);
    exchange.finish(Err(refused_port()));
    assert_eq!(count.get(), 0);
}

#[test]
fn every_caller_may_be_dropped_and_the_exchange_goes_on() {
    let host = Host::new(false);
    let mut caller = host.caller();
    let (job, _) = caller.starts();
    drop(caller);
    host.carry_out(job, 1);
    assert_eq!(host.provider.current().unwrap().secret(), "token-1");
}

#[test]
fn a_caller_who_moves_to_another_task_is_woken_there() {
    let host = Host::new(false);
    let mut starter = host.caller();
    let (mut job, _) = starter.starts();
    let exchange = exchange(&mut job);
    let mut moved = host.provider.caller(Wanted::Usable, LIMIT);
    let counts: [Arc<Count>; 2] = Default::default();
    for count in &counts {
        let turn = moved.turn(Duration::ZERO, &Waker::from(Arc::clone(count)));
        assert!(matches!(turn, Turn::Wait(_)));
    }
    exchange.finish(Err(refused_port()));
    assert_eq!(counts[0].get(), 0);
    assert!(counts[1].get() > 0);
}
