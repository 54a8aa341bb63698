//! Why a reply brought no token.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// A reply that brought no token: what happened, the platform's own words, and what to do.
///
/// ```
/// use pan123_token::ErrorKind;
/// # use pan123_token::{Credentials, GetAccessToken};
/// # let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
///
/// let reply = r#"{"code":1,"message":"internal error","data":null,"x-traceID":"16f60c4d_kong-db"}"#;
/// let error = operation.parse_response(&http::Response::new(reply)).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Refused);
/// assert_eq!(error.code(), Some(1));
/// assert_eq!(error.message(), Some("internal error"));
/// assert_eq!(error.trace_id(), Some("16f60c4d_kong-db"));
/// assert!(!error.is_retryable());
/// # Ok::<(), pan123_token::CredentialsError>(())
/// ```
///
/// `Display` is one line of at most 2 KiB. The server's message and trace id stand in it printable, cut and redacted: no
/// client secret, no token, no body. There is no `source()`: nothing is left out.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Inner {
    pub(crate) kind: ErrorKind,
    pub(crate) status: StatusCode,
    pub(crate) code: Option<i64>,
    pub(crate) message: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// What is wrong with the reply; empty where the kind says it all.
    pub(crate) flaw: &'static str,
}

/// What kind of reply it was.
///
/// The names in snake case, as `Display` gives them, are stable.
///
/// An example is with [`ResponseError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `rate_limited`: HTTP 429, or code 429. The platform limits requests per client ID and second; the figure has
    /// changed over time.
    RateLimited,
    /// `unavailable`: HTTP 408, or 5xx other than 501 and 505.
    Unavailable,
    /// `too_large`: more than [`MAX_RESPONSE_BYTES`](crate::MAX_RESPONSE_BYTES).
    TooLarge,
    /// `malformed`: code 0, but no usable token or not a 2xx status; or a key given twice.
    Malformed,
    /// `refused`: any other code. What the platform answers to a wrong client ID or secret is not documented; this is
    /// where it ends up.
    Refused,
    /// `not_api`: no reply of the API, such as a proxy's page or a redirect.
    NotApi,
}

impl ErrorKind {
    /// The name in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
            Self::NotApi => "not_api",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ResponseError {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Box::new(inner))
    }

    /// What kind of reply it was.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The platform's code, where the body is an envelope. Codes may lie outside HTTP's range.
    pub fn code(&self) -> Option<i64> {
        self.0.code
    }

    /// The platform's (or a gateway's) message: at most 200 printable characters, redacted.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// The reply's `x-traceID`, which the platform's support asks for: at most 128 printable characters, redacted.
    pub fn trace_id(&self) -> Option<&str> {
        self.0.trace_id.as_deref()
    }

    /// How long the server asks to wait (`Retry-After`), at most 1 hour. No published reply of the platform has one.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same request may well succeed later: true for [`RateLimited`](ErrorKind::RateLimited) and
    /// [`Unavailable`](ErrorKind::Unavailable). Wait at least for [`retry_after`](Self::retry_after).
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::RateLimited | ErrorKind::Unavailable)
    }

    /// `(HTTP 200, code 1, message "…", trace id …)`
    fn fmt_facts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(HTTP {}", self.0.status.as_u16())?;
        if let Some(code) = self.0.code {
            write!(f, ", code {code}")?;
        }
        let shown = |text: &&String| !text.is_empty();
        if let Some(message) = self.0.message.as_ref().filter(shown) {
            write!(f, ", message \"{message}\"")?;
        }
        if let Some(trace_id) = self.0.trace_id.as_ref().filter(shown) {
            write!(f, ", trace id {trace_id}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, advice) = match self.0.kind {
            ErrorKind::RateLimited => ("rate limited", ""),
            ErrorKind::Unavailable => ("the platform is unavailable", ""),
            ErrorKind::TooLarge => (
                "the reply is too large",
                "; check the base URL and any proxy",
            ),
            ErrorKind::Malformed => (
                "the platform's reply is unusable",
                "; report it to the platform's support",
            ),
            ErrorKind::Refused => (
                "the platform refused",
                "; check the client ID and secret, or ask the platform's support",
            ),
            ErrorKind::NotApi => (
                "not a reply of the platform's API",
                "; check the base URL and any proxy",
            ),
        };
        f.write_str(what)?;
        if !self.0.flaw.is_empty() {
            write!(f, ": {}", self.0.flaw)?;
        }
        f.write_str(" ")?;
        self.fmt_facts(f)?;
        f.write_str(advice)?;
        match self.0.retry_after {
            Some(wait) => write!(f, "; try again in {} s", wait.as_secs()),
            None if self.is_retryable() => f.write_str("; try again later"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseError")
            .field("kind", &self.0.kind)
            .field("flaw", &self.0.flaw)
            .field("status", &self.0.status)
            .field("code", &self.0.code)
            .field("message", &self.0.message)
            .field("trace_id", &self.0.trace_id)
            .field("retry_after", &self.0.retry_after)
            .finish()
    }
}

impl std::error::Error for ResponseError {}
