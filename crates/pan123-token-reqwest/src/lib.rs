//! The access token of the 123pan open platform, with [reqwest](https://docs.rs/reqwest) and tokio (async).
//!
//! ```no_run
//! use std::error::Error;
//! use std::process::ExitCode;
//!
//! use pan123_token_reqwest::reqwest::{Client, redirect::Policy};
//! use pan123_token_reqwest::{TokenProvider, credentials_from_env};
//!
//! #[tokio::main]
//! async fn main() -> ExitCode {
//!     match run().await {
//!         Ok(()) => ExitCode::SUCCESS,
//!         Err(error) => {
//!             eprintln!("{error}");
//!             ExitCode::FAILURE
//!         }
//!     }
//! }
//!
//! async fn run() -> Result<(), Box<dyn Error>> {
//!     // PAN123_CLIENT_ID and PAN123_CLIENT_SECRET. One provider for the whole program:
//!     // its clones share the token.
//!     let provider = TokenProvider::builder(credentials_from_env()?)
//!         .on_event(|event| eprintln!("{event}"))
//!         .build()?;
//!     // `send` takes no client that follows redirects.
//!     let client = Client::builder().redirect(Policy::none()).build()?;
//!
//!     // The token is fetched with the first call, and from then on renewed beside the calls.
//!     // A call that was refused because of its token is sent once more with another.
//!     let request = client.get("https://open-api.123pan.com/api/v1/user/info");
//!     let response = provider.send(request).await?;
//!     println!("{}", response.text().await?);
//!     Ok(())
//! }
//! ```
//!
//! # Concepts
//!
//! [`TokenProvider`] gets the token when it is first asked for, keeps it, renews it in time, shares it through a store, and
//! replaces it once it was rejected. [`TokenProvider::send`] sends one API call with it. [`fetch`](fetch()) carries out a
//! single exchange and keeps nothing.
//!
//! **Origins.** A token goes to the base URL's own server and to those that the program
//! [allows](TokenProvider::allow_origin), nowhere else. The platform names its upload hosts at run time; the program compares
//! them with a list of its own and allows them. A call to another server goes out without a token, which is an
//! [event](Event::UnauthorizedOrigin), once for each server.
//!
//! **Redirects.** A client that follows redirects by itself can't carry the token: reqwest 0.13.5 takes `Authorization` off
//! the first request to another server, and puts it back on the next one to the same server. So `send` refuses a client
//! whose redirect policy isn't [`Policy::none()`](reqwest::redirect::Policy::none), before anything is sent. Such a client
//! returns a redirect as the reply that it is.
//!
//! **Streams.** A body that reqwest can't send twice (a stream, a form) is sent once; a refused call then comes back as
//! the platform answered it, and the next call carries another token.
//!
//! **TLS.** This crate turns on no feature of reqwest's. Which TLS there is, if any, is said by the program that depends on
//! reqwest: `reqwest = "0.13.5"` has rustls with the system's certificates. Without one, `https` fails.
//!
//! **Where the exchange runs.** Unless it is given a [client](TokenProviderBuilder::client), a provider makes one for each
//! exchange (renewals are days apart), without redirects and without a pool, and runs it on a thread with a runtime of
//! its own. A client that was brought runs on the runtime of the caller who needs the exchange, or
//! [always on the same](TokenProviderBuilder::runtime).
//!
//! # Cancel safety
//!
//! Every future here may be dropped at any time. Renewals run off their callers, one at a time for a provider and all its
//! clones: a caller that stops waiting takes nothing from the others. Only [`fetch`](fetch()) is its own exchange, and a
//! token that was on its way is lost with it. A call that was sent and is dropped may have reached the platform.
//!
//! # Out of scope
//!
//! Building the token's request and classifying its reply is the core's part (`pan123-token`), and so is which server may
//! get the token. Every rule of the token's life is the lifecycle's (`pan123-token-cache`). What a user must touch of either
//! is re-exported here. `reqwest::blocking` isn't supported: `pan123-token-ureq` is for blocking programs.
//!
//! # Features
//!
//! - `tracing`: a provider's events go to `tracing`, too, with fingerprints and never with a secret.
//! - `metrics`: figures go to the `metrics` facade; the [names](pan123_token_provider#metrics) are frozen.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod fetch;
mod provider;
mod send;

pub use builder::TokenProviderBuilder;
pub use fetch::fetch;
pub use provider::TokenProvider;
pub use send::SendError;

// What most programs name. All the rest is found in the crates themselves.
#[doc(no_inline)]
pub use pan123_token::OffsetDateTime;
pub use pan123_token::{
    self, AccessToken, BaseUrl, Credentials, ErrorKind, FetchError, GetAccessToken, ResponseError,
    http,
};
pub use pan123_token_cache::{self, Event, Failure, Rejection, RenewalPolicy, TokenError};
pub use pan123_token_provider::{EnvironmentError, credentials_from_env};
// The client, in the version that `send` takes.
pub use reqwest;

/// For a store of one's own: what it must do, and what it keeps.
pub mod store {
    pub use pan123_token::Fingerprint;
    pub use pan123_token_cache::{
        AsyncTokenStore, FallbackStore, Lease, LeaseRecord, Owner, Record, RecordError, Saved,
        StoreError, StoreKey, Stored, TokenStore,
    };
}

/// What a provider tells the time by, where a program sets that.
pub mod clock {
    pub use pan123_token_cache::{Clock, Moment, SystemClock};
    pub use pan123_token_provider::on_tokio::TokioClock;
}

/// Compiles the README's program.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
