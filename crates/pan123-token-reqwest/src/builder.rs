//! Makes a provider.

use std::sync::Arc;
use std::time::Duration;

use pan123_token::{BaseUrl, Credentials};
use pan123_token_cache::{AsyncTokenStore, Clock, Event, PolicyError, RenewalPolicy, TokenStore};
use pan123_token_provider::Settings;
use pan123_token_provider::on_tokio::{Runs, TokioSettings};
use reqwest::Client;
use tokio::runtime::Handle;

use crate::TokenProvider;
use crate::fetch::Exchanges;

/// Makes a [`TokenProvider`]. From [`TokenProvider::builder`].
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use pan123_token_reqwest::pan123_token_cache::testing::{ManualClock, MemoryStore};
/// use pan123_token_reqwest::{Credentials, RenewalPolicy, TokenProvider};
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct TokenProviderBuilder {
    settings: TokioSettings,
    client: Option<Client>,
}

impl TokenProviderBuilder {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            settings: TokioSettings::new(credentials),
            client: None,
        }
    }

    pan123_token_provider::tokio_builder_methods!();

    /// Exchanges are carried out by this client; see [`fetch()`](crate::fetch()) for what it should be like. Unless set, each
    /// has a client of its own. API calls have [theirs](TokenProvider::send) anyway.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// The provider. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the figures of the policy don't fit together, or the timeout is zero.
    pub fn build(self) -> Result<TokenProvider, PolicyError> {
        let brought = self.client.is_some();
        let runs = if brought {
            Runs::WithCaller
        } else {
            Runs::OnThread
        };
        let client = Box::new(Exchanges(self.client));
        Ok(TokenProvider(self.settings.build(client, runs)?))
    }
}
