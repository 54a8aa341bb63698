//! A process that holds the lease in a file and is stopped: what it costs those that wait behind it, with real providers.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]
#![cfg(unix)]

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, Emulator};
use pan123_token_cache::{Lease, Owner, StoreKey, TokenStore as _};
use pan123_token_file::FileStore;
use pan123_token_tests::fleet;

const FOLDER: &str = "PAN123_TEST_FOLDER";
const URL: &str = "PAN123_TEST_URL";

/// The process that is stopped: it takes the lease and keeps it.
#[test]
#[ignore = "the body of another process"]
fn in_another_process() {
    let (Some(folder), Ok(url)) = (env::var_os(FOLDER), env::var(URL)) else {
        return;
    };
    let store = FileStore::in_dir(folder);
    let key = StoreKey::new(&url.parse().unwrap(), CLIENT_ID);
    let lease = store.lease(key, Owner(1), fleet::policy().lease_term);
    assert_eq!(lease, Ok(Lease::Granted(None)));
    println!("\ngranted");
    // Longer than the test takes.
    sleep(Duration::from_secs(60));
}

/// Has the lease, and is stopped; killed when it is dropped.
struct Holder(Child);

impl Holder {
    fn stopped(folder: &Path, emulator: &Emulator) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "in_another_process"])
            .env(FOLDER, folder)
            .env(URL, emulator.url())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        assert!(output.lines().any(|line| line.unwrap() == "granted"));
        let stop = ["-STOP", &child.id().to_string()].map(str::to_owned);
        assert!(Command::new("kill").args(stop).status().unwrap().success());
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// So many providers, each on a store of its own, ask at once. How many of them get a token, and how many are issued.
fn ask_behind_a_stopped_holder(waiters: u32) -> (u32, usize) {
    let emulator = Emulator::builder().rate(None).start().unwrap();
    let folder = folder(&format!("stopped-{waiters}"));
    let _holder = Holder::stopped(&folder, &emulator);
    let served = thread::scope(|scope| {
        let waiters: Vec<_> = (0..waiters)
            .map(|_| {
                scope.spawn(|| {
                    let store = Arc::new(FileStore::in_dir(&folder));
                    let policy = fleet::policy();
                    let provider = fleet::provider(&emulator, store, policy, || {});
                    let token = provider.token_within(Duration::from_secs(20));
                    provider.flush(Duration::from_secs(5));
                    token.is_ok()
                })
            })
            .collect();
        let served = waiters.into_iter().map(|waiter| waiter.join().unwrap());
        served.map(u32::from).sum()
    });
    println!(
        "{waiters} waiters: {served} served, {} issued",
        emulator.issued()
    );
    let key = StoreKey::new(&emulator.url().parse().unwrap(), CLIENT_ID);
    let stored = FileStore::in_dir(&folder).load(key).unwrap();
    let stored = stored.expect("the record was not written");
    let alive = emulator.live_tokens(CLIENT_ID);
    assert!(alive.contains(&stored.record.token.secret().to_owned()));
    (served, emulator.issued())
}

#[test]
fn twenty_waiters_cost_at_most_two_tokens_and_the_record_is_written() {
    let (served, issued) = ask_behind_a_stopped_holder(20);
    assert_eq!(served, 20);
    assert!((1..=2).contains(&issued), "{issued} tokens");
}

#[test]
fn forty_waiters_cost_at_most_two_tokens_and_the_record_is_written() {
    let (served, issued) = ask_behind_a_stopped_holder(40);
    assert_eq!(served, 40);
    assert!((1..=2).contains(&issued), "{issued} tokens");
}
