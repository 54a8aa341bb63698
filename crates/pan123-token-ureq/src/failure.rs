//! What ureq's errors mean for the exchange.

use std::io;
use std::time::Duration;

use pan123_token::{Cause, FetchError};
use ureq::{Error, Timeout};

/// `sent` tells whether any of the request's body may have left: without it the platform can't have issued a token.
pub(crate) fn fetch_error(
    error: Error,
    sent: bool,
    timeout: Duration,
    elapsed: Duration,
) -> FetchError {
    match error {
        Error::Timeout(Timeout::Global) => FetchError::Timeout(timeout),
        // A bound of the agent's own.
        Error::Timeout(_) => FetchError::Timeout(elapsed),
        error if sent => FetchError::Body(cause(error)),
        error if is_tls(&error) => FetchError::Tls(cause(error)),
        error => FetchError::Connect(cause(error)),
    }
}

fn is_tls(error: &Error) -> bool {
    match error {
        Error::Tls(_) | Error::TlsRequired => true,
        #[cfg(feature = "rustls")]
        Error::Rustls(_) | Error::Pem(_) => true,
        // What rustls reports while it shakes hands, of a certificate that isn't trusted among others, comes as this.
        Error::Io(error) => error.kind() == io::ErrorKind::InvalidData,
        _ => false,
    }
}

fn cause(error: Error) -> Cause {
    // For an I/O error without ureq's `io: ` before it.
    Cause::new(&error.into_io())
}
