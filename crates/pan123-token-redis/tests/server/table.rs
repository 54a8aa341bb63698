//! The README's table of what a call says, row by row.

use std::fmt::Debug;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use pan123_token_cache::{Owner, StoreError, TokenStore};
use pan123_token_redis::RedisStore;

use crate::played::{Played, read_command};
use crate::process::Server;
use crate::{LIFE, TERM, key, line, record};

/// The README has a row of this case, and it says what this error says.
pub(crate) fn documented<T: Debug>(case: &str, port: u16, result: Result<T, StoreError>) {
    let error = result.expect_err(case);
    let line = line(&error, port);
    let (_, meaning) = line.split_once(&format!(":{port}: ")).unwrap();
    let kind = if error.is_misconfigured() {
        "misconfigured"
    } else {
        "outage"
    };
    let row = format!("| {case} | {kind} | {meaning} |");
    assert!(
        include_str!("../../README.md").contains(&row),
        "the README lacks: {row}"
    );
}

fn store(server: &Server, login: &str, rest: &str) -> RedisStore {
    RedisStore::new(&format!("redis://{login}127.0.0.1:{}{rest}", server.port)).unwrap()
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn logins() {
    let server = Server::with(&["--requirepass", "SENTINEL"]);
    let load = |login| store(&server, login, "").load(key());
    documented("a wrong password", server.port, load(":SENTINEL-not@"));
    documented("an unknown user", server.port, load("pan:SENTINEL@"));
    documented("no password where one is asked for", server.port, load(""));
    let server = Server::start();
    let loaded = store(&server, ":SENTINEL@", "").load(key());
    let case = "a password where none is asked for";
    documented(case, server.port, loaded);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn permissions() {
    let server = Server::start();
    let user = ["ACL", "SETUSER", "pan", "on", ">SENTINEL"];
    let rule = ["~pan123-token:*", "+type", "+getrange"];
    let () = server.run(&[&user[..], &rule].concat());
    let load = || store(&server, "pan:SENTINEL@", "").load(key());
    documented("a user who may not run scripts", server.port, load());
    let () = server.run(&["ACL", "SETUSER", "pan", "+eval"]);
    let case = "a user who lacks another part of the rule";
    documented(case, server.port, load());
    let () = server.run(&["ACL", "SETUSER", "pan", "+pttl"]);
    load().unwrap();

    let server = Server::with(&["--rename-command", "EVAL", ""]);
    let case = "scripts that are disabled (`rename-command EVAL \"\"`)";
    documented(case, server.port, server.store().load(key()));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn databases() {
    let server = Server::start();
    let loaded = store(&server, "", "/99").load(key());
    documented("a database that isn't there", server.port, loaded);
    let server = Server::with(&["--cluster-enabled", "yes"]);
    let loaded = store(&server, "", "/1").load(key());
    documented("a database other than 0 on a cluster", server.port, loaded);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn replicas() {
    let server = Server::start();
    let () = server.run(&["REPLICAOF", "127.0.0.1", "1"]);
    let leased = server.store().lease(key(), Owner(1), TERM);
    documented("a replica's address", server.port, leased);
    let () = server.run(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    let case = "a replica that has lost its primary";
    documented(case, server.port, server.store().load(key()));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn another_protocol() {
    let server = Played::with(|_, mut stream| {
        if read_command(&mut stream).is_some() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        }
    });
    let case = "a server that isn't Redis";
    documented(case, server.port, server.store().load(key()));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn servers_that_cannot_be_reached() {
    let mut server = Server::start();
    let store = server.store();
    server.signal("STOP");
    documented("no answer", server.port, store.load(key()));
    server.signal("CONT");
    server.kill();
    let case = "a server that doesn't run";
    documented(case, server.port, store.load(key()));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn servers_that_take_no_writes() {
    let server = Server::start();
    let store = server.store();
    let lease = || store.lease(key(), Owner(1), TERM);
    lease().unwrap();
    let set = |name, value| -> () { server.run(&["CONFIG", "SET", name, value]) };

    set("maxmemory", "1");
    documented("a full memory", server.port, lease());
    set("maxmemory", "0");

    set("min-replicas-to-write", "1");
    let case = "too few replicas (`min-replicas-to-write`)";
    documented(case, server.port, lease());
    set("min-replicas-to-write", "0");

    // There is a folder where the file would be.
    set("save", "3600 1");
    std::fs::create_dir(server.folder().join("dump.rdb")).unwrap();
    let () = server.run(&["BGSAVE"]);
    let persistence = || server.run::<String>(&["INFO", "persistence"]);
    wait_until(|| persistence().contains("rdb_last_bgsave_status:err"));
    documented("a disk that is full or fails", server.port, lease());
    set("save", "");
    lease().unwrap();
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn servers_that_are_busy() {
    let server = Server::with(&["--lua-time-limit", "1"]);
    thread::scope(|scope| {
        let script = scope.spawn(|| server.try_run(&["EVAL", "while true do end", "0"]));
        // A simple command is refused from the moment that the script is too slow.
        wait_until(|| server.try_run(&["PING"]).is_err());
        let loaded = server.store().load(key());
        let () = server.run(&["SCRIPT", "KILL"]);
        script.join().unwrap().unwrap_err();
        documented("another script that doesn't end", server.port, loaded);
    });

    let server = Server::with(&["--maxclients", "1"]);
    let held = server.store();
    held.load(key()).unwrap();
    documented("too many clients", server.port, server.store().load(key()));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_server_that_is_loading() {
    // A key takes 10 ms, and after each kilobyte it answers.
    let slowly = ["--loading-process-events-interval-bytes", "1024"];
    let server = Server::with(&[&["--enable-debug-command", "yes"], &slowly[..]].concat());
    let fill = "for i = 1, 100 do redis.call('SET', i, string.rep('x', 500)) end";
    let () = server.run(&["CONFIG", "SET", "rdbcompression", "no"]);
    let _: Option<u8> = server.run(&["EVAL", fill, "0"]);
    let () = server.run(&["CONFIG", "SET", "key-load-delay", "10000"]);
    thread::scope(|scope| {
        let reload = scope.spawn(|| server.try_run(&["DEBUG", "RELOAD"]));
        wait_until(|| server.try_run(&["GET", "1"]).is_err());
        let loaded = server.store().load(key());
        reload.join().unwrap().unwrap();
        documented("a server that is starting", server.port, loaded);
    });
    let saved = server.store().save(key(), &record("token", 0), None, LIFE);
    saved.unwrap();
}

#[cfg(feature = "rustls")]
mod with_tls {
    use rcgen::date_time_ymd;

    use super::*;
    use crate::tls::{Authority, PLAIN_CLIENTS};

    fn tls(host: &str, server: &Server, authority: &Authority) -> RedisStore {
        let url = format!("rediss://{host}:{}", server.port);
        let store = RedisStore::new(&url).unwrap();
        store.ca_pem(&authority.pem()).unwrap()
    }

    fn misconfigured<T: Debug>(why: &str, server: &Server, result: Result<T, StoreError>) {
        let error = result.expect_err(why);
        assert!(error.is_misconfigured(), "{error}");
        let line = line(&error, server.port);
        assert!(line.contains(why), "{line}");
    }

    #[test]
    #[ignore = "needs redis-server; tests/run provides it"]
    fn schemes() {
        let authority = Authority::new();
        let server = authority.server("localhost");
        let case = "`redis://` to a port with TLS";
        documented(case, server.port, server.store().load(key()));
        let server = Server::start();
        let begun = Instant::now();
        let loaded = tls("localhost", &server, &authority).load(key());
        assert!(begun.elapsed() < RedisStore::DEFAULT_TIMEOUT);
        let case = "`rediss://` to a port without TLS";
        documented(case, server.port, loaded);
    }

    #[test]
    #[ignore = "needs redis-server; tests/run provides it"]
    fn certificates() {
        let authority = Authority::new();
        let server = authority.server("localhost");
        let url = format!("rediss://localhost:{}", server.port);
        let loaded = RedisStore::new(&url).unwrap().load(key());
        let case = "a certificate of an authority that isn't trusted";
        documented(case, server.port, loaded);
        let loaded = tls("localhost", &server, &Authority::new()).load(key());
        misconfigured("invalid peer certificate", &server, loaded);
        let loaded = tls("127.0.0.1", &server, &authority).load(key());
        misconfigured("certificate not valid for name", &server, loaded);

        let server = authority.server_that(PLAIN_CLIENTS, "localhost", |params| {
            params.not_after = date_time_ymd(2020, 1, 1);
        });
        let loaded = tls("localhost", &server, &authority).load(key());
        misconfigured("certificate expired", &server, loaded);

        let options = ["--tls-auth-clients", "yes"];
        let server = authority.server_that(&options, "localhost", |_| ());
        let loaded = tls("localhost", &server, &authority).load(key());
        let case = "no client certificate where one is asked for";
        documented(case, server.port, loaded);
    }
}

/// Waits for what a server does by itself, for ten seconds at the most.
pub(crate) fn wait_until(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never comes");
        thread::sleep(Duration::from_millis(5));
    }
}
