//! What is counted, for the figures.

use std::time::Duration;

/// Counts of one run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Events that were carried out.
    pub steps: u64,
    /// Business calls that wanted a token that the platform takes.
    pub calls: u64,
    /// Of these, answered with 401.
    pub rejected: u64,
    /// Of these, given up without a token.
    pub unserved: u64,
    /// Requests for tokens that reached the platform.
    pub requests: u64,
    /// Tokens that it issued.
    pub issued: u64,
    /// The longest time in which a cache that was asked had no token.
    pub longest_gap: Duration,
}
