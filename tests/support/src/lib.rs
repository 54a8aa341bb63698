//! What several test trees need. Each server listens on loopback, and ends with the value that started it.
//!
//! - [`redis_server`]: a `redis-server` of the test's own;
//! - [`scripted_server`]: an HTTP server that sends exactly these bytes;
//! - [`fault_proxy`]: a relay in front of a server, that delays, drips, resets or goes deaf;
//! - [`faulty_store`]: a store in memory whose calls fail, hang or panic when a test says so.
//!
//! A package takes it as a dev-dependency, by path and without a version, so that the package can still be published.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic is how a test reports"
)]

pub mod fault_proxy;
pub mod faulty_store;
pub mod redis_server;
pub mod scripted_server;
