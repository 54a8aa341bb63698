//! What a client's errors mean for the exchange.

use std::error::Error;
use std::io;

use pan123_token::{FetchError, GetAccessToken};
use pan123_token_provider::{causes, is_tls_refusal};

/// Sorts an error that came before the reply's head by how far the exchange got. Where the client doesn't say so, the
/// request may have been sent.
pub(crate) fn fetch_error(operation: &GetAccessToken, error: &(dyn Error + 'static)) -> FetchError {
    let cause = operation.cause(error);
    if is_tls_refusal(error) {
        FetchError::Tls(cause)
    } else if !is_connect(error) {
        FetchError::Body(cause)
    } else if causes(error).any(is_tls) {
        FetchError::Tls(cause)
    } else {
        FetchError::Connect(cause)
    }
}

fn is_tls(error: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "rustls-no-provider")]
    if error.is::<rustls::Error>() {
        return true;
    }
    // What rustls reports, of a certificate that isn't trusted among others, comes as this.
    io_kind(error) == Some(io::ErrorKind::InvalidData)
}

/// Whether there was no connection, so that nothing was sent.
fn is_connect(error: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "rustls-no-provider")]
    {
        // hyper's own client knows; what caused its error may look like this on a connection that stands, too.
        let known = causes(error)
            .find_map(|error| error.downcast_ref::<hyper_util::client::legacy::Error>());
        if let Some(error) = known {
            return error.is_connect();
        }
    }
    let refused = [
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::AddrNotAvailable,
    ];
    causes(error)
        .filter_map(io_kind)
        .any(|kind| refused.contains(&kind))
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    error.downcast_ref::<io::Error>().map(io::Error::kind)
}
