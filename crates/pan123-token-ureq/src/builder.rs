//! A provider's settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pan123_token::{BaseUrl, Credentials};
use pan123_token_cache::{Clock, Event, RenewalPolicy, SystemClock, TokenStore};
use pan123_token_provider::Settings;
use ureq::Agent;

use crate::BuildError;
use crate::jobs::Jobs;
use crate::provider::TokenProvider;

/// Makes a [`TokenProvider`]. From [`TokenProvider::builder`].
///
/// `A` says which agent is used; there is no need to name it. Without the feature `rustls` there is no bundled one, and
/// nothing to build before [`agent`](Self::agent).
#[must_use = "a builder does nothing until it is built"]
pub struct TokenProviderBuilder<A = BundledAgent> {
    settings: Settings,
    store: Option<Arc<dyn TokenStore>>,
    agent: A,
}

/// The agent of a builder that wasn't given one.
#[derive(Clone, Copy, Debug)]
pub struct BundledAgent(());

impl TokenProviderBuilder {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            settings: Settings::new(credentials, SystemClock::new()),
            store: None,
            agent: BundledAgent(()),
        }
    }

    /// The provider, with the bundled [`agent`](crate::agent()), which keeps no connection between two exchanges. Nothing
    /// is fetched yet.
    ///
    /// # Errors
    ///
    /// When the policy's figures don't fit together, the timeout is zero, or a proxy variable can't be read.
    #[cfg(feature = "rustls")]
    pub fn build(self) -> Result<TokenProvider, BuildError> {
        let config = crate::AgentBuilder::default().config()?;
        // Exchanges are days apart: an idle connection would be found dead, after the request was sent.
        let agent = config.max_idle_connections(0).build().new_agent();
        self.agent(agent).build()
    }
}

impl<A> TokenProviderBuilder<A> {
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

    /// When to renew, and how long to wait. Unless set, the [default](RenewalPolicy::default).
    pub fn policy(self, policy: RenewalPolicy) -> Self {
        self.set(|settings| settings.policy(policy))
    }

    /// Where the token is shared with other processes or hosts. Unless set, nowhere: each process then takes one of the 3
    /// tokens that the platform keeps alive per client ID.
    pub fn store(self, store: Arc<dyn TokenStore>) -> Self {
        Self {
            store: Some(store),
            ..self
        }
    }

    /// How long [`TokenProvider::token`] takes at most, and so does an exchange, where the policy's
    /// [`fetch_timeout`](RenewalPolicy::fetch_timeout) isn't less. 30 seconds unless set; not zero.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.timeout(timeout))
    }

    /// The clock, instead of the [`SystemClock`]. How long callers wait is measured by the operating system all the same.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        self.set(|settings| settings.clock(clock))
    }

    /// Gets everything that an operator may want to know, one event after the other. There is never a secret in one.
    ///
    /// It is called without a lock, on the thread of the job or the caller that caused an event, and may call the provider.
    /// It should not block: what is to be done next waits for it. What it panics with is dropped.
    pub fn on_event(self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.on_event(on_event))
    }

    /// The agent that carries out the exchanges, as [`fetch`](crate::fetch()) uses it. One that keeps idle connections may
    /// find them dead when it uses them, after days.
    pub fn agent(self, agent: Agent) -> TokenProviderBuilder<Agent> {
        TokenProviderBuilder {
            settings: self.settings,
            store: self.store,
            agent,
        }
    }

    fn set(self, set: impl FnOnce(Settings) -> Settings) -> Self {
        Self {
            settings: set(self.settings),
            ..self
        }
    }
}

impl TokenProviderBuilder<Agent> {
    /// The provider. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the policy's figures don't fit together, or the timeout is zero.
    pub fn build(self) -> Result<TokenProvider, BuildError> {
        let (agent, store) = (self.agent, self.store);
        let fallback = store.as_ref().is_some_and(|it| it.fallback().is_some());
        let settings = self.settings.sharing(store.is_some()).fallback(fallback);
        let provider = settings.build().map_err(BuildError::Policy)?;
        Ok(TokenProvider::live(provider, Jobs { agent, store }))
    }
}

impl<A> fmt::Debug for TokenProviderBuilder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The settings' own `Debug` shows no secret.
        f.debug_struct("TokenProviderBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
