//! What went wrong, in one line that says what to do. The server's own words are in none: it may repeat what it received,
//! the password or the token.

use std::fmt;
use std::io;
use std::time::Duration;

use pan123_token_cache::{RecordError, StoreError};
use redis::RedisError;

use crate::socket::Deadline;
use crate::target::Address;

pub(crate) enum Failure {
    /// There was no connection.
    Connect(String),
    /// This user of the host may not connect.
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

/// What was asked for.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    Login,
    Database,
    Sentinel,
    Script,
    /// By a server that sentinels named.
    ElectedScript,
}

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

    pub(crate) fn connect(error: &io::Error, deadline: Deadline) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::NotAllowed(error.to_string()),
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
            Self::Connect(_) | Self::Timeout(_) | Self::Lost(_) | Self::Contended | Self::Newer => {
                Outage
            }
            Self::NotAllowed(_)
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
                f.write_str("it speaks TLS; begin the URL with rediss:// in place of redis://")
            }
            Self::WrongScheme(_) => {
                f.write_str("it speaks no TLS; begin the URL with redis:// in place of rediss://")
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
            Self::Newer => write!(f, "{}; upgrade this host", RecordError::Newer),
        }
    }
}

/// What an error that the server answered with means. One that isn't known counts as an outage.
fn refusal(step: Step, error: &RedisError) -> (Trouble, Option<&'static str>) {
    let detail = error.detail().unwrap_or_default();
    let (trouble, meaning) = match (code(error), step) {
        ("OOM", _) => (
            Outage,
            "its memory is full; raise its maxmemory, or free some",
        ),
        ("MASTERDOWN", _) => (
            Outage,
            "it is a replica without its primary; give the primary's address",
        ),
        ("LOADING", _) => (Outage, "it is still loading its data; try again later"),
        ("BUSY", _) => (
            Outage,
            "another script keeps it busy; try again later, or end that with SCRIPT KILL",
        ),
        ("MISCONF", _) => (
            Outage,
            "it can't save its data and takes no writes; check its log and its disk",
        ),
        ("NOREPLICAS", _) => (Outage, "it lacks replicas and takes no writes; check them"),
        ("CLUSTERDOWN", _) => (Outage, "its cluster has no node for this key; check it"),
        ("TRYAGAIN", _) => (Outage, "its cluster is moving this key; try again later"),
        ("ERR", _) if detail.starts_with("max number of clients") => (
            Outage,
            "it has as many clients as it takes; raise its maxclients",
        ),
        ("MOVED" | "ASK", _) => (
            Outage,
            "its cluster sends the call from node to node; check it",
        ),
        ("READONLY", Step::ElectedScript) => (
            Outage,
            "it takes no writes, and the sentinels still call it the master; try again later",
        ),
        ("NOAUTH" | "WRONGPASS", Step::Sentinel) => (
            Misconfigured,
            "the sentinel's login is missing or wrong; check ?sentinel_user=…&sentinel_password=… in the URL",
        ),
        ("ERR", Step::Sentinel) if lacks_a_command(detail) => (
            Misconfigured,
            "it is no sentinel; check the URL's hosts and ports, 26379 as a rule",
        ),
        (code, Step::Sentinel) => (
            misconfigured_if(code == "ERR"),
            "it refused to say where the master is; check the sentinel, and its login in the URL",
        ),
        ("READONLY", _) => (
            Misconfigured,
            "it is a replica and takes no writes; give the primary's address",
        ),
        ("NOPERM", _) => (
            Misconfigured,
            "the user may not do what is needed; see the rule for ACL in the README of pan123-token-redis",
        ),
        ("NOAUTH", _) => (
            Misconfigured,
            "it asks for a login; put it into the URL: redis://user:password@host, or redis://:password@host",
        ),
        ("WRONGPASS", _) => (
            Misconfigured,
            "the user or the password is wrong; check both in the URL",
        ),
        ("DENIED", _) => (
            Misconfigured,
            "it is in protected mode and takes no other hosts; set a password there, or protected-mode no",
        ),
        // Another code may be a proxy's trouble; it isn't shown, since it might hold the password.
        (code, Step::Login) => (
            misconfigured_if(code == "ERR"),
            "it refused the login; check whether it asks for one, and user and password in the URL",
        ),
        (code, Step::Database) => (
            misconfigured_if(code == "ERR"),
            "it refused the database; check the number at the URL's end, of which a cluster takes none",
        ),
        ("ERR", _) if lacks_a_command(detail) => (
            Misconfigured,
            "it lacks a command that the scripts need; check that it is Redis, and its rename-command",
        ),
        _ => return (Outage, None),
    };
    (trouble, Some(meaning))
}

fn misconfigured_if(it_is: bool) -> Trouble {
    if it_is { Misconfigured } else { Outage }
}

/// Of EVAL, or of what a script calls.
fn lacks_a_command(detail: &str) -> bool {
    detail.starts_with("unknown command") || detail.contains("Unknown Redis command called from")
}

/// The first word of the server's answer, or what stands for it in a script's failure.
fn code(error: &RedisError) -> &str {
    let code = error.code().unwrap_or_default();
    let detail = error.detail().unwrap_or_default();
    if code == "ERR" {
        // What isn't allowed within a script: in these words up to version 7.0, and in those since.
        let denials = ["The user executing the script", "ACL failure in script"];
        if denials.iter().any(|denial| detail.contains(denial)) {
            return "NOPERM";
        }
        // Version 6 puts the code behind words of its own.
        if detail.starts_with("Error running script") {
            let inner = detail.split(' ').find_map(|word| word.strip_prefix('-'));
            return inner.filter(|inner| is_code(inner)).unwrap_or(code);
        }
    }
    if is_code(code) { code } else { "of no code" }
}

fn is_code(word: &str) -> bool {
    (1..=20).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_uppercase())
}

/// Where a cluster sends a call on to.
pub(crate) struct Redirect {
    pub(crate) address: Address,
    /// This call alone: the key is about to move there.
    pub(crate) once: bool,
}

impl Redirect {
    /// What a node at this address says.
    fn of(error: &RedisError, asked: &Address) -> Option<Self> {
        let (node, _) = error.redirect_node()?;
        let (name, port) = node.rsplit_once(':')?;
        let name = match (name.trim_matches(['[', ']']), asked) {
            // A node that doesn't know its own name: it is the one that was asked for.
            ("", Address::Host { name, .. }) => name,
            (name, _) => name,
        };
        let in_name = |b: u8| b.is_ascii_alphanumeric() || b".-_:".contains(&b);
        if !(1..=253).contains(&name.len()) || !name.bytes().all(in_name) {
            return None;
        }
        Some(Self {
            address: Address::Host {
                name: name.to_owned(),
                port: port.parse().ok()?,
            },
            once: error.code() == Some("ASK"),
        })
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
        let failure = Failure::connect(&denied, Deadline::after(Duration::ZERO));
        assert_eq!(failure.trouble(), Misconfigured);
        assert_eq!(
            failure.to_string(),
            "no connection: permission denied; check that this user may write to the socket"
        );
    }
}
