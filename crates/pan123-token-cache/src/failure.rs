//! Why a renewal brought nothing.

use std::fmt;
use std::time::Duration;

use pan123_token::{AccessToken, Cause, ErrorKind, FetchError};

/// A renewal that brought no token that can be used. Cheap to clone: each caller that waited for it gets it.
///
/// An example is with [`TokenError`](crate::TokenError).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The exchange failed, or its reply was no grant.
    Fetch(FetchError),
    /// The token that came had already expired on issue. Here it is, for a caller who knows this host's clock to be wrong.
    IssuedExpired(AccessToken),
    /// The token that came is the one held, with no later expiry.
    Unchanged,
    /// The exchange was dropped or superseded before it was reported.
    Dropped,
    /// The exchange could not be started, for this reason. Nothing was sent.
    NotSent(Cause),
}

impl Failure {
    /// Whether the platform may have issued a token all the same: then another attempt may take one of the 3 offline.
    pub fn may_have_issued(&self) -> bool {
        match self {
            Self::Fetch(error) => error.may_have_issued(),
            Self::Unchanged | Self::NotSent(_) => false,
            Self::IssuedExpired(_) | Self::Dropped => true,
        }
    }

    /// Whether another attempt may well succeed by itself.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_retryable(),
            // A clock is to be set right.
            Self::IssuedExpired(_) => false,
            Self::Unchanged | Self::Dropped | Self::NotSent(_) => true,
        }
    }

    /// How long the server asks to wait, where it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Fetch(error) => error.retry_after(),
            _ => None,
        }
    }

    /// The kind in snake case: that of the [`FetchError`], or `issued_expired`, `unchanged`, `dropped` or `not_sent`. Stable.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.kind(),
            Self::IssuedExpired(_) => "issued_expired",
            Self::Unchanged => "unchanged",
            Self::Dropped => "dropped",
            Self::NotSent(_) => "not_sent",
        }
    }

    pub(crate) fn is_rate_limited(&self) -> bool {
        self.replys_kind() == Some(ErrorKind::RateLimited)
    }

    /// Whether another attempt soon can't be expected to do better.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::IssuedExpired(_)) || self.replys_kind() == Some(ErrorKind::Refused)
    }

    fn replys_kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Fetch(error) => error.response().map(pan123_token::ResponseError::kind),
            _ => None,
        }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::IssuedExpired(_) => f.write_str(
                "the platform sent a token that has already expired; check this host's clock",
            ),
            Self::Unchanged => {
                f.write_str("the platform sent the same token again; try again later")
            }
            Self::Dropped => {
                f.write_str("the renewal was dropped before it ended; try again later")
            }
            Self::NotSent(why) => write!(f, "the renewal could not be started: {why}"),
        }
    }
}

/// `Display` says the failure itself; `source()` is what lies behind it, an [`io::Error`](std::io::Error) where there is one.
impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fetch(error) => error.source(),
            _ => None,
        }
    }
}
