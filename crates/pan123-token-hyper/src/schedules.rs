//! Callers, flights and listeners in every order that a scheduler comes upon, on the real code. A task that nobody wakes is
//! found as a deadlock: in here no timer ever ends.
//!
//! ```sh
//! RUSTFLAGS='--cfg shuttle' cargo test -p pan123-token-hyper --no-default-features --lib --target-dir target/shuttle
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test reports"
)]

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pan123_token::Credentials;
use pan123_token::http::{Request, Response};
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{Event, Moment};
use shuttle::future::{JoinHandle, block_on, yield_now};
use shuttle::{check_pct, check_random};
use tokio::time::error::Elapsed;
use tower_service::Service;

use crate::{Bytes, Full, OwnClient, TokenProvider, TokenProviderBuilder};

pub(crate) use shuttle::future::spawn;
pub(crate) use shuttle::sync::{Mutex, MutexGuard};

pub(crate) fn spawn_blocking<T: Send + 'static>(
    call: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    spawn(async { call() })
}

/// Never over.
pub(crate) async fn timeout<F: Future>(_: Duration, future: F) -> Result<F::Output, Elapsed> {
    Ok(future.await)
}

/// How many schedules each test explores, in each of two ways.
const SCHEDULES: usize = 500;

const START: Moment = Moment {
    wall: Duration::from_secs(1_740_124_117),
    monotonic: Duration::from_secs(3600),
};
/// In the last half of the window in which renewal falls due; that is its time for every seed.
const DUE: Duration = Duration::from_secs(30 * 86_400 - 3600);

/// Issues `token-1`, `token-2` and so on for 30 days each; or is overloaded, whenever it is asked.
#[derive(Clone, Default)]
struct Platform {
    requests: Arc<Mutex<usize>>,
    overloaded: bool,
}

impl Platform {
    fn requests(&self) -> usize {
        *self.requests.lock().unwrap()
    }
}

impl Service<Request<Full<Bytes>>> for Platform {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let platform = self.clone();
        Box::pin(async move {
            yield_now().await;
            let mut requests = platform.requests.lock().unwrap();
            *requests += 1;
            let mut response = Response::new(format!(
                r#"{{"code":0,"data":{{"accessToken":"token-{requests}","expiredAt":"2025-03-23T15:48:37+08:00"}}}}"#,
            ));
            let date = "Fri, 21 Feb 2025 07:48:37 GMT".parse().unwrap();
            response.headers_mut().insert("date", date);
            if platform.overloaded {
                *response.status_mut() = 503.try_into().unwrap();
            }
            Ok(response)
        })
    }
}

fn builder(platform: &Platform, clock: &ManualClock) -> TokenProviderBuilder<OwnClient> {
    TokenProvider::builder(Credentials::new("my-id", "my-secret").unwrap())
        .client(platform.clone())
        .clock(clock.clone())
}

fn check(scenario: impl Fn() + Clone + Send + Sync + 'static) {
    check_random(scenario.clone(), SCHEDULES);
    check_pct(scenario, SCHEDULES, 3);
}

/// Explores the schedules of a test with a provider, its platform and its clock.
fn explore<F: Future<Output = ()> + Send + 'static>(
    platform: impl Fn() -> Platform + Clone + Send + Sync + 'static,
    test: impl Fn(TokenProvider, Platform, ManualClock) -> F + Clone + Send + Sync + 'static,
) {
    check(move || {
        let (platform, clock) = (platform(), ManualClock::new(START));
        let provider = builder(&platform, &clock).build().unwrap();
        block_on(async {
            test(provider.clone(), platform, clock).await;
            provider.settle(Duration::MAX).await;
        });
    });
}

/// What each of so many callers gets, all of whom ask at once.
async fn ask_at_once(provider: &TokenProvider, callers: usize) -> Vec<String> {
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let provider = provider.clone();
            spawn(async move {
                match provider.token().await {
                    Ok(token) => token.secret().to_owned(),
                    Err(error) => error.to_string(),
                }
            })
        })
        .collect();
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    answers
}

