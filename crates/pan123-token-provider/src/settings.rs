//! What a provider is made of.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use pan123_token::{BaseUrl, Credentials, GetAccessToken, Origins};
use pan123_token_cache::{Clock, Event, PolicyError, RenewalPolicy, StoreKey, TokenCache};

use crate::Provider;
use crate::live::{Live, OnEvent};
use crate::metrics::Metrics;
use crate::state::State;
use crate::sync::{ArcSwap, Mutex};

const TIMEOUT: Duration = Duration::from_secs(30);

/// The settings of a provider, as far as they don't depend on its runtime. An adapter's builder keeps one and passes its
/// calls on.
///
/// ```
/// use std::time::Duration;
///
/// use pan123_token::Credentials;
/// use pan123_token_cache::SystemClock;
/// use pan123_token_provider::Settings;
///
/// let credentials = Credentials::new("my-client-id", "my-client-secret")?;
/// let provider = Settings::new(credentials, SystemClock::new())
///     .timeout(Duration::from_secs(10))
///     .on_event(|event| eprintln!("{event}"))
///     .build()?;
/// // Nothing is fetched yet.
/// assert_eq!(provider.current(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "settings do nothing until they are built"]
pub struct Settings {
    operation: GetAccessToken,
    origins: Vec<BaseUrl>,
    policy: RenewalPolicy,
    timeout: Duration,
    clock: Box<dyn Clock>,
    on_event: Option<OnEvent>,
    sharing: bool,
    fallback: bool,
    seed: Option<u64>,
}

impl Settings {
    /// For the platform's official address, with the default policy, a timeout of 30 s, and no store.
    pub fn new(credentials: Credentials, clock: impl Clock + 'static) -> Self {
        Self {
            operation: GetAccessToken::new(credentials),
            origins: Vec::new(),
            policy: RenewalPolicy::default(),
            timeout: TIMEOUT,
            clock: Box::new(clock),
            on_event: None,
            sharing: false,
            fallback: false,
            seed: None,
        }
    }

    /// Where the platform is.
    pub fn base_url(self, base_url: BaseUrl) -> Self {
        Self {
            operation: self.operation.with_base_url(base_url),
            ..self
        }
    }

    /// Another server that API calls may carry the token to. Of the address only scheme, host and port count.
    pub fn allow_origin(mut self, base_url: BaseUrl) -> Self {
        self.origins.push(base_url);
        self
    }

    /// When to renew, how long to wait between attempts, and so on.
    pub fn policy(self, policy: RenewalPolicy) -> Self {
        Self { policy, ..self }
    }

    /// How long callers wait, and an exchange takes at the most.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Tells the time.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            ..self
        }
    }

    /// Gets every event, one after the other, without a lock. What it panics with is dropped.
    pub fn on_event(self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self {
            on_event: Some(Box::new(on_event)),
            ..self
        }
    }

    /// Whether there is a store: jobs then get [`Work::Store`](crate::Work::Store), too.
    pub fn sharing(self, sharing: bool) -> Self {
        Self { sharing, ..self }
    }

    /// Whether the store has a [fallback](pan123_token_cache::TokenStore::fallback): it may then be asked, too.
    pub fn fallback(self, fallback: bool) -> Self {
        Self { fallback, ..self }
    }

    /// Equal seeds and inputs lead to equal actions. Drawn at random unless set; set it only in a simulation.
    pub fn seed(self, seed: u64) -> Self {
        Self {
            seed: Some(seed),
            ..self
        }
    }

    /// The provider. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the figures of the policy don't fit together, or the timeout is zero.
    pub fn build(self) -> Result<Provider, PolicyError> {
        let fitted = self.policy.fitted_to(self.timeout)?;
        // The operating system's randomness is what hash maps are keyed with.
        let seed = self.seed.unwrap_or_else(|| RandomState::new().hash_one(()));
        let mut cache = TokenCache::new(fitted.policy, seed)?;
        if self.sharing {
            cache = cache.sharing();
        }
        if self.sharing && self.fallback {
            cache = cache.with_fallback();
        }
        let origins = Origins::of(self.operation.base_url());
        let origins = self.origins.iter().fold(origins, Origins::and);
        let live = Live {
            key: StoreKey::of(&self.operation),
            metrics: Metrics::new(self.operation.client_id(), self.sharing),
            operation: Arc::new(self.operation),
            exchange_timeout: fitted.exchange_timeout,
            clock: self.clock,
            on_event: self.on_event,
            published: ArcSwap::default(),
            state: Mutex::new(State::new(cache, self.sharing)),
        };
        Ok(Provider::live(live, origins, self.timeout))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            // Its own `Debug` shows no secret.
            .field("operation", &self.operation)
            .field("policy", &self.policy)
            .field("timeout", &self.timeout)
            .field("sharing", &self.sharing)
            .finish_non_exhaustive()
    }
}
