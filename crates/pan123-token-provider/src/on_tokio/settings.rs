//! The settings of a provider on tokio.

use std::fmt;
use std::sync::Arc;

use pan123_token::Credentials;
use pan123_token_cache::{AsyncTokenStore, PolicyError, TokenStore};
use tokio::runtime::Handle;

use super::driver::{Driver, Exchanger, Runs, Store};
use super::{TokioClock, TokioProvider};
use crate::Settings;

/// The settings of a provider on tokio. An adapter's builder keeps them, and passes its calls on.
///
/// Used in the [example](crate::on_tokio) on the module's page.
#[must_use = "settings do nothing until they are built"]
pub struct TokioSettings {
    settings: Settings,
    store: Option<Store>,
    runtime: Option<Handle>,
}

impl TokioSettings {
    /// As [`Settings::new`], with a [`TokioClock`].
    pub fn new(credentials: Credentials) -> Self {
        Self {
            settings: Settings::new(credentials, TokioClock::new()),
            store: None,
            runtime: None,
        }
    }

    /// Changes what doesn't depend on tokio.
    pub fn set(mut self, set: impl FnOnce(Settings) -> Settings) -> Self {
        self.settings = set(self.settings);
        self
    }

    /// Shares the token through a store that blocks.
    pub fn store(mut self, store: Arc<dyn TokenStore>) -> Self {
        let fallback = store.fallback().is_some();
        self.store = Some(Store::Blocking(store));
        self.set(|settings| settings.sharing(true).fallback(fallback))
    }

    /// Shares the token through a store that is asked asynchronously.
    pub fn async_store(mut self, store: Arc<impl AsyncTokenStore + 'static>) -> Self {
        self.store = Some(Store::Async(store));
        self.set(|settings| settings.sharing(true).fallback(false))
    }

    /// Jobs run on this runtime, always.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// The provider, whose exchanges are carried out by this client, and there unless a [runtime](Self::runtime) was set.
    ///
    /// # Errors
    ///
    /// When the figures of the policy don't fit together, or the timeout is zero.
    pub fn build(
        self,
        client: Box<dyn Exchanger>,
        runs: Runs,
    ) -> Result<TokioProvider, PolicyError> {
        let driver = Driver {
            client,
            store: self.store,
            runs: self.runtime.map_or(runs, Runs::On),
        };
        Ok(TokioProvider::new(self.settings.build()?, driver))
    }
}

impl fmt::Debug for TokioSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its own `Debug` shows no secret.
        self.settings.fmt(f)
    }
}
