//! How long a call takes at the most, whatever the server does.

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use pan123_token_cache::pan123_token::{AccessToken, OffsetDateTime};
use pan123_token_cache::{Owner, Record, TokenStore};
use pan123_token_redis::RedisStore;

use crate::played::{NOTHING, Played, read_command};
use crate::{key, line};

const LIMIT: Duration = Duration::from_millis(200);

/// It takes the timeout, and not much more on a machine that is busy.
fn times_out(store: &RedisStore, port: u16) {
    let begun = Instant::now();
    let error = store.load(key()).unwrap_err();
    let took = begun.elapsed();
    assert!(took >= LIMIT && took < 10 * LIMIT, "{took:?}");
    let line = line(&error, port);
    assert_eq!(
        line,
        format!(
            "Redis at 127.0.0.1:{port}: no answer within 200ms; check that it runs and can be reached, and the URL"
        )
    );
}

#[test]
fn a_port_without_a_listener() {
    let store = RedisStore::new("redis://127.0.0.1:1").unwrap();
    let line = line(&store.load(key()).unwrap_err(), 1);
    assert!(line.contains("no connection: "), "{line}");
    assert!(
        line.ends_with("; check that it runs, and the URL's host and port"),
        "{line}"
    );
}

/// On many machines it has two addresses, and the first one has no listener.
#[test]
fn a_name_with_an_address_that_answers() {
    let server = Played::saying(NOTHING);
    let store = RedisStore::new(&format!("redis://localhost:{}", server.port)).unwrap();
    assert_eq!(store.load(key()).unwrap(), None);
}

#[test]
fn a_listener_that_never_accepts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for scheme in SCHEMES {
        let url = format!("{scheme}://:SENTINEL@127.0.0.1:{port}");
        times_out(&RedisStore::new(&url).unwrap().timeout(LIMIT), port);
    }
}

#[cfg(feature = "rustls")]
const SCHEMES: [&str; 2] = ["redis", "rediss"];
#[cfg(not(feature = "rustls"))]
const SCHEMES: [&str; 1] = ["redis"];

#[test]
fn a_server_that_reads_and_says_nothing() {
    let server = Played::with(|_, mut stream| while read_command(&mut stream).is_some() {});
    times_out(&server.store().timeout(LIMIT), server.port);
}

#[test]
fn a_server_that_drips() {
    let server = Played::with(|_, mut stream| {
        let _ = stream.set_nodelay(true);
        let _ = stream.write_all(b"$60000\r\n");
        while stream.write_all(b"x").is_ok() {
            thread::sleep(LIMIT / 20);
        }
    });
    times_out(&server.store().timeout(LIMIT), server.port);
}

/// A save that gets a new answer each time, and always a bit later.
#[test]
fn a_save_that_is_answered_again_and_again() {
    let server = Played::answering(|command| {
        thread::sleep(LIMIT / 4);
        // Never what it was taken to be, and never a record.
        let seen = command[4].len() + 1;
        Some(format!(
            "*3\r\n${seen}\r\n{}\r\n:-1\r\n:1\r\n",
            "x".repeat(seen)
        ))
    });
    let store = server.store().timeout(LIMIT);
    let begun = Instant::now();
    let error = store.save(key(), &record(), None, LIMIT).unwrap_err();
    let took = begun.elapsed();
    assert!(took >= LIMIT && took < 10 * LIMIT, "{took:?}");
    line(&error, server.port);
}

#[test]
fn a_save_that_others_are_always_ahead_of_gives_up() {
    let server = Played::answering(|command| {
        let seen = command[4].len() + 1;
        Some(format!(
            "*3\r\n${seen}\r\n{}\r\n:-1\r\n:1\r\n",
            "x".repeat(seen)
        ))
    });
    let store = server.store().timeout(Duration::from_secs(60));
    let error = store.save(key(), &record(), None, LIMIT).unwrap_err();
    let line = line(&error, server.port);
    assert!(
        line.ends_with(": others keep changing the token; try again later"),
        "{line}"
    );
}

#[test]
fn callers_do_not_wait_for_one_another() {
    let (let_go, held_up) = mpsc::channel::<()>();
    let held_up = Mutex::new(held_up);
    let server = Played::with(move |nth, mut stream| {
        read_command(&mut stream).unwrap();
        if nth == 0 {
            held_up.lock().unwrap().recv().unwrap();
        }
        stream.write_all(NOTHING.as_bytes()).unwrap();
    });
    let store = server.store().timeout(Duration::from_secs(60));
    thread::scope(|scope| {
        let first = scope.spawn(|| store.load(key()));
        while server.connections() == 0 {
            thread::yield_now();
        }
        assert_eq!(store.load(key()).unwrap(), None);
        assert!(!first.is_finished());
        let_go.send(()).unwrap();
        assert_eq!(first.join().unwrap().unwrap(), None);
    });
}

#[test]
fn any_timeout_will_do() {
    let server = Played::saying(NOTHING);
    let store = server.store().timeout(Duration::MAX);
    assert_eq!(store.load(key()).unwrap(), None);
    let store = server.store().timeout(Duration::ZERO);
    let line = line(&store.load(key()).unwrap_err(), server.port);
    assert!(line.contains("no answer within 0ns"), "{line}");
    store.release(key(), Owner(1), LIMIT).unwrap_err();
}

fn record() -> Record {
    let expires_at = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(4_102_444_800);
    let token = AccessToken::new("SENTINEL", expires_at).unwrap();
    let form = format!(
        r#"{{"version":1,"readableBy":1,"accessToken":"SENTINEL","fingerprint":"{}","expiresAt":"2100-01-01T00:00:00Z","issuedAt":"2025-02-21T07:00:00Z","lifetimeMs":2592000000,"sentAtMs":1740124117000,"forced":0,"suspect":false}}"#,
        token.fingerprint()
    );
    Record::decode(form.as_bytes()).unwrap()
}
