//! The provider, as its users see it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pan123_token::{AccessToken, BaseUrl, Credentials, Origins};
use pan123_token_cache::{Rejection, TokenError};

use crate::builder::TokenProviderBuilder;
use crate::shared::Shared;

/// Keeps an access token, and renews it in time. Clones share it; they are cheap.
///
/// A token is fetched when somebody first asks for one, and renewed when somebody asks in the last part of its life; no
/// thread stands by. Fetching and renewing happens on a thread of its own, one at a time, which ends with the result. So a
/// caller who gives up waiting takes nothing from the others.
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
    /// Begins to make one, for the platform's official address and with the default policy.
    pub fn builder(credentials: Credentials) -> TokenProviderBuilder {
        TokenProviderBuilder::new(credentials)
    }

    /// For tests: hands out this token always, and never another. Its one origin is the official one.
    pub fn fixed(token: AccessToken) -> Self {
        Self {
            source: Source::Fixed(token),
            origins: Origins::of(&BaseUrl::default()),
            timeout: Duration::ZERO,
        }
    }

    /// A token that can be used now.
    ///
    /// A token at hand is returned at once; if its renewal is due, that is started beside it. Without one, the caller waits
    /// for the flight that fetches one, with all others, and shares its result. The whole takes at most the
    /// [timeout](TokenProviderBuilder::timeout), 30 seconds unless set.
    ///
    /// # Errors
    ///
    /// Why there is no token. After a failure, callers get it at once, until the time of the
    /// [next attempt](TokenError::next_attempt).
    pub fn token(&self) -> Result<AccessToken, TokenError> {
        self.token_within(self.timeout)
    }

    /// The same, with a limit of this caller's own. It gives up waiting, nothing else: what is under way goes on, and its
    /// result is kept.
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token); [`TokenError::TimedOut`] when the limit is reached.
    pub fn token_within(&self, limit: Duration) -> Result<AccessToken, TokenError> {
        match &self.source {
            Source::Live(shared) => shared.token(limit),
            Source::Fixed(token) => Ok(token.clone()),
        }
    }

    /// Another token than the one at hand, though that may be fresh: a newer one from the store, or else a renewal. Others
    /// are served the one at hand meanwhile. A provider that holds none yet wants another than the stored one.
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token), within its time: also while the one at hand is still good.
    pub fn refresh(&self) -> Result<AccessToken, TokenError> {
        match &self.source {
            Source::Live(shared) => shared.refresh(self.timeout),
            Source::Fixed(token) => Ok(token.clone()),
        }
    }

    /// The token at hand, if it can be used now. Asks nobody and starts nothing.
    pub fn current(&self) -> Option<AccessToken> {
        match &self.source {
            Source::Live(shared) => shared.current(),
            Source::Fixed(token) => Some(token.clone()),
        }
    }

    /// Reports that a business call was refused with this token ([`token_rejected`](crate::token_rejected)). Asks nobody;
    /// whoever needs a token next starts what is to be done about it.
    pub fn reject(&self, token: &AccessToken) -> Rejection {
        match &self.source {
            Source::Live(shared) => shared.reject(token),
            Source::Fixed(fixed) if fixed.secret() == token.secret() => Rejection::Suspect {
                replaceable_in: Duration::MAX,
            },
            Source::Fixed(_) => Rejection::NotCurrent,
        }
    }

    /// Where business calls may carry the token.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Waits until nothing is under way any more: for a process that is about to end, and that would take a token with it
    /// which is yet to be saved. False where that takes longer than this.
    pub fn settle(&self, limit: Duration) -> bool {
        match &self.source {
            Source::Live(shared) => shared.settle(limit),
            Source::Fixed(_) => true,
        }
    }
}

impl fmt::Debug for TokenProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenProvider")
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}
