//! The store on a real server: `redis-server`, started by each test on a free port of the loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

#[cfg(feature = "rustls")]
mod client_certificate;
mod cluster;
mod login;
#[path = "../failures/played.rs"]
#[allow(dead_code, reason = "shared with the tests that need no server")]
mod played;
mod process;
mod sentinel;
mod sharing;
mod table;
mod tls;
mod trouble;
#[cfg(unix)]
mod unix_socket;

use std::time::Duration;

use pan123_token_cache::pan123_token::{AccessToken, BaseUrl, OffsetDateTime};
use pan123_token_cache::{Record, StoreError, StoreKey};

const TERM: Duration = Duration::from_secs(45);
const LIFE: Duration = Duration::from_secs(30 * 86_400);

fn key() -> StoreKey {
    StoreKey::new(&BaseUrl::default(), "my-id")
}

fn record_key() -> String {
    format!("pan123-token:{{{}}}:v1:record", key())
}

fn lease_key() -> String {
    format!("pan123-token:{{{}}}:v1:gate", key())
}

/// The record of a token that was issued so many seconds after another.
fn record(secret: &str, seconds: u32) -> Record {
    let form = form(secret, seconds, 1);
    Record::decode(form.as_bytes()).unwrap()
}

/// A stored form that versions from this one on may read.
fn form(secret: &str, seconds: u32, readable_by: u32) -> String {
    let secret = format!("SENTINEL-{secret}");
    let expires_at = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(4_102_444_800);
    let fingerprint = AccessToken::new(secret.clone(), expires_at)
        .unwrap()
        .fingerprint();
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!(
        r#"{{"version":{readable_by},"readableBy":{readable_by},"accessToken":"{secret}","fingerprint":"{fingerprint}","expiresAt":"2100-01-01T00:00:00Z","issuedAt":"2025-02-21T07:{minutes:02}:{seconds:02}Z","lifetimeMs":2592000000,"sentAtMs":1740124117000,"forced":0,"suspect":false}}"#
    )
}

/// It is one printable line that names the server, and no secret is in it.
fn line(error: &StoreError, port: u16) -> String {
    let line = error.to_string();
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.contains(&format!(":{port}: ")), "{line}");
    for text in [&line, &format!("{error:?}")] {
        assert!(!text.contains("SENTINEL"), "{text}");
    }
    line
}
