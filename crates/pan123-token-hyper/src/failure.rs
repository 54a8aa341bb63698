//! What a client's errors mean for the exchange.

use std::error::Error;
use std::io;

use pan123_token::{Cause, FetchError};

/// Sorts by how far the request got. Where the client doesn't say so, the request may have been sent.
pub(crate) fn fetch_error(error: &(dyn Error + 'static)) -> FetchError {
    let cause = Cause::new(error);
    if !chain(error).any(is_connect) {
        FetchError::Body(cause)
    } else if chain(error).any(is_tls) {
        FetchError::Tls(cause)
    } else {
        FetchError::Connect(cause)
    }
}

/// The error and all that it was caused by.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            // `source()` of an I/O error passes over the error inside.
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn is_tls(error: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "rustls")]
    if error.is::<rustls::Error>() {
        return true;
    }
    // What rustls reports, of a certificate that isn't trusted among others, comes as this.
    io_kind(error) == Some(io::ErrorKind::InvalidData)
}

fn is_connect(error: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "rustls")]
    if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
        return error.is_connect();
    }
    matches!(
        io_kind(error),
        Some(
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::AddrNotAvailable
        )
    )
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    error.downcast_ref::<io::Error>().map(io::Error::kind)
}
