//! Callers, jobs and listeners in every order that a scheduler comes upon, on the real code. A caller who is never woken is
//! found as a deadlock: in here no timer ever ends.
//!
//! ```sh
//! RUSTFLAGS='--cfg shuttle' cargo test -p pan123-token-provider --lib --target-dir target/shuttle
//! ```

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use pan123_token::{
    AccessToken, Cause, Credentials, FetchError, GetAccessToken, Grant, OffsetDateTime, http,
};
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{Event, Moment, StoreKey, TokenError, TokenStore};
use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use shuttle::sync::Mutex;
use shuttle::{check_pct, check_random};

use crate::{Job, Provider, Settings, Turn, Wanted, Work};

/// How many orders each test explores, in each of two ways.
const ITERATIONS: usize = 500;
const LIMIT: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(86_400);

fn explore<F: Future<Output = ()> + Send + 'static>(
    scenario: impl Fn() -> F + Send + Sync + Clone + 'static,
) {
    let other = scenario.clone();
    check_random(move || block_on(scenario()), ITERATIONS);
    check_pct(move || block_on(other()), ITERATIONS, 3);
}

/// How exchanges go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exchanges {
    Succeed,
    Fail,
    Panic,
    /// The first job is dropped amid its exchange, and so is everything on its runtime.
    LoseTheFirst,
}

#[derive(Clone)]
struct World(Arc<Inner>);

struct Inner {
    provider: Provider,
    clock: ManualClock,
    store: MemoryStore,
    exchanges: Exchanges,
    asked: AtomicU32,
    events: Arc<Mutex<Vec<Event>>>,
}

impl World {
    fn new(exchanges: Exchanges, sharing: bool) -> Self {
        let clock = ManualClock::new(Moment {
            wall: Duration::from_secs(1_740_124_117),
            monotonic: Duration::from_secs(60),
        });
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let log = Arc::clone(&events);
        let provider = Settings::new(credentials(), clock.clone())
            .sharing(sharing)
            .seed(7)
            .on_event(move |event| log.lock().unwrap().push(event.clone()))
            .build()
            .unwrap();
        Self(Arc::new(Inner {
            provider,
            store: MemoryStore::new(clock.clone()),
            clock,
            exchanges,
            asked: AtomicU32::new(0),
            events,
        }))
    }

    async fn token(&self) -> Result<AccessToken, TokenError> {
        if let Some(token) = self.0.provider.fresh() {
            return Ok(token);
        }
        self.wait(Wanted::Usable).await
    }

    async fn wait(&self, wanted: Wanted) -> Result<AccessToken, TokenError> {
        let mut caller = self.0.provider.caller(wanted, LIMIT);
        poll_fn(|context| {
            loop {
                match caller.turn(Duration::ZERO, context.waker()) {
                    Turn::Done(result) => return Poll::Ready(result),
                    Turn::Start(job, _) => drop(spawn(self.clone().carry_out(job))),
                    // No timer ever ends: who waits is woken.
                    Turn::Wait(_) => return Poll::Pending,
                }
            }
        })
        .await
    }

    async fn carry_out(self, mut job: Job) {
        let world = &self.0;
        yield_now().await;
        while let Some(work) = job.next() {
            match work {
                Work::Exchange(mut exchange) => {
                    let operation = exchange.operation();
                    let number = world.asked.fetch_add(1, Ordering::SeqCst) + 1;
                    if number == 1 && world.exchanges == Exchanges::LoseTheFirst {
                        yield_now().await;
                        drop((exchange, job));
                        // Two exchanges lie a second apart. No timer ends here: a report wakes those who wait for that.
                        world.clock.advance(Duration::from_secs(1));
                        let other = AccessToken::new("other", OffsetDateTime::UNIX_EPOCH);
                        world.provider.reject(&other.unwrap());
                        return;
                    }
                    exchange.run(self.exchange(&operation, number)).await;
                }
                Work::Store(call) => {
                    yield_now().await;
                    call.run(&world.store);
                    yield_now().await;
                }
            }
        }
    }

    async fn exchange(&self, operation: &GetAccessToken, number: u32) -> Result<Grant, FetchError> {
        yield_now().await;
        match self.0.exchanges {
            Exchanges::Succeed | Exchanges::LoseTheFirst => Ok(grant(operation, number)),
            Exchanges::Fail => Err(FetchError::Connect(Cause::from("refused"))),
            Exchanges::Panic => std::panic::panic_any("a client with a bug"),
        }
    }

    async fn flush(&self) {
        self.0.provider.flush().await;
    }

