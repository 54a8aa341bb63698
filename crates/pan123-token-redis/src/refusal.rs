//! An error that a server answers with: what it means, and where it sends the call on to.

use redis::RedisError;

use crate::failure::Trouble::{self, Misconfigured, Outage};
use crate::target::Address;

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

/// What an error that the server answered with means. One that isn't known counts as an outage.
pub(crate) fn refusal(step: Step, error: &RedisError) -> (Trouble, Option<&'static str>) {
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
pub(crate) fn code(error: &RedisError) -> &str {
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
    pub(crate) fn of(error: &RedisError, asked: &Address) -> Option<Self> {
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
