//! A master, its replica and a sentinel that watches both.

use std::fs;
use std::path::Path;

use pan123_token_cache::testing::conformance;
use pan123_token_cache::{Lease, Owner, TokenStore};
use pan123_token_redis::RedisStore;

use crate::process::Server;
use crate::table::{documented, wait_until};
use crate::{LIFE, TERM, key, record};

struct Watched {
    master: Server,
    replica: Server,
    sentinel: Server,
}

impl Watched {
    fn start() -> Self {
        Self::with(&[])
    }

    /// With these options of both servers.
    fn with(options: &[&str]) -> Self {
        let (master, replica) = (Server::with(options), Server::with(options));
        let port = master.port.to_string();
        let () = replica.run(&["REPLICAOF", "127.0.0.1", &port]);
        let sentinel = sentinel(&master, &[]);
        // It asks the master for its replicas.
        wait_until(|| {
            let replicas: Vec<redis::Value> = sentinel.run(&["SENTINEL", "REPLICAS", "mymaster"]);
            let info: String = replica.run(&["INFO", "replication"]);
            replicas.len() == 1 && info.contains("master_link_status:up")
        });
        Self {
            master,
            replica,
            sentinel,
        }
    }

    /// The first sentinel of the URL is one that doesn't run.
    fn store(&self) -> RedisStore {
        let port = self.sentinel.port;
        let url = format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{port}/mymaster");
        RedisStore::new(&url).unwrap()
    }

    fn wait_for_failover(&self) {
        let port = self.replica.port.to_string();
        wait_until(|| {
            let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"];
            self.sentinel.run::<(String, String)>(&question).1 == port
        });
    }
}

fn sentinel(master: &Server, options: &[&str]) -> Server {
    sentinel_with(master, options, |_| Vec::new())
}

/// With more options, which are made once there is a folder.
fn sentinel_with(
    master: &Server,
    options: &[&str],
    prepare: impl Fn(&Path) -> Vec<String>,
) -> Server {
    let options = [&["--sentinel"], options].concat();
    Server::prepared(&options, |folder| {
        let file = folder.join("sentinel.conf");
        let settings = format!(
            "sentinel monitor mymaster 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds mymaster 500\n\
             sentinel failover-timeout mymaster 5000\n",
            master.port
        );
        fs::write(&file, settings).unwrap();
        let mut all = vec![file.to_str().unwrap().to_owned()];
        all.extend(prepare(folder));
        all
    })
}

