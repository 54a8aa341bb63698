//! Callers on tokio: how they wait.

use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use pan123_token::AccessToken;
use pan123_token_cache::TokenError;
use tokio::time::{Instant, sleep, timeout};

use super::driver::Driver;
use crate::{Provider, Turn, Wanted};

/// The longest time that a timer is set to at once.
const DAY: Duration = Duration::from_secs(86_400);

/// A [`Provider`] whose jobs run on tokio, and whose callers wait by its timers. An adapter's provider wraps one.
///
/// Used in the [example](crate::on_tokio) on the module's page.
///
/// # Cancel safety
///
/// A future of its methods may be dropped at any time: the renewal runs off the caller, and its result is kept.
#[derive(Clone)]
pub struct TokioProvider {
    provider: Provider,
    /// None where the token is fixed.
    driver: Option<Arc<Driver>>,
}

impl TokioProvider {
    pub(crate) fn new(provider: Provider, driver: Driver) -> Self {
        Self {
            provider,
            driver: Some(Arc::new(driver)),
        }
    }

    /// As [`Provider::fixed`].
    pub fn fixed(token: AccessToken) -> Self {
        Self {
            provider: Provider::fixed(token),
            driver: None,
        }
    }

    /// A token that can be used now, within the provider's timeout.
    ///
    /// # Errors
    ///
    /// When the last renewal failed and it is too early for another, or when the time has passed.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        self.token_within(self.provider.timeout()).await
    }

    /// A token that can be used now, within this time.
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token).
    pub async fn token_within(&self, limit: Duration) -> Result<AccessToken, TokenError> {
        match self.provider.fresh() {
            Some(token) => Ok(token),
            // Apart, since a timer and a large future would cost more than all the rest.
            None => Box::pin(self.wait(Wanted::Usable, limit)).await,
        }
    }

    /// Lends a token that can be used now, within the provider's timeout.
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token).
    pub async fn with_token<T>(
        &self,
        borrow: impl FnOnce(&AccessToken) -> T,
    ) -> Result<T, TokenError> {
        match self.provider.with_fresh(borrow) {
            Ok(result) => Ok(result),
            Err(borrow) => {
                let limit = self.provider.timeout();
                let token = Box::pin(self.wait(Wanted::Usable, limit)).await?;
                Ok(borrow(&token))
            }
        }
    }

    /// Another token than the current one.
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token).
    pub async fn refresh(&self) -> Result<AccessToken, TokenError> {
        self.wait(Wanted::Refreshed, self.provider.timeout()).await
    }

    /// The token after one that was rejected. Where none may come soon, the same again.
    pub async fn replacement(&self, rejected: &AccessToken) -> Option<AccessToken> {
        let wanted = Wanted::Replacing(rejected.fingerprint());
        let limit = self.provider.timeout();
        Box::pin(self.wait(wanted, limit)).await.ok()
    }

    async fn wait(&self, wanted: Wanted, limit: Duration) -> Result<AccessToken, TokenError> {
        let mut caller = self.provider.caller(wanted, limit);
        let begun = Instant::now();
        let mut timer = pin!(sleep(Duration::ZERO));
        poll_fn(|context| {
            loop {
                match (caller.turn(begun.elapsed(), context.waker()), &self.driver) {
                    (Turn::Done(result), _) => return Poll::Ready(result),
                    (Turn::Start(job, place), Some(driver)) => driver.start(job, place),
                    // A fixed token needs no job.
                    (Turn::Start(job, _), None) => drop(job),
                    (Turn::Wait(time), _) => {
                        timer.as_mut().reset(Instant::now() + time.min(DAY));
                        ready!(timer.as_mut().poll(context));
                    }
                }
            }
        })
        .await
    }

    /// Waits until what is under way is done and saved, and every event is delivered; false where that takes longer.
    pub async fn flush(&self, limit: Duration) -> bool {
        timeout(limit, self.provider.flush()).await.is_ok()
    }
}

/// What needs no waiting.
impl Deref for TokioProvider {
    type Target = Provider;

    fn deref(&self) -> &Provider {
        &self.provider
    }
}

impl fmt::Debug for TokioProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its own `Debug` shows no secret.
        self.provider.fmt(f)
    }
}
