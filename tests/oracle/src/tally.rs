//! What is counted, for the figures.

use std::time::Duration;

/// Counts of one run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Events that were carried out.
    pub steps: u64,
    /// API calls of services that wanted a token that the platform takes.
    pub calls: u64,
    /// Of these, answered with 401.
    pub rejected: u64,
    /// Of these, failed without a token.
    pub unserved: u64,
    /// Requests for tokens that reached the platform.
    pub requests: u64,
    /// Tokens that it issued.
    pub issued: u64,
    /// Tokens that it issued to another program.
    pub issued_to_others: u64,
    /// When it issued the last one, since the start.
    pub last_issued_at: Duration,
    /// The longest time from a service's failing call to its next one that succeeded.
    pub longest_gap: Duration,
    /// When the last such time ended, since the start.
    pub served_again_at: Duration,
    /// Jobs that began.
    pub jobs: u64,
    /// Of these, ended without a token.
    pub jobs_failed: u64,
}
