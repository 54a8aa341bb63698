//! Who may log in, and what they must be allowed.

use pan123_token_cache::testing::conformance;
use pan123_token_cache::{Owner, TokenStore};
use pan123_token_redis::RedisStore;

use crate::process::{Server, run_at};
use crate::{LIFE, TERM, key, line, record, record_key};

/// Special in a URL, each of them.
const PASSWORD: &str = "SENTINEL:p@ss/w?rd#1%é";
const PERCENT_ENCODED: &str = "SENTINEL%3Ap%40ss%2Fw%3Frd%231%25%C3%A9";

/// As the documentation has it.
pub(crate) const RULE: &str =
    "~pan123-token:* +eval +type +getrange +pttl +set +pexpire +del +time";

fn with_password() -> Server {
    Server::with(&["--requirepass", PASSWORD])
}

fn url(server: &Server, login: &str) -> String {
    format!("redis://{login}@127.0.0.1:{}", server.port)
}

fn load_error(server: &Server, url: &str) -> String {
    let error = RedisStore::new(url).unwrap().load(key()).unwrap_err();
    line(&error, server.port)
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_password_comes_with_the_url() {
    let server = with_password();
    for login in [
        format!(":{PERCENT_ENCODED}"),
        format!("default:{PERCENT_ENCODED}"),
    ] {
        let store = RedisStore::new(&url(&server, &login)).unwrap();
        assert_eq!(store.load(key()).unwrap(), None);
        assert!(!format!("{store:?}").contains("SENTINEL"));
    }
}

/// A server with a user who may do no more than this.
fn with_user(rule: &str) -> (Server, String) {
    let server = Server::start();
    let password = format!(">{PASSWORD}");
    let mut user = vec!["ACL", "SETUSER", "pan123", "reset", "on", &password];
    user.extend(rule.split(' '));
    let () = server.run(&user);
    let url = url(&server, &format!("pan123:{PERCENT_ENCODED}"));
    (server, url)
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn the_documented_rule_is_enough() {
    assert!(include_str!("../../src/lib.rs").contains(&format!(">password {RULE}\n")));
    let (_server, url) = with_user(RULE);
    let store = RedisStore::new(&url).unwrap();
    conformance(&store, &|time| std::thread::sleep(time));
}

fn refused(url: &str, command: &[&str]) {
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    let mut packed = redis::Cmd::new();
    let answer: redis::RedisResult<redis::Value> = packed.arg(command).query(&mut connection);
    assert_eq!(answer.unwrap_err().code(), Some("NOPERM"), "{command:?}");
}

/// With the two lines of the README for them.
#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn the_documented_users_see_no_token_in_monitor_and_slow_log() {
    const OTHERS: &str = "~app:* +@all -@admin";
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&format!("ACL SETUSER pan123 on >password {RULE}\n")));
    assert!(readme.contains(&format!("ACL SETUSER app on >password {OTHERS}\n")));
    let (server, own) = with_user(RULE);
    let user = ["ACL", "SETUSER", "app", "on", ">other"];
    let others: Vec<&str> = OTHERS.split(' ').collect();
    let () = server.run(&[&user[..], &others].concat());
    let other = url(&server, "app:other");
    let () = server.run(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);

    let store = RedisStore::new(&own).unwrap();
    store.save(key(), &record("token", 0), None, LIFE).unwrap();
    for url in [&own, &other] {
        refused(url, &["MONITOR"]);
        refused(url, &["SLOWLOG", "GET"]);
    }
    refused(&own, &["GET", &record_key()]);
    refused(&other, &["GET", &record_key()]);
    refused(&other, &["EVAL", "return 1", "1", &record_key()]);
    let () = run_at(&other, &["SET", "app:key", "value"]);

    // A user who may do everything sees the token there.
    let log: redis::Value = server.run(&["SLOWLOG", "GET"]);
    let log = format!("{log:?}");
    assert!(log.contains("EVAL") && log.contains("SENTINEL-token"));
    assert!(!log.contains(PASSWORD), "AUTH is in no log");
    let () = server.run(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]);
    let () = server.run(&["SLOWLOG", "RESET"]);
    store.save(key(), &record("next", 1), None, LIFE).unwrap();
    assert_eq!(server.run::<u32>(&["SLOWLOG", "LEN"]), 0);
}

/// Under a memory limit, too, where the lease is released in another way.
#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn the_documented_rule_is_enough_where_the_memory_is_full() {
    let (server, url) = with_user(RULE);
    let store = RedisStore::new(&url).unwrap();
    store.lease(key(), Owner(1), TERM).unwrap();
    let () = server.run(&["CONFIG", "SET", "maxmemory", "1"]);
    store.release(key(), Owner(1), TERM / 2).unwrap();
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn no_part_of_the_documented_rule_can_be_left_out() {
    for part in RULE.split(' ') {
        let rule: Vec<&str> = RULE.split(' ').filter(|it| *it != part).collect();
        let (server, url) = with_user(&rule.join(" "));
        let store = RedisStore::new(&url).unwrap();
        // What needs this part, whatever it is, fails and says why.
        let full = |on| {
            let limit = if on { "1" } else { "0" };
            let () = server.run(&["CONFIG", "SET", "maxmemory", limit]);
        };
        let calls = || {
            store.load(key())?;
            store.save(key(), &record("token", 0), None, LIFE)?;
            store.lease(key(), Owner(1), TERM)?;
            store.release(key(), Owner(1), std::time::Duration::ZERO)?;
            store.lease(key(), Owner(2), TERM)?;
            full(true);
            let given_back = store.release(key(), Owner(2), TERM);
            full(false);
            given_back
        };
        let line = line(&calls().expect_err(part), server.port);
        assert!(
            line.contains("the user may not do what is needed"),
            "{part}: {line}"
        );
    }
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn the_database_comes_with_the_url() {
    let server = Server::start();
    let third = format!("{}/3", server.url());
    let store = RedisStore::new(&third).unwrap();
    store.save(key(), &record("token", 0), None, LIFE).unwrap();
    assert_eq!(run_at::<i64>(&third, &["EXISTS", &record_key()]), 1);
    assert_eq!(server.run::<i64>(&["EXISTS", &record_key()]), 0);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn a_user_needs_leave_to_use_another_database() {
    let (server, url) = with_user(RULE);
    let line = load_error(&server, &format!("{url}/3"));
    assert!(
        line.contains("the user may not do what is needed"),
        "{line}"
    );
    let (_server, url) = with_user(&format!("{RULE} +select"));
    let store = RedisStore::new(&format!("{url}/3")).unwrap();
    assert_eq!(store.load(key()).unwrap(), None);
}
