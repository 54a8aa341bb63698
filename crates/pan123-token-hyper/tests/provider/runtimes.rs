//! Runtimes that end, fall asleep, or are driven only now and then. In real time, with a client that was brought.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_hyper::TokenProvider;
use pan123_token_hyper::clock::SystemClock;
use pan123_token_hyper::store::{
    Fingerprint, Lease, Owner, Record, Saved, StoreError, StoreKey, Stored, TokenStore,
};
use tokio::runtime::{Builder, Runtime};

use crate::platform::{HOUR, LIFETIME, Platform, SECOND, START, builder, set_up};

const MOMENT: Duration = Duration::from_millis(50);
const MINUTE: Duration = Duration::from_secs(60);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Asks, and gives up after a moment; what it started is left on this runtime.
fn start_on(runtime: &Runtime, provider: &TokenProvider) {
    runtime.block_on(provider.token_within(MOMENT)).unwrap_err();
}

fn live() -> (TokenProvider, Platform) {
    let clock = SystemClock::new();
    let platform = Platform::new(clock);
    let provider = builder(&platform, clock).build().unwrap();
    (provider, platform)
}

#[test]
fn callers_beside_a_runtime_that_ends_amid_the_exchange_are_served_by_one_more_request() {
    let (provider, platform) = live();
    platform.shut();
    let starter = runtime();
    start_on(&starter, &provider);
    assert_eq!(platform.requests(), 1);

    let begun = Instant::now();
    let (ready, all_ready) = mpsc::channel();
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let (provider, ready) = (provider.clone(), ready.clone());
            thread::spawn(move || {
                let runtime = runtime();
                ready.send(()).unwrap();
                runtime.block_on(provider.token())
            })
        })
        .collect();
    for _ in 0..50 {
        all_ready.recv().unwrap();
    }
    thread::sleep(MOMENT);
    drop(starter);
    platform.open();
    let results: Vec<_> = callers.into_iter().map(|it| it.join().unwrap()).collect();
    let served = results.iter().filter(|result| result.is_ok()).count();
    let figures = format!(
        "{served} of 50 served by {} requests after {:?}",
        platform.requests(),
        begun.elapsed()
    );
    println!("{figures}");
    assert_eq!(served, 50, "{figures}: {:?}", results[0]);
    assert_eq!(platform.requests(), 2);
    assert!(begun.elapsed() < 3 * SECOND, "{figures}");
}

#[test]
fn a_caller_beside_a_runtime_that_sleeps_amid_the_exchange_is_served_within_five_seconds() {
    let (provider, platform) = live();
    platform.shut();
    let sleeping = runtime();
    start_on(&sleeping, &provider);
    assert_eq!(platform.requests(), 1);

    platform.open();
    let begun = Instant::now();
    let result = runtime().block_on(provider.token());
    let figures = format!(
        "{result:?} after {:?}, {} requests",
        begun.elapsed(),
        platform.requests()
    );
    println!("{figures}");
    result.expect(&figures);
    assert!(begun.elapsed() < 5 * SECOND, "{figures}");
    assert_eq!(platform.requests(), 2, "{figures}");

    // It wakes: what was superseded is dropped, without another poll.
    sleeping.block_on(async { tokio::time::sleep(MOMENT).await });
    assert_eq!(platform.requests(), 2);
    assert_eq!(platform.issued(), 1);
}

#[test]
fn a_program_that_blocks_once_a_minute_renews_hours_before_the_end() {
    let (provider, platform, clock) = set_up();
    let (runtime, beside) = (runtime(), runtime());
    let first = runtime.block_on(provider.token()).unwrap();
    clock.advance(LIFETIME - 24 * HOUR);
    let mut minutes_left = 24 * 60;
    while runtime.block_on(provider.token()).unwrap() == first {
        // A minute is a long time for what was started elsewhere; what was left on the runtime stands still.
        beside.block_on(provider.flush(20 * MOMENT));
        clock.advance(MINUTE);
        minutes_left -= 1;
    }
    println!("renewed {minutes_left} minutes before the end");
    assert!(minutes_left >= 12 * 60 - 3, "{minutes_left}");
    assert_eq!(platform.requests(), 2);
    // What the runtime was left with does no harm later.
    runtime.block_on(async { tokio::time::sleep(MOMENT).await });
    assert_eq!(platform.requests(), 2);
}

