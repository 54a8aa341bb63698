//! The thirteen rules of the token's life with real stores in place of their model, in the short form of the simulation:
//! in real time, with tokens that live for seconds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use pan123_token_cache::testing::MemoryStore;
use pan123_token_cache::{SystemClock, TokenStore};
use pan123_token_file::FileStore;
use pan123_token_oracle::{OpenStore, Scenario, Sharing, run_over};
use pan123_token_redis::RedisStore;
use pan123_token_support::redis_server::RedisServer;

/// Runs so many seeds beside each other, each over a store of its own.
fn all_rules_hold(sharing: Sharing, seeds: u64, open: impl Fn(u64) -> OpenStore) {
    let threads: Vec<_> = (0..seeds)
        .map(|seed| {
            let open = open(seed);
            thread::spawn(move || {
                let scenario = Scenario::short(seed, sharing);
                let told = format!("{scenario:?}");
                let outcome = run_over(scenario, &open);
                if let Some(broken) = outcome.broken {
                    let last = outcome.trace.len().saturating_sub(60);
                    let trace = outcome.trace[last..].join("\n");
                    panic!("{told}\n{trace}\nseed {seed} breaks {broken}");
                }
                assert!(outcome.tally.issued >= 2, "{:?}", outcome.tally);
            })
        })
        .collect();
    for thread in threads {
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn all_rules_hold_over_the_store_in_memory() {
    all_rules_hold(Sharing::Redis, 16, |_| {
        let store: Arc<dyn TokenStore> = Arc::new(MemoryStore::new(SystemClock::new()));
        Arc::new(move |_| Arc::clone(&store))
    });
}

#[test]
fn all_rules_hold_over_files() {
    all_rules_hold(Sharing::File, 16, |seed| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rules-{seed}"));
        let _ = fs::remove_dir_all(&folder);
        Arc::new(move |host| {
            let store: Arc<dyn TokenStore> =
                Arc::new(FileStore::in_dir(folder.join(host.to_string())));
            store
        })
    });
}

#[test]
#[ignore = "needs redis-server; tests/run runs it"]
fn all_rules_hold_over_redis() {
    all_rules_hold(Sharing::Redis, 16, |_| {
        let server = Arc::new(RedisServer::start());
        Arc::new(move |_| {
            let store: Arc<dyn TokenStore> = Arc::new(RedisStore::new(&server.url()).unwrap());
            store
        })
    });
}
