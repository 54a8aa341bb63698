//! The access token of the 123pan open platform, with [ureq](https://docs.rs/ureq) (blocking): got, kept, shared and renewed in time.
#![cfg_attr(
    feature = "rustls",
    doc = r#"
```no_run
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use pan123_token_ureq::{TokenProvider, agent, credentials_from_env, http::Request};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // PAN123_CLIENT_ID and PAN123_CLIENT_SECRET. One provider for the whole program:
    // its clones share the token.
    let provider = TokenProvider::builder(credentials_from_env()?)
        .on_event(|event| eprintln!("{event}"))
        .build()?;

    let result = print_user_info(&provider);
    // Whatever came of it: what is under way is to be saved, if there is a store.
    provider.flush(Duration::from_secs(5));
    result
}

fn print_user_info(provider: &TokenProvider) -> Result<(), Box<dyn Error>> {
    let request = Request::get("https://open-api.123pan.com/api/v1/user/info").body("")?;
    let mut response = provider.call(&agent()?, request)?;
    println!("{}", response.body_mut().read_to_string()?);
    Ok(())
}
```
"#
)]
//! # Concepts
//!
//! - [`TokenProvider`] hands out a token that can be used now. It fetches one when it is first asked, renews it in the last
//!   part of its life, and replaces it when the platform rejects it.
//! - [`TokenProvider::call`] carries out an API call with it, and sends it once more with another token where the platform
//!   rejected the first. As a [middleware](TokenProvider#impl-Middleware-for-TokenProvider) it authorizes all calls of an
//!   agent. Either way the token goes to the base URL's origin and to those that were
//!   [allowed](TokenProvider::allow_origin), the upload hosts that the API names among them; nowhere else.
//! - A [store](TokenProviderBuilder::store) shares the token between processes or hosts. Each token that is fetched without
//!   one is one of the 3 that the platform keeps alive per client ID.
//! - [`fetch()`] is the single exchange, with nothing kept.
//! - `agent()` is an agent that is ready to use (feature `rustls`): rustls, no redirects, no endless silence. Any other
//!   [`ureq::Agent`](https://docs.rs/ureq/3/ureq/struct.Agent.html) will do as well.
//!
//! # Errors
//!
//! Each error's `Display` is one line that says what happened and what to do; an [`io::Error`](std::io::Error) behind it is
//! found along `source()`. [`TokenError`] says why there is no token and when the next attempt is due, [`CallError`] why an
//! API call brought no reply. What the platform says of a call stands in the reply's body.
//!
//! # Threads
//!
//! Fetching, renewing and saving are jobs. A job has a thread of its own, named `pan123-token`, which is started when a
//! caller needs it and ends with the result. There is one at a time, and a second one only to ask the platform while the
//! first hangs in a store. Callers wait for it no longer than they want. Nothing stands by. A thread that can't be started,
//! a client or a store that panics: callers get that as their error, at once.
//!
//! While a token is fresh, handing it out takes two clock reads, a look at what was published, and one count of references:
//! no lock, no allocation.
//!
//! # Scope
//!
//! When to fetch, use and renew is decided in [`pan123_token_cache`], and what a reply means in [`pan123_token`]. Both are
//! re-exported whole: what the author of a store or of a driver needs is found there. What the providers of all runtimes
//! have in common stands in `pan123-token-provider`. Stores are crates of their own (`pan123-token-file`,
//! `pan123-token-redis`).
//!
//! # Features
//!
//! - `rustls` (on by default): `agent()`, with ring's cryptography and Mozilla's root certificates.
//! - `rustls-no-provider`: the same with the cryptography that `AgentBuilder` is given, or that is installed for the process:
//!   aws-lc-rs, say.
//! - `platform-verifier`: `agent()` trusts whom the system trusts (on Linux, `SSL_CERT_FILE` and `SSL_CERT_DIR` count), where
//!   it isn't given certificates: behind a proxy that inspects TLS, in a company with a CA of its own.
//! - `tracing`: a provider's events go to `tracing`, too.
//!
//! # Secrets in logs
//!
//! At TRACE, the log target `ureq_proto::util` of ureq itself dumps headers and bodies, the client secret and the token
//! among them. Keep that target off.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "rustls-no-provider")]
mod agent;
mod authorization;
mod builder;
mod call_error;
mod failure;
mod fetch;
mod jobs;
mod provider;
#[cfg(feature = "rustls-no-provider")]
mod proxy;
mod watched_body;

#[cfg(feature = "rustls-no-provider")]
pub use agent::{AgentBuilder, agent};
pub use builder::TokenProviderBuilder;
pub use call_error::CallError;
pub use fetch::fetch;
pub use provider::TokenProvider;

// What most programs name. All the rest is found in the crates themselves.
#[doc(no_inline)]
pub use pan123_token::OffsetDateTime;
pub use pan123_token::{
    self, AccessToken, BaseUrl, Credentials, ErrorKind, FetchError, GetAccessToken, ResponseError,
    http,
};
pub use pan123_token_cache::{self, Event, Failure, Rejection, RenewalPolicy, TokenError};
pub use pan123_token_provider::{BuildError, EnvironmentError, credentials_from_env};
// The client, in the version that `fetch` takes.
pub use ureq;

/// For a store of one's own: what it must do, and what it keeps.
pub mod store {
    pub use pan123_token::Fingerprint;
    pub use pan123_token_cache::{
        FallbackStore, Lease, LeaseRecord, Owner, Record, RecordError, Saved, StoreError, StoreKey,
        Stored, TokenStore,
    };
}

/// What a provider tells the time by, where a program sets that.
pub mod clock {
    pub use pan123_token_cache::{Clock, Moment, SystemClock};
}

/// Compiles the README's example.
#[cfg(all(doctest, feature = "rustls"))]
#[doc = include_str!("../README.md")]
struct Readme;
