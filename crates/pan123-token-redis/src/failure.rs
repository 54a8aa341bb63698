//! What went wrong, in one line that says what to do. The server's own words are in none: it may repeat what it received,
//! the password or the token.

use std::fmt;
use std::io;
use std::time::Duration;

use pan123_token_cache::{RecordError, StoreError};
use redis::RedisError;

use crate::refusal::{Redirect, Step, code, refusal};
use crate::socket::Deadline;
use crate::target::Address;

pub(crate) enum Failure {
    /// There was no connection.
    Connect(String),
    /// This user of the host may not use the Unix socket.
    NotAllowed(String),
    /// TLS failed, for a reason that a setting can remove or not.
    #[cfg_attr(not(feature = "rustls"), allow(dead_code, reason = "there is no TLS"))]
    Tls {
        cause: String,
        advice: &'static str,
        trouble: Trouble,
    },
    /// The server asks for a client certificate.
    #[cfg_attr(not(feature = "rustls"), allow(dead_code, reason = "there is no TLS"))]
    NoCertificate,
    /// The client certificate that the URL names can't be used.
    #[cfg_attr(not(feature = "rustls"), allow(dead_code, reason = "there is no TLS"))]
    Certificate(String),
    /// The URL begins with another scheme than this one, in which the server answers.
    WrongScheme(&'static str),
    /// It took longer than this.
    Timeout(Duration),
    /// A connection broke.
    Lost(String),
    /// What came is no answer of Redis.
    NotRedis,
    /// The server answered with an error.
    Refused { step: Step, error: RedisError },
    /// Others kept changing what was to be replaced.
    Contended,
    /// Sentinels know no master of the URL's name.
    UnknownMaster,
    /// Of one server of several.
    At {
        address: String,
        failure: Box<Failure>,
    },
    /// A later version of this crate wrote the record, and says that this one can't read it.
    Newer,
}

/// Whether it heals by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Outage,
    /// It takes someone to change a setting.
    Misconfigured,
}
use Trouble::{Misconfigured, Outage};

impl Failure {
    /// A timeout, or else this.
    pub(crate) fn io(error: &io::Error, deadline: Deadline, or: fn(String) -> Self) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Timeout(deadline.limit),
            _ => or(error.to_string()),
        }
    }

    /// Of a script's call.
    pub(crate) fn of(error: RedisError, deadline: Deadline) -> Self {
        if error.is_timeout() {
            Self::Timeout(deadline.limit)
        } else if error.is_io_error() {
            Self::Lost(error.to_string())
        } else if error.code().is_some() {
            let step = Step::Script;
            Self::Refused { step, error }
        } else {
            Self::NotRedis
        }
    }

    pub(crate) fn connect(error: &io::Error, address: &Address, deadline: Deadline) -> Self {
        match (error.kind(), address) {
            (io::ErrorKind::PermissionDenied, Address::UnixSocket(_)) => {
                Self::NotAllowed(error.to_string())
            }
            _ => Self::io(error, deadline, Self::Connect),
        }
    }

    /// The same, where it was no script that was called.
    pub(crate) fn during(self, step: Step) -> Self {
        match self {
            Self::Refused { error, .. } => Self::Refused { step, error },
            other => other,
        }
    }

    /// The same, of a server that sentinels named.
    pub(crate) fn of_elected(self) -> Self {
        match self {
            Self::Refused {
                step: Step::Script,
                error,
            } => Self::Refused {
                step: Step::ElectedScript,
                error,
            },
            other => other,
        }
    }

    /// The same, of the server at this address, which isn't the only one.
    pub(crate) fn at(self, address: &Address) -> Self {
        Self::At {
            address: address.to_string(),
            failure: Box::new(self),
        }
    }

    /// Where the node at this address, which failed so, sends the call on to.
    pub(crate) fn redirect(&self, asked: &Address) -> Option<Redirect> {
        match self {
            Self::Refused { error, .. } => Redirect::of(error, asked),
            Self::At { failure, .. } => failure.redirect(asked),
            _ => None,
        }
    }

    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Connect(_) | Self::Timeout(_) | Self::Lost(_) | Self::Contended => Outage,
            // This program stays too old until it is updated; fetching beside the fleet would cost the fleet's tokens.
            Self::Newer
            | Self::NotAllowed(_)
            | Self::NoCertificate
            | Self::Certificate(_)
            | Self::WrongScheme(_)
            | Self::NotRedis
            | Self::UnknownMaster => Misconfigured,
            Self::At { failure, .. } => failure.trouble(),
            Self::Tls { trouble, .. } => *trouble,
            Self::Refused { step, error } => refusal(*step, error).0,
        }
    }

    /// Of the server at this address.
    pub(crate) fn into_error(self, server: impl fmt::Display) -> StoreError {
        let what = format_args!("Redis at {server}: {self}");
        match self.trouble() {
            Outage => StoreError::new(what),
            Misconfigured => StoreError::misconfigured(what),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(cause) => write!(
                f,
                "no connection: {cause}; check that it runs, and the URL's host and port"
            ),
            Self::NotAllowed(cause) => write!(
                f,
                "no connection: {cause}; check that this user may write to the socket"
            ),
            Self::Tls { cause, advice, .. } => write!(f, "TLS failed: {cause}; {advice}"),
            Self::NoCertificate => f.write_str(
                "it asks for a client certificate; put one into the URL: ?cert=FILE&key=FILE",
            ),
            Self::Certificate(cause) => write!(
                f,
                "the client certificate can't be used: {cause}; check the URL's ?cert=FILE&key=FILE"
            ),
            Self::WrongScheme("rediss") => {
                f.write_str("it speaks TLS; begin the URL with rediss in place of redis")
            }
            Self::WrongScheme(_) => {
                f.write_str("it speaks no TLS; begin the URL with redis in place of rediss")
            }
            Self::Timeout(limit) => write!(
                f,
                "no answer within {limit:?}; check that it runs and can be reached, and the URL"
            ),
            Self::Lost(cause) => write!(
                f,
                "the connection was lost: {cause}; check its log, and the URL's port and scheme"
            ),
            Self::NotRedis => f.write_str(
                "what it says is not Redis' protocol; check the URL's host, port and scheme",
            ),
            Self::Refused { step, error } => match refusal(*step, error) {
                (_, Some(meaning)) => f.write_str(meaning),
                (_, None) => write!(
                    f,
                    "it answered with the error {}; check its log",
                    code(error)
                ),
            },
            Self::UnknownMaster => f.write_str(
                "the sentinel knows no master of this name; check the name behind the URL's hosts",
            ),
            Self::At { address, failure } => write!(f, "at {address}: {failure}"),
            Self::Contended => f.write_str("others keep changing the token; try again later"),
            Self::Newer => write!(f, "{}; update this program", RecordError::Newer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// As root, the tests can't be denied a socket.
    #[test]
    fn a_socket_that_denies_the_user_is_misconfigured() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let socket = Address::UnixSocket("/run/redis.sock".into());
        let failure = Failure::connect(&denied, &socket, Deadline::after(Duration::ZERO));
        assert_eq!(failure.trouble(), Misconfigured);
        assert_eq!(
            failure.to_string(),
            "no connection: permission denied; check that this user may write to the socket"
        );
    }
}
