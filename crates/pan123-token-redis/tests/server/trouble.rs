//! Servers that are full, stopped, restarted or read-only, and values that aren't ours.

use std::time::{Duration, Instant};

use pan123_token_cache::{Lease, Owner, Saved, TokenStore};

use crate::process::Server;
use crate::{LIFE, TERM, form, key, lease_key, line, record, record_key};

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_value_that_cant_be_read_counts_as_absent_and_is_replaced() {
    let server = Server::start();
    let store = server.store();
    let (record_key, long) = (record_key(), "SENTINEL".repeat(10_000));
    let cut = &record("cut", 0).encode()[..100];
    let values: [&[&str]; 6] = [
        &["SET", &record_key, "SENTINEL"],
        &["SET", &record_key, cut],
        &["SET", &record_key, ""],
        &["SET", &record_key, &long],
        &["RPUSH", &record_key, "SENTINEL"],
        &["HSET", &record_key, "accessToken", "SENTINEL"],
    ];
    for (nth, value) in values.into_iter().enumerate() {
        let () = server.run(&["FLUSHALL"]);
        let () = server.run(value);
        assert_eq!(store.load(key()).unwrap(), None, "{nth}");
        let lease = store.lease(key(), Owner(1), TERM).unwrap();
        assert_eq!(lease, Lease::Granted(None), "{nth}");
        let token = record("token", 0);
        let saved = store.save(key(), &token, None, LIFE).unwrap();
        assert_eq!(saved, Saved::Kept, "{nth}");
        let stored = store.load(key()).unwrap().unwrap();
        assert_eq!(stored.record, token, "{nth}");
        assert!(stored.left.is_some(), "{nth}");
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_lease_record_of_another_type_counts_as_absent() {
    let server = Server::start();
    let store = server.store();
    let () = server.run(&["RPUSH", &lease_key(), "SENTINEL"]);
    let () = server.run(&["PEXPIRE", &lease_key(), "100000"]);
    store.release(key(), Owner(1), TERM).unwrap();
    assert_eq!(
        store.lease(key(), Owner(1), TERM).unwrap(),
        Lease::Granted(None)
    );
    let lease = store.lease(key(), Owner(2), TERM).unwrap();
    assert!(matches!(lease, Lease::Held(..)), "{lease:?}");
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn what_a_newer_version_wrote_stays() {
    let server = Server::start();
    let store = server.store();
    let newer = form("newer", 0, 2);
    let () = server.run(&["SET", &record_key(), &newer]);
    let token = record("token", 9);
    for error in [
        store.load(key()).unwrap_err(),
        store.lease(key(), Owner(1), TERM).unwrap_err(),
        store.save(key(), &token, None, LIFE).unwrap_err(),
        store
            .save(key(), &token, Some(token.fingerprint()), LIFE)
            .unwrap_err(),
    ] {
        let line = line(&error, server.port);
        assert!(line.ends_with("; update this program"), "{line}");
        assert!(error.is_misconfigured(), "{line}");
    }
    assert_eq!(server.run::<String>(&["GET", &record_key()]), newer);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_server_that_is_full_still_loads_and_releases() {
    let server = Server::with(&["--maxmemory-policy", "noeviction"]);
    let store = server.store();
    let old = record("old", 0);
    store.save(key(), &old, None, LIFE).unwrap();
    for cooldown in [Duration::ZERO, TERM / 3] {
        store.lease(key(), Owner(1), TERM).unwrap();
        let () = server.run(&["CONFIG", "SET", "maxmemory", "1"]);

        let full = store
            .save(key(), &record("new", 1), None, LIFE)
            .unwrap_err();
        let full = line(&full, server.port);
        assert!(full.contains("its memory is full"), "{full}");
        let full = store.lease(key(), Owner(1), TERM).unwrap_err();
        let full = line(&full, server.port);
        assert!(full.contains("its memory is full"), "{full}");
        assert_eq!(store.load(key()).unwrap().unwrap().record, old);
        store.release(key(), Owner(1), cooldown).unwrap();

        let () = server.run(&["CONFIG", "SET", "maxmemory", "0"]);
        match store.lease(key(), Owner(2), TERM).unwrap() {
            Lease::Granted(_) => assert!(cooldown.is_zero()),
            Lease::Held(wait, _) => assert!(wait <= cooldown, "{wait:?}"),
            other => panic!("{other:?}"),
        }
        let () = server.run(&["DEL", &lease_key()]);
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_replica_reads_and_says_that_it_takes_no_writes() {
    let server = Server::start();
    let store = server.store();
    let old = record("old", 0);
    store.save(key(), &old, None, LIFE).unwrap();
    let () = server.run(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(store.load(key()).unwrap().unwrap().record, old);
    for error in [
        store.lease(key(), Owner(1), TERM).unwrap_err(),
        store
            .save(key(), &record("new", 1), None, LIFE)
            .unwrap_err(),
    ] {
        let line = line(&error, server.port);
        assert!(line.contains("give the primary's address"), "{line}");
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_server_that_was_restarted_empty_is_used_on_without_a_failure() {
    let mut server = Server::start();
    let store = server.store();
    let token = record("token", 0);
    store.save(key(), &token, None, LIFE).unwrap();
    store.lease(key(), Owner(1), TERM).unwrap();

    server.restart();
    assert_eq!(store.load(key()).unwrap(), None);
    server.restart();
    assert_eq!(
        store.lease(key(), Owner(2), TERM).unwrap(),
        Lease::Granted(None)
    );
    server.restart();
    store.release(key(), Owner(2), TERM).unwrap();
    server.restart();
    assert_eq!(store.save(key(), &token, None, LIFE).unwrap(), Saved::Kept);
    assert_eq!(store.load(key()).unwrap().unwrap().record, token);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_connection_that_was_closed_while_idle_costs_no_failure() {
    let server = Server::start();
    let store = server.store();
    for _ in 0..5 {
        assert_eq!(store.load(key()).unwrap(), None);
        let () = server.run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_stopped_server_costs_the_timeout_and_no_more() {
    let server = Server::start();
    let limit = Duration::from_millis(300);
    let store = server.store().timeout(limit);
    // Once on a connection that stands, once on a new one: the kernel still takes those.
    store.load(key()).unwrap();
    server.signal("STOP");
    for _ in 0..2 {
        let begun = Instant::now();
        let error = store.load(key()).unwrap_err();
        let took = begun.elapsed();
        assert!(took >= limit && took < 10 * limit, "{took:?}");
        let line = line(&error, server.port);
        assert!(line.contains("no answer within 300ms"), "{line}");
    }
    server.signal("CONT");
    assert_eq!(store.load(key()).unwrap(), None);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_cluster_without_slots_is_said_to_be_down() {
    let server = Server::with(&["--cluster-enabled", "yes"]);
    let error = server.store().load(key()).unwrap_err();
    let line = line(&error, server.port);
    assert!(
        line.contains("its cluster has no node for this key"),
        "{line}"
    );
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_save_that_is_carried_out_late_gives_the_token_no_longer_life() {
    use std::sync::{Arc, Mutex};

    use crate::played::Played;

    let server = Server::start();
    let (seconds, micros): (u64, u64) = server.run(&["TIME"]);
    let now = seconds * 1000 + micros / 1000;
    // The call that writes, as it would lie in the buffer of a server that was stopped.
    let written: Arc<Mutex<Vec<String>>> = Arc::default();
    let last = Arc::clone(&written);
    let played = Played::answering(move |command| {
        *last.lock().unwrap() = command.to_vec();
        Some(format!("*3\r\n$0\r\n\r\n:-2\r\n:{now}\r\n"))
    });
    let left = Duration::from_millis(1500);
    let token = record("token", 0);
    // It sees the same again and again, and gives up.
    played.store().save(key(), &token, None, left).unwrap_err();
    let written = written.lock().unwrap().clone();
    let write = || {
        let words: Vec<&str> = written.iter().map(|it| &**it).collect();
        let () = server.run(&words);
    };

    write();
    let kept = server.store().load(key()).unwrap().unwrap();
    assert_eq!(kept.record, token);
    assert!(kept.left.unwrap() <= left, "{:?}", kept.left);
    std::thread::sleep(left);
    assert_eq!(server.store().load(key()).unwrap(), None);
    write();
    assert_eq!(server.store().load(key()).unwrap(), None);
}
