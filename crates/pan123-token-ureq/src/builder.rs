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
/// ```
/// # #[cfg(feature = "rustls")] {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use pan123_token_ureq::pan123_token_cache::testing::{ManualClock, MemoryStore};
/// use pan123_token_ureq::{Credentials, RenewalPolicy, TokenProvider};
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
/// `A` says which agent is used; there is no need to name it. Without a feature of rustls there is no bundled one, and
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
    /// When the policy's figures don't fit together, the timeout is zero, a proxy variable can't be read, or there is no
    /// cryptography for TLS.
    #[cfg(feature = "rustls-no-provider")]
    pub fn build(self) -> Result<TokenProvider, BuildError> {
        let config = crate::AgentBuilder::default().config()?;
        // Exchanges are days apart: an idle connection would be found dead, after the request was sent.
        let agent = config.max_idle_connections(0).build().new_agent();
        self.agent(agent).build()
    }
}

impl<A> TokenProviderBuilder<A> {
    pan123_token_provider::builder_methods!();

    /// Where the token is shared with other processes or hosts. Unless set, nowhere: each process then takes one of the 3
    /// tokens that the platform keeps alive per client ID.
    pub fn store(mut self, store: Arc<dyn TokenStore>) -> Self {
        let fallback = store.fallback().is_some();
        self.store = Some(store);
        self.set(|settings| settings.sharing(true).fallback(fallback))
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

    fn set(mut self, set: impl FnOnce(Settings) -> Settings) -> Self {
        self.settings = set(self.settings);
        self
    }
}

impl TokenProviderBuilder<Agent> {
    /// The provider. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the policy's figures don't fit together, or the timeout is zero.
    pub fn build(self) -> Result<TokenProvider, BuildError> {
        let provider = self.settings.build().map_err(BuildError::Policy)?;
        let (agent, store) = (self.agent, self.store);
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