fn store(sentinel: &Server, login: &str, rest: &str) -> RedisStore {
    let port = sentinel.port;
    let url = format!("redis+sentinel://{login}127.0.0.1:{port}/{rest}");
    RedisStore::new(&url).unwrap()
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn it_does_what_every_store_must_behind_a_sentinel() {
    let watched = Watched::start();
    conformance(&watched.store(), &|time| std::thread::sleep(time));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_master_that_dies_is_followed_by_its_replica() {
    let mut watched = Watched::start();
    let store = watched.store();
    let token = record("token", 0);
    store.save(key(), &token, None, LIFE).unwrap();
    wait_until(|| watched.replica.run::<u32>(&["DBSIZE"]) == 1);

    watched.master.kill();
    let error = store.load(key()).unwrap_err();
    assert!(!error.is_misconfigured(), "{error}");
    let dead = format!(": at 127.0.0.1:{}: no connection: ", watched.master.port);
    assert!(error.to_string().contains(&dead), "{error}");

    watched.wait_for_failover();
    let lease = store.lease(key(), Owner(1), TERM).unwrap();
    assert!(
        matches!(&lease, Lease::Granted(Some(stored)) if stored.record == token),
        "{lease:?}"
    );
    // Both keys: the second was written there.
    assert_eq!(watched.replica.run::<u32>(&["DBSIZE"]), 2);
}

/// The old master lives on as a replica, and so does the connection to it.
#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_master_that_is_demoted_costs_no_failure() {
    let watched = Watched::start();
    let store = watched.store();
    store.load(key()).unwrap();
    let () = watched.sentinel.run(&["SENTINEL", "FAILOVER", "mymaster"]);
    watched.wait_for_failover();
    // As the sentinel does itself, ten seconds later.
    let port = watched.replica.port.to_string();
    let () = watched.master.run(&["REPLICAOF", "127.0.0.1", &port]);
    let lease = store.lease(key(), Owner(1), TERM).unwrap();
    assert_eq!(lease, Lease::Granted(None));
    assert_eq!(watched.replica.run::<u32>(&["DBSIZE"]), 1);
}

/// A master that was demoted by hand: until the sentinel notices, it is called the master and takes no writes.
#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_master_that_takes_no_writes_yet_is_an_outage() {
    let server = Server::start();
    let sentinel = sentinel(&server, &[]);
    let () = server.run(&["REPLICAOF", "127.0.0.1", "1"]);
    let leased = store(&sentinel, "", "mymaster").lease(key(), Owner(1), TERM);
    let error = leased.unwrap_err();
    assert!(!error.is_misconfigured(), "{error}");
    assert!(error.to_string().contains("it takes no writes"), "{error}");
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn master_and_sentinel_each_have_their_login() {
    let server = Server::with(&["--requirepass", "SENTINEL-master"]);
    let sentinel = sentinel(&server, &["--requirepass", "SENTINEL-sentinel"]);
    let both = "mymaster/3?sentinel_password=SENTINEL-sentinel";
    let loaded = store(&sentinel, ":SENTINEL-master@", both).load(key());
    assert_eq!(loaded.unwrap(), None);

    let user_too = "mymaster?sentinel_user=default&sentinel_password=SENTINEL-sentinel";
    let loaded = store(&sentinel, "default:SENTINEL-master@", user_too).load(key());
    assert_eq!(loaded.unwrap(), None);

    let loaded = store(&sentinel, ":SENTINEL-master@", "mymaster").load(key());
    let case = "no `sentinel_password` where a sentinel asks for one";
    documented(case, sentinel.port, loaded);
    let wrong = "mymaster?sentinel_password=SENTINEL";
    let loaded = store(&sentinel, ":SENTINEL-master@", wrong).load(key());
    documented("a wrong `sentinel_password`", sentinel.port, loaded);

    let error = store(&sentinel, "", both).load(key()).unwrap_err();
    assert!(error.is_misconfigured(), "{error}");
    let master = format!(": at 127.0.0.1:{}: it asks for a login", server.port);
    assert!(error.to_string().contains(&master), "{error}");
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_wrong_name_or_address_of_a_sentinel_is_misconfigured() {
    let server = Server::start();
    let sentinel = sentinel(&server, &[]);
    let loaded = store(&sentinel, "", "other").load(key());
    documented("a master that sentinels don't know", sentinel.port, loaded);
    let loaded = store(&server, "", "mymaster").load(key());
    let case = "a server's address in place of a sentinel's";
    documented(case, server.port, loaded);
    let loaded = sentinel.store().load(key());
    let case = "a sentinel's address in place of a server's";
    documented(case, sentinel.port, loaded);
}

#[cfg(feature = "rustls")]
#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn tls_is_spoken_with_the_sentinel_and_with_the_master() {
    use crate::tls::{Authority, PLAIN_CLIENTS};

    let authority = Authority::new();
    let master = authority.server("127.0.0.1");
    let tls = [
        "--port",
        "0",
        "--tls-port",
        "PORT",
        "--tls-replication",
        "yes",
    ];
    let sentinel = sentinel_with(&master, &[PLAIN_CLIENTS, &tls].concat(), |folder| {
        authority.files(folder, "127.0.0.1", |_| ())
    });
    let port = sentinel.port;
    let url = format!("rediss+sentinel://127.0.0.1:{port}/mymaster");
    let store = RedisStore::new(&url).unwrap();
    let store = store.ca_pem(&authority.pem()).unwrap();
    assert_eq!(store.load(key()).unwrap(), None);

    let plain = format!("redis+sentinel://127.0.0.1:{port}/mymaster");
    let error = RedisStore::new(&plain).unwrap().load(key()).unwrap_err();
    assert!(error.is_misconfigured(), "{error}");
    assert!(error.to_string().contains("it speaks TLS"), "{error}");
}
