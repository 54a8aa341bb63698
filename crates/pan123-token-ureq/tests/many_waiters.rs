//! A thousand threads that wait for one renewal, beside a thousand that wait at a bare condition variable.
//!
//! ```sh
//! cargo test -p pan123-token-ureq --test many_waiters -- --ignored --nocapture
//! ```
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use std::hint::black_box;
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{DAY, LIFE, Platform, SECOND, clock};

const THREADS: usize = 1_000;
const ROUNDS: usize = 9;

#[test]
#[ignore = "measures; for a machine that does nothing else"]
fn waking_a_thousand_waiters_takes_at_most_thrice_what_a_condition_variable_takes() {
    let (mut bare, mut provider): (Vec<_>, Vec<_>) =
        (0..ROUNDS).map(|_| (bare(), through_provider())).unzip();
    bare.sort_unstable();
    provider.sort_unstable();
    let (bare, provider) = (bare[ROUNDS / 2], provider[ROUNDS / 2]);
    let ratio = provider.as_secs_f64() / bare.as_secs_f64();
    println!("{THREADS} threads: {provider:.1?} beside {bare:.1?}, {ratio:.2} times");
    assert!(ratio <= 3.0);
}

/// From the release of the one reply until the last thread has its token.
fn through_provider() -> Duration {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    provider.token().unwrap();
    clock.advance(LIFE + DAY);
    platform.hold();
    let time = time(
        || assert_eq!(provider.token().unwrap().secret(), "token-2"),
        || platform.release(),
    );
    assert_eq!(platform.requests(), 2);
    time
}

fn bare() -> Duration {
    let token: Mutex<Option<Arc<str>>> = Mutex::default();
    let changed = Condvar::new();
    time(
        || {
            let token = token.lock().unwrap();
            let token = changed.wait_while(token, |token| token.is_none()).unwrap();
            black_box(token.clone());
        },
        || {
            *token.lock().unwrap() = Some("token-2".into());
            changed.notify_all();
        },
    )
}

/// All threads wait; then they are woken. How long until the last has ended its wait.
fn time(wait: impl Fn() + Sync, wake: impl FnOnce()) -> Duration {
    let ready = Barrier::new(THREADS + 1);
    let last = Mutex::new(Instant::now());
    let begun = thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                ready.wait();
                wait();
                let mut last = last.lock().unwrap();
                *last = Instant::now().max(*last);
            });
        }
        ready.wait();
        // Until all of them sleep.
        thread::sleep(SECOND / 2);
        let begun = Instant::now();
        wake();
        begun
    });
    last.into_inner().unwrap().duration_since(begun)
}
