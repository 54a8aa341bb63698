//! Eight providers on one Redis, while that is killed, stopped, flushed and full: sharing is lost, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use pan123_token_cache::TokenStore;
use pan123_token_redis::RedisStore;
use pan123_token_support::redis_server::RedisServer;
use pan123_token_tests::fleet::{LIFETIME, Outcome, live};

const HOSTS: usize = 8;

/// Some renewals before, while and after something is done to the server.
fn eight(trouble: impl FnOnce(&Mutex<RedisServer>)) -> Outcome {
    let server = Mutex::new(RedisServer::start());
    let stores = (0..HOSTS)
        .map(|_| {
            let store = RedisStore::new(&server.lock().unwrap().url()).unwrap();
            let store: Arc<dyn TokenStore> = Arc::new(store.timeout(Duration::from_millis(400)));
            store
        })
        .collect();
    let outcome = live(stores, || {
        sleep(LIFETIME);
        trouble(&server);
        sleep(LIFETIME);
    });
    println!("{outcome:?}");
    assert_eq!(outcome.dead, 0, "{outcome:?}");
    assert!(outcome.calls > 3000, "{outcome:?}");
    outcome
}

#[test]
#[ignore = "needs redis-server; tests/run runs it"]
fn in_calm_one_token_serves_all() {
    let outcome = eight(|_| sleep(LIFETIME));
    assert_eq!((outcome.unserved, outcome.dropped), (0, 0), "{outcome:?}");
    // In three lifetimes, each renewed in its last fifth.
    assert!((3..=5).contains(&outcome.issued), "{outcome:?}");
    assert_eq!(outcome.issued, outcome.requests);
}

#[test]
#[ignore = "needs redis-server; tests/run runs it"]
fn a_server_that_is_killed_and_comes_back_empty_costs_sharing_alone() {
    let outcome = eight(|server| {
        for _ in 0..3 {
            server.lock().unwrap().restart();
            sleep(LIFETIME / 4);
        }
    });
    assert_eq!(outcome.unserved, 0, "{outcome:?}");
    assert!(outcome.issued <= 3 + 3 + HOSTS, "{outcome:?}");
}

#[test]
#[ignore = "needs redis-server; tests/run runs it"]
fn a_server_that_is_stopped_for_longer_than_the_lease_costs_sharing_alone() {
    let outcome = eight(|server| {
        server.lock().unwrap().signal("STOP");
        sleep(LIFETIME);
        server.lock().unwrap().signal("CONT");
    });
    assert_eq!(outcome.unserved, 0, "{outcome:?}");
    assert!(outcome.store_failures > 0, "{outcome:?}");
}

#[test]
#[ignore = "needs redis-server; tests/run runs it"]
fn a_server_that_is_flushed_again_and_again_costs_nothing() {
    let outcome = eight(|server| {
        for _ in 0..8 {
            server.lock().unwrap().run::<()>(&["FLUSHALL"]);
            sleep(LIFETIME / 8);
        }
    });
    assert_eq!((outcome.unserved, outcome.dropped), (0, 0), "{outcome:?}");
    assert!(outcome.issued <= 3 + 8, "{outcome:?}");
}

#[test]
#[ignore = "needs redis-server; tests/run runs it"]
fn a_server_without_memory_costs_sharing_alone() {
    let outcome = eight(|server| {
        let server = server.lock().unwrap();
        server.run::<()>(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        server.run::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
        sleep(LIFETIME);
        server.run::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    });
    assert_eq!(outcome.unserved, 0, "{outcome:?}");
    assert!(outcome.store_failures > 0, "{outcome:?}");
}
