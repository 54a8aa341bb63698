//! Why there is no token to hand out.

use std::fmt;
use std::time::Duration;

use crate::failure::Failure;
use crate::moment::Seconds;
use crate::store::StoreError;

/// Why a caller gets no token. Cheap to clone: each caller that asked gets it. `Display` is one line that says it all.
///
/// ```
/// use std::time::Duration;
///
/// use pan123_token::FetchError;
/// use pan123_token_cache::{Failure, TokenError};
///
/// let error = TokenError::Renewal {
///     failure: Failure::Fetch(FetchError::Timeout(Duration::from_secs(30))),
///     next_attempt: Duration::from_secs(2),
/// };
/// assert!(error.is_retryable());
/// assert_eq!(error.next_attempt(), Some(Duration::from_secs(2)));
/// assert_eq!(error.failure().map(Failure::kind), Some("timeout"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// The last renewal brought nothing, and it is too early for another.
    Renewal {
        /// What happened.
        failure: Failure,
        /// How long until another is attempted, from when this was returned.
        next_attempt: Duration,
    },
    /// The platform asked another cache on the same store to wait.
    RateLimited {
        /// How long until a renewal is attempted, from when this was returned.
        next_attempt: Duration,
    },
    /// Earlier attempts of this cache or of others may each have cost a token. Another one could take the token that the
    /// fleet uses offline, so none is made yet.
    HeldBack {
        /// How long until a renewal is attempted, from when this was returned.
        next_attempt: Duration,
    },
    /// The store failed and isn't bypassed: it is misconfigured, or the policy never goes without it.
    Store {
        /// How it failed.
        error: StoreError,
        /// How long until it is tried again, from when this was returned.
        next_attempt: Duration,
    },
    /// Nothing was decided within this time. What is under way goes on.
    TimedOut(Duration),
}

impl TokenError {
    /// What the last renewal failed with, where that is the reason.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Renewal { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// Whether asking again later may well bring a token by itself.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Renewal { failure, .. } => failure.is_retryable(),
            Self::Store { error, .. } => !error.is_misconfigured(),
            _ => true,
        }
    }

    /// How long the platform asked to wait, where it said so; from its answer on, or from when the store passed it on.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { next_attempt } => Some(*next_attempt),
            _ => self.failure()?.retry_after(),
        }
    }

    /// How long until another renewal is attempted: a caller that asks earlier gets the same error. From when this was
    /// returned.
    pub fn next_attempt(&self) -> Option<Duration> {
        match self {
            Self::Renewal { next_attempt, .. }
            | Self::RateLimited { next_attempt }
            | Self::HeldBack { next_attempt }
            | Self::Store { next_attempt, .. } => Some(*next_attempt),
            Self::TimedOut(_) => None,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renewal {
                failure,
                next_attempt,
            } => write!(f, "{failure} (next attempt in {})", Seconds(*next_attempt)),
            Self::RateLimited { next_attempt } => write!(
                f,
                "another process was rate limited; try again in {}",
                Seconds(*next_attempt)
            ),
            Self::HeldBack { next_attempt } => write!(
                f,
                "no renewal yet: earlier attempts may each have cost a token (next attempt in {})",
                Seconds(*next_attempt)
            ),
            Self::Store {
                error,
                next_attempt,
            } => write!(
                f,
                "the token store failed: {error} (next attempt in {})",
                Seconds(*next_attempt)
            ),
            Self::TimedOut(waited) => write!(
                f,
                "no token within {}; try again later, or allow more time",
                Seconds(*waited)
            ),
        }
    }
}

/// `Display` says the failure as well; `source()` is what lies behind that, an [`io::Error`](std::io::Error) where there is one.
impl std::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failure()?.source()
    }
}
