//! Callers, jobs and events, driven by hand: no runtime, no thread, no time but what a test says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unchecked_time_subtraction,
    reason = "a panic is how a test reports"
)]

mod events;
mod exchanges;
mod flush;
mod host;
mod jobs;
mod metrics;
mod origins;
mod recorder;
mod sharing;
mod turns;
mod waiting;
