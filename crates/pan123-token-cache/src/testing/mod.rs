//! For tests: a clock that is moved by hand, a store in memory, and the suite that every store must pass.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "for tests, which share it between threads and report by panicking"
)]

mod clock;
mod conformance;
mod memory_store;

pub use clock::ManualClock;
pub use conformance::{conformance, conformance_async};
pub use memory_store::MemoryStore;
