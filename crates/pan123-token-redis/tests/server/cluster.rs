//! A cluster of three nodes, whichever of them the URL names.

use std::thread;
use std::time::Duration;

use pan123_token_cache::testing::conformance;
use pan123_token_cache::{Lease, Owner, Saved, TokenStore};
use pan123_token_redis::RedisStore;

use crate::process::Server;
use crate::table::{documented, wait_until};
use crate::{LIFE, TERM, key, lease_key, record, record_key};

const OPTIONS: &[&str] = &[
    "--cluster-enabled",
    "yes",
    "--cluster-node-timeout",
    "1000",
    // A node that is down takes no other's keys with it.
    "--cluster-require-full-coverage",
    "no",
];

struct Cluster {
    nodes: Vec<Server>,
    /// Which of them has the key's slot.
    owner: usize,
    slot: String,
}

impl Cluster {
    fn start() -> Self {
        let nodes: Vec<Server> = (0..3).map(|_| Server::with(OPTIONS)).collect();
        let ports: Vec<u16> = nodes.iter().map(|it| it.port).collect();
        Self::of(nodes, &ports)
    }

    /// The slots are dealt out in thirds. The nodes meet at these ports.
    fn of(nodes: Vec<Server>, ports: &[u16]) -> Self {
        let thirds = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for ((node, port), (first, last)) in nodes.iter().zip(ports).zip(thirds) {
            let () = node.run(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
            let () = nodes[0].run(&["CLUSTER", "MEET", "127.0.0.1", &port.to_string()]);
        }
        let slot: usize = nodes[0].run(&["CLUSTER", "KEYSLOT", &record_key()]);
        let cluster = Self {
            nodes,
            owner: slot / 5461,
            slot: slot.to_string(),
        };
        for node in &cluster.nodes {
            wait_until(|| {
                let info: String = node.run(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_slots_assigned:16384")
            });
        }
        cluster
    }

    fn owner(&self) -> &Server {
        &self.nodes[self.owner]
    }

    /// One that hasn't the key's slot.
    fn other(&self) -> &Server {
        &self.nodes[(self.owner + 1) % 3]
    }

    /// Has the slot move from its owner to the other, and leaves it half moved.
    fn begin_to_move(&self) {
        let id = |node: &Server| node.run::<String>(&["CLUSTER", "MYID"]);
        let (from, to) = (id(self.owner()), id(self.other()));
        let move_on = |node: &Server, how, id: &str| {
            let () = node.run(&["CLUSTER", "SETSLOT", &self.slot, how, id]);
        };
        move_on(self.other(), "IMPORTING", &from);
        move_on(self.owner(), "MIGRATING", &to);
    }

    fn end_to_move(&self) {
        let id: String = self.other().run(&["CLUSTER", "MYID"]);
        for node in [self.other(), self.owner()] {
            let () = node.run(&["CLUSTER", "SETSLOT", &self.slot, "NODE", &id]);
        }
    }
}

fn store(hosts: &[&Server]) -> RedisStore {
    let hosts: Vec<String> = hosts
        .iter()
        .map(|it| format!("127.0.0.1:{}", it.port))
        .collect();
    RedisStore::new(&format!("redis://{}", hosts.join(","))).unwrap()
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn it_does_what_every_store_must_through_a_node_without_the_key() {
    let cluster = Cluster::start();
    conformance(&cluster.other().store(), &|time| thread::sleep(time));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn hosts_share_through_different_nodes() {
    let cluster = Cluster::start();
    let token = record("token", 0);
    let hosts: Vec<_> = cluster.nodes.iter().map(Server::store).collect();
    let lease = hosts[0].lease(key(), Owner(1), TERM).unwrap();
    assert_eq!(lease, Lease::Granted(None));
    let saved = hosts[1].save(key(), &token, None, LIFE).unwrap();
    assert_eq!(saved, Saved::Kept);
    let lease = hosts[2].lease(key(), Owner(2), TERM).unwrap();
    assert!(
        matches!(&lease, Lease::Held(_, Some(stored)) if stored.record == token),
        "{lease:?}"
    );
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn the_connection_to_the_node_that_has_the_key_is_kept() {
    let cluster = Cluster::start();
    let store = cluster.other().store();
    for _ in 0..3 {
        assert_eq!(store.load(key()).unwrap(), None);
    }
    let has = |node: &Server, figure: &str| {
        let stats: String = node.run(&["INFO", "commandstats"]);
        let eval = stats.lines().find(|it| it.starts_with("cmdstat_eval:"));
        assert!(eval.is_some_and(|it| it.contains(figure)), "{stats}");
    };
    has(cluster.other(), "rejected_calls=1");
    has(cluster.owner(), "calls=3");
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_slot_that_moves_is_followed() {
    let cluster = Cluster::start();
    let store = store(&[cluster.owner()]);
    let token = record("token", 0);
    store.load(key()).unwrap();

    // There is no key yet, and so each call is for the new node: this one, and no later one.
    cluster.begin_to_move();
    store.save(key(), &token, None, LIFE).unwrap();
    assert_eq!(store.load(key()).unwrap().unwrap().record, token);
    let count = ["CLUSTER", "COUNTKEYSINSLOT", &cluster.slot];
    assert_eq!(cluster.other().run::<u32>(&count), 1);
    assert_eq!(cluster.owner().run::<u32>(&count), 0);

    cluster.end_to_move();
    assert_eq!(store.load(key()).unwrap().unwrap().record, token);
    let lease = store.lease(key(), Owner(1), TERM).unwrap();
    assert!(matches!(lease, Lease::Granted(Some(_))), "{lease:?}");
    assert_eq!(cluster.other().run::<u32>(&count), 2);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_slot_of_which_one_key_has_moved_is_an_outage() {
    let cluster = Cluster::start();
    let store = store(&[cluster.owner()]);
    store.save(key(), &record("token", 0), None, LIFE).unwrap();
    cluster.begin_to_move();
    let case = "a cluster that is moving the key to another node";
    let port = cluster.owner().port;
    documented(case, port, store.lease(key(), Owner(1), TERM));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_cluster_without_the_slot_is_an_outage() {
    let cluster = Cluster::start();
    let drop_slot = ["CLUSTER", "DELSLOTS", &cluster.slot];
    let () = cluster.owner().run(&drop_slot);
    let case = "a cluster without a node for the key";
    let store = cluster.owner().store();
    documented(case, cluster.owner().port, store.load(key()));
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_node_that_is_down_is_passed_by_where_the_url_names_others() {
    let mut cluster = Cluster::start();
    let down = (cluster.owner + 2) % 3;
    cluster.nodes[down].kill();
    let hosts = [&cluster.nodes[down], cluster.other(), cluster.owner()];
    assert_eq!(store(&hosts).load(key()).unwrap(), None);
    // One that accepts and doesn't answer, too: it has a third of the time.
    cluster.nodes[down].restart();
    cluster.nodes[down].signal("STOP");
    let hosts = [&cluster.nodes[down], cluster.other(), cluster.owner()];
    let store = store(&hosts).timeout(Duration::from_secs(3));
    assert_eq!(store.load(key()).unwrap(), None);
    cluster.nodes[down].signal("CONT");
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_node_that_is_down_and_has_the_key_is_an_outage_that_names_it() {
    let mut cluster = Cluster::start();
    let (other, owner) = (cluster.other().store(), cluster.owner);
    cluster.nodes[owner].kill();
    let error = other.load(key()).unwrap_err();
    assert!(!error.is_misconfigured(), "{error}");
    let line = crate::line(&error, cluster.other().port);
    let down = format!(": at 127.0.0.1:{}: no connection: ", cluster.owner().port);
    // Until the others notice, they send each call there.
    assert!(line.contains(&down), "{line}");
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_replica_that_takes_over_is_followed() {
    let mut cluster = Cluster::start();
    let replica = Server::with(OPTIONS);
    let port = replica.port.to_string();
    let () = cluster
        .other()
        .run(&["CLUSTER", "MEET", "127.0.0.1", &port]);
    let id: String = cluster.owner().run(&["CLUSTER", "MYID"]);
    wait_until(|| replica.try_run(&["CLUSTER", "REPLICATE", &id]).is_ok());
    wait_until(|| {
        replica
            .run::<String>(&["INFO", "replication"])
            .contains("link_status:up")
    });

    let store = store(&[cluster.owner(), cluster.other()]);
    let token = record("token", 0);
    store.save(key(), &token, None, LIFE).unwrap();
    wait_until(|| replica.run::<u32>(&["DBSIZE"]) == 1);
    let owner = cluster.owner;
    cluster.nodes[owner].kill();
    wait_until(|| {
        replica
            .run::<String>(&["INFO", "replication"])
            .contains("role:master")
    });
    wait_until(|| store.load(key()).is_ok());
    assert_eq!(store.load(key()).unwrap().unwrap().record, token);
    let lease = store.lease(key(), Owner(1), TERM).unwrap();
    assert!(matches!(lease, Lease::Granted(Some(_))), "{lease:?}");
    assert_eq!(replica.run::<u32>(&["EXISTS", &lease_key()]), 1);
}

/// A user of one's own needs `+asking` besides, and only while a slot moves.
#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn the_login_goes_along_and_the_documented_rule_is_enough() {
    let cluster = Cluster::start();
    for node in &cluster.nodes {
        let user = ["ACL", "SETUSER", "pan123", "on", ">SENTINEL", "+asking"];
        let rule: Vec<&str> = crate::login::RULE.split(' ').collect();
        let () = node.run(&[&user[..], &rule].concat());
    }
    let url = format!("redis://pan123:SENTINEL@127.0.0.1:{}", cluster.other().port);
    assert_eq!(RedisStore::new(&url).unwrap().load(key()).unwrap(), None);
    let url = format!("redis://pan123:SENTINEL@127.0.0.1:{}", cluster.owner().port);
    cluster.begin_to_move();
    assert_eq!(RedisStore::new(&url).unwrap().load(key()).unwrap(), None);
}

#[cfg(feature = "rustls")]
#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_redirect_over_tls_goes_to_a_port_with_tls() {
    use crate::process::free_port;
    use crate::tls::{Authority, PLAIN_CLIENTS};

    let authority = Authority::new();
    // Ten thousand higher, they talk to each other.
    let low_port = || (0..100).map(|_| free_port()).find(|&it| it < 55_536);
    let ports: Vec<u16> = (0..3).map(|_| low_port().unwrap()).collect();
    let nodes = ports.iter().map(|port| {
        let port = port.to_string();
        let tls = [
            "--tls-cluster",
            "yes",
            "--port",
            "PORT",
            "--tls-port",
            &port,
        ];
        let options = [PLAIN_CLIENTS, OPTIONS, &tls].concat();
        authority.server_that(&options, "127.0.0.1", |_| ())
    });
    let cluster = Cluster::of(nodes.collect(), &ports);
    for port in &ports {
        let store = RedisStore::new(&format!("rediss://127.0.0.1:{port}")).unwrap();
        let store = store.ca_pem(&authority.pem()).unwrap();
        assert_eq!(store.load(key()).unwrap(), None);
    }
    assert!(cluster.slot.parse::<u16>().is_ok());
}
