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
        ("unix:///run/redis.sock?pass=SENTINEL", "Unix socket"),
        ("redis+unix:///run/redis.sock", "Unix socket"),
    ] {
        let line = refused(url);
        assert!(
            line.starts_with("the Redis URL ") && line.contains(why),
            "{url}: {line}"
        );
    }
}

#[test]
fn a_password_that_was_not_encoded_is_in_no_error() {
    for special in ["#", "?", "/"] {
        refused(&format!("redis://:SENTINEL{special}SENTINEL@redis.example"));
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