    /// Several tasks do this, and then nothing is under way any more.
    async fn at_once<F: Future<Output = ()> + Send + 'static>(
        &self,
        tasks: u32,
        work: impl Fn(Self) -> F,
    ) {
        let tasks: Vec<JoinHandle<()>> = (0..tasks).map(|_| spawn(work(self.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        self.flush().await;
        // What is read without the lock is what is held.
        let published = self.0.provider.current();
        if published.is_some() {
            let held = self.wait(Wanted::Usable).await.unwrap();
            assert_eq!(published, Some(held));
        }
    }

    fn asked(&self) -> u32 {
        self.0.asked.load(Ordering::SeqCst)
    }

    fn stored(&self) -> pan123_token_cache::Record {
        let key = StoreKey::of(&GetAccessToken::new(credentials()));
        self.0.store.load(key).unwrap().unwrap().record
    }
}

fn credentials() -> Credentials {
    Credentials::new("my-id", "my-secret").unwrap()
}

/// `token-1` for the first, and so on; 30 days from the start.
fn grant(operation: &GetAccessToken, number: u32) -> Grant {
    let day = 22 + number;
    let body = format!(
        r#"{{"code":0,"data":{{"accessToken":"token-{number}","expiredAt":"2025-03-{day}T15:48:37+08:00"}}}}"#
    );
    operation
        .parse_response(&http::Response::new(body))
        .unwrap()
}

#[test]
fn callers_without_a_token_share_one_exchange() {
    explore(async || {
        let world = World::new(Exchanges::Succeed, false);
        world
            .at_once(3, async |world| {
                assert_eq!(world.token().await.unwrap().secret(), "token-1");
            })
            .await;
        assert_eq!(world.asked(), 1);
    });
}

#[test]
fn callers_share_a_failure_and_a_panic() {
    for exchanges in [Exchanges::Fail, Exchanges::Panic] {
        explore(move || async move {
            let world = World::new(exchanges, false);
            world
                .at_once(3, async |world| {
                    world.token().await.unwrap_err();
                })
                .await;
            assert_eq!(world.asked(), 1);
        });
    }
}

#[test]
fn callers_outlive_an_exchange_that_is_lost() {
    explore(async || {
        let world = World::new(Exchanges::LoseTheFirst, false);
        world
            .at_once(3, async |world| {
                assert_eq!(world.token().await.unwrap().secret(), "token-2");
            })
            .await;
        assert_eq!(world.asked(), 2);
    });
}

#[test]
fn a_first_token_is_saved_when_callers_have_it() {
    explore(async || {
        let world = World::new(Exchanges::Succeed, true);
        world
            .at_once(3, async |world| {
                assert_eq!(
                    world.wait(Wanted::Usable).await.unwrap().secret(),
                    "token-1"
                );
            })
            .await;
        assert_eq!(world.asked(), 1);
        assert_eq!(world.stored().token.secret(), "token-1");
    });
}

#[test]
fn a_renewal_in_the_window_holds_no_caller_up() {
    explore(async || {
        let world = World::new(Exchanges::Succeed, true);
        world.token().await.unwrap();
        world.flush().await;
        world.0.clock.advance(30 * DAY - DAY / 2);
        world
            .at_once(2, async |world| {
                world.token().await.unwrap();
            })
            .await;
        assert_eq!(world.asked(), 2);
        assert_eq!(world.token().await.unwrap().secret(), "token-2");
    });
}

#[test]
fn a_rejection_amid_it_all_leads_to_one_replacement() {
    explore(async || {
        let world = World::new(Exchanges::Succeed, true);
        let first = world.token().await.unwrap();
        world.flush().await;
        world.0.clock.advance(Duration::from_secs(60));
        world
            .at_once(2, async |world| {
                let token = world.token().await.unwrap();
                if token.secret() == "token-1" {
                    world.0.provider.reject(&token);
                    let wanted = Wanted::Replacing(token.fingerprint());
                    assert_eq!(world.wait(wanted).await.unwrap().secret(), "token-2");
                }
                assert_eq!(world.token().await.unwrap().secret(), "token-2");
            })
            .await;
        assert_eq!(world.asked(), 2);
        world.0.provider.reject(&first);
        assert_eq!(world.0.provider.current().unwrap().secret(), "token-2");
    });
}

#[test]
fn a_rejection_reaches_the_store_whenever_it_comes() {
    explore(async || {
        let world = World::new(Exchanges::Succeed, true);
        world
            .at_once(2, async |world| {
                let token = world.token().await.unwrap();
                world.0.provider.reject(&token);
                // Too young to be replaced; but that it was rejected is for all hosts to know.
                assert_eq!(world.token().await.unwrap(), token);
            })
            .await;
        assert!(world.stored().suspect);
    });
}

#[test]
fn each_event_is_delivered_once_and_in_order() {
    explore(async || {
        let world = World::new(Exchanges::Succeed, true);
        world
            .at_once(2, async |world| {
                let token = world.token().await.unwrap();
                world.0.provider.reject(&token);
            })
            .await;
        let events = world.0.events.lock().unwrap();
        assert!(
            matches!(events[..], [Event::Renewed { .. }, Event::Rejected { .. }]),
            "{events:?}"
        );
    });
}

#[test]
fn a_caller_may_be_dropped_at_any_time() {
    explore(async || {
        let world = World::new(Exchanges::Succeed, true);
        let asking = world.clone();
        let caller = spawn(async move { asking.token().await });
        yield_now().await;
        caller.abort();
        assert_eq!(world.token().await.unwrap().secret(), "token-1");
        world.flush().await;
        assert_eq!(world.asked(), 1);
    });
}
