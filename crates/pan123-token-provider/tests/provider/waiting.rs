//! Callers who wait, and who stop waiting.

use std::sync::Arc;
use std::task::Waker;

use crate::host::{Count, Host, exchange, refused_port};

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
