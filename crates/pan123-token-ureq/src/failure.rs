//! What ureq's errors mean for the exchange.

use std::io;
use std::time::{Duration, Instant};

use pan123_token::{Cause, FetchError};
use ureq::{Error, Timeout};

/// Sorts by how far the request got. ureq doesn't say so; where it can't be told, the request may have been sent.
pub(crate) fn fetch_error(error: Error, timeout: Duration, started: Instant) -> FetchError {
    match error {
        Error::Timeout(Timeout::Global) => FetchError::Timeout(timeout),
        // A bound of the agent's own.
        Error::Timeout(_) => FetchError::Timeout(started.elapsed().min(timeout)),
        Error::Io(error) => io_error(&error),
        Error::Tls(_) | Error::TlsRequired => FetchError::Tls(Cause::new(&error)),
        #[cfg(feature = "rustls")]
        Error::Rustls(_) | Error::Pem(_) => FetchError::Tls(Cause::new(&error)),
        Error::HostNotFound
        | Error::ConnectionFailed
        | Error::ConnectProxyFailed(_)
        | Error::InvalidProxyUrl
        | Error::BadUri(_)
        | Error::RequireHttpsOnly(_) => FetchError::Connect(Cause::new(&error)),
        error => FetchError::Body(Cause::new(&error)),
    }
}

fn io_error(error: &io::Error) -> FetchError {
    let cause = Cause::new(error);
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => FetchError::Connect(cause),
        // What rustls reports, of a certificate that isn't trusted among others, comes as this.
        io::ErrorKind::InvalidData => FetchError::Tls(cause),
        _ => FetchError::Body(cause),
    }
}
