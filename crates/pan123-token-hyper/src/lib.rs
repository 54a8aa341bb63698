//! The access token of the 123pan open platform, with [hyper](https://hyper.rs) 1 and tokio (async).
#![cfg_attr(
    feature = "rustls",
    doc = r#"
```no_run
use std::error::Error;
use std::process::ExitCode;

use http_body_util::BodyExt;
use pan123_token_hyper::http::Request;
use pan123_token_hyper::{TokenProvider, client, credentials_from_env};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    // PAN123_CLIENT_ID and PAN123_CLIENT_SECRET. One provider for the whole program:
    // its clones share the token.
    let provider = TokenProvider::builder(credentials_from_env()?)
        .on_event(|event| eprintln!("{event}"))
        .build()?;
    let client = client()?;

    // The token is fetched with the first call, and from then on renewed beside the calls.
    // A call that was refused because of its token is sent once more with another.
    let request = Request::get("https://open-api.123pan.com/api/v1/user/info");
    let request = request.body(String::new())?;
    let response = provider.call(&client, request).await?;
    println!("{:?}", response.into_body().collect().await?.to_bytes());
    Ok(())
}
```

# In a tower stack

```no_run
use pan123_token_hyper::{AuthorizationLayer, Bytes, Full, TokenProvider};
use pan123_token_hyper::{client, credentials_from_env};
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
//! # Concepts
//!
//! [`TokenProvider`] gets the token when it is first asked for, keeps it, renews it in time, shares it through a
//! [`TokenStore`](store::TokenStore), and replaces it once it was rejected. [`TokenProvider::call`] carries out an API call with it, and
//! [`AuthorizationLayer`] is the same as a tower layer: they put it on calls of the API, and nowhere else. [`fetch`](fetch())
//! carries out a single exchange and keeps nothing. All of them go with any [`tower_service::Service`] that takes an HTTP
//! request: hyper's client, a tower stack, an `axum::Router` in a test.
//! `client` is one that is ready to use: rustls, no redirects.
//!
//! # In a test
//!
//! A service in the same process stands for the platform, and tokio's paused time for the weeks: the provider goes by
//! [`TokioClock`](clock::TokioClock) unless it is given another.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::post};
//! use pan123_token_hyper::{Credentials, TokenProvider};
//!
//! # let test = async {
//! // #[tokio::test(start_paused = true)]
//! let reply = r#"{
//!     "code": 0,
//!     "data": {"accessToken": "a.b.c", "expiredAt": "2025-03-23T15:48:37+08:00"}
//! }"#;
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
//! runs on the runtime of a caller; where that ends, a caller starts the job again; where it sleeps amid an exchange, the
//! exchange is given up after 3 s if a caller waits for it, and else after two minutes.
//! [`runtime`](TokenProviderBuilder::runtime) pins it to one that is always driven.
//!
//! A program that ends right after it got a token should [flush](TokenProvider::flush) the provider before, where there is a
//! store: so the lease is released, too.
//!
//! # Scope
//!
//! Building the request and classifying the reply is up to the core (`pan123-token`), and so is which server may see the
//! token. Every rule of the token's life (when to renew, how long to wait, what to do about a rejected token) is the
//! lifecycle's (`pan123-token-cache`). What a user must touch of either is re-exported here.
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

#![cfg_attr(docsrs, feature(doc_cfg))]

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

pub use authorization::AuthorizationLayer;
pub use authorization_error::AuthorizationError;
pub use builder::TokenProviderBuilder;
#[cfg(feature = "rustls-no-provider")]
pub use client::{Client, client};
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
// What a client of one's own is given.
#[doc(no_inline)]
pub use {bytes::Bytes, http_body_util::Full};

/// What the signatures of this crate name, and programs rarely do.
pub mod service {
    pub use tower_service::Service;

    pub use crate::authorization::{AuthorizationFuture, AuthorizationService};
    pub use crate::builder::{BundledClient, OwnClient};
    #[cfg(feature = "rustls-no-provider")]
    pub use crate::client::{ClientBody, ClientBuilder};
    pub use pan123_token_provider::WatchedBody;

    /// Any error of a client's.
    pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
}

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
#[cfg(all(doctest, feature = "rustls"))]
#[doc = include_str!("../README.md")]
struct Readme;
