//! What the adapters on tokio have in common: where jobs run, how callers wait, and one exchange with any async client.
//!
//! An adapter brings an [`Exchanger`] for its client, wraps a [`TokioProvider`] in a provider of its own, and collects its
//! settings in [`TokioSettings`].
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use pan123_token::{Credentials, GetAccessToken, http::Response};
//! use pan123_token_provider::on_tokio::{Exchanger, Exchanging, Runs, TokioSettings};
//! use pan123_token_provider::on_tokio::exchange_within;
//!
//! /// A made-up HTTP client.
//! struct Client;
//!
//! impl Exchanger for Client {
//!     fn fetch<'a>(&'a self, operation: &'a GetAccessToken, timeout: Duration) -> Exchanging<'a> {
//!         Box::pin(exchange_within(operation, timeout, async |request| {
//!             // It sends the request, follows no redirect, and makes a `FetchError` of a failure.
//!             assert_eq!(request.uri(), "https://open-api.123pan.com/api/v1/access_token");
//!             let reply =
//!                 r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2100-01-01T00:00:00+08:00"}}"#;
//!             Ok(Response::new(Full::<Bytes>::from(reply)))
//!         }))
//!     }
//! }
//!
//! # let test = async {
//! let credentials = Credentials::new("my-client-id", "my-client-secret")?;
//! let provider = TokioSettings::new(credentials).build(Box::new(Client), Runs::WithCaller)?;
//! assert_eq!(provider.token().await?.secret(), "a.b.c");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # };
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(test)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clock;
mod driver;
mod exchange;
mod methods;
mod provider;
mod settings;

pub use clock::TokioClock;
pub use driver::{Exchanger, Exchanging, Runs};
pub use exchange::exchange_within;
pub use provider::TokioProvider;
pub use settings::TokioSettings;
