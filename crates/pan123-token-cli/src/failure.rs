//! How the command ends when it can't do what it was asked to.
//!
//! | exit | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | `status`: nothing stored that can be used |
//! | 64 | usage: bad option, missing or unusable credentials or URL |
//! | 69 | unavailable: no connection, TLS failure, timeout, connection lost in the body, 5xx |
//! | 70 | internal error (a bug of ours) |
//! | 74 | could not write stdout, bind the emulator's address, reach a store that the command is about, or use a store that is misconfigured |
//! | 75 | rate limited: try later |
//! | 76 | the answer was not the API's, or unusable |
//! | 77 | the API refused (any other code) |
//! | 129, 130, 143 | ended by SIGHUP, SIGINT or SIGTERM |

use std::fmt::Display;
use std::io;
use std::time::Duration;

use pan123_token_ureq::pan123_token::Cause;
use pan123_token_ureq::{
    AccessToken, ErrorKind, Failure as Renewal, FetchError, OffsetDateTime, ResponseError,
    TokenError,
};
use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;

use crate::arguments::Format;
use crate::output;

/// One line for a person, and its fields for a program.
pub(crate) struct Failure {
    exit_code: u8,
    kind: &'static str,
    pub(crate) line: String,
    /// Where there was an exchange.
    pub(crate) fetch: Option<FetchError>,
    /// As another process was told.
    retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(exit_code: u8, kind: &'static str, line: impl Display) -> Self {
        // Parts of it may come from arguments and files.
        let line = Cause::from(line.to_string().as_str()).to_string();
        Self {
            exit_code,
            kind,
            line,
            fetch: None,
            retry_after: None,
        }
    }

    /// The same, with what may be the reason.
    pub(crate) fn perhaps_since(self, reason: Option<String>) -> Self {
        match reason {
            Some(reason) => Self {
                line: format!("{} ({reason})", self.line),
                ..self
            },
            None => self,
        }
    }

    pub(crate) fn usage(line: impl Display) -> Self {
        Self::new(64, "usage", line)
    }

    pub(crate) fn credentials(line: impl Display) -> Self {
        Self::new(64, "credentials", line)
    }

    pub(crate) fn internal() -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self::new(
            70,
            "internal",
            format_args!(
                "internal error in version {version}; please report it with the command that you ran"
            ),
        )
    }

    pub(crate) fn output(error: &io::Error) -> Self {
        Self::new(
            74,
            "internal",
            format_args!("can't write to stdout: {error}"),
        )
    }

    /// Of a token that no one would have.
    pub(crate) fn nowhere() -> Self {
        Self::new(
            74,
            "internal",
            "stdout is closed, and no store keeps the token: it would be lost, so none was fetched; give stdout a reader, or \
             a --store",
        )
    }

    /// Of a store that the command is about.
    pub(crate) fn store(error: impl Display) -> Self {
        Self::new(74, "store", error)
    }

    /// Of a store that will not heal by itself.
    pub(crate) fn misconfigured_store(error: impl Display) -> Self {
        Self::store(format_args!(
            "the token store can't be used: {error}; or give --store none (a new token each time) or --store-optional"
        ))
    }

    /// Of a token that had expired by the clock of the server that sent it.
    pub(crate) fn issued_expired(token: &AccessToken, date: OffsetDateTime) -> Self {
        let shown = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
        Self::new(
            76,
            "malformed",
            format_args!(
                "the platform sent a token that has already expired by its own clock (expires at {}, sent at {}); report it \
                 to the platform's support",
                shown(token.expires_at()),
                shown(date)
            ),
        )
    }

    #[cfg(feature = "emulator")]
    pub(crate) fn listen(error: &io::Error) -> Self {
        Self::new(
            74,
            "internal",
            format_args!("can't start the emulator: {error}"),
        )
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// Says it on stderr, and with `--format json` on stdout, too.
    pub(crate) fn report(&self, format: Format) {
        output::stderr(&self.line);
        if format == Format::Json {
            // The exit code tells, whether or not stdout still takes this.
            let _ = output::stdout(&format!("{}\n", self.to_json()));
        }
    }

    /// `{"error": {…}}`; what isn't known is left out.
    fn to_json(&self) -> Value {
        let mut error = Map::new();
        error.insert("kind".into(), self.kind.into());
        let response = self.fetch.as_ref().and_then(FetchError::response);
        let message = match response {
            // The platform's words.
            Some(response) => response.message(),
            None => Some(&*self.line),
        };
        let fields = [
            (
                "code",
                response.and_then(ResponseError::code).map(Value::from),
            ),
            ("status", response.map(|it| it.status().as_u16().into())),
            ("message", message.map(Value::from)),
            (
                "traceId",
                response.and_then(|it| it.trace_id()).map(Value::from),
            ),
            (
                "retryAfterSeconds",
                response
                    .and_then(ResponseError::retry_after)
                    .or(self.retry_after)
                    .map(|wait| seconds(wait).into()),
            ),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                error.insert(name.into(), value);
            }
        }
        Map::from_iter([("error".to_owned(), Value::from(error))]).into()
    }
}

/// As the line beside it shows it.
fn seconds(wait: Duration) -> u64 {
    let rounded = wait + Duration::from_millis(500);
    rounded.as_secs().max(u64::from(!wait.is_zero()))
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let exit_code = match error.response().map(ResponseError::kind) {
            None if matches!(error, FetchError::Panicked(_)) => 70,
            None | Some(ErrorKind::Unavailable) => 69,
            Some(ErrorKind::RateLimited) => 75,
            Some(ErrorKind::TooLarge | ErrorKind::Malformed | ErrorKind::NotApi) => 76,
            Some(ErrorKind::Refused) => 77,
            // A kind that this version doesn't know.
            Some(_) => 70,
        };
        Self {
            exit_code,
            kind: error.kind(),
            // Already one line, and longer than what others may be.
            line: error.to_string(),
            fetch: Some(error),
            retry_after: None,
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        // When the next attempt would be is of no interest: this process makes none.
        match error {
            TokenError::Renewal { failure, .. } => failure.into(),
            TokenError::RateLimited { .. } => Self {
                retry_after: error.retry_after(),
                ..Self::new(75, "rate_limited", error)
            },
            TokenError::HeldBack { .. } => Self {
                retry_after: error.next_attempt(),
                ..Self::new(75, "rate_limited", error)
            },
            TokenError::Store { error, .. } => Self::misconfigured_store(error),
            TokenError::TimedOut(_) => Self::new(69, "timeout", error),
            _ => Self::new(70, "internal", error),
        }
    }
}

impl From<Renewal> for Failure {
    fn from(failure: Renewal) -> Self {
        match failure {
            Renewal::Fetch(error) => error.into(),
            Renewal::IssuedExpired(_) | Renewal::Unchanged => Self::new(76, "malformed", failure),
            Renewal::Dropped => Self::new(69, "timeout", failure),
            Renewal::NotSent(_) => Self::new(69, "connect", failure),
            // One that this version doesn't know.
            _ => Self::new(70, "internal", failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_panics_is_an_internal_error() {
        let failure = Failure::from(FetchError::Panicked("why".into()));
        assert_eq!((failure.exit_code, failure.kind), (70, "internal"));
    }
}
