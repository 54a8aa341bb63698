//! The clocks of the operating system, behind their feature.
#![cfg(feature = "system-clock")]

use std::time::Duration;

use pan123_token_cache::{Clock, SystemClock};

#[test]
fn both_clocks_run() {
    let clock = SystemClock::new();
    let first = clock.now();
    // 2025-01-01, in seconds since 1970.
    assert!(first.wall > Duration::from_secs(1_735_689_600));
    while clock.now().monotonic == first.monotonic {}
    let later = clock.now();
    assert!(later.monotonic > first.monotonic && later.wall >= first.wall);
}
