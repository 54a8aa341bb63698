//! Why an API call brought no reply.

use std::error::Error;
use std::fmt;
use std::io;

use pan123_token_cache::TokenError;

/// Why an API call brought no reply. `Display` is one line that says it all. An example is with
/// [`TokenProvider::call`](crate::TokenProvider::call).
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// There is no token for it, so it wasn't sent.
    Token(TokenError),
    /// The agent failed: no connection, or no reply in time ([`TimedOut`](io::ErrorKind::TimedOut)). The call may have
    /// reached the server. What is no error of the operating system's holds the agent's own
    /// ([`get_ref`](io::Error::get_ref)).
    Http(io::Error),
}

impl CallError {
    pub(crate) fn of(error: ureq::Error) -> Self {
        match error {
            // That of a provider that is a middleware of the agent.
            ureq::Error::Other(cause) => match cause.downcast::<TokenError>() {
                Ok(error) => Self::Token(*error),
                Err(cause) => Self::Http(io::Error::other(cause)),
            },
            ureq::Error::Timeout(_) => Self::Http(io::Error::new(io::ErrorKind::TimedOut, error)),
            error => Self::Http(error.into_io()),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => write!(f, "no access token for the call: {error}"),
            Self::Http(error) => write!(f, "the API call failed: {error}"),
        }
    }
}

/// An I/O error is found along `source()`, to see its kind; its text stands in `Display` already.
impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            Self::Http(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_ours_is_not_shown_as_something_other_of_the_agents() {
        // A provider that is a middleware of the agent has no token.
        let ours = TokenError::TimedOut(Duration::from_secs(1));
        let error = CallError::of(ureq::Error::Other(Box::new(ours.clone())));
        let line = format!("no access token for the call: {ours}");
        assert_eq!(error.to_string(), line);
        assert!(matches!(error, CallError::Token(it) if it == ours));

        let error = CallError::of(ureq::Error::Other("another middleware's".into()));
        assert_eq!(
            error.to_string(),
            "the API call failed: another middleware's"
        );
    }

    #[test]
    fn an_io_error_is_found_in_the_chain() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = CallError::of(ureq::Error::Io(refused));
        let source: &io::Error = error.source().unwrap().downcast_ref().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
    }
}
