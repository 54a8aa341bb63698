//! What went wrong, in one line that says what to do. The server's own words are in none: it may repeat what it was told,
//! the password or the token.

use std::fmt;
use std::io;
use std::time::Duration;

use redis::RedisError;

use crate::socket::Deadline;

pub(crate) enum Failure {
    /// There was no connection.
    Connect(String),
    /// TLS failed while it was set up.
    Tls(String),
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
}

/// What was asked for.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    Login,
    Database,
    Script,
}

impl Failure {
    pub(crate) fn connect(error: &io::Error, deadline: Deadline) -> Self {
        Self::io(error, deadline, Self::Connect)
    }

    pub(crate) fn tls(error: &io::Error, deadline: Deadline) -> Self {
        Self::io(error, deadline, Self::Tls)
    }

    fn io(error: &io::Error, deadline: Deadline, or: fn(String) -> Self) -> Self {
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
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(cause) => write!(
                f,
                "no connection: {cause}; check that it runs, and the URL's host and port"
            ),
            Self::Tls(cause) => write!(
                f,
                "TLS failed: {cause}; check the URL and the trusted certificates"
            ),
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
            Self::Refused { step, error } => refused(f, *step, error),
            Self::Contended => f.write_str("others keep changing the token; try again later"),
        }
    }
}

fn refused(f: &mut fmt::Formatter<'_>, step: Step, error: &RedisError) -> fmt::Result {
    if let Some(node) = other_node(error) {
        return write!(
            f,
            "it is a cluster, and its node {node} has this key; give that node's address"
        );
    }
    let code = code(error);
    let detail = error.detail().unwrap_or_default();
    let meaning = match (code, step) {
        ("OOM", _) => "its memory is full; raise its maxmemory, or free some",
        ("READONLY", _) => "it is a replica and takes no writes; give the primary's address",
        ("MASTERDOWN", _) => "it is a replica without its primary; give the primary's address",
        ("LOADING", _) => "it is still loading its data; try again later",
        ("BUSY", _) => {
            "another script keeps it busy; try again later, or end that with SCRIPT KILL"
        }
        ("MISCONF", _) => "it can't save its data and takes no writes; check its log and its disk",
        ("NOREPLICAS", _) => "it lacks replicas and takes no writes; check them",
        ("CLUSTERDOWN" | "ASK" | "TRYAGAIN", _) => "its cluster has no node for this key; check it",
        ("NOPERM", _) => {
            "the user may not do what is needed; see the rule for ACL in the documentation of pan123-token-redis"
        }
        ("NOAUTH", _) => {
            "it asks for a login; put it into the URL: redis://user:password@host, or redis://:password@host"
        }
        ("WRONGPASS", _) => "the user or the password is wrong; check both in the URL",
        ("DENIED", _) => {
            "it is in protected mode and takes no other hosts; set a password there, or protected-mode no"
        }
        ("ERR", _) if detail.starts_with("max number of clients") => {
            "it has as many clients as it takes; raise its maxclients"
        }
        (_, Step::Login) => {
            "it refused the login; check whether it asks for one, and user and password in the URL"
        }
        (_, Step::Database) => "it refused the database; check the number at the URL's end",
        (_, Step::Script) => {
            return write!(f, "it answered with the error {code}; check its log");
        }
    };
    f.write_str(meaning)
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
