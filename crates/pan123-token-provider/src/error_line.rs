//! A client's error with all that it was caused by.

use std::error::Error;
use std::fmt;
use std::io;
use std::iter::successors;

/// The error and all that it was caused by.
///
/// An example is with [`ErrorLine`].
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| {
        let io = error.downcast_ref::<io::Error>();
        match io.and_then(io::Error::get_ref) {
            // `source()` of an I/O error passes over the error inside.
            Some(inside) => Some(inside as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// An error and its causes in one line, each said once: many errors say their cause's text themselves.
///
/// ```
/// use std::io;
/// use pan123_token_provider::{ErrorLine, causes};
///
/// let error = io::Error::other(io::Error::from(io::ErrorKind::ConnectionReset));
/// assert_eq!(causes(&error).count(), 2);
/// assert_eq!(ErrorLine(&error).to_string(), "connection reset");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ErrorLine<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for ErrorLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        for error in causes(self.0) {
            let text = error.to_string();
            if line.is_empty() {
                line = text;
            } else if !line.contains(&text) {
                line = format!("{line}: {text}");
            }
        }
        f.write_str(&line)
    }
}

/// Whether TLS failed on the other side, while the connection was made: it doesn't take this client's certificate, or misses
/// one. With TLS 1.3 that comes when the request may be on its way already, and then nothing looks at that.
///
/// By the alert that rustls and OpenSSL name in their errors' texts, so that no version of either is needed for it.
///
/// ```
/// use std::io;
/// use pan123_token_provider::is_tls_refusal;
///
/// assert!(is_tls_refusal(&io::Error::other("received fatal alert: CertificateRequired")));
/// assert!(!is_tls_refusal(&io::Error::other("connection refused")));
/// ```
pub fn is_tls_refusal(error: &(dyn Error + 'static)) -> bool {
    const ALERTS: [&str; 9] = [
        "certificaterequired",
        "badcertificate",
        "unsupportedcertificate",
        "certificaterevoked",
        "certificateexpired",
        "certificateunknown",
        "unknownca",
        "accessdenied",
        "handshakefailure",
    ];
    causes(error).any(|error| {
        let text = error.to_string().to_ascii_lowercase().replace(' ', "");
        let alert = text.split_once("alert");
        alert.is_some_and(|(_, name)| ALERTS.iter().any(|it| name.contains(it)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_alert() {
        for (text, refused) in [
            ("received fatal alert: CertificateRequired", true),
            (
                "error:0A00045C:SSL routines::tlsv13 alert certificate required",
                true,
            ),
            ("received fatal alert: UnknownCA", true),
            // The request may have been read by then.
            ("received fatal alert: InternalError", false),
            ("cannot decrypt peer's message", false),
            ("handshake failure", false),
        ] {
            let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, text));
            assert_eq!(is_tls_refusal(&error), refused, "{text}");
        }
    }

    #[test]
    fn a_line_says_each_cause_once() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let error = io::Error::other(reset);
        assert_eq!(ErrorLine(&error).to_string(), "connection reset");
    }
}
