//! The access token of the 123pan open platform, with [hyper](https://hyper.rs) 1 and tokio (async).
//!
//! # In scope
//!
//! [`TokenProvider`] gets the token when it is first asked for, keeps it, renews it in time, shares it through a
//! [`TokenStore`], and replaces it once it was rejected. [`TokenProvider::call`] carries out an API call with it, and
//! [`AuthorizationLayer`] is the same as a tower layer: they put it on calls of the API, and nowhere else. [`fetch`](fetch()) carries out a single exchange and keeps nothing. All of them go with any
//! [`tower_service::Service`] that takes an HTTP request: hyper's client, a tower stack, an `axum::Router` in a test.
//! `client` is one that is ready to use: rustls, no redirects.
//!
//! # Out of scope
//!
//! Building the request and judging the reply is up to the core (`pan123-token`), and so is which server may see the
//! token. Every rule of the token's life (when to renew, how long to wait, what to do about a rejected token) is the
//! lifecycle's (`pan123-token-cache`). What a user must touch of either is re-exported here.
#![cfg_attr(
    feature = "rustls",
    doc = r#"
# A program

```no_run
use http_body_util::BodyExt;
use pan123_token_hyper::http::Request;
use pan123_token_hyper::{TokenProvider, client, credentials_from_env};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // PAN123_CLIENT_ID and PAN123_CLIENT_SECRET.
    let provider = TokenProvider::builder(credentials_from_env()?)
        .on_event(|event| eprintln!("{event:?}"))
        .build()?;
    let client = client()?;

    // The token is fetched with the first call, and from then on renewed beside the calls. A call that was refused because
    // of its token is sent once more with another.
    let request = Request::get("https://open-api.123pan.com/api/v1/user/info").body(String::new())?;
    let response = provider.call(&client, request).await?;
    println!("{:?}", response.into_body().collect().await?.to_bytes());

    // Or by hand.
    let token = provider.token().await?;
    println!("good until {}", token.expires_at());
    Ok(())
}
```

# In a tower stack

