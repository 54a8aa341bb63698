//! Callers, flights and listeners in every order that a scheduler comes upon, on the real code. A thread that nobody wakes
//! is found as a deadlock: in here no wait ever times out.
//!
//! ```sh
//! RUSTFLAGS='--cfg shuttle' cargo test -p pan123-token-ureq --no-default-features --lib --target-dir target/shuttle
//! ```
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pan123_token::{AccessToken, Cause, Credentials, FetchError, GetAccessToken, http};
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{
    Event, Failure, Moment, Record, RenewalPolicy, StoreKey, StoreSession, TokenCache, TokenStore,
};
use shuttle::{check_pct, check_random, thread};

use crate::shared::{Exchange, Shared};

const ITERATIONS: usize = 500;
const LONG: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(86_400);

fn explore(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    check_random(scenario.clone(), ITERATIONS);
    check_pct(scenario, ITERATIONS, 3);
}

/// What a scenario goes on with.
struct World {
    clock: ManualClock,
    store: Arc<MemoryStore>,
    key: StoreKey,
    shared: Arc<Shared>,
    /// Exchanges that were begun.
    asked: Arc<AtomicU32>,
    events: Arc<shuttle::sync::Mutex<Vec<Event>>>,
}

/// How an exchange goes.
#[derive(Clone, Copy)]
enum How {
    Grants,
    Fails,
    Panics,
}

impl World {
    fn new(how: How, sharing: bool) -> Self {
        // 2025-02-21T07:48:37Z
        let clock = ManualClock::new(Moment {
            wall: Duration::from_secs(1_740_124_117),
            monotonic: Duration::from_secs(60),
        });
        let operation = GetAccessToken::new(Credentials::new("my-id", "my-secret").unwrap());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let key = StoreKey::of(&operation);
        let asked: Arc<AtomicU32> = Arc::default();
        let exchange: Exchange = Box::new({
            let asked = Arc::clone(&asked);
            move || {
                let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
                thread::yield_now();
                match how {
                    How::Grants => Ok(grant(&operation, number)),
                    How::Fails => Err(FetchError::Connect(Cause::from("refused"))),
                    How::Panics => std::panic::panic_any("a client with a bug"),
                }
            }
        });
        let events: Arc<shuttle::sync::Mutex<Vec<Event>>> = Arc::default();
        let on_event = Box::new({
            let events = Arc::clone(&events);
            move |event: &Event| events.lock().unwrap().push(event.clone())
        });
        let cache = TokenCache::new(RenewalPolicy::default(), 7).unwrap();
        let shared_store: Arc<dyn TokenStore> = store.clone();
        let session = StoreSession::new(shared_store, key);
        let (cache, session) = if sharing {
            (cache.sharing(), Some(session))
        } else {
            (cache, None)
        };
        let time = Box::new(clock.clone());
        let shared = Shared::new(exchange, session, time, Some(on_event), cache);
        Self {
            clock,
            store,
            key,
            shared: Arc::new(shared),
            asked,
            events,
        }
    }

    fn token(&self) -> Result<AccessToken, Option<Failure>> {
        let token = self.shared.token(LONG);
        token.map_err(|error| error.failure().cloned())
    }

    /// Several threads do this, and then nothing is under way any more.
    fn at_once(self: &Arc<Self>, threads: u32, work: impl Fn(&Self) + Send + Copy + 'static) {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                let world = Arc::clone(self);
                thread::spawn(move || work(&world))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        self.shared.settle(LONG);
    }

    fn stored(&self) -> Record {
        self.store.load(self.key).unwrap().unwrap().record
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

/// `token-1` for the first, and so on; 30 days from the start.
fn grant(operation: &GetAccessToken, number: u32) -> pan123_token::Grant {
    let day = if number == 1 { "23" } else { "24" };
    let body = format!(
        r#"{{"code":0,"data":{{"accessToken":"token-{number}","expiredAt":"2025-03-{day}T15:48:37+08:00"}}}}"#
    );
    operation
        .parse_response(&http::Response::new(body))
        .unwrap()
}

#[test]
fn callers_without_a_token_share_one_exchange() {
    explore(|| {
        let world = Arc::new(World::new(How::Grants, false));
        world.at_once(3, |world| {
            assert_eq!(world.token().unwrap().secret(), "token-1");
        });
        assert_eq!(world.asked(), 1);
    });
}

#[test]
fn callers_share_a_failure_and_a_panic() {
    for how in [How::Fails, How::Panics] {
        explore(move || {
            let world = Arc::new(World::new(how, false));
            world.at_once(3, |world| {
                world.token().unwrap_err().unwrap();
            });
            assert_eq!(world.asked(), 1);
        });
    }
}

#[test]
fn a_token_is_saved_and_the_lease_given_back_whoever_asks_meanwhile() {
    explore(|| {
        let world = Arc::new(World::new(How::Grants, true));
        world.at_once(3, |world| {
            assert_eq!(world.token().unwrap().secret(), "token-1");
        });
        assert_eq!(world.asked(), 1);
        assert_eq!(world.stored().token.secret(), "token-1");
    });
}

#[test]
fn a_renewal_in_the_window_holds_nobody_up() {
    explore(|| {
        let world = Arc::new(World::new(How::Grants, true));
        world.token().unwrap();
        world.shared.settle(LONG);
        world.clock.advance(30 * DAY - DAY / 2);
        world.at_once(2, |world| {
            world.token().unwrap();
        });
        assert_eq!(world.asked(), 2);
        assert_eq!(world.token().unwrap().secret(), "token-2");
    });
}

#[test]
fn a_rejection_amid_it_all_leads_to_one_replacement() {
    explore(|| {
        let world = Arc::new(World::new(How::Grants, true));
        let first = world.token().unwrap();
        world.shared.settle(LONG);
        world.clock.advance(Duration::from_secs(60));
        world.at_once(2, move |world| {
            let token = world.token().unwrap();
            if token.secret() == "token-1" {
                world.shared.reject(&token);
            }
            assert_eq!(world.token().unwrap().secret(), "token-2");
        });
        assert_eq!(world.asked(), 2);
        world.shared.reject(&first);
        assert_eq!(world.shared.current().unwrap().secret(), "token-2");
    });
}

#[test]
fn a_rejection_reaches_the_store_whenever_it_comes() {
    explore(|| {
        let world = Arc::new(World::new(How::Grants, true));
        world.at_once(2, |world| {
            let token = world.token().unwrap();
            world.shared.reject(&token);
            // Too young to be replaced; but that it was rejected is for all to know.
            assert_eq!(world.token().unwrap(), token);
        });
        assert!(world.stored().suspect);
    });
}

#[test]
fn each_event_is_told_once_and_in_order() {
    explore(|| {
        let world = Arc::new(World::new(How::Grants, true));
        world.at_once(2, |world| {
            let token = world.token().unwrap();
            world.shared.reject(&token);
        });
        let events = world.events.lock().unwrap();
        assert!(
            matches!(events[..], [Event::Renewed { .. }, Event::Rejected { .. }]),
            "{events:?}"
        );
    });
}
