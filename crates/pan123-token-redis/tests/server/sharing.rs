//! One token for all hosts, one lease at a time.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use pan123_token_cache::testing::conformance;
use pan123_token_cache::{Lease, LeaseRecord, Owner, Saved, Stored, TokenStore};

use crate::process::Server;
use crate::{LIFE, TERM, key, lease_key, record, record_key};

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn it_does_what_every_store_must() {
    let server = Server::start();
    conformance(&server.store(), &|time| thread::sleep(time));
}

/// Both keys lie in one slot, so that one script may use both.
#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn it_does_the_same_on_a_cluster_of_one_node() {
    let server = Server::with(&["--cluster-enabled", "yes"]);
    let () = server.run(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    while !server
        .run::<String>(&["CLUSTER", "INFO"])
        .contains("cluster_state:ok")
    {
        thread::sleep(Duration::from_millis(10));
    }
    conformance(&server.store(), &|time| thread::sleep(time));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn two_hosts_share_a_token_and_the_right_to_fetch() {
    let server = Server::start();
    let (one, other) = (server.store(), server.store());
    assert_eq!(
        one.lease(key(), Owner(1), TERM).unwrap(),
        Lease::Granted(None)
    );
    let Lease::Held(wait, None) = other.lease(key(), Owner(2), TERM).unwrap() else {
        panic!("the other host was granted it, too")
    };
    assert!(wait > TERM / 2 && wait <= TERM, "{wait:?}");

    let token = record("token", 0);
    assert_eq!(one.save(key(), &token, None, LIFE).unwrap(), Saved::Kept);
    one.release(key(), Owner(1), TERM).unwrap();
    assert_eq!(other.load(key()).unwrap().unwrap().record, token);
    let Lease::CoolingDown(wait, Some(stored)) = other.lease(key(), Owner(2), TERM).unwrap() else {
        panic!("there is no cooldown, or no token")
    };
    assert!(wait > TERM / 2 && wait <= TERM, "{wait:?}");
    assert_eq!(stored.record, token);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn an_operator_sees_who_may_fetch_and_for_how_long() {
    let server = Server::start();
    let store = server.store();
    let says = || server.store().lease_record(key()).unwrap();
    assert_eq!(says(), None);
    store.lease(key(), Owner(1), TERM).unwrap();
    assert!(matches!(says(), Some(LeaseRecord::Held(left)) if left > TERM / 2 && left <= TERM));
    store.release(key(), Owner(1), TERM).unwrap();
    let cooling = says();
    assert!(
        matches!(cooling, Some(LeaseRecord::CoolingDown(left)) if left > TERM / 2 && left <= TERM),
        "{cooling:?}"
    );
    // What counts as absent where the lease is asked for does here.
    let () = server.run(&["PERSIST", &lease_key()]);
    assert_eq!(says(), None);
    let () = server.run(&["DEL", &lease_key()]);
    let () = server.run(&["RPUSH", &lease_key(), "no string"]);
    assert_eq!(says(), None);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn the_keys_and_what_they_hold_are_as_documented() {
    let server = Server::start();
    let store = server.store();
    let token = record("token", 0);
    store.lease(key(), Owner(0xabc), TERM).unwrap();
    store.save(key(), &token, None, LIFE).unwrap();
    // The hash is that of the official address and the client ID `my-id`, as the cache's own test has it.
    let record_key = "pan123-token:{2468dca3ff8c286f2e38eee23f1252b8}:v1:record";
    let lease_key = "pan123-token:{2468dca3ff8c286f2e38eee23f1252b8}:v1:gate";
    let mut keys: Vec<String> = server.run(&["KEYS", "*"]);
    keys.sort();
    assert_eq!(keys, [lease_key, record_key]);
    assert_eq!(server.run::<String>(&["GET", record_key]), token.encode());
    assert_eq!(
        server.run::<String>(&["GET", lease_key]),
        "0000000000000abc"
    );
    store.release(key(), Owner(0xabc), TERM).unwrap();
    assert_eq!(server.run::<String>(&["GET", lease_key]), "cool");
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn of_64_threads_that_ask_at_once_one_is_granted() {
    let server = Server::start();
    let store = server.store();
    let barrier = Barrier::new(64);
    let granted = thread::scope(|scope| {
        let askers: Vec<_> = (1..=64)
            .map(|owner| {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    store.lease(key(), Owner(owner), TERM).unwrap()
                })
            })
            .collect();
        askers
            .into_iter()
            .map(|asker| asker.join().unwrap())
            .filter(|lease| matches!(lease, Lease::Granted(_)))
            .count()
    });
    assert_eq!(granted, 1);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn of_two_that_save_at_once_the_newer_stays() {
    let server = Server::start();
    let hosts = [server.store(), server.store()];
    for round in 0..300 {
        let pair = [record("older", 2 * round), record("newer", 2 * round + 1)];
        let barrier = Barrier::new(2);
        let saved: Vec<Saved> = thread::scope(|scope| {
            let savers: Vec<_> = pair
                .iter()
                .zip(&hosts)
                .map(|(record, store)| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        store.save(key(), record, None, LIFE).unwrap()
                    })
                })
                .collect();
            savers.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let stored = hosts[0].load(key()).unwrap().unwrap();
        assert_eq!(stored.record, pair[1], "round {round}");
        assert_eq!(saved[1], Saved::Kept, "round {round}");
        if let Saved::Newer(stored) = &saved[0] {
            assert_eq!(stored.record, pair[1], "round {round}");
        }
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn of_many_that_save_at_once_the_newest_stays_and_none_fails() {
    let server = Server::start();
    let store = server.store();
    for round in 0..20 {
        let records: Vec<_> = (0..12)
            .map(|nth| record(&format!("token-{nth}"), 12 * round + nth))
            .collect();
        let barrier = Barrier::new(records.len());
        thread::scope(|scope| {
            for record in &records {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    store.save(key(), record, None, LIFE).unwrap();
                });
            }
        });
        let stored = store.load(key()).unwrap().unwrap();
        assert_eq!(&stored.record, records.last().unwrap(), "round {round}");
    }
}

/// As happens where the answer to the first call is lost.
#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn each_call_may_come_twice() {
    let server = Server::start();
    let store = server.store();
    let (read, token) = (record("read", 5), record("token", 0));
    store.save(key(), &read, None, LIFE).unwrap();
    for _ in 0..2 {
        let lease = store.lease(key(), Owner(1), TERM).unwrap();
        assert!(matches!(lease, Lease::Granted(Some(_))));
    }
    for _ in 0..2 {
        let replaces = Some(read.fingerprint());
        assert_eq!(
            store.save(key(), &token, replaces, LIFE).unwrap(),
            Saved::Kept
        );
    }
    assert_eq!(store.load(key()).unwrap().unwrap().record, token);
    for _ in 0..2 {
        store.release(key(), Owner(1), TERM).unwrap();
        let lease = store.lease(key(), Owner(1), TERM).unwrap();
        assert!(matches!(lease, Lease::CoolingDown(..)));
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_record_lives_as_long_as_its_token() {
    let server = Server::start();
    let store = server.store();
    store.save(key(), &record("token", 0), None, LIFE).unwrap();
    let seconds = Duration::from_secs(10);
    let ttl = Duration::from_millis(server.run(&["PTTL", &record_key()]));
    assert!(ttl <= LIFE && ttl + seconds > LIFE, "{ttl:?}");
    for left in [
        store.load(key()).unwrap().unwrap().left.unwrap(),
        match store.lease(key(), Owner(1), TERM).unwrap() {
            Lease::Granted(Some(Stored { left, .. })) => left.unwrap(),
            other => panic!("{other:?}"),
        },
    ] {
        assert!(left <= ttl && left + seconds > ttl, "{left:?}");
    }

    // Another one has a life of its own.
    let short = Duration::from_millis(300);
    store.save(key(), &record("next", 1), None, short).unwrap();
    let left = store.load(key()).unwrap().unwrap().left.unwrap();
    assert!(left <= short, "{left:?}");
    // Redis keeps it to the end of the last millisecond.
    thread::sleep(short + Duration::from_millis(20));
    assert_eq!(store.load(key()).unwrap(), None);
    // One that has expired as it comes is no failure.
    let expired = store.save(key(), &record("expired", 2), None, Duration::ZERO);
    assert_eq!(expired.unwrap(), Saved::Kept);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn times_of_any_length_are_taken() {
    let server = Server::start();
    let store = server.store();
    for time in [Duration::MAX, Duration::ZERO, Duration::from_nanos(1)] {
        let lease = store.lease(key(), Owner(1), time).unwrap();
        assert!(matches!(lease, Lease::Granted(_)), "{time:?}");
        store.release(key(), Owner(1), time).unwrap();
        store.save(key(), &record("token", 0), None, time).unwrap();
        let () = server.run(&["FLUSHALL"]);
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn what_was_made_to_last_shuts_no_host_out() {
    let server = Server::start();
    let store = server.store();
    store.save(key(), &record("token", 0), None, LIFE).unwrap();
    let () = server.run(&["PERSIST", &record_key()]);
    assert_eq!(store.load(key()).unwrap().unwrap().left, None);

    store.lease(key(), Owner(1), TERM).unwrap();
    let () = server.run(&["PERSIST", &lease_key()]);
    let lease = store.lease(key(), Owner(2), TERM).unwrap();
    assert!(matches!(lease, Lease::Granted(Some(_))), "{lease:?}");
    // And from then on it is a lease as any other.
    let lease = store.lease(key(), Owner(3), TERM).unwrap();
    assert!(matches!(lease, Lease::Held(..)), "{lease:?}");

    let () = server.run(&["SET", &lease_key(), "cool"]);
    let lease = store.lease(key(), Owner(4), TERM).unwrap();
    assert!(matches!(lease, Lease::Granted(Some(_))), "{lease:?}");
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_lease_that_was_lost_is_the_next_ones() {
    let server = Server::start();
    let store = server.store();
    store.lease(key(), Owner(1), TERM).unwrap();
    let () = server.run(&["DEL", &lease_key()]);
    assert_eq!(
        store.lease(key(), Owner(2), TERM).unwrap(),
        Lease::Granted(None)
    );
    // The first one neither ends nor shortens it; and what it fetched meanwhile is kept.
    store.release(key(), Owner(1), Duration::ZERO).unwrap();
    store.release(key(), Owner(1), TERM).unwrap();
    let lease = store.lease(key(), Owner(3), TERM).unwrap();
    assert!(matches!(lease, Lease::Held(..)), "{lease:?}");
    let saved = store.save(key(), &record("token", 0), None, LIFE);
    assert_eq!(saved.unwrap(), Saved::Kept);
}
