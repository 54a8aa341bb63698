//! What each error that a server answers with means, and whether it heals by itself.

use pan123_token_cache::TokenStore;
use pan123_token_redis::RedisStore;

use crate::played::Played;
use crate::{key, line};

/// Heals by itself.
const OUTAGE: bool = false;
/// It takes someone to change a setting.
const MISCONFIGURED: bool = true;

const DENIED: &str =
    "the user may not do what is needed; see the rule for ACL in the README of pan123-token-redis";
const NO_COMMAND: &str =
    "it lacks a command that the scripts need; check that it is Redis, and its rename-command";

/// The answer, whether a setting is wrong, and the line.
type Refusals = [(&'static str, bool, &'static str)];

/// Each is the answer to all that is asked at this URL.
fn check(refusals: &Refusals, url: impl Fn(u16) -> String) {
    for &(answer, misconfigured, expected) in refusals {
        let server = Played::saying(&format!("{answer}\r\n"));
        let store = RedisStore::new(&url(server.port)).unwrap();
        let error = store.load(key()).unwrap_err();
        let expected = format!("Redis at 127.0.0.1:{}: {expected}", server.port);
        assert_eq!(line(&error, server.port), expected);
        assert_eq!(error.is_misconfigured(), misconfigured, "{answer}");
    }
}

#[test]
fn a_refused_script_says_what_to_do() {
    check(OF_SCRIPTS, |port| format!("redis://127.0.0.1:{port}"));
}

#[test]
fn a_refused_login_says_what_to_do() {
    check(OF_LOGINS, |port| {
        format!("redis://:SENTINEL@127.0.0.1:{port}")
    });
}

#[test]
fn a_refused_database_says_what_to_do() {
    check(OF_DATABASES, |port| format!("redis://127.0.0.1:{port}/9"));
}

const OF_SCRIPTS: &Refusals = &[
    (
        "-OOM command not allowed when used memory > 'maxmemory'. script: 6d, on @user_script:7.",
        OUTAGE,
        "its memory is full; raise its maxmemory, or free some",
    ),
    (
        "-READONLY You can't write against a read only replica. script: 6d, on @user_script:9.",
        MISCONFIGURED,
        "it is a replica and takes no writes; give the primary's address",
    ),
    (
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        OUTAGE,
        "it is a replica without its primary; give the primary's address",
    ),
    (
        "-LOADING Redis is loading the dataset in memory",
        OUTAGE,
        "it is still loading its data; try again later",
    ),
    (
        "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        OUTAGE,
        "another script keeps it busy; try again later, or end that with SCRIPT KILL",
    ),
    (
        "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
        OUTAGE,
        "it can't save its data and takes no writes; check its log and its disk",
    ),
    (
        "-NOREPLICAS Not enough good replicas to write.",
        OUTAGE,
        "it lacks replicas and takes no writes; check them",
    ),
    (
        "-CLUSTERDOWN The cluster is down",
        OUTAGE,
        "its cluster has no node for this key; check it",
    ),
    (
        "-TRYAGAIN Multiple keys request during rehashing of slot",
        OUTAGE,
        "its cluster is moving this key; try again later",
    ),
    (
        "-NOAUTH Authentication required.",
        MISCONFIGURED,
        "it asks for a login; put it into the URL: redis://user:password@host, or redis://:password@host",
    ),
    (
        "-NOPERM User pan123 has no permissions to run the 'eval' command",
        MISCONFIGURED,
        DENIED,
    ),
    (
        "-DENIED Redis is running in protected mode because protected mode is enabled",
        MISCONFIGURED,
        "it is in protected mode and takes no other hosts; set a password there, or protected-mode no",
    ),
    (
        "-ERR max number of clients reached",
        OUTAGE,
        "it has as many clients as it takes; raise its maxclients",
    ),
    // A server repeats what it received.
    (
        "-ERR unknown command 'EVAL', with args beginning with: 'SENTINEL'",
        MISCONFIGURED,
        NO_COMMAND,
    ),
    (
        "-ERR Unknown Redis command called from script script: 6d, on @user_script:3.",
        MISCONFIGURED,
        NO_COMMAND,
    ),
    // As version 6 says it of a command within a script.
    (
        "-ERR Error running script (call to f_6d): @user_script:7: @user_script: 7: -OOM command not allowed when \
             used memory > 'maxmemory'.",
        OUTAGE,
        "its memory is full; raise its maxmemory, or free some",
    ),
    (
        "-ERR Error running script (call to f_6d): @user_script:3: The user executing the script can't run this \
             command or subcommand",
        MISCONFIGURED,
        DENIED,
    ),
    (
        "-ERR Error running script (call to f_6d): @user_script:3: @user_script: 3: Unknown Redis command called \
             from Lua script",
        MISCONFIGURED,
        NO_COMMAND,
    ),
    // As version 7.2 does.
    (
        "-ERR ACL failure in script: User pan123 has no permissions to run the 'set' command script: 6d",
        MISCONFIGURED,
        DENIED,
    ),
    (
        "-ERR Error running script (call to f_6d): -SENTINEL1 nothing known",
        OUTAGE,
        "it answered with the error ERR; check its log",
    ),
    (
        "-SENTINEL-token isn't known",
        OUTAGE,
        "it answered with the error of no code; check its log",
    ),
    (
        "-",
        OUTAGE,
        "it answered with the error of no code; check its log",
    ),
];

const OF_LOGINS: &Refusals = &[
    (
        "-ERR AUTH <password> called without any password configured for the default user.",
        MISCONFIGURED,
        "it refused the login; check whether it asks for one, and user and password in the URL",
    ),
    (
        "-ERR invalid password",
        MISCONFIGURED,
        "it refused the login; check whether it asks for one, and user and password in the URL",
    ),
    (
        "-ERR max number of clients reached",
        OUTAGE,
        "it has as many clients as it takes; raise its maxclients",
    ),
    (
        "-BUSY it is",
        OUTAGE,
        "another script keeps it busy; try again later, or end that with SCRIPT KILL",
    ),
    (
        "-UPSTREAM failure",
        OUTAGE,
        "it refused the login; check whether it asks for one, and user and password in the URL",
    ),
];

const OF_DATABASES: &Refusals = &[
    (
        "-ERR DB index is out of range",
        MISCONFIGURED,
        "it refused the database; check the number at the URL's end, of which a cluster takes none",
    ),
    (
        "-ERR SELECT is not allowed in cluster mode",
        MISCONFIGURED,
        "it refused the database; check the number at the URL's end, of which a cluster takes none",
    ),
    (
        "-LOADING Redis is loading the dataset in memory",
        OUTAGE,
        "it is still loading its data; try again later",
    ),
];
