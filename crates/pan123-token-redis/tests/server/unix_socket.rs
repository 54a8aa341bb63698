//! A server at a Unix socket.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pan123_token_cache::TokenStore;
use pan123_token_cache::testing::conformance;
use pan123_token_redis::RedisStore;

use crate::key;
use crate::process::Server;

/// A path of a socket is short: 108 bytes at the most. Removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn socket(&self) -> String {
        self.0.join("redis.sock").to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn store(socket: &str, rest: &str) -> RedisStore {
    RedisStore::new(&format!("unix://{socket}{rest}")).unwrap()
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn it_does_what_every_store_must_at_a_unix_socket() {
    let folder = Folder::new("pan123-redis");
    let socket = folder.socket();
    let _server = Server::with(&["--unixsocket", &socket]);
    conformance(&store(&socket, ""), &|time| std::thread::sleep(time));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_login_and_a_database_stand_behind_the_path() {
    let folder = Folder::new("pan123-redis-login");
    let socket = folder.socket();
    let options = ["--unixsocket", &socket, "--requirepass", "SENTINEL:?"];
    let _server = Server::with(&options);
    for rest in ["?pass=SENTINEL:%3F", "?user=default&pass=SENTINEL:%3F&db=3"] {
        assert_eq!(store(&socket, rest).load(key()).unwrap(), None);
    }
    for rest in ["", "?pass=SENTINEL", "?pass=SENTINEL:%3F&db=99"] {
        let error = store(&socket, rest).load(key()).unwrap_err();
        assert!(error.is_misconfigured(), "{error}");
        let line = error.to_string();
        assert!(line.starts_with(&format!("Redis at {socket}: ")), "{line}");
        assert!(!line.contains("SENTINEL"), "{line}");
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_socket_that_is_missing_or_has_no_listener_is_an_outage() {
    let folder = Folder::new("pan123-redis-none");
    let socket = folder.socket();
    let outage = || {
        let error = store(&socket, "").load(key()).unwrap_err();
        assert!(!error.is_misconfigured(), "{error}");
        assert!(error.to_string().contains("no connection: "), "{error}");
    };
    outage();
    drop(UnixListener::bind(&socket).unwrap());
    outage();
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_socket_that_accepts_none_costs_the_timeout_and_no_more() {
    let folder = Folder::new("pan123-redis-full");
    let socket = folder.socket();
    let _listener = UnixListener::bind(&socket).unwrap();
    let limit = Duration::from_millis(300);
    let begun = Instant::now();
    let error = store(&socket, "").timeout(limit).load(key()).unwrap_err();
    let took = begun.elapsed();
    assert!(took >= limit && took < 10 * limit, "{took:?}");
    assert!(
        error.to_string().contains("no answer within 300ms"),
        "{error}"
    );
}
