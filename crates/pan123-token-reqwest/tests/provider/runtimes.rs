//! Callers that stop waiting, and runtimes that end or sleep. In real time.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pan123_emulator::{Emulator, Fault};
use pan123_token_cache::Blocking;
use pan123_token_cache::testing::MemoryStore;
use pan123_token_reqwest::clock::SystemClock;
use pan123_token_reqwest::{AccessToken, TokenProvider, TokenProviderBuilder};
use tokio::runtime::{Builder, Runtime};

use crate::{builder, client, clock};

const MOMENT: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A platform whose first reply takes longer than any test waits for it.
fn silent_at_first() -> Emulator {
    let silent = Fault::Delay(30 * SECOND);
    Emulator::builder().fault(silent).start().unwrap()
}

/// A platform whose first reply takes a few moments.
fn slow() -> Emulator {
    let slow = Fault::Delay(4 * MOMENT);
    Emulator::builder().fault(slow).start().unwrap()
}

fn live(emulator: &Emulator) -> TokenProviderBuilder {
    builder(&emulator.url(), &clock()).clock(SystemClock::new())
}

/// Asks, and gives up after a moment; what it started is left where it runs.
fn start_on(runtime: &Runtime, provider: &TokenProvider) {
    runtime.block_on(provider.token_within(MOMENT)).unwrap_err();
}

/// The token, once it has come without anyone waiting for it.
fn comes(provider: &TokenProvider) -> AccessToken {
    let begun = Instant::now();
    while begun.elapsed() < 10 * SECOND {
        if let Some(token) = provider.current() {
            return token;
        }
        thread::sleep(MOMENT / 10);
    }
    panic!("no token has come");
}

#[tokio::test]
async fn a_caller_who_gives_up_takes_nothing_from_the_others() {
    for brought in [false, true] {
        let emulator = slow();
        let mut builder = live(&emulator);
        if brought {
            builder = builder.client(client());
        }
        let provider = builder.build().unwrap();
        provider.token_within(MOMENT).await.unwrap_err();
        let cancelled = tokio::time::timeout(MOMENT, provider.token()).await;
        assert!(cancelled.is_err());
        provider.token().await.unwrap();
        assert_eq!(emulator.token_requests(), 1);
    }
}

#[test]
fn callers_on_two_runtimes_share_one_exchange() {
    for brought in [false, true] {
        let emulator = slow();
        let mut builder = live(&emulator);
        if brought {
            builder = builder.client(client());
        }
        let provider = builder.build().unwrap();
        let callers = [(); 2].map(|()| {
            let provider = provider.clone();
            thread::spawn(move || runtime().block_on(provider.token()).unwrap())
        });
        let [first, second] = callers.map(|caller| caller.join().unwrap());
        assert_eq!(first, second);
        assert_eq!(emulator.token_requests(), 1);
    }
}

#[test]
fn the_providers_own_client_needs_no_runtime_of_its_callers_once_it_has_begun() {
    let emulator = slow();
    let provider = live(&emulator).build().unwrap();
    let ends = runtime();
    start_on(&ends, &provider);
    drop(ends);
    comes(&provider);
    assert_eq!(emulator.token_requests(), 1);
}

#[test]
fn a_pinned_runtime_carries_out_the_exchange_while_the_callers_sleeps() {
    let emulator = slow();
    let pinned = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let builder = live(&emulator)
        .client(client())
        .runtime(pinned.handle().clone());
    let provider = builder.build().unwrap();
    let sleeping = runtime();
    start_on(&sleeping, &provider);
    comes(&provider);
    assert_eq!(emulator.token_requests(), 1);
}

#[test]
fn a_runtime_that_ends_amid_the_exchange_of_a_brought_client_costs_one_more_request() {
    let emulator = silent_at_first();
    let provider = live(&emulator).client(client()).build().unwrap();
    let ends = runtime();
    start_on(&ends, &provider);
    drop(ends);
    let begun = Instant::now();
    runtime().block_on(provider.token()).unwrap();
    assert!(begun.elapsed() < 4 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(emulator.token_requests(), 2);
}

#[test]
fn a_runtime_that_sleeps_amid_the_exchange_of_a_brought_client_is_given_up_soon() {
    let emulator = silent_at_first();
    let provider = live(&emulator).client(client()).build().unwrap();
    let sleeping = runtime();
    start_on(&sleeping, &provider);
    let begun = Instant::now();
    runtime().block_on(provider.token()).unwrap();
    assert!(begun.elapsed() < 6 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(emulator.token_requests(), 2);
    // It wakes: what was superseded is dropped.
    sleeping.block_on(async { tokio::time::sleep(MOMENT).await });
    assert_eq!(emulator.token_requests(), 2);
}

#[tokio::test]
async fn providers_share_a_token_through_a_blocking_store_and_through_an_async_one() {
    for brought in [false, true] {
        let emulator = Emulator::builder().start().unwrap();
        let store = Arc::new(MemoryStore::new(SystemClock::new()));
        let share = |builder: TokenProviderBuilder| {
            if brought {
                builder.client(client()).build().unwrap()
            } else {
                builder.build().unwrap()
            }
        };
        let blocking = share(live(&emulator).store(store.clone()));
        let token = blocking.token().await.unwrap();
        assert!(blocking.flush(5 * SECOND).await);
        let other = share(live(&emulator).async_store(Arc::new(Blocking(store))));
        assert_eq!(other.token().await.unwrap(), token);
        assert!(other.flush(5 * SECOND).await);
        assert_eq!(emulator.token_requests(), 1);
    }
}