#[test]
fn a_program_that_blocks_once_a_minute_renews_in_time_on_a_runtime_that_is_always_driven() {
    let clock = ManualClock::new(START);
    let platform = Platform::new(clock.clone());
    let driven = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let provider = builder(&platform, clock.clone())
        .runtime(driven.handle().clone())
        .build()
        .unwrap();
    let (runtime, beside) = (runtime(), runtime());
    let first = runtime.block_on(provider.token()).unwrap();
    clock.advance(LIFETIME - 24 * HOUR);
    let mut minutes_left = 24 * 60;
    while runtime.block_on(provider.token()).unwrap() == first {
        assert!(beside.block_on(provider.flush(SECOND)));
        clock.advance(MINUTE);
        minutes_left -= 1;
    }
    println!("renewed {minutes_left} minutes before the end");
    assert!(minutes_left >= 12 * 60 - 2, "{minutes_left}");
    assert_eq!(platform.requests(), 2);
}

#[test]
fn a_runtime_that_jobs_are_pinned_to_and_that_has_ended_is_an_error_and_not_a_loop() {
    let clock = SystemClock::new();
    let platform = Platform::new(clock);
    let ended = runtime();
    let provider = builder(&platform, clock)
        .runtime(ended.handle().clone())
        .build()
        .unwrap();
    drop(ended);
    let begun = Instant::now();
    let error = runtime().block_on(provider.token()).unwrap_err();
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    let line = error.to_string();
    assert!(line.contains("keep its runtime alive"), "{line}");
    assert_eq!(platform.requests(), 0);
}

#[test]
fn runtimes_that_end_before_anything_was_sent_cost_nothing() {
    let (provider, platform, clock) = set_up();
    let first = runtime().block_on(provider.token()).unwrap();
    // In the window for every seed.
    clock.advance(LIFETIME - 12 * HOUR);
    let beside = runtime();
    for _ in 0..2 {
        runtime().block_on(provider.token()).unwrap();
        // A minute is a long time for what was started elsewhere.
        assert!(beside.block_on(provider.flush(SECOND)));
        clock.advance(MINUTE);
    }
    let mut minutes = 0;
    while beside.block_on(provider.token()).unwrap() == first {
        assert!(beside.block_on(provider.flush(SECOND)));
        clock.advance(MINUTE);
        minutes += 1;
    }
    println!("renewed after {minutes} minutes");
    assert!(minutes <= 1, "renewal was held off for {minutes} minutes");
    assert_eq!(platform.requests(), 2);
}

/// Takes its time for the first call.
struct SlowAtFirst {
    store: MemoryStore,
    first: std::sync::atomic::AtomicBool,
}

impl SlowAtFirst {
    const TIME: Duration = Duration::from_millis(300);

    fn store(&self) -> &MemoryStore {
        if self.first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            thread::sleep(Self::TIME);
        }
        &self.store
    }
}

impl TokenStore for SlowAtFirst {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.store().load(key)
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        self.store().lease(key, owner, term)
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        self.store().save(key, record, replaces, left)
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.store().release(key, owner, cooldown)
    }
}

#[test]
fn a_runtime_that_ends_amid_a_call_to_the_store_costs_the_others_no_more_than_the_call() {
    let clock = SystemClock::new();
    let platform = Platform::new(clock);
    let store = SlowAtFirst {
        store: MemoryStore::new(clock),
        first: true.into(),
    };
    let provider = builder(&platform, clock)
        .store(Arc::new(store))
        .build()
        .unwrap();
    let dying = runtime();
    start_on(&dying, &provider);
    dying.shutdown_background();

    let begun = Instant::now();
    let result = runtime().block_on(provider.token());
    println!("{result:?} after {:?}", begun.elapsed());
    result.unwrap();
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!(platform.requests(), 1);
}
