//! A provider's settings.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use pan123_token::{BaseUrl, Credentials, GetAccessToken, Origins};
use pan123_token_cache::{
    Clock, Event, PolicyError, RenewalPolicy, StoreKey, StoreSession, SystemClock, TokenCache,
    TokenStore,
};
use ureq::Agent;

use crate::fetch::fetch;
use crate::provider::{Source, TokenProvider};
use crate::shared::{OnEvent, Shared};

/// How much longer than the exchange takes the machine waits for the report of how it went: without it, an exchange that
/// takes all of its time would be reported a moment too late to be believed.
const GRACE: Duration = Duration::from_secs(1);

/// Makes a [`TokenProvider`]. From [`TokenProvider::builder`].
///
/// `A` says which agent is used; there is no need to name it. Without the feature `rustls` there is no bundled one, and
/// nothing to build before [`agent`](Self::agent).
#[must_use = "a builder does nothing until it builds"]
pub struct TokenProviderBuilder<A = BundledAgent> {
    operation: GetAccessToken,
    origins: Vec<BaseUrl>,
    policy: RenewalPolicy,
    store: Option<Arc<dyn TokenStore>>,
    timeout: Duration,
    clock: Box<dyn Clock>,
    on_event: Option<OnEvent>,
    agent: A,
}

/// The agent of a builder that wasn't given one.
#[derive(Clone, Copy, Debug)]
pub struct BundledAgent(());

impl TokenProviderBuilder {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            operation: GetAccessToken::new(credentials),
            origins: Vec::new(),
            policy: RenewalPolicy::default(),
            store: None,
            timeout: Duration::from_secs(30),
            clock: Box::new(SystemClock::new()),
            on_event: None,
            agent: BundledAgent(()),
        }
    }

    /// The provider, with the bundled [`agent`](crate::agent()). It has asked nobody yet.
    ///
    /// # Errors
    ///
    /// When the policy's figures don't fit together.
    #[cfg(feature = "rustls")]
    pub fn build(self) -> Result<TokenProvider, PolicyError> {
        self.agent(crate::agent()).build()
    }
}

impl<A> TokenProviderBuilder<A> {
    /// Where the platform is. Unless set, at its official address.
    pub fn base_url(self, base_url: BaseUrl) -> Self {
        Self {
            operation: self.operation.with_base_url(base_url),
            ..self
        }
    }

    /// Another server that business calls may carry the token to: where the API stands under another address as well. Of
    /// the address only scheme, host and port count. The base URL's own is allowed anyway.
    pub fn allow_origin(mut self, base_url: BaseUrl) -> Self {
        self.origins.push(base_url);
        self
    }

    /// When to renew, and how long to wait. Unless set, the [default](RenewalPolicy::default).
    pub fn policy(self, policy: RenewalPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Where the token is shared with other processes or hosts. Unless set, nowhere: each process then takes one of the 3
    /// tokens that the platform keeps alive per client ID.
    pub fn store(self, store: Arc<dyn TokenStore>) -> Self {
        Self {
            store: Some(store),
            ..self
        }
    }

    /// How long [`TokenProvider::token`] takes at most, and so does an exchange, where the policy's `fetch_timeout` isn't
    /// less. 30 seconds unless set.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Tells the time, instead of the [`SystemClock`]. How long callers wait is told by the operating system all the same.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            ..self
        }
    }

    /// Hears of everything that an operator may want to know, one event after the other. There is never a secret in one.
    ///
    /// It is called without a lock, on the flight's thread or on that of a caller who found something to tell, and may call
    /// the provider. It should not block: what is to be done next waits for it. What it panics with is dropped.
    pub fn on_event(self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self {
            on_event: Some(Box::new(on_event)),
            ..self
        }
    }

    /// The agent that carries out the exchanges, as [`fetch`](crate::fetch()) uses it.
    pub fn agent(self, agent: Agent) -> TokenProviderBuilder<Agent> {
        TokenProviderBuilder {
            operation: self.operation,
            origins: self.origins,
            policy: self.policy,
            store: self.store,
            timeout: self.timeout,
            clock: self.clock,
            on_event: self.on_event,
            agent,
        }
    }
}

impl TokenProviderBuilder<Agent> {
    /// The provider. It has asked nobody yet.
    ///
    /// # Errors
    ///
    /// When the policy's figures don't fit together.
    pub fn build(self) -> Result<TokenProvider, PolicyError> {
        let Self {
            operation,
            origins,
            mut policy,
            store,
            timeout,
            clock,
            on_event,
            agent,
        } = self;
        policy.check()?;
        let exchange_timeout = policy.fetch_timeout.min(timeout);
        policy.fetch_timeout = exchange_timeout.saturating_add(GRACE);
        policy.lease_term = policy.lease_term.saturating_add(GRACE);

        // The standard library's hash keys: from the operating system, and others each time.
        let seed = RandomState::new().hash_one(());
        let mut cache = TokenCache::new(policy, seed)?;
        let origins = origins
            .iter()
            .fold(Origins::of(operation.base_url()), Origins::and);
        let store = store.map(|store| StoreSession::new(store, StoreKey::of(&operation)));
        if store.is_some() {
            cache = cache.sharing();
        }
        let exchange = Box::new(move || fetch(&agent, &operation, exchange_timeout));
        let shared = Shared::new(exchange, store, clock, on_event, cache);
        Ok(TokenProvider {
            source: Source::Live(Arc::new(shared)),
            origins,
            timeout,
        })
    }
}

impl<A> fmt::Debug for TokenProviderBuilder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The operation's own `Debug` shows no secret.
        f.debug_struct("TokenProviderBuilder")
            .field("operation", &self.operation)
            .field("policy", &self.policy)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
