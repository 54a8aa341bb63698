//! The access token of the 123pan open platform, with [hyper](https://hyper.rs) 1 and tokio (async).
//!
//! # In scope
//!
//! [`fetch`] carries out one exchange on any [`tower_service::Service`] that takes an HTTP request: hyper's client, a
//! tower stack, an `axum::Router` in a test. `client` is one that is ready to use: rustls, no redirects. Building the
//! request and judging the reply is the core's business (`pan123-token`, whose types are re-exported here).
//!
//! # Out of scope
//!
//! Nothing is kept: each [`fetch`] costs one of the 3 tokens that the platform keeps alive per client ID.
#![cfg_attr(
    feature = "rustls",
    doc = r#"
# Example

```no_run
use std::time::Duration;

use pan123_token_hyper::{Credentials, GetAccessToken, client, fetch};

# async fn example() -> Result<(), Box<dyn std::error::Error>> {
let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
let grant = fetch(client(), &operation, Duration::from_secs(30)).await?;
println!("good until {}", grant.token.expires_at());
# Ok(())
# }
```
"#
)]

#[cfg(feature = "rustls")]
mod client;
mod failure;
mod fetch;
#[cfg(feature = "rustls")]
mod proxy;

#[cfg(feature = "rustls")]
pub use client::{Client, ClientBuilder, client};
pub use fetch::fetch;
pub use pan123_token::{
    self, AccessToken, AccessTokenError, Authorization, Authorized, BaseUrl, BaseUrlError, Cause,
    Credentials, CredentialsError, ErrorKind, FetchError, Fingerprint, GetAccessToken, Grant,
    MAX_REJECTION_BYTES, MAX_RESPONSE_BYTES, OffsetDateTime, Origins, RejectionWatch,
    ResponseError, http, time, token_rejected,
};

// What the signatures of `fetch` and `client()` name.
pub use bytes::Bytes;
pub use http_body_util::Full;
pub use tower_service::Service;

/// Any error of a client's.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
