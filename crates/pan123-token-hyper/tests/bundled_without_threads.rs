//! A process that gets no more threads: callers get that as their error, at once. A program of its own, which runs itself
//! once more with a stack size that no thread can have.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::process::Command;
use std::time::{Duration, Instant};

use pan123_token_hyper::{Credentials, TokenProvider};
use tokio::runtime::Builder;

fn main() {
    // What every thread of the process gets, unless it asks for another size.
    const SIZE: &str = "RUST_MIN_STACK";
    if std::env::var_os(SIZE).is_some() {
        without_threads();
    } else if cfg!(all(target_os = "linux", target_pointer_width = "64")) {
        let itself = std::env::current_exe().unwrap();
        let size = (1_u64 << 46).to_string();
        let status = Command::new(itself).env(SIZE, size).status().unwrap();
        assert!(status.success(), "{status}");
    }
}

fn without_threads() {
    // Nothing is asked of it.
    let nowhere = "http://127.0.0.1:9".parse().unwrap();
    let provider = TokenProvider::builder(Credentials::new("my-id", "my-secret").unwrap())
        .base_url(nowhere)
        .build()
        .unwrap();
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let begun = Instant::now();
    let error = runtime.block_on(provider.token()).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5));
    let line = error.to_string();
    assert!(
        line.starts_with("the renewal could not be started: no thread can be started for it: "),
        "{line}"
    );
    assert!(line.contains("allow this process more threads"), "{line}");
    assert!(error.next_attempt().is_some());
    assert!(!error.failure().unwrap().may_have_issued());
    assert!(runtime.block_on(provider.flush(Duration::from_secs(1))));
}
