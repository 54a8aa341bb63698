//! The access token, kept and renewed.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use pan123_token::{AccessToken, BaseUrl, Credentials, Origins};
use pan123_token_cache::{Rejection, TokenError};
use pan123_token_provider::{Provider, Turn, Wanted};
use tokio::time::{Instant, sleep, timeout};

use crate::builder::TokenProviderBuilder;
use crate::driver::Driver;

/// The longest time that a timer is set to at once.
const DAY: Duration = Duration::from_secs(86_400);

/// Hands out the access token, and sees to it that there is one: fetched when it is first asked for, renewed in time,
/// replaced when it was rejected. Cheap to clone; clones share the token.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use pan123_token_reqwest::{Credentials, TokenProvider};
///
/// let credentials = Credentials::new("my-client-id", "my-client-secret")?;
/// let provider = TokenProvider::builder(credentials).build()?;
/// let token = provider.token().await?;
/// println!("good until {}", token.expires_at());
/// # Ok(())
/// # }
/// ```
///
/// Nothing runs in the background while there is nothing to do: a caller who asks for a token when one is due starts its
/// renewal, off this call, one at a time. So the `async` methods need a tokio runtime with its timer on; the others need
/// none. Callers may run on different runtimes, and those may end or sleep: see
/// [`runtime`](TokenProviderBuilder::runtime).
#[derive(Clone)]
pub struct TokenProvider {
    pub(crate) provider: Provider,
    pub(crate) driver: Arc<Driver>,
}

impl TokenProvider {
    /// Begins to make one.
    pub fn builder(credentials: Credentials) -> TokenProviderBuilder {
        TokenProviderBuilder::new(credentials)
    }

    /// For tests: hands out this token whenever it is asked, and never another. Its one origin is the official one, until
    /// others are [allowed](Self::allow_origin).
    pub fn fixed(token: AccessToken) -> Self {
        Self {
            provider: Provider::fixed(token),
            driver: Arc::default(),
        }
    }

    /// A token that can be used now.
    ///
    /// A current one is handed out at once, also while it is being renewed or its renewal fails. Without one, callers wait
    /// for the renewal and share its result, a failure included; until the next attempt is due, all get the same failure at
    /// once. The first token of a provider whose store held none is handed out when it is saved, or 250 ms after it came.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future costs nothing: the renewal runs off this call, and its result is kept.
    ///
    /// # Errors
    ///
    /// When the last renewal failed and it is too early for another, or when all of this took longer than the
    /// [timeout](TokenProviderBuilder::timeout).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, unless there is a current token that is not due.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        self.token_within(self.provider.timeout()).await
    }

    /// As [`token()`](Self::token), but gives up waiting after this time. What is under way goes on.
    pub async fn token_within(&self, limit: Duration) -> Result<AccessToken, TokenError> {
        match self.provider.fresh() {
            Some(token) => Ok(token),
            // Apart, since a timer and a large future would cost more than all the rest.
            None => Box::pin(self.wait(Wanted::Usable, limit)).await,
        }
    }

    /// Another token than the current one, though that may be fresh: a newer one from the store, or else a renewal. Other
    /// callers get the current one meanwhile. A provider that holds none yet wants another than the stored one.
    ///
    /// # Cancel safety
    ///
    /// As [`token()`](Self::token): what is under way goes on, and another token stays wanted.
    ///
    /// # Errors
    ///
    /// As [`token()`](Self::token), within its time: also while the current one is still good.
    pub async fn refresh(&self) -> Result<AccessToken, TokenError> {
        self.wait(Wanted::Refreshed, self.provider.timeout()).await
    }

    pub(crate) async fn wait(
        &self,
        wanted: Wanted,
        limit: Duration,
    ) -> Result<AccessToken, TokenError> {
        let mut caller = self.provider.caller(wanted, limit);
        let begun = Instant::now();
        let mut timer = pin!(sleep(Duration::ZERO));
        poll_fn(|context| {
            loop {
                match caller.turn(begun.elapsed(), context.waker()) {
                    Turn::Done(result) => return Poll::Ready(result),
                    Turn::Start(job, place) => self.driver.start(job, place),
                    Turn::Wait(time) => {
                        timer.as_mut().reset(Instant::now() + time.min(DAY));
                        ready!(timer.as_mut().poll(context));
                    }
                }
            }
        })
        .await
    }

    /// The token that is held, if it can be used now. Asks nothing, and starts nothing.
    pub fn current(&self) -> Option<AccessToken> {
        self.provider.current()
    }

    /// Reports that an API call was refused because of this token
    /// ([`token_rejected`](pan123_token::token_rejected)). The next calls of [`token()`](Self::token) see to it that it is
    /// replaced, as soon as that is allowed; the answer says when.
    ///
    /// May be called often, and for a token that isn't the current one any more. [`send`](Self::send) calls it by itself.
    pub fn reject(&self, token: &AccessToken) -> Rejection {
        self.provider.reject(token)
    }

    /// Waits until what is under way is done and saved, and every event is delivered; false where that takes longer than
    /// this. For a program that is about to end.
    pub async fn flush(&self, limit: Duration) -> bool {
        let mut flush = self.provider.flush();
        let done = poll_fn(|context| {
            if flush.is_done(context.waker()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        timeout(limit, done).await.is_ok()
    }

    /// From now on, API calls may carry the token to this server, too. All clones of this provider see it at once.
    ///
    /// For an upload host that the API has named: compare it with a list of your own first. A name alone that stands in a
    /// reply is no reason to send it the token.
    pub fn allow_origin(&self, base_url: &BaseUrl) {
        self.provider.allow_origin(base_url);
    }

    /// Where API calls may carry the token now.
    pub fn origins(&self) -> Origins {
        self.provider.origins()
    }
}

impl fmt::Debug for TokenProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its own `Debug` shows no secret.
        f.debug_tuple("TokenProvider")
            .field(&self.provider)
            .finish()
    }
}
