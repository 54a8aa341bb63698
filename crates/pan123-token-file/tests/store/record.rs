//! A key, and records with tokens that differ.

use std::time::Duration;

use pan123_token_cache::pan123_token::{AccessToken, BaseUrl, OffsetDateTime};
use pan123_token_cache::{Record, StoreKey};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const LIFE: Duration = Duration::from_secs(30 * 86_400);

pub(crate) fn key() -> StoreKey {
    StoreKey::new(&BaseUrl::default(), "my-client-id")
}

/// A record whose token was issued so many seconds after 2025-02-21T07:48:37Z. It is long enough to be torn.
pub(crate) fn record(seconds: i64) -> Record {
    let issued_at = OffsetDateTime::from_unix_timestamp(1_740_124_117 + seconds).unwrap();
    let secret = format!("SECRET-{seconds}-{}", "x".repeat(8000));
    let token = AccessToken::new(secret, issued_at + LIFE).unwrap();
    let form = format!(
        r#"{{"version":1,"readableBy":1,"accessToken":"{}","fingerprint":"{}","expiresAt":"2025-03-23T07:48:37Z","issuedAt":"2025-02-21T07:48:37Z","lifetimeMs":2592000000,"sentAtMs":1740124117000,"forced":0,"suspect":false}}"#,
        token.secret(),
        token.fingerprint(),
    );
    let mut record = Record::decode(form.as_bytes()).unwrap();
    record.token = token;
    record.issued_at = issued_at;
    record
}
