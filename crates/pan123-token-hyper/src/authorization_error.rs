//! Why an API call brought no reply.

use std::error::Error;
use std::fmt;

use pan123_token_cache::TokenError;
use pan123_token_provider::ErrorLine;

use crate::service::BoxError;

/// Why an API call brought no reply. `Display` is one line that says it all; `source()` leads to every cause. Examples are with
/// [`TokenProvider::call`](crate::TokenProvider::call) and [`AuthorizationLayer`](crate::AuthorizationLayer).
#[derive(Debug)]
pub enum AuthorizationError {
    /// There was no token, so nothing was sent.
    Token(TokenError),
    /// The service underneath failed, with this.
    Service(BoxError),
}

impl AuthorizationError {
    pub(crate) fn service(error: impl Into<BoxError>) -> Self {
        Self::Service(error.into())
    }
}

impl fmt::Display for AuthorizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => write!(f, "no access token for the call: {error}"),
            Self::Service(error) => ErrorLine(&**error).fmt(f),
        }
    }
}

impl Error for AuthorizationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            Self::Service(error) => Some(&**error),
        }
    }
}
