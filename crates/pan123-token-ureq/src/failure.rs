//! What ureq's errors mean for the exchange.

use std::time::Duration;

use pan123_token::{FetchError, GetAccessToken};
use pan123_token_provider::is_tls_refusal;
use ureq::{Error, Timeout};

/// Sorts an error by how far the exchange got. `sent` says whether any of the request's body may have been sent: without it
/// the platform can't have issued a token.
pub(crate) fn fetch_error(
    operation: &GetAccessToken,
    error: Error,
    sent: bool,
    timeout: Duration,
    elapsed: Duration,
) -> FetchError {
    // For an I/O error without ureq's `io: ` before it.
    let cause = |error: Error| operation.cause(&error.into_io());
    match error {
        Error::Timeout(Timeout::Global) => FetchError::Timeout(timeout),
        // A bound of the agent's own.
        Error::Timeout(_) if sent => FetchError::Timeout(elapsed),
        error if is_tls_refusal(&error) => FetchError::Tls(cause(error)),
        error if sent => FetchError::Body(cause(error)),
        error if is_tls(&error) => FetchError::Tls(cause(error)),
        error => FetchError::Connect(cause(error)),
    }
}

fn is_tls(error: &Error) -> bool {
    match error {
        Error::Tls(_) | Error::TlsRequired => true,
        #[cfg(feature = "rustls-no-provider")]
        Error::Rustls(_) | Error::Pem(_) => true,
        // What rustls reports while it shakes hands, of a certificate that isn't trusted among others, comes as this. So
        // does a SOCKS proxy that talks nonsense.
        #[cfg(feature = "rustls-no-provider")]
        Error::Io(error) => {
            let inner = error.get_ref();
            inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
        }
        #[cfg(not(feature = "rustls-no-provider"))]
        Error::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}