#[test]
fn all_who_wait_get_the_token_of_one_request() {
    explore(Platform::default, async |provider, platform, clock| {
        assert_eq!(ask_at_once(&provider, 3).await, ["token-1"; 3]);
        assert_eq!(platform.requests(), 1);
        clock.advance(DUE + Duration::from_secs(3600));
        assert_eq!(ask_at_once(&provider, 3).await, ["token-2"; 3]);
        assert_eq!(platform.requests(), 2);
    });
}

#[test]
fn all_who_wait_get_the_failure_of_one_request() {
    let overloaded = || Platform {
        overloaded: true,
        ..Platform::default()
    };
    explore(overloaded, async |provider, platform, _| {
        for answer in ask_at_once(&provider, 3).await {
            assert!(answer.contains("HTTP 503"), "{answer}");
        }
        assert_eq!(platform.requests(), 1);
    });
}

#[test]
fn in_the_window_nobody_waits_and_one_request_is_made() {
    explore(Platform::default, async |provider, platform, clock| {
        provider.token().await.unwrap();
        clock.advance(DUE);
        for answer in ask_at_once(&provider, 3).await {
            assert!(["token-1", "token-2"].contains(&&*answer), "{answer}");
        }
        assert!(provider.settle(Duration::MAX).await);
        // What was published last is what the machine has.
        assert_eq!(provider.current().unwrap().secret(), "token-2");
        assert_eq!(provider.token().await.unwrap().secret(), "token-2");
        assert_eq!(platform.requests(), 2);
    });
}

#[test]
fn a_caller_that_is_cancelled_takes_nothing_from_the_others() {
    explore(Platform::default, async |provider, platform, _| {
        let cancelled = spawn({
            let provider = provider.clone();
            async move { drop(provider.token().await) }
        });
        let others = spawn({
            let provider = provider.clone();
            async move { ask_at_once(&provider, 2).await }
        });
        yield_now().await;
        cancelled.abort();
        assert_eq!(others.await.unwrap(), ["token-1"; 2]);
        assert_eq!(platform.requests(), 1);
    });
}

#[test]
fn events_are_heard_one_by_one_and_in_order() {
    check(|| {
        let (platform, clock) = (Platform::default(), ManualClock::new(START));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = {
            // Nobody else is in here meanwhile.
            let (heard, alone) = (Arc::clone(&heard), Mutex::new(()));
            move |event: &Event| {
                let _alone = alone.try_lock().expect("one by one");
                heard.lock().unwrap().push(match event {
                    Event::Renewed { .. } => "renewed",
                    Event::Rejected { .. } => "rejected",
                    _ => "something else",
                });
            }
        };
        let provider = builder(&platform, &clock)
            .on_event(listener)
            .build()
            .unwrap();
        block_on(async {
            let token = provider.token().await.unwrap();
            let rejections: Vec<_> = (0..2)
                .map(|_| {
                    let (provider, token) = (provider.clone(), token.clone());
                    spawn(async move { provider.reject(&token) })
                })
                .collect();
            for rejection in rejections {
                rejection.await.unwrap();
            }
            clock.advance(Duration::from_secs(60));
            assert_eq!(ask_at_once(&provider, 2).await, ["token-2"; 2]);
            assert!(provider.settle(Duration::MAX).await);
        });
        assert_eq!(*heard.lock().unwrap(), ["renewed", "rejected", "renewed"]);
    });
}

#[test]
fn providers_on_one_store_make_one_request() {
    check(|| {
        let (platform, clock) = (Platform::default(), ManualClock::new(START));
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let provider = || {
            builder(&platform, &clock)
                .store(store.clone())
                .build()
                .unwrap()
        };
        let (one, other) = (provider(), provider());
        block_on(async {
            assert_eq!(ask_at_once(&one, 2).await, ["token-1"; 2]);
            assert!(one.settle(Duration::MAX).await);
            assert_eq!(ask_at_once(&other, 2).await, ["token-1"; 2]);
            assert!(other.settle(Duration::MAX).await);
        });
        assert_eq!(platform.requests(), 1);
    });
}
