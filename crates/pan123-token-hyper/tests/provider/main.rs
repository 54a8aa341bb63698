//! The provider and the layer, on a platform in the same process and by a clock that is moved by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unchecked_time_subtraction,
    reason = "a panic is how a test reports"
)]

mod authorization;
#[cfg(feature = "rustls")]
mod bundled;
mod cancellation;
mod clocks;
#[cfg(feature = "rustls")]
mod emulator;
mod events;
mod failures;
mod handles;
mod paused_time;
mod platform;
mod rejection;
mod renewal;
mod runtimes;
mod sharing;
mod single_flight;
mod tracing;
