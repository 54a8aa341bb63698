//! How an exchange failed, for the adapters that carry it out.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::redactor::Redactor;
use crate::server_text::one_line;
use crate::{ErrorKind, ResponseError};

/// Why an exchange brought no token: it wasn't completed, or the reply was no grant.
///
/// ```
/// use std::io;
/// use pan123_token::{Credentials, FetchError, GetAccessToken};
///
/// let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
/// // What an HTTP client may have failed with.
/// let refused = io::Error::other("connection refused");
/// let error = FetchError::Connect(operation.cause(&refused));
/// assert_eq!(error.kind(), "connect");
/// // Nothing was sent, so another attempt costs no token.
/// assert!(error.is_retryable() && !error.may_have_issued());
/// # Ok::<(), pan123_token::CredentialsError>(())
/// ```
///
/// One type for every adapter, so that a program can change its HTTP client without changing its error handling. Cheap to
/// clone, since every caller that waited for the same exchange gets it. `Display` is one line that says it all.
///
/// `source()` is there for programs that look for an [`io::Error`] in the chain, to see its kind or the system's number of
/// it; see [`Cause`]. Its text stands in `Display` already.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection: the name didn't resolve, the port refused, a proxy wouldn't. Nothing was sent.
    Connect(Cause),
    /// TLS failed, by a certificate that isn't trusted, say, or because the server wants one of the client. The platform
    /// didn't get the request.
    ///
    /// Some clients don't distinguish it; then it comes as [`Connect`](Self::Connect).
    Tls(Cause),
    /// The exchange took longer than this. The request may have reached the server.
    Timeout(Duration),
    /// The connection was lost after the request may have been sent, before the reply was whole, or what came was no
    /// HTTP.
    Body(Cause),
    /// The HTTP client panicked, with this. The request may have been sent.
    Panicked(Cause),
    /// A whole reply came, and it is no grant.
    Response(ResponseError),
}

impl FetchError {
    /// Whether the same request may well succeed later. A TLS failure doesn't heal by itself.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Timeout(_) | Self::Body(_) | Self::Panicked(_) => true,
            Self::Tls(_) => false,
            Self::Response(error) => error.is_retryable(),
        }
    }

    /// Whether the platform may have issued a token all the same: the reply was lost, or can't be used. Asking again then
    /// may cost a second one of the 3 that are alive at once.
    pub fn may_have_issued(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Tls(_) => false,
            Self::Timeout(_) | Self::Body(_) | Self::Panicked(_) => true,
            // It went well, and came out under another status.
            Self::Response(error) if error.code() == Some(0) => true,
            Self::Response(error) => match error.kind() {
                ErrorKind::RateLimited | ErrorKind::Refused => false,
                // The gateway gave up; what is behind it may not have.
                ErrorKind::Unavailable => matches!(error.status().as_u16(), 502 | 504),
                ErrorKind::TooLarge | ErrorKind::Malformed | ErrorKind::NotApi => {
                    error.status().is_success()
                }
            },
        }
    }

    /// How long the server asks to wait, where it answered and gave a time; at most 1 hour.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Response(error) => error.retry_after(),
            _ => None,
        }
    }

    /// What the reply said, where a whole one came.
    pub fn response(&self) -> Option<&ResponseError> {
        match self {
            Self::Response(error) => Some(error),
            _ => None,
        }
    }

    /// The kind in snake case: `connect`, `tls`, `timeout`, `body`, `internal` (a panic), or the reply's
    /// [`ErrorKind`](crate::ErrorKind::as_str). Stable.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Timeout(_) => "timeout",
            Self::Body(_) => "body",
            Self::Panicked(_) => "internal",
            Self::Response(error) => error.kind().as_str(),
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(cause) => write!(
                f,
                "no connection: {cause}; check the network, the base URL and any proxy"
            ),
            Self::Tls(cause) => write!(f, "TLS failed: {cause}; {}", tls_advice(cause)),
            Self::Timeout(limit) => write!(
                f,
                "no whole reply within {limit:?}; try again later, or allow more time"
            ),
            Self::Body(cause) => write!(
                f,
                "no whole reply: {cause}; try again later, or check the base URL"
            ),
            Self::Panicked(cause) => write!(
                f,
                "the HTTP client panicked: {cause}; mend the client, or how it is set up"
            ),
            Self::Response(error) => error.fmt(f),
        }
    }
}

