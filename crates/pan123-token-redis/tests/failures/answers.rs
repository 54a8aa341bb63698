//! What a server says, and what is said of it.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pan123_token_cache::{Owner, TokenStore};
use pan123_token_redis::RedisStore;

use crate::played::{NOTHING, Played, read_command};
use crate::{key, line};

#[test]
fn a_server_of_another_protocol_is_misconfigured() {
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
            // One that breaks off may have been Redis.
            let lost = line.contains("the connection was lost");
            assert!(
                lost || line.contains("not Redis' protocol"),
                "{answer:?}: {line}"
            );
            assert_ne!(error.is_misconfigured(), lost, "{answer:?}: {line}");
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
fn a_server_that_hangs_up_is_an_outage() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Played::answering(move |command| {
        assert_eq!(command[0], "EVAL");
        count.fetch_add(1, Ordering::SeqCst);
        None
    });
    let error = server.store().load(key()).unwrap_err();
    let line = line(&error, server.port);
    assert!(line.contains("the connection was lost"), "{line}");
    // It may have been restarted.
    assert!(!error.is_misconfigured());
    // On a new connection, the call isn't made again.
    assert_eq!(asked.load(Ordering::SeqCst), 1);
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
fn a_connection_that_refused_is_replaced_within_the_same_call() {
    // The server at this address may be another one by now: the new primary, say.
    let calls = AtomicUsize::new(0);
    let server = Played::with(move |nth, mut stream| {
        while read_command(&mut stream).is_some() {
            let answer = match (nth, calls.fetch_add(1, Ordering::SeqCst)) {
                (0, 1..) => "-READONLY it is\r\n",
                _ => NOTHING,
            };
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let store = server.store();
    for connections in [1, 2, 2] {
        assert_eq!(store.load(key()).unwrap(), None);
        assert_eq!(server.connections(), connections);
    }
}
