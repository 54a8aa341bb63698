//! What a server says, and what is said of it.

use std::io::{Read, Write};
use std::time::Duration;

use pan123_token_cache::{Owner, TokenStore};
use pan123_token_redis::RedisStore;

use crate::played::{NOTHING, Played, read_command};
use crate::{key, line};

#[test]
fn each_refusal_says_what_to_do() {
    for (answer, expected) in [
        (
            "-OOM command not allowed when used memory > 'maxmemory'. script: 6d, on @user_script:7.",
            "its memory is full; raise its maxmemory, or free some",
        ),
        (
            "-READONLY You can't write against a read only replica. script: 6d, on @user_script:9.",
            "it is a replica and takes no writes; give the primary's address",
        ),
        (
            "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "it is a replica without its primary; give the primary's address",
        ),
        (
            "-LOADING Redis is loading the dataset in memory",
            "it is still loading its data; try again later",
        ),
        (
            "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            "another script keeps it busy; try again later, or end that with SCRIPT KILL",
        ),
        (
            "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            "it can't save its data and takes no writes; check its log and its disk",
        ),
        (
            "-NOREPLICAS Not enough good replicas to write.",
            "it lacks replicas and takes no writes; check them",
        ),
        (
            "-CLUSTERDOWN The cluster is down",
            "its cluster has no node for this key; check it",
        ),
        (
            "-ASK 3999 10.0.0.2:6381",
            "its cluster has no node for this key; check it",
        ),
        (
            "-MOVED 3999 10.0.0.2:6381",
            "it is a cluster, and its node 10.0.0.2:6381 has this key; give that node's address",
        ),
        (
            "-MOVED 3999 \x1b[31mSENTINEL",
            "it answered with the error MOVED; check its log",
        ),
        (
            "-NOAUTH Authentication required.",
            "it asks for a login; put it into the URL: redis://user:password@host, or redis://:password@host",
        ),
        (
            "-NOPERM User pan123 has no permissions to run the 'eval' command",
            "the user may not do what is needed; see the rule for ACL in the documentation of pan123-token-redis",
        ),
        (
            "-DENIED Redis is running in protected mode because protected mode is enabled",
            "it is in protected mode and takes no other hosts; set a password there, or protected-mode no",
        ),
        (
            "-ERR max number of clients reached",
            "it has as many clients as it takes; raise its maxclients",
        ),
        // As version 6 says it of a command within a script.
        (
            "-ERR Error running script (call to f_6d): @user_script:7: @user_script: 7: -OOM command not allowed when \
             used memory > 'maxmemory'.",
            "its memory is full; raise its maxmemory, or free some",
        ),
        (
            "-ERR Error running script (call to f_6d): @user_script:3: The user executing the script can't run this \
             command or subcommand",
            "the user may not do what is needed; see the rule for ACL in the documentation of pan123-token-redis",
        ),
        // As version 7.2 does.
        (
            "-ERR ACL failure in script: User pan123 has no permissions to run the 'set' command script: 6d",
            "the user may not do what is needed; see the rule for ACL in the documentation of pan123-token-redis",
        ),
        (
            "-ERR Error running script (call to f_6d): -SENTINEL1 nothing known",
            "it answered with the error ERR; check its log",
        ),
        // A server repeats what it was told.
        (
            "-ERR unknown command 'EVAL', with args beginning with: 'SENTINEL'",
            "it answered with the error ERR; check its log",
        ),
        (
            "-SENTINEL-token isn't known",
            "it answered with the error of no code; check its log",
        ),
        ("-", "it answered with the error of no code; check its log"),
    ] {
        let server = Played::saying(&format!("{answer}\r\n"));
        let error = server.store().load(key()).unwrap_err();
        let expected = format!("Redis at 127.0.0.1:{}: {expected}", server.port);
        assert_eq!(line(&error, server.port), expected);
    }
}

#[test]
fn what_is_no_redis_is_told() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "SENTINEL\r\n",
        "\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
        // Answers, but to another question.
        "+OK\r\n",
        "+SENTINEL\r\n",
        ":5\r\n",
        "$-1\r\n",
        "*0\r\n",
        "$8\r\nSENTINEL\r\n",
        "*2\r\n$8\r\nSENTINEL\r\n$8\r\nSENTINEL\r\n",
        "*2\r\n*0\r\n*0\r\n",
        "*1000\r\n-ERR SENTINEL\r\n",
        "*9223372036854775807\r\n+SENTINEL\r\n",
        "$-9223372036854775808\r\n",
    ] {
        let server = Played::with(move |_, mut stream| {
            if read_command(&mut stream).is_some() {
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        for error in [
            server.store().load(key()).unwrap_err(),
            server
                .store()
                .lease(key(), Owner(1), Duration::from_secs(45))
                .unwrap_err(),
        ] {
            let line = line(&error, server.port);
            assert!(
                line.contains("not Redis' protocol") || line.contains("the connection was lost"),
                "{answer:?}: {line}"
            );
        }
    }
}

#[test]
fn an_answer_of_great_depth_or_length_does_no_harm() {
    for answer in [
        "*1\r\n".repeat(100_000),
        format!("*{}\r\n", u32::MAX),
        format!("${}\r\nSENTINEL", i64::MAX),
    ] {
        let server = Played::with(move |_, mut stream| {
            if read_command(&mut stream).is_some() {
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let error = server.store().load(key()).unwrap_err();
        line(&error, server.port);
    }
}

#[test]
fn the_password_is_in_no_failure_of_the_login() {
    for answer in [
        "-WRONGPASS invalid username-password pair or user is disabled.",
        "-ERR unknown command 'AUTH', with args beginning with: 'SENTINEL'",
        "-ERR AUTH <password> called without any password configured for the default user.",
        "-SENTINEL",
        "SENTINEL",
    ] {
        let server = Played::saying(&format!("{answer}\r\n"));
        let url = format!("redis://:SENTINEL@127.0.0.1:{}", server.port);
        let store = RedisStore::new(&url).unwrap();
        line(&store.load(key()).unwrap_err(), server.port);
    }
}

#[test]
fn a_server_that_hangs_up_is_told() {
    let server = Played::answering(|_| None);
    let error = server.store().load(key()).unwrap_err();
    let line = line(&error, server.port);
    assert!(line.contains("the connection was lost"), "{line}");
    // On a new connection, the call isn't made again.
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_connection_is_kept_and_replaced_once_it_breaks() {
    // Each connection serves three calls.
    let server = Played::with(|_, mut stream| {
        for _ in 0..3 {
            read_command(&mut stream).unwrap();
            stream.write_all(NOTHING.as_bytes()).unwrap();
        }
        // What is sent to a closed socket may be taken or not: both are no failure.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read(&mut [0; 1]);
    });
    let store = server.store();
    for call in 0..9 {
        assert_eq!(store.load(key()).unwrap(), None, "{call}");
        assert_eq!(server.connections(), call / 3 + 1, "{call}");
    }
}

#[test]
fn a_connection_that_refused_is_not_kept() {
    // The server at this address may be another one by now: the new primary, say.
    let server = Played::with(|nth, mut stream| {
        while read_command(&mut stream).is_some() {
            let answer = if nth == 0 {
                "-READONLY it is\r\n"
            } else {
                NOTHING
            };
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let store = server.store();
    store.load(key()).unwrap_err();
    assert_eq!(store.load(key()).unwrap(), None);
    assert_eq!(server.connections(), 2);
}
