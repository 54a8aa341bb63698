//! The access token, kept and renewed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pan123_token::{AccessToken, BaseUrl, Credentials, Origins};
use pan123_token_cache::{Rejection, TokenError};

use crate::builder::TokenProviderBuilder;
use crate::runtime;
use crate::shared::Shared;

/// Hands out the access token, and sees to it that there is one: fetched when it is first asked for, renewed in time,
/// replaced when it was rejected. Cheap to clone; clones share the token.
///
/// ```no_run
/// # #[cfg(feature = "rustls")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use pan123_token_hyper::{Credentials, TokenProvider};
///
/// let credentials = Credentials::new("my-client-id", "my-client-secret")?;
/// let provider = TokenProvider::builder(credentials).build()?;
/// let token = provider.token().await?;
/// println!("good until {}", token.expires_at());
/// # Ok(())
/// # }
/// ```
///
/// Nothing stands by in the background: whoever asks for a token when one is due starts its renewal, as a task of its own,
/// one at a time. So the `async` methods need a tokio runtime with its timer on; the others need none. Callers may sit on
/// different runtimes.
#[derive(Clone)]
pub struct TokenProvider {
    pub(crate) source: Source,
    pub(crate) origins: Origins,
    pub(crate) timeout: Duration,
}

#[derive(Clone)]
pub(crate) enum Source {
    Live(Arc<Shared>),
    Fixed(AccessToken),
}

impl TokenProvider {
    /// Begins to make one.
    pub fn builder(credentials: Credentials) -> TokenProviderBuilder {
        TokenProviderBuilder::new(credentials)
    }

    /// For tests: hands out this token whenever it is asked, and never another. Its one origin is the official one.
    pub fn fixed(token: AccessToken) -> Self {
        Self {
            source: Source::Fixed(token),
            origins: Origins::of(&BaseUrl::default()),
            timeout: Duration::ZERO,
        }
    }

    /// A token that can be used now.
    ///
    /// One that is at hand is handed out at once, also while it is being renewed or its renewal fails. Without one,
    /// callers wait for the renewal and share its result, a failure included; until the next attempt is due, the same
    /// failure is everyone's answer at once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future costs nothing: the renewal is a task of its own, and its result is kept.
    ///
    /// # Errors
    ///
    /// When the last renewal failed and it is too early for another, or when all of this took longer than the
    /// [timeout](TokenProviderBuilder::timeout).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, unless there is a token at hand that is not due.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        match self.fresh() {
            Some(token) => Ok(token),
            None => Box::pin(self.wait(self.timeout)).await,
        }
    }

    /// As [`token()`](Self::token), but gives up waiting after this time. What is under way goes on.
    pub async fn token_within(&self, patience: Duration) -> Result<AccessToken, TokenError> {
        match self.fresh() {
            Some(token) => Ok(token),
            None => Box::pin(self.wait(patience)).await,
        }
    }

    /// Asked first, without a timer or a large future, which would cost more than all the rest.
    fn fresh(&self) -> Option<AccessToken> {
        match &self.source {
            Source::Live(shared) => shared.fresh(),
            Source::Fixed(token) => Some(token.clone()),
        }
    }

    async fn wait(&self, patience: Duration) -> Result<AccessToken, TokenError> {
        match &self.source {
            Source::Live(shared) => runtime::timeout(patience, shared.token())
                .await
                .unwrap_or(Err(TokenError::TimedOut(patience))),
            Source::Fixed(token) => Ok(token.clone()),
        }
    }

    /// Another token than the one at hand, though that may be fresh: a newer one from the store, or else a renewal. Others
    /// are served the one at hand meanwhile. A provider that holds none yet wants another than the stored one.
    ///
    /// # Cancel safety
    ///
    /// As [`token()`](Self::token): what is under way goes on, and another token stays wanted.
    ///
    /// # Errors
    ///
    /// As [`token()`](Self::token), within its time: also while the one at hand is still good.
    pub async fn refresh(&self) -> Result<AccessToken, TokenError> {
        match &self.source {
            Source::Live(shared) => runtime::timeout(self.timeout, shared.refresh())
                .await
                .unwrap_or(Err(TokenError::TimedOut(self.timeout))),
            Source::Fixed(token) => Ok(token.clone()),
        }
    }

    /// The token that is at hand, if it can be used now. Asks nobody, and starts nothing.
    pub fn current(&self) -> Option<AccessToken> {
        match &self.source {
            Source::Live(shared) => shared.current(),
            Source::Fixed(token) => Some(token.clone()),
        }
    }

    /// Reports that a business call was refused because of this token
    /// ([`token_rejected`](pan123_token::token_rejected)). The next calls of [`token()`](Self::token) see to it that it is
    /// replaced, as soon as that is allowed; the answer says when.
    ///
    /// May be called often, and for a token that isn't at hand any more.
    pub fn reject(&self, token: &AccessToken) -> Rejection {
        match &self.source {
            Source::Live(shared) => shared.reject(token),
            Source::Fixed(fixed) if fixed.secret() == token.secret() => Rejection::Suspect {
                replaceable_in: Duration::MAX,
            },
            Source::Fixed(_) => Rejection::NotCurrent,
        }
    }

    /// Waits until nothing is under way any more; false where that takes longer than this. For a program that is about to
    /// end, and would take a token with it that isn't in the store yet.
    pub async fn settle(&self, patience: Duration) -> bool {
        match &self.source {
            Source::Live(shared) => runtime::timeout(patience, shared.settle()).await.is_ok(),
            Source::Fixed(_) => true,
        }
    }

    /// The token after one that was rejected.
    pub(crate) async fn replacement(&self, rejected: &AccessToken) -> Option<AccessToken> {
        let token = self.token().await.ok()?;
        if token.secret() != rejected.secret() {
            return Some(token);
        }
        // The store may be asked for a newer one right now.
        self.settle(self.timeout).await;
        self.current()
    }

    /// Where business calls may carry the token.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }
}

impl fmt::Debug for TokenProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TokenProvider");
        match &self.source {
            Source::Live(shared) => debug.field("operation", &shared.means.operation),
            Source::Fixed(token) => debug.field("fixed", token),
        };
        debug.field("origins", &self.origins);
        debug.finish_non_exhaustive()
    }
}
