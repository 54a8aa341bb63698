//! Makes a provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pan123_token::{BaseUrl, Credentials};
use pan123_token_cache::{
    AsyncTokenStore, Clock, Event, PolicyError, RenewalPolicy, SystemClock, TokenStore,
};
use pan123_token_provider::Settings;
use reqwest::Client;
use tokio::runtime::Handle;

use crate::TokenProvider;
use crate::driver::{Driver, Store};

/// Makes a [`TokenProvider`]. From [`TokenProvider::builder`].
#[must_use = "a builder does nothing until it is built"]
pub struct TokenProviderBuilder {
    settings: Settings,
    driver: Driver,
}

impl TokenProviderBuilder {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            settings: Settings::new(credentials, SystemClock::new()),
            driver: Driver::default(),
        }
    }

    fn set(mut self, set: impl FnOnce(Settings) -> Settings) -> Self {
        self.settings = set(self.settings);
        self
    }

    /// Where the platform is; the official address unless set.
    pub fn base_url(self, base_url: BaseUrl) -> Self {
        self.set(|settings| settings.base_url(base_url))
    }

    /// Another server that API calls may carry the token to. The base URL's own is allowed anyway. Of the address only
    /// scheme, host and port count. For one that is known only later, there is [`TokenProvider::allow_origin`].
    pub fn allow_origin(self, base_url: BaseUrl) -> Self {
        self.set(|settings| settings.allow_origin(base_url))
    }

    /// When to renew, how long to wait between attempts, and so on.
    pub fn policy(self, policy: RenewalPolicy) -> Self {
        self.set(|settings| settings.policy(policy))
    }

    /// How long [`token()`](TokenProvider::token) may take, and one exchange at the most: that ends with the policy's
    /// [`fetch_timeout`](RenewalPolicy::fetch_timeout) where that is less. 30 s unless set; not zero. API calls are bounded
    /// by their client.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.timeout(timeout))
    }

    /// The clock; a [`SystemClock`] unless set. Waiting goes by tokio's timers all the same.
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

    /// Shares the token with other providers, processes or hosts. The store's calls block, and are run off the runtime's
    /// workers.
    pub fn store(mut self, store: Arc<dyn TokenStore>) -> Self {
        self.driver.store = Some(Store::Blocking(store));
        self
    }

    /// Shares the token through a store that is asked asynchronously, where the [exchange](Self::runtime) runs.
    pub fn async_store(mut self, store: impl AsyncTokenStore + 'static) -> Self {
        self.driver.store = Some(Store::Async(Arc::new(store)));
        self
    }

    /// Exchanges are carried out by this client; see [`fetch()`](crate::fetch()) for what it should be like. Unless set, each
    /// has a client of its own. API calls have [theirs](TokenProvider::send) anyway.
    pub fn client(mut self, client: Client) -> Self {
        self.driver.client = Some(client);
        self
    }

    /// Exchanges and calls to an async store run on this runtime, always. It must be driven all the time, with its I/O and
    /// timers on, as a multi-threaded one is; callers wait for it as long as it sleeps.
    ///
    /// Unless set, they run on a thread of their own; and with a [client](Self::client) that was brought, on the runtime of
    /// the caller who needs the exchange, moving to a thread where that one ends or sleeps. A program with such a client
    /// that only calls `block_on` now and then renews at the end of a token's life, since nothing runs in between.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.driver.runtime = Some(runtime);
        self
    }

    /// The provider. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the figures of the policy don't fit together, or the timeout is zero.
    pub fn build(self) -> Result<TokenProvider, PolicyError> {
        let settings = self.settings.sharing(self.driver.store.is_some());
        Ok(TokenProvider {
            provider: settings.build()?,
            driver: Arc::new(self.driver),
        })
    }
}

impl fmt::Debug for TokenProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its own `Debug` shows no secret.
        self.settings.fmt(f)
    }
}
