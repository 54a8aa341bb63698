//! What went wrong, in one line that says what to do. The server's own words are in none: it may repeat what it received,
//! the password or the token.

use std::fmt;
use std::io;
use std::time::Duration;

use pan123_token_cache::{RecordError, StoreError};
use redis::RedisError;

use crate::socket::Deadline;

pub(crate) enum Failure {
    /// There was no connection.
    Connect(String),
    /// TLS failed, for a reason that a setting can remove or not.
    #[cfg_attr(not(feature = "rustls"), allow(dead_code, reason = "there is no TLS"))]
    Tls { cause: String, trouble: Trouble },
    /// The server asks for a client certificate.
    #[cfg_attr(not(feature = "rustls"), allow(dead_code, reason = "there is no TLS"))]
    NoCertificate,
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
    Script,
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

    /// The same, where it was no script that was called.
    pub(crate) fn at(self, step: Step) -> Self {
        match self {
            Self::Refused { error, .. } => Self::Refused { step, error },
            other => other,
        }
    }

    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Connect(_) | Self::Timeout(_) | Self::Lost(_) | Self::Contended | Self::Newer => {
                Outage
            }
            Self::NoCertificate | Self::WrongScheme(_) | Self::NotRedis => Misconfigured,
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
            Self::Tls { cause, .. } => write!(
                f,
                "TLS failed: {cause}; check the URL and the trusted certificates"
            ),
            Self::NoCertificate => f.write_str(
                "it asks for a client certificate; put one into the URL: ?cert=FILE&key=FILE",
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
            Self::Refused { step, error } => {
                if let Some(node) = other_node(error) {
                    return write!(
                        f,
                        "it is a cluster, and its node {node} has this key; give that node's address"
                    );
                }
                match refusal(*step, error) {
                    (_, Some(meaning)) => f.write_str(meaning),
                    (_, None) => write!(
                        f,
                        "it answered with the error {}; check its log",
                        code(error)
                    ),
                }
            }
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
        ("CLUSTERDOWN" | "ASK", _) => (Outage, "its cluster has no node for this key; check it"),
        ("TRYAGAIN", _) => (Outage, "its cluster is moving this key; try again later"),
        ("ERR", _) if detail.starts_with("max number of clients") => (
            Outage,
            "it has as many clients as it takes; raise its maxclients",
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
        // Another code may be a proxy's trouble; it isn't shown, since it might repeat the password.
        (code, Step::Login) => (
            misconfigured_if(code == "ERR"),
            "it refused the login; check whether it asks for one, and user and password in the URL",
        ),
        (code, Step::Database) => (
            misconfigured_if(code == "ERR"),
            "it refused the database; check the number at the URL's end, of which a cluster takes none",
        ),
        ("ERR", Step::Script) if lacks_a_command(detail) => (
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

/// Where a cluster has the key, if it says so.
fn other_node(error: &RedisError) -> Option<&str> {
    let (node, _) = error
        .redirect_node()
        .filter(|_| error.code() == Some("MOVED"))?;
    let in_address = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    (node.len() <= 100 && node.bytes().all(in_address)).then_some(node)
}
