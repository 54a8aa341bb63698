//! Which URLs are taken, and why the others aren't.

use pan123_token_redis::RedisStore;

fn shown(url: &str) -> String {
    let store = RedisStore::new(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    format!("{store:?}")
}

fn refused(url: &str) -> String {
    let error = RedisStore::new(url).expect_err(url);
    assert!(
        !format!("{error} {error:?}").contains("SENTINEL"),
        "{error}"
    );
    error.to_string()
}

#[test]
fn a_url_names_host_and_port() {
    for (url, server) in [
        ("redis://redis.example", "redis.example:6379"),
        ("redis://redis.example:7000/", "redis.example:7000"),
        ("redis://127.0.0.1/15", "127.0.0.1:6379"),
        ("redis://[::1]:7000", "[::1]:7000"),
        ("REDIS://redis.example", "redis.example:6379"),
        ("valkey://redis.example", "redis.example:6379"),
        (
            "redis://one.example,:secret@two.example:7000,three.example/0",
            "two.example:7000,three.example:6379",
        ),
        ("redis://[::1],[::2]:7000/", "[::1]:6379,[::2]:7000"),
        (
            "redis+sentinel://one.example,two.example:7000/mymaster",
            "one.example:26379,two.example:7000",
        ),
        (
            "valkey+sentinel://:secret@one.example/my-master.1/3?sentinel_password=secret",
            "one.example:26379",
        ),
    ] {
        assert!(
            shown(url).contains(&format!("server: {server}, timeout: 2.5s")),
            "{url}"
        );
    }
}

#[test]
fn debug_shows_no_password() {
    for url in [
        "redis://:SENTINEL@redis.example",
        "redis://user:SENTINEL@redis.example/3",
    ] {
        assert!(!shown(url).contains("SENTINEL"), "{url}");
    }
}

#[test]
fn what_is_no_url_of_a_server_is_refused() {
    for (url, why) in [
        ("", "it looks like redis://user:password@host:6379/0"),
        (
            "redis.example:6379",
            "it looks like redis://user:password@host:6379/0",
        ),
        (
            "http://redis.example",
            "it looks like redis://user:password@host:6379/0",
        ),
        (
            "redis://redis.example:99999",
            "it looks like redis://user:password@host:6379/0",
        ),
        ("redis://", "names no host"),
        ("redis:///0", "names no host"),
        ("redis://redis.example/SENTINEL", "no number of a database"),
        ("redis://redis.example/-1", "no number of a database"),
        ("redis://redis.example/0/1", "no number of a database"),
        (
            "redis://redis.example/99999999999999999999",
            "that can't be used",
        ),
        ("redis://:%FFSENTINEL@redis.example", "that can't be used"),
        ("redis://0.0.0.0", "that can't be used"),
        (
            "redis://SENTINEL@redis.example",
            "a password alone stands behind a colon",
        ),
        (
            "redis://redis.example?password=SENTINEL",
            "settings behind a ? or #",
        ),
        (
            "rediss://redis.example#insecure",
            "settings behind a ? or #",
        ),
        ("redis://,redis.example", "names no host"),
        ("redis://redis.example,", "names no host"),
        ("redis+sentinel://redis.example", "names no master"),
        (
            "redis+sentinel://redis.example/my%2Fmaster",
            "names no master",
        ),
        (
            "redis+sentinel://redis.example/mymaster/SENTINEL",
            "no number of a database",
        ),
        (
            "redis+sentinel://redis.example/mymaster?sentinel_user=SENTINEL",
            "a sentinel_user and no sentinel_password",
        ),
        (
            "redis://redis.example?sentinel_password=SENTINEL",
            "settings behind a ? or #",
        ),
        (
            "redis://redis.example?cert=/c.pem&key=/k.pem",
            "settings behind a ? or #",
        ),
    ] {
        let line = refused(url);
        assert!(
            line.starts_with("the Redis URL ") && line.contains(why),
            "{url}: {line}"
        );
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_url_of_a_unix_socket_is_refused() {
    for (url, why) in [
        (
            "unix:///run/redis.sock?password=SENTINEL",
            "settings behind a ? or #",
        ),
        ("unix://", "is no Unix socket's"),
        ("unix:///", "is no Unix socket's"),
        ("unix://host/run/redis.sock", "is no Unix socket's"),
        ("unix:///run/redis.sock?db=SENTINEL", "is no Unix socket's"),
        ("unix:///run/redis.sock?db=-1", "is no Unix socket's"),
        (
            "unix:///run/redis.sock?user=SENTINEL",
            "is no Unix socket's",
        ),
    ] {
        let line = refused(url);
        assert!(line.contains(why), "{url}: {line}");
    }
}

#[test]
fn a_password_that_was_not_encoded_is_in_no_error() {
    for special in ["#", "?", "/"] {
        refused(&format!("redis://:SENTINEL{special}SENTINEL@redis.example"));
    }
}

#[cfg(unix)]
#[test]
fn a_url_names_a_unix_socket() {
    for url in [
        "unix:///run/redis/redis.sock",
        "redis+unix:///run/redis/redis.sock?db=3",
        "valkey+unix:///run/redis/redis.sock?user=user&pass=SENTINEL",
    ] {
        let shown = shown(url);
        assert!(
            shown.contains("server: /run/redis/redis.sock, "),
            "{url}: {shown}"
        );
        assert!(!shown.contains("SENTINEL"), "{shown}");
    }
}

#[test]
fn a_url_is_known_by_its_scheme() {
    for url in [
        "redis://",
        "REDISS://redis.example",
        "valkeys://redis.example",
        "rediss+sentinel://redis.example",
        "unix:///run/redis.sock",
    ] {
        assert!(RedisStore::is_url(url), "{url}");
    }
    for text in ["", "redis", "file:/run", "none", "https://redis.example"] {
        assert!(!RedisStore::is_url(text), "{text}");
    }
}

#[test]
fn a_password_in_a_url_is_seen() {
    for url in [
        "redis://:secret@redis.example",
        "redis://user:secret@one.example,two.example",
        // Not encoded, and no URL.
        "redis://:se/cret@redis.example",
        "redis://:se?cret@redis.example",
        "redis+sentinel://redis.example/mymaster?sentinel_password=secret",
        "unix:///run/redis.sock?db=1&pass=secret",
    ] {
        assert!(RedisStore::url_has_password(url), "{url}");
    }
    for url in [
        "redis://redis.example:6379",
        "redis+sentinel://redis.example:1/mymaster",
        "redis://[::1]:6379/0",
        "unix:///run/a:b@c.sock",
        "file:/run/a:b@c?pass=",
    ] {
        assert!(!RedisStore::url_has_password(url), "{url}");
    }
}

#[cfg(feature = "rustls")]
mod with_tls {
    use super::*;

    #[test]
    fn a_url_asks_for_tls() {
        for url in [
            "rediss://redis.example",
            "valkeys://10.0.0.1",
            "rediss://[::1]:7000",
        ] {
            shown(url);
        }
        assert!(!RedisStore::url_has_password(
            "rediss://redis.example:6380?cert=/run/a@b.pem&key=/run/pass="
        ));
        for url in [
            "rediss://one.example,two.example?cert=/run/c.pem&key=/run/k.pem",
            "rediss+sentinel://one.example/mymaster?cert=/run/c.pem&key=/run/k.pem",
        ] {
            shown(url);
        }
        let line = refused("rediss://redis.example?cert=/run/c.pem");
        assert!(line.contains("a client certificate needs both"), "{line}");
        let line = refused("rediss://redis_!example");
        assert!(
            line.contains("names a host that no certificate can name"),
            "{line}"
        );
    }

    #[test]
    fn certificates_are_checked_as_they_are_given() {
        let store = || RedisStore::new("rediss://redis.example").unwrap();
        for (pem, why) in [
            ("", "there is no certificate in the PEM"),
            ("SENTINEL", "there is no certificate in the PEM"),
            (
                "-----BEGIN CERTIFICATE-----\n!SENTINEL\n-----END CERTIFICATE-----\n",
                "the PEM can't be read",
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "the PEM holds something that is no certificate",
            ),
        ] {
            let error = store().ca_pem(pem.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
            assert_eq!(error.to_string(), why);
        }
    }
}

#[cfg(not(feature = "rustls"))]
#[test]
fn tls_needs_its_feature() {
    let line = refused("rediss://redis.example");
    assert!(
        line.ends_with("build pan123-token-redis with its feature `rustls`"),
        "{line}"
    );
}
