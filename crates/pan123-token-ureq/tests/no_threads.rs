//! A process that gets no more threads: callers get that as their error, at once. A program of its own, which runs itself once more
//! with a stack size that no thread can have.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use std::process::Command;
use std::time::Instant;

use common::{DAY, LIFE, Platform, SECOND, clock};

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
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    let started = Instant::now();
    let error = provider.token().unwrap_err();
    assert!(started.elapsed() < 5 * SECOND);
    let line = error.to_string();
    assert!(
        line.starts_with("the renewal could not be started: no thread can be started for it: "),
        "{line}"
    );
    assert!(error.next_attempt().is_some());
    assert_eq!(platform.requests(), 0);
    assert!(provider.flush(SECOND));
    clock.advance(LIFE + DAY);
    provider.token().unwrap_err();
    assert!(provider.flush(SECOND));
}
