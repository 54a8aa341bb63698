//! Makes a provider.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use pan123_token::http::{Request, Response};
use pan123_token::{BaseUrl, Credentials, GetAccessToken, Origins};
use pan123_token_cache::{
    Clock, Event, PolicyError, RenewalPolicy, StoreKey, StoreSession, TokenCache, TokenStore,
};
use tower_service::Service;

use crate::BoxError;
use crate::clock::TokioClock;
use crate::exchange::Exchange;
use crate::provider::{Source, TokenProvider};
use crate::runtime::Mutex;
use crate::shared::{Means, OnEvent, Shared};

const TIMEOUT: Duration = Duration::from_secs(30);

/// How much longer the machine waits for an exchange than that may take: one that takes all of its time would else be
/// reported too late to be believed.
const GRACE: Duration = Duration::from_secs(1);

/// Makes a [`TokenProvider`]. From [`TokenProvider::builder`].
///
/// `C` says which client is used; there is no need to name it. Without the feature `rustls` there is no bundled one, and
/// nothing to build before [`client`](Self::client).
#[must_use = "a builder does nothing until it is built"]
pub struct TokenProviderBuilder<C = BundledClient> {
    operation: GetAccessToken,
    origins: Vec<BaseUrl>,
    policy: RenewalPolicy,
    timeout: Duration,
    store: Option<Arc<dyn TokenStore>>,
    clock: Box<dyn Clock>,
    on_event: Option<OnEvent>,
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
            operation: GetAccessToken::new(credentials),
            origins: Vec::new(),
            policy: RenewalPolicy::default(),
            timeout: TIMEOUT,
            store: None,
            clock: Box::new(TokioClock::new()),
            on_event: None,
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
        self.client(crate::client()).build()
    }
}

impl<C> TokenProviderBuilder<C> {
    /// Where the platform is; the official address unless set.
    pub fn base_url(self, base_url: BaseUrl) -> Self {
        Self {
            operation: self.operation.with_base_url(base_url),
            ..self
        }
    }

    /// Another server that business calls may carry the token to: where the API stands under another address as well. The
    /// base URL's own is allowed anyway. Of the address only scheme, host and port count.
    pub fn allow_origin(mut self, base_url: BaseUrl) -> Self {
        self.origins.push(base_url);
        self
    }

    /// When to renew, how long to wait between attempts, and so on.
    pub fn policy(self, policy: RenewalPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Shares the token with other providers, processes or hosts. Its calls block, and are run off the runtime's workers.
    pub fn store(self, store: Arc<dyn TokenStore>) -> Self {
        Self {
            store: Some(store),
            ..self
        }
    }

    /// How long [`token()`](TokenProvider::token) may take, and one exchange at the most: that ends with the policy's
    /// [`fetch_timeout`](RenewalPolicy::fetch_timeout) where that is less. 30 s unless set; not zero.
    ///
    /// Someone who is in more of a hurry than the exchange should be calls [`token_within`](TokenProvider::token_within).
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Tells the time; a [`TokioClock`] unless set. How long is waited is tokio's business all the same.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            ..self
        }
    }

    /// Hears of everything that an operator may want to know, one event after the other. There is never a secret in one.
    ///
    /// It is called without a lock, from the caller or the task that found something to tell, so it should not block; what
    /// it panics with is dropped. It may call the provider.
    pub fn on_event(self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self {
            on_event: Some(Box::new(on_event)),
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
            operation: self.operation,
            origins: self.origins,
            policy: self.policy,
            timeout: self.timeout,
            store: self.store,
            clock: self.clock,
            on_event: self.on_event,
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
        let mut policy = self.policy;
        policy.fetch_timeout = policy.fetch_timeout.min(self.timeout);
        policy.check()?;
        let exchange_timeout = policy.fetch_timeout;
        policy.fetch_timeout = exchange_timeout.saturating_add(GRACE);
        policy.lease_term = policy.lease_term.saturating_add(GRACE);
        // The operating system's randomness is what hash maps are keyed with.
        let seed = RandomState::new().hash_one(());
        let mut cache = TokenCache::new(policy, seed)?;

        let operation = self.operation;
        let origins = Origins::of(operation.base_url());
        let origins = self.origins.iter().fold(origins, Origins::and);
        let store = self.store.map(|store| {
            let key = StoreKey::of(&operation);
            StoreSession::new(store, key)
        });
        if store.is_some() {
            cache = cache.sharing();
        }
        let means = Means {
            operation,
            client: self.client.0,
            exchange_timeout,
            store,
            clock: self.clock,
            on_event: self.on_event,
        };
        Ok(TokenProvider {
            source: Source::Live(Arc::new(Shared::new(means, cache))),
            origins,
            timeout: self.timeout,
        })
    }
}

impl<C> fmt::Debug for TokenProviderBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenProviderBuilder")
            // Its own `Debug` shows no secret.
            .field("operation", &self.operation)
            .field("policy", &self.policy)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
