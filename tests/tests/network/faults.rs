//! A network that is slow, drips, resets, closes one direction or goes deaf.

use std::time::Duration;

use pan123_emulator::Emulator;
use pan123_token_support::fault_proxy::{Fault, FaultProxy};

use crate::{ADAPTERS, kind};

const TIMEOUT: Duration = Duration::from_millis(500);
const SECOND: Duration = Duration::from_secs(1);

/// The fault, the kind of error, and how many requests reach the platform.
const TABLE: [(Fault, &str, usize); 7] = [
    (Fault::None, "token", 1),
    (Fault::Latency(Duration::from_millis(100)), "token", 1),
    (Fault::Latency(SECOND), "timeout", 1),
    (Fault::Drip(Duration::from_millis(20)), "timeout", 1),
    (Fault::Reset, "body", 1),
    (Fault::HalfClosed, "body", 1),
    (Fault::Deaf, "timeout", 0),
];

#[test]
fn each_fault_is_told_in_time_and_sends_the_secret_once() {
    for (name, fetch) in ADAPTERS {
        for (fault, expected, requests) in TABLE {
            let emulator = Emulator::builder().rate(None).start().unwrap();
            let proxy = FaultProxy::start(emulator.addr(), fault);
            let base_url = format!("http://{}", proxy.address());
            assert_eq!(
                kind(fetch, &base_url, None, TIMEOUT),
                expected,
                "{name}, {fault:?}"
            );
            assert_eq!(proxy.connections(), 1, "{name}, {fault:?}");
            assert_eq!(emulator.token_requests(), requests, "{name}, {fault:?}");
        }
    }
}
