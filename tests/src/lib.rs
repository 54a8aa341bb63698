//! Conformance vectors and the servers that replay them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic is how a test reports"
)]

pub mod adapters;
pub mod fleet;
pub mod pieces;
pub mod providers;
pub mod vector;

/// Where other packages still look for it.
pub use pan123_token_support::scripted_server as scripted;

/// The programs of the README, as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