```no_run
use pan123_token_hyper::{AuthorizationLayer, Bytes, Full, TokenProvider, client, credentials_from_env};
use tower::{Layer, ServiceExt};
# use pan123_token_hyper::http::Request;

# async fn example() -> Result<(), Box<dyn std::error::Error>> {
let provider = TokenProvider::builder(credentials_from_env()?).build()?;
let api = AuthorizationLayer::new(provider)
    .retry_with(|body: &Full<Bytes>| Some(body.clone()))
    .layer(client()?);
# let request = Request::get("https://open-api.123pan.com/api/v1/user/info").body(Full::default())?;
let response = api.oneshot(request).await?;
# Ok(())
# }
```
"#
)]
//! # In a test
//!
//! A service in the same process stands for the platform, and tokio's paused time for the weeks: the provider goes by
//! [`TokioClock`] unless it is given another.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::post};
//! use pan123_token_hyper::{Credentials, TokenProvider};
//!
//! # let test = async {
//! // #[tokio::test(start_paused = true)]
//! let reply = r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2025-03-23T15:48:37+08:00"}}"#;
//! let reply = ([("date", "Fri, 21 Feb 2025 07:48:37 GMT")], reply);
//! let platform = Router::new().route("/api/v1/access_token", post(async move || reply));
//! let provider = TokenProvider::builder(Credentials::new("my-client-id", "my-client-secret")?)
//!     .client(platform)
//!     .build()?;
//! assert_eq!(provider.token().await?.secret(), "a.b.c");
//!
//! tokio::time::advance(Duration::from_secs(30 * 86_400)).await;
//! assert!(provider.current().is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # };
//! # let mut runtime = tokio::runtime::Builder::new_current_thread();
//! # runtime.enable_time().start_paused(true).build()?.block_on(test)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Paused time runs ahead while a reply from a real socket is waited for: there, `pan123-emulator` has a clock that can be
//! moved, and the provider [takes another](TokenProviderBuilder::clock).
//!
//! # Cancel safety
//!
//! Every future here may be dropped at any time. Exchanges and calls to a store are *jobs*, off the calls that wait for
//! them, one at a time for a provider and all its clones; a job ends with its result. A caller who stops waiting takes
//! nothing from the others. Only [`fetch`](fetch()) is its own exchange, and a token that was on its way is lost with it.
//!
//! # Runtimes
//!
//! Callers may run on different runtimes, and any of these may end at any time. The bundled client's exchanges run on a
//! thread that is started for them, with a runtime of its own. A client that was [brought](TokenProviderBuilder::client)
//! runs on the runtime of a caller; where that ends, a caller who waits starts the job again; where it sleeps amid an
//! exchange, the exchange is given up after 3 s. [`runtime`](TokenProviderBuilder::runtime) pins it to one that is always
//! driven.
//!
//! A program that ends right after it got a token should [flush](TokenProvider::flush) the provider before, where there is a
//! store: so the lease is released, too.
//!
//! # Features
//!
//! - `rustls` (on by default): the bundled client, with ring's cryptography. Without this and the next, this crate needs no
//!   hyper, and a provider is [given a client](TokenProviderBuilder::client).
//! - `rustls-no-provider`: the bundled client with the cryptography that `ClientBuilder` is given, or that is installed for
//!   the process: aws-lc-rs, say.
//! - `platform-verifier`: the bundled client trusts whom the system trusts (on Linux, `SSL_CERT_FILE` and `SSL_CERT_DIR`
//!   count), where it isn't given certificates: behind a proxy that inspects TLS, in a company with a CA of its own. Without
//!   it, Mozilla's root certificates are compiled in.
//! - `tracing`: a provider's events go to `tracing`, too, with fingerprints and never with a secret.
//! - `metrics`: figures go to the `metrics` facade; the [names](pan123_token_provider#metrics) are frozen.

mod authorization;
mod authorization_error;
mod builder;
mod call;
#[cfg(feature = "rustls-no-provider")]
mod client;
mod exchange;
mod failure;
mod fetch;
mod provider;

pub use authorization::{AuthorizationFuture, AuthorizationLayer, AuthorizationService};
pub use authorization_error::AuthorizationError;
pub use builder::{BundledClient, OwnClient, TokenProviderBuilder};
#[cfg(feature = "rustls-no-provider")]
pub use client::{Client, ClientBody, ClientBuilder, client};
pub use fetch::fetch;
pub use pan123_token::{
    self, AccessToken, AccessTokenError, Authorization, Authorized, BaseUrl, BaseUrlError, Cause,
    Credentials, CredentialsError, ErrorKind, FetchError, Fingerprint, GetAccessToken, Grant,
    MAX_REJECTION_BYTES, MAX_RESPONSE_BYTES, OffsetDateTime, Origins, RejectionWatch,
    ResponseError, http, time, token_rejected,
};
pub use pan123_token_provider::on_tokio::TokioClock;
pub use pan123_token_provider::{BuildError, EnvironmentError, WatchedBody, credentials_from_env};
pub use provider::TokenProvider;

// The life of a token: its figures, its time, its errors and events, and what a store must do.
pub use pan123_token_cache::{
    self, AsyncTokenStore, Clock, Event, Failure, Lease, Moment, Owner, PolicyError, Record,
    RecordError, Rejection, RenewalPolicy, Saved, StoreError, StoreKey, Stored, SystemClock,
    TokenError, TokenStore,
};

// What the signatures of `fetch` and `client()` name.
pub use bytes::Bytes;
pub use http_body_util::Full;
pub use tower_service::Service;

/// Any error of a client's.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Compiles the README's program.
#[cfg(all(doctest, feature = "rustls"))]
#[doc = include_str!("../README.md")]
struct Readme;
