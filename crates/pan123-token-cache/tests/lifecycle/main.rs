//! The token's life under made-up clocks: each rule by itself, with figures written by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unchecked_time_subtraction,
    clippy::disallowed_types,
    reason = "a panic is how a test reports, and a store is shared between threads"
)]

mod faulty_store;
mod host;
mod replies;

mod adoption;
mod backoff;
mod clocks;
mod events;
mod fairness;
mod forgetful_store;
mod host_fallback;
mod late_reports;
mod leases;
mod lost_replies;
mod minimum_token_age;
mod policy;
mod refresh;
mod rejection;
mod renewal;
mod saving;
mod spacing;
mod store_outage;
mod store_role;
mod store_steps;
mod suspects_of_others;
mod token_error;
mod unbegun;

use std::sync::Arc;
use std::time::Duration;

use pan123_token::{
    AccessToken, Credentials, FetchError, Fingerprint, GetAccessToken, Grant, http,
};
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_cache::{
    Action, Event, Failure, FetchTicket, Lease, Moment, Owner, Reason, Record, Rejection,
    RenewalPolicy, Saved, StoreError, StoreKey, StoreSession, StoreStep, Stored, TokenCache,
    TokenError, TokenStore,
};

use faulty_store::FaultyStore;
use host::{Host, fleet, memory_store, replaceable_in};
use replies::{
    date, grant, grant_until, grant_without_date, maybe_issued, not_sent, operation, parse,
    rate_limited, record, refused, reply,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// 2025-02-21T07:48:37Z by the wall, some time after the process began.
const START: Moment = Moment {
    wall: Duration::from_secs(1_740_124_117),
    monotonic: Duration::from_secs(1000),
};
