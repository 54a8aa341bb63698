//! Processes that are killed at any moment, a thousand times: the store in a file stays whole, and no process is kept out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pan123_emulator::{CLIENT_ID, Emulator};
use pan123_token_cache::{Lease, Owner, RenewalPolicy, StoreKey, TokenStore};
use pan123_token_file::FileStore;
use pan123_token_tests::fleet;
use pan123_token_ureq::{AgentBuilder, BaseUrl, Credentials, TokenProvider};

const KILLS: u32 = 1000;
/// What a process is told of where it is.
const FOLDER: &str = "PAN123_TEST_FOLDER";
const URL: &str = "PAN123_TEST_URL";

/// A policy under which one may renew every few milliseconds.
fn restless() -> RenewalPolicy {
    let mut policy = fleet::policy();
    policy.min_interval = Duration::from_millis(1);
    policy
}

/// The body of the processes that are killed: renews again and again.
#[test]
#[ignore = "the body of other processes"]
fn in_another_process() {
    let (Some(folder), Ok(url)) = (env::var_os(FOLDER), env::var(URL)) else {
        return;
    };
    let credentials = Credentials::new(CLIENT_ID, pan123_emulator::CLIENT_SECRET).unwrap();
    let provider = TokenProvider::builder(credentials)
        .base_url(url.parse().unwrap())
        .agent(AgentBuilder::default().no_proxy().build().unwrap())
        .policy(restless())
        .store(Arc::new(FileStore::in_dir(folder)))
        .build()
        .unwrap();
    // Longer than anyone lets it live.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        let _ = provider.refresh();
    }
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crashes");
    let _ = fs::remove_dir_all(&folder);
    folder
}

#[test]
fn a_thousand_kills_leave_the_store_whole_and_the_lease_free() {
    let emulator = Emulator::builder().rate(None).start().unwrap();
    let base_url: BaseUrl = emulator.url().parse().unwrap();
    let (folder, key) = (folder(), StoreKey::new(&base_url, CLIENT_ID));
    let program = env::current_exe().unwrap();
    let mut last = None;
    let mut changes = 0;
    // Any numbers will do, as long as they are spread.
    let mut spread = 1_u64;
    for kill in 0..KILLS {
        let mut child = Command::new(&program)
            .args(["--ignored", "--exact", "in_another_process"])
            .env(FOLDER, &folder)
            .env(URL, emulator.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        spread = spread
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        sleep(Duration::from_micros(3_000 + (spread >> 32) % 40_000));
        child.kill().unwrap();
        child.wait().unwrap();

        // Another process, which knows nothing of it.
        let store = FileStore::in_dir(&folder)
            .on_problem(move |problem| panic!("after kill {kill}: {problem}"));
        let stored = store.load(key).unwrap().map(|stored| stored.record);
        if let (Some(before), Some(now)) = (&last, &stored) {
            let (before, now): (&pan123_token_cache::Record, _) = (before, now);
            assert!(before.issued_at <= now.issued_at, "after kill {kill}");
            changes += u32::from(before.token != now.token);
        }
        assert!(last.is_none() || stored.is_some(), "after kill {kill}");
        last = stored;

        let begun = Instant::now();
        let owner = Owner(u64::from(kill));
        loop {
            match store.lease(key, owner, Duration::from_secs(1)).unwrap() {
                Lease::Granted(_) => break,
                // The gate was left cool for a millisecond.
                Lease::CoolingDown(wait, _) => sleep(wait),
                held => panic!("after kill {kill}: {held:?}"),
            }
            assert!(
                begun.elapsed() < Duration::from_secs(1),
                "after kill {kill}"
            );
        }
        store.release(key, owner, Duration::ZERO).unwrap();
    }
    println!("{changes} tokens seen, {} issued", emulator.issued());
    assert!(changes > KILLS / 4, "{changes} changes");

    let provider = fleet::provider(
        &emulator,
        Arc::new(FileStore::in_dir(&folder)),
        restless(),
        || panic!("the store fails"),
    );
    let token = provider.token().unwrap();
    assert_eq!(Some(token), last.map(|record| record.token));
}