/// What to do about it, by the words of rustls, or else of OpenSSL.
fn tls_advice(cause: &Cause) -> &'static str {
    let advice = [
        (
            ["CertificateRequired", "certificate required"],
            "the server demands a client certificate: bring a client that has one",
        ),
        (
            ["certificate expired", "certificate has expired"],
            "the server's certificate has expired, or the clock of this host is wrong",
        ),
        (
            ["not valid for name", "ostname mismatch"],
            "the server's certificate is for another host: check the base URL and any proxy",
        ),
        (
            ["CaUsedAsEndEntity", "self-signed certificate"],
            "the server's certificate is self-signed: check the base URL and any proxy, or trust it",
        ),
        (
            ["UnknownIssuer", "unable to get local issuer"],
            "the server's certificate is self-signed, or its CA isn't trusted here: check the base URL and any proxy, or trust that CA",
        ),
    ];
    let said = |words: &[&str; 2]| words.iter().any(|words| cause.0.text.contains(words));
    let found = advice.iter().find(|(words, _)| said(words));
    found.map_or(
        "check the base URL, any proxy and the trusted certificates",
        |(_, advice)| advice,
    )
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect(cause) | Self::Tls(cause) | Self::Body(cause) => {
                let io = cause.0.io.as_ref()?;
                Some(io)
            }
            Self::Timeout(_) | Self::Panicked(_) | Self::Response(_) => None,
        }
    }
}

impl From<ResponseError> for FetchError {
    fn from(error: ResponseError) -> Self {
        Self::Response(error)
    }
}

/// What an HTTP client says of its failure: its error and that error's sources in one line, without repetition, at most
/// 300 printable characters.
///
/// The client's own error isn't kept: it may hold the request, and so the client secret, in any form (the `Debug` of an
/// [`http::Request`] prints the body's bytes as numbers), where no redaction finds it. What is kept beside the text is the
/// innermost [`io::Error`], made anew of its kind, the system's number and its redacted text.
///
/// From [`GetAccessToken::cause`](crate::GetAccessToken::cause); an example is with [`FetchError`].
#[derive(Clone)]
pub struct Cause(Arc<Inner>);

struct Inner {
    text: String,
    io: Option<io::Error>,
}

impl Cause {
    const MAX_CHARS: usize = 300;

    pub(crate) fn redacted(error: &(dyn Error + 'static), redactor: &Redactor<'_>) -> Self {
        let show = |text: &str| redactor.show(text, Self::MAX_CHARS);
        Self(Arc::new(Inner {
            text: show(&chain_text(error)),
            io: innermost_io_error(error).map(|error| made_anew(error, show)),
        }))
    }
}

fn innermost_io_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        found = io.or(found);
        // `source()` of an I/O error skips the error inside.
        let inside = io.and_then(io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside as &'a (dyn Error + 'static)),
            None => error.source(),
        };
    }
    found
}

fn made_anew(error: &io::Error, show: impl Fn(&str) -> String) -> io::Error {
    match (error.raw_os_error(), error.get_ref()) {
        (Some(number), _) => io::Error::from_raw_os_error(number),
        (None, Some(inside)) => io::Error::new(error.kind(), show(&inside.to_string())),
        (None, None) => error.kind().into(),
    }
}

/// The error's text and that of all its sources.
fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        // Many errors say their source's text themselves.
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}

/// Makes one printable line of it. For a text that can't hold a secret; for a client's error there is
/// [`GetAccessToken::cause`](crate::GetAccessToken::cause).
impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        Self(Arc::new(Inner {
            text: one_line(text, Self::MAX_CHARS),
            io: None,
        }))
    }
}

/// Equal where they say the same.
impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Cause {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.text, f)
    }
}
