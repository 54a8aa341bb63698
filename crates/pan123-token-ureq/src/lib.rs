//! The access token of the 123pan open platform, with [ureq](ureq) (blocking): got, kept, shared and renewed in time.
//!
//! # In scope
//!
//! - [`TokenProvider`] hands out a token that can be used now. It fetches one when it is first asked, renews it in the last
//!   part of its life, and replaces it when the platform rejects it.
//! - [`TokenProvider::call`] carries out a business call with it, and repeats the call once with another token, if need be.
//!   As a [middleware](TokenProvider#impl-Middleware-for-TokenProvider) it authorizes all calls of an agent.
//! - [`fetch()`] is the single exchange, with nothing kept: each success costs one of the 3 tokens that the platform keeps
//!   alive per client ID.
//! - `agent()` is an agent that is ready to use (feature `rustls`): rustls, no redirects, bounded time. Any other
//!   [`ureq::Agent`] will do as well.
//!
//! # Out of scope
//!
//! When to fetch, use and renew is decided in `pan123-token-cache`, and what a reply means in `pan123-token`; their types
//! are re-exported here. Stores, in which processes or hosts share a token, are crates of their own.
//!
//! # Threads
//!
//! Fetching, renewing and saving happen on a thread that is started when somebody needs it and ends with the result: the
//! flight. A provider has one at a time (a second one only to ask the platform while the first hangs in a store beyond its
//! time), and callers wait for it no longer than they want. Nothing else is started, and nothing stands by.
//!
//! While a token is fresh, handing it out takes two clock reads, a look at what was published, and one count of references:
//! no lock, no allocation.
//!
//! # Secrets in logs
//!
//! At TRACE, the log target `ureq_proto::util` of ureq itself dumps headers and bodies, the client secret and the token
//! among them. Keep that target off.
#![cfg_attr(
    feature = "rustls",
    doc = r#"
# Example

```no_run
use pan123_token_ureq::{Credentials, TokenProvider, agent, http::Request};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let credentials = Credentials::new(
        std::env::var("PAN123_CLIENT_ID")?,
        std::env::var("PAN123_CLIENT_SECRET")?,
    )?;
    // One for the whole program; clones share the token.
    let provider = TokenProvider::builder(credentials)
        .on_event(|event| eprintln!("{event:?}"))
        .build()?;

    let request = Request::get("https://open-api.123pan.com/api/v1/user/info").body("")?;
    let mut response = provider.call(&agent(), request)?;
    println!("{}", response.body_mut().read_to_string()?);
    Ok(())
}
```
"#
)]

#[cfg(feature = "rustls")]
mod agent;
mod authorization;
mod builder;
mod call_error;
mod failure;
mod fetch;
mod jobs;
mod provider;
mod watched_body;

#[cfg(feature = "rustls")]
pub use agent::{AgentBuilder, agent};
pub use builder::{BundledAgent, TokenProviderBuilder};
pub use call_error::CallError;
pub use fetch::fetch;
pub use pan123_token::{
    self, AccessToken, AccessTokenError, Authorization, Authorized, BaseUrl, BaseUrlError, Cause,
    Credentials, CredentialsError, ErrorKind, FetchError, Fingerprint, GetAccessToken, Grant,
    MAX_REJECTION_BYTES, MAX_RESPONSE_BYTES, OffsetDateTime, Origins, RejectionWatch,
    ResponseError, http, time, token_rejected,
};
pub use pan123_token_cache::{
    self, Clock, Event, Failure, Lease, Moment, Owner, PolicyError, Record, RecordError, Rejection,
    RenewalPolicy, Saved, StoreError, StoreKey, Stored, SystemClock, TokenError, TokenStore,
};
pub use provider::TokenProvider;

// The client, in the version that `fetch` takes.
pub use ureq;

/// Compiles the README's example.
#[cfg(all(doctest, feature = "rustls"))]
#[doc = include_str!("../README.md")]
struct Readme;
