//! The provider, as its users see it.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pan123_token::{AccessToken, BaseUrl, Credentials, Origins};
use pan123_token_cache::{Rejection, TokenError};
use pan123_token_provider::{Provider, Turn, Wanted};

use crate::builder::TokenProviderBuilder;
use crate::jobs::{Jobs, wakes_this_thread};

/// Keeps an access token, and renews it in time. Cheap to clone; clones share the token.
///
/// ```no_run
/// # #[cfg(feature = "rustls")]
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use pan123_token_ureq::{TokenProvider, credentials_from_env};
///
/// let provider = TokenProvider::builder(credentials_from_env()?).build()?;
/// let token = provider.token()?;
/// println!("good until {}", token.expires_at());
/// # Ok(())
/// # }
/// ```
///
/// A token is fetched when it is first asked for, and renewed by a call in the last part of its life; no thread stands by.
/// Fetching, renewing and saving are jobs on a thread of their own, one at a time, which ends with the result. So a caller
/// who stops waiting takes nothing from the others.
#[derive(Clone)]
pub struct TokenProvider {
    pub(crate) provider: Provider,
    /// None where the token is fixed.
    jobs: Option<Arc<Jobs>>,
}

impl TokenProvider {
    /// A builder, for the official address and with the default policy. An example is with [`TokenProviderBuilder`].
    pub fn builder(credentials: Credentials) -> TokenProviderBuilder {
        TokenProviderBuilder::new(credentials)
    }

    pub(crate) fn live(provider: Provider, jobs: Jobs) -> Self {
        Self {
            provider,
            jobs: Some(Arc::new(jobs)),
        }
    }

    /// For tests: hands out this token always, and never another. Its one origin is the official one, until others are
    /// [allowed](Self::allow_origin). An example is with [`current`](Self::current).
    pub fn fixed(token: AccessToken) -> Self {
        Self {
            provider: Provider::fixed(token),
            jobs: None,
        }
    }

    /// A token that can be used now. An example is with [`TokenProvider`].
    ///
    /// A current one is returned at once; if its renewal is due, that is started beside it. Without one, callers wait for
    /// the job that fetches one and share its result, a failure included. The whole takes at most the
    /// [timeout](TokenProviderBuilder::timeout), 30 seconds unless set. The first token of a provider whose store held none
    /// is returned when it is saved, or 250 ms after it came.
    ///
    /// # Errors
    ///
    /// Why there is no token. After a failure, callers get it at once, until the time of the
    /// [next attempt](TokenError::next_attempt).
    pub fn token(&self) -> Result<AccessToken, TokenError> {
        self.token_within(self.provider.timeout())
    }

    /// The same, with a limit of this caller's own. It stops waiting, nothing else: what is under way goes on, and its
    /// result is kept.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # use pan123_token_ureq::{AccessToken, OffsetDateTime, TokenProvider};
    /// # let provider = TokenProvider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
    /// let token = provider.token_within(Duration::from_secs(2))?;
    /// assert_eq!(token.secret(), "a.b.c");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token); [`TokenError::TimedOut`] when the limit is reached.
    pub fn token_within(&self, limit: Duration) -> Result<AccessToken, TokenError> {
        match self.provider.fresh() {
            Some(token) => Ok(token),
            None => self.wait(Wanted::Usable, limit),
        }
    }

    /// As [`token()`](Self::token), but lends the token for this call instead of cloning it. That writes
    /// nothing that other threads read: for threads that ask many times in a millisecond.
    ///
    /// The closure is called once, without a lock, and may call the provider.
    ///
    /// ```
    /// use pan123_token_ureq::http::HeaderMap;
    ///
    /// # use pan123_token_ureq::{AccessToken, OffsetDateTime, TokenProvider};
    /// # let provider = TokenProvider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
    /// let mut headers = HeaderMap::new();
    /// provider.with_token(|token| token.authorize(&mut headers))?;
    /// assert_eq!(headers["authorization"], "Bearer a.b.c");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`token()`](Self::token); the closure isn't called then.
    pub fn with_token<T>(&self, borrow: impl FnOnce(&AccessToken) -> T) -> Result<T, TokenError> {
        match self.provider.with_fresh(borrow) {
            Ok(result) => Ok(result),
            Err(borrow) => {
                let token = self.wait(Wanted::Usable, self.provider.timeout())?;
                Ok(borrow(&token))
            }
        }
    }

    /// Another token than the current one, though that may be fresh: a newer one from the store, or else a renewal. Other
    /// callers get the current one meanwhile. A provider that holds none yet wants another than the stored one.
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token), within its time: also while the current one is still good.
    pub fn refresh(&self) -> Result<AccessToken, TokenError> {
        self.wait(Wanted::Refreshed, self.provider.timeout())
    }

    /// The token after one that was rejected. Where none may come soon, the same again.
    pub(crate) fn replacement(&self, rejected: &AccessToken) -> Option<AccessToken> {
        let wanted = Wanted::Replacing(rejected.fingerprint());
        self.wait(wanted, self.provider.timeout()).ok()
    }

    fn wait(&self, wanted: Wanted, limit: Duration) -> Result<AccessToken, TokenError> {
        let mut caller = self.provider.caller(wanted, limit);
        let waker = wakes_this_thread();
        let begun = Instant::now();
        loop {
            match (caller.turn(begun.elapsed(), &waker), &self.jobs) {
                (Turn::Done(result), _) => return result,
                (Turn::Start(job, _), Some(jobs)) => jobs.start(job),
                // A fixed token needs no job.
                (Turn::Start(job, _), None) => drop(job),
                (Turn::Wait(time), _) => thread::park_timeout(time),
            }
        }
    }

    /// Waits until what is under way is done and saved, and every event is delivered; false where that takes longer than
    /// this. For a program that is about to end: without it, the lease on the store may stay behind until its term ends. An
    /// example is in the [crate's documentation](crate).
    pub fn flush(&self, limit: Duration) -> bool {
        let mut flush = self.provider.flush();
        let waker = wakes_this_thread();
        let begun = Instant::now();
        while !flush.is_done(&waker) {
            let left = limit.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            thread::park_timeout(left);
        }
        true
    }

    pan123_token_provider::provider_methods!(provider);
}

impl fmt::Debug for TokenProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenProvider")
            .field(&self.provider)
            .finish()
    }
}
