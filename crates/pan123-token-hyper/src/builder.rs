//! Makes a provider.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use pan123_token::http::{Request, Response};
use pan123_token::{BaseUrl, Credentials};
use pan123_token_cache::{AsyncTokenStore, Clock, Event, RenewalPolicy, TokenStore};
use pan123_token_provider::on_tokio::{Exchanger, Runs, TokioSettings};
use pan123_token_provider::{BuildError, Settings};
use tokio::runtime::Handle;
use tower_service::Service;

use crate::exchange::Cloned;
use crate::provider::TokenProvider;
use crate::service::BoxError;

/// Makes a [`TokenProvider`]. From [`TokenProvider::builder`].
///
/// ```
/// # #[cfg(feature = "rustls")] {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use pan123_token_hyper::pan123_token_cache::testing::{ManualClock, MemoryStore};
/// use pan123_token_hyper::{Credentials, RenewalPolicy, TokenProvider};
///
/// let mut policy = RenewalPolicy::default();
/// policy.min_interval = Duration::from_secs(2);
/// let provider = TokenProvider::builder(Credentials::new("my-client-id", "my-client-secret")?)
///     .policy(policy)
///     .timeout(Duration::from_secs(10))
///     // In a program: a `FileStore` or a `RedisStore`.
///     .store(Arc::new(MemoryStore::new(ManualClock::default())))
///     .on_event(|event| eprintln!("{event}"))
///     .build()?;
/// // Nothing is fetched before a token is asked for.
/// assert!(provider.current().is_none());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `C` says which client is used; there is no need to name it. Without a feature of rustls there is no bundled one, and
/// nothing to build before [`client`](Self::client).
#[must_use = "a builder does nothing until it is built"]
pub struct TokenProviderBuilder<C = BundledClient> {
    settings: TokioSettings,
    client: C,
}

/// The client of a builder that wasn't given one. An example is with [`TokenProviderBuilder`].
#[derive(Clone, Copy, Debug)]
pub struct BundledClient(());

/// The client that a builder was given. Examples are with [`TokenProviderBuilder::client`].
pub struct OwnClient(Box<dyn Exchanger>);

impl TokenProviderBuilder {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            settings: TokioSettings::new(credentials),
            client: BundledClient(()),
        }
    }

    /// The provider, with the bundled [`client()`](crate::client). Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the figures of the policy don't fit together, the timeout is zero, a proxy variable can't be read, or TLS can't be
    /// set up.
    #[cfg(feature = "rustls-no-provider")]
    pub fn build(self) -> Result<TokenProvider, BuildError> {
        let client = crate::Client::builder().build_for_exchanges()?;
        self.client(client).build_on(Runs::OnThread)
    }
}

impl<C> TokenProviderBuilder<C> {
    pan123_token_provider::tokio_builder_methods!();

    /// Fetches with this client; see [`fetch()`](crate::fetch) for what it should be like. Each exchange is carried out
    /// by a clone of it.
    ///
    /// A service that takes another body is adapted as tower does it:
    ///
    /// ```
    /// use http_body_util::BodyExt;
    /// use pan123_token_hyper::{Bytes, Credentials, Full, TokenProvider, http::Request};
    /// use tower::ServiceExt;
    /// # use std::convert::Infallible;
    /// # use pan123_token_hyper::http::Response;
    ///
    /// type Body = http_body_util::combinators::BoxBody<Bytes, std::io::Error>;
    /// # let service = tower::service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(String::new())));
    /// let service = service.map_request(|request: Request<Full<Bytes>>| {
    ///     request.map(|body| body.map_err(|never| match never {}).boxed())
    /// });
    /// let provider = TokenProvider::builder(Credentials::new("my-client-id", "my-client-secret")?)
    ///     .client(service)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// And reqwest, with whatever features, goes like this:
    ///
    /// ```
    /// use pan123_token_hyper::{Bytes, Credentials, Full, TokenProvider, http};
    ///
    /// let client = reqwest::Client::builder()
    ///     // The request holds the client secret.
    ///     .redirect(reqwest::redirect::Policy::none())
    ///     .build()?;
    /// let service = tower::service_fn(move |request: http::Request<Full<Bytes>>| {
    ///     let client = client.clone();
    ///     async move {
    ///         let request = request.map(reqwest::Body::wrap).try_into()?;
    ///         Ok::<http::Response<reqwest::Body>, reqwest::Error>(client.execute(request).await?.into())
    ///     }
    /// });
    /// let provider = TokenProvider::builder(Credentials::new("my-client-id", "my-client-secret")?)
    ///     .client(service)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn client<S, B>(self, client: S) -> TokenProviderBuilder<OwnClient>
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        TokenProviderBuilder {
            settings: self.settings,
            client: OwnClient(Box::new(Cloned(Mutex::new(client)))),
        }
    }
}

impl TokenProviderBuilder<OwnClient> {
    /// The provider. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the figures of the policy don't fit together, or the timeout is zero.
    pub fn build(self) -> Result<TokenProvider, BuildError> {
        self.build_on(Runs::WithCaller)
    }

    fn build_on(self, runs: Runs) -> Result<TokenProvider, BuildError> {
        let provider = self.settings.build(self.client.0, runs);
        provider.map(TokenProvider).map_err(BuildError::Policy)
    }
}

impl<C> fmt::Debug for TokenProviderBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenProviderBuilder")
            // Their own `Debug` shows no secret.
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
