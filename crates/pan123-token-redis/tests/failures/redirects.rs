//! Where a cluster sends a call on to, and how often.

use pan123_token_cache::TokenStore;
use pan123_token_redis::RedisStore;

use crate::played::{NOTHING, Played};
use crate::{key, line};

#[test]
fn a_redirect_is_followed_to_the_host_and_port_that_it_names() {
    let owner = Played::saying(NOTHING);
    // With its address, and with none: then the host is that of the node which says so.
    for host in ["127.0.0.1", "[127.0.0.1]", ""] {
        let seed = Played::saying(&format!("-MOVED 3999 {host}:{}\r\n", owner.port));
        assert_eq!(seed.store().load(key()).unwrap(), None, "{host}");
    }
    assert_eq!(owner.connections(), 3);
}

#[test]
fn a_call_that_is_asked_for_once_says_so() {
    let owner = Played::answering(|command| {
        let asking = command[0] == "ASKING";
        Some(if asking { "+OK\r\n" } else { NOTHING }.to_owned())
    });
    let seed = Played::saying(&format!("-ASK 3999 127.0.0.1:{}\r\n", owner.port));
    assert_eq!(seed.store().load(key()).unwrap(), None);
}

#[test]
fn nodes_that_send_a_call_in_a_circle_are_given_up() {
    let ring = Played::answering_as(|port| format!("-MOVED 3999 127.0.0.1:{port}\r\n"));
    let error = ring.store().load(key()).unwrap_err();
    let line = line(&error, ring.port);
    assert!(
        line.ends_with(": its cluster sends the call from node to node; check it"),
        "{line}"
    );
    assert!(!error.is_misconfigured());
    // The first, and five that it was sent on to.
    assert_eq!(ring.connections(), 6);
}

#[test]
fn a_redirect_to_no_address_is_not_followed() {
    for node in [
        "\x1b[31mSENTINEL:1",
        "SENTINEL",
        "SENTINEL!:1",
        "127.0.0.1:99999",
        "?:1",
        "",
    ] {
        let seed = Played::saying(&format!("-MOVED 3999 {node}\r\n"));
        let error = seed.store().load(key()).unwrap_err();
        let line = line(&error, seed.port);
        assert!(
            line.ends_with(": its cluster sends the call from node to node; check it"),
            "{line}"
        );
        assert_eq!(seed.connections(), 1);
    }
}

#[test]
fn what_fails_at_another_node_names_it() {
    let owner = Played::saying("-OOM it is\r\n");
    let seed = Played::saying(&format!("-MOVED 3999 127.0.0.1:{}\r\n", owner.port));
    let error = seed.store().load(key()).unwrap_err();
    let expected = format!(
        "Redis at 127.0.0.1:{}: at 127.0.0.1:{}: its memory is full; raise its maxmemory, or free some",
        seed.port, owner.port
    );
    assert_eq!(line(&error, seed.port), expected);
}

#[test]
fn of_several_hosts_one_that_is_down_makes_it_an_outage() {
    let wrong = Played::saying("-WRONGPASS it is\r\n");
    let url = format!("redis://127.0.0.1:{},127.0.0.1:1", wrong.port);
    let error = RedisStore::new(&url).unwrap().load(key()).unwrap_err();
    assert!(!error.is_misconfigured(), "{error}");
    let line = error.to_string();
    assert!(line.contains(": at 127.0.0.1:1: no connection: "), "{line}");

    let url = format!("redis://127.0.0.1:{0},127.0.0.1:{0}", wrong.port);
    let error = RedisStore::new(&url).unwrap().load(key()).unwrap_err();
    assert!(error.is_misconfigured(), "{error}");
}
