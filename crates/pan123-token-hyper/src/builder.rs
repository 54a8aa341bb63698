//! Makes a provider.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use pan123_token::http::{Request, Response};
use pan123_token::{BaseUrl, Credentials};
use pan123_token_cache::{AsyncTokenStore, Clock, Event, PolicyError, RenewalPolicy, TokenStore};
use pan123_token_provider::Settings;
use tokio::runtime::Handle;
use tower_service::Service;

use crate::BoxError;
use crate::clock::TokioClock;
use crate::driver::{Driver, Runs};
use crate::exchange::Exchange;
use crate::provider::TokenProvider;
use crate::store::Store;

/// Makes a [`TokenProvider`]. From [`TokenProvider::builder`].
///
/// `C` says which client is used; there is no need to name it. Without the feature `rustls` there is no bundled one, and
/// nothing to build before [`client`](Self::client).
#[must_use = "a builder does nothing until it is built"]
pub struct TokenProviderBuilder<C = BundledClient> {
    settings: Settings,
    store: Option<Store>,
    runtime: Option<Handle>,
    client: C,
}

/// The client of a builder that wasn't given one.
#[derive(Clone, Copy, Debug)]
pub struct BundledClient(());

/// The client that a builder was given.
pub struct OwnClient(Box<dyn Exchange>);

impl TokenProviderBuilder {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            settings: Settings::new(credentials, TokioClock::new()),
            store: None,
            runtime: None,
            client: BundledClient(()),
        }
    }

    /// The provider, with the bundled [`client()`](crate::client). Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the figures of the policy don't fit together, or the timeout is zero.
    #[cfg(feature = "rustls")]
    pub fn build(self) -> Result<TokenProvider, PolicyError> {
        let client = crate::Client::builder().build_unpooled();
        self.client(client).build_on(Runs::OnThread)
    }
}

impl<C> TokenProviderBuilder<C> {
    /// Where the platform is; the official address unless set.
    pub fn base_url(self, base_url: BaseUrl) -> Self {
        self.set(|settings| settings.base_url(base_url))
    }

    /// Another server that API calls may carry the token to: where the API stands under another address as well. The base
    /// URL's own is allowed anyway. Of the address only scheme, host and port count. For one that is known only later,
    /// there is [`TokenProvider::allow_origin`].
    pub fn allow_origin(self, base_url: BaseUrl) -> Self {
        self.set(|settings| settings.allow_origin(base_url))
    }

    /// When to renew, how long to wait between attempts, and so on.
    pub fn policy(self, policy: RenewalPolicy) -> Self {
        self.set(|settings| settings.policy(policy))
    }

    /// Shares the token with other providers, processes or hosts. Its calls block, and are run off the runtime's workers.
    pub fn store(self, store: Arc<dyn TokenStore>) -> Self {
        Self {
            store: Some(Store::Blocking(store)),
            ..self
        }
    }

    /// Shares the token through a store that is asked asynchronously. Its calls run where the [exchange](Self::runtime)
    /// does.
    pub fn async_store(self, store: Arc<impl AsyncTokenStore + 'static>) -> Self {
        Self {
            store: Some(Store::Async(store)),
            ..self
        }
    }

    /// How long [`token()`](TokenProvider::token) may take, and one exchange at the most: that ends with the policy's
    /// [`fetch_timeout`](RenewalPolicy::fetch_timeout) where that is less. 30 s unless set; not zero.
    ///
    /// A caller that can't wait as long as the exchange may take calls [`token_within`](TokenProvider::token_within).
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.timeout(timeout))
    }

    /// Tells the time; a [`TokioClock`] unless set. How long is waited is tokio's business all the same.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        self.set(|settings| settings.clock(clock))
    }

    /// Gets everything that an operator may want to know, one event after the other. There is never a secret in one.
    ///
    /// It is called without a lock, from the caller or the job that caused an event, so it should not block; what it panics
    /// with is dropped. It may call the provider.
    pub fn on_event(self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.on_event(on_event))
    }

    /// Exchanges and calls to an async store run on this runtime, always. It must be driven all the time, with its timer
    /// on, as a multi-threaded one is; callers wait for it as long as it sleeps.
    ///
    /// Unless set, the bundled client runs on a thread of its own. A client that was brought runs on the runtime of the
    /// caller who needs the exchange, and moves to another where that one ends or sleeps. A program that only calls
    /// `block_on` now and then, with a client of its own, then renews at the end of a token's life, since nothing runs in
    /// between; pinned to a runtime that is always driven, it renews in time.
    pub fn runtime(self, runtime: Handle) -> Self {
        Self {
            runtime: Some(runtime),
            ..self
        }
    }

    fn set(self, set: impl FnOnce(Settings) -> Settings) -> Self {
        Self {
            settings: set(self.settings),
            ..self
        }
    }

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
            store: self.store,
            runtime: self.runtime,
            client: OwnClient(Box::new(Mutex::new(client))),
        }
    }
}

impl TokenProviderBuilder<OwnClient> {
    /// The provider. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the figures of the policy don't fit together, or the timeout is zero.
    pub fn build(self) -> Result<TokenProvider, PolicyError> {
        self.build_on(Runs::WithCaller)
    }

    fn build_on(self, runs: Runs) -> Result<TokenProvider, PolicyError> {
        let settings = self.settings.sharing(self.store.is_some());
        let driver = Driver {
            client: self.client.0,
            store: self.store,
            runs: self.runtime.map_or(runs, Runs::On),
        };
        Ok(TokenProvider {
            inner: settings.build()?,
            driver: Some(Arc::new(driver)),
        })
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
