//! The bundled client, whose exchanges run on threads of their own: callers' runtimes may end or sleep. In real time, on
//! real connections.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator, Fault};
use pan123_token_cache::testing::ManualClock;
use pan123_token_hyper::{Credentials, TokenProvider, TokenProviderBuilder};
use tokio::runtime::{Builder, Runtime};

use crate::platform::{HOUR, LIFETIME, SECOND, START};

const MOMENT: Duration = Duration::from_millis(50);
const MINUTE: Duration = Duration::from_secs(60);
/// How long the platform takes.
const REPLY: Duration = Duration::from_millis(200);

fn builder(emulator: &Emulator) -> TokenProviderBuilder {
    TokenProvider::builder(Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap())
        .base_url(emulator.url().parse().unwrap())
}

/// As a synchronous program or a test has it: not even the network is on.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn slow() -> Emulator {
    let slow = Fault::Delay(REPLY);
    Emulator::builder().fault(slow).start().unwrap()
}

/// Asks, and gives up after a moment.
fn start_on(runtime: &Runtime, provider: &TokenProvider) {
    runtime.block_on(provider.token_within(MOMENT)).unwrap_err();
}

#[test]
fn fifty_callers_beside_a_runtime_that_ends_are_served_by_one_request() {
    let emulator = slow();
    let provider = builder(&emulator).build().unwrap();
    let starter = runtime();
    let begun = Instant::now();
    start_on(&starter, &provider);
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
    drop(starter);
    for caller in callers {
        caller.join().unwrap().unwrap();
    }
    println!("served after {:?}", begun.elapsed());
    assert_eq!(emulator.token_requests(), 1);
}

#[test]
fn a_caller_beside_a_runtime_that_sleeps_waits_for_no_more_than_the_reply() {
    let emulator = slow();
    let provider = builder(&emulator).build().unwrap();
    let sleeping = runtime();
    start_on(&sleeping, &provider);
    let begun = Instant::now();
    runtime().block_on(provider.token()).unwrap();
    println!("served after {:?}", begun.elapsed());
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!(emulator.token_requests(), 1);
    drop(sleeping);
}

#[test]
fn a_program_that_blocks_once_a_minute_renews_hours_before_the_end() {
    let emulator = Emulator::builder().lifetime(LIFETIME).start().unwrap();
    let clock = ManualClock::new(START);
    let provider = builder(&emulator).clock(clock.clone()).build().unwrap();
    let (runtime, beside) = (runtime(), runtime());
    let first = runtime.block_on(provider.token()).unwrap();
    clock.advance(LIFETIME - 24 * HOUR);
    let mut minutes_left = 24 * 60;
    while runtime.block_on(provider.token()).unwrap() == first {
        // A minute is a long time for a thread; this runtime doesn't drive it.
        assert!(beside.block_on(provider.flush(SECOND)));
        clock.advance(MINUTE);
        minutes_left -= 1;
    }
    println!("renewed {minutes_left} minutes before the end");
    assert!(minutes_left >= 12 * 60 - 2, "{minutes_left}");
    assert_eq!(emulator.token_requests(), 2);
}
