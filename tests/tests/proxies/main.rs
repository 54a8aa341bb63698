//! The proxy variables of the environment, as the bundled clients go by them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

mod exchange;
mod failures;
mod http;
mod socks;
mod test_proxy;
mod tinyproxy;
mod variables;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use pan123_emulator::Emulator;

/// All that clients might read. A test's exchange sees those alone that it sets.
const VARIABLES: [&str; 9] = [
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
];

/// User and password of a proxy, percent-encoded as they stand in a variable.
const LOGIN: &str = "us%40er:SENTINEL%3Ap%20w%C3%B6rd";
/// And as a proxy is to see them.
const USER: &str = "us@er";
const PASSWORD: &str = "SENTINEL:p wörd";
/// Base64 of user, colon, password.
const BASIC: &str = "Basic dXNAZXI6U0VOVElORUw6cCB3w7ZyZA==";

fn emulator() -> Emulator {
    Emulator::builder().tls().rate(None).start().unwrap()
}

/// A port of the loopback that nothing listens on.
fn dead_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}
