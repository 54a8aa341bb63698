//! What the platform answers, and what a store holds.

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

use super::*;

pub(crate) fn operation() -> GetAccessToken {
    GetAccessToken::new(Credentials::new("my-id", "my-secret").unwrap())
}

pub(crate) fn parse(response: &http::Response<String>) -> Result<Grant, FetchError> {
    operation().parse_response(response).map_err(Into::into)
}

pub(crate) fn date(wall: Duration) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + wall
}

/// A token that the server issues at `issued` by its own clock, and that lives for `lifetime` from then on.
pub(crate) fn grant(
    secret: &str,
    issued: Duration,
    lifetime: Duration,
) -> Result<Grant, FetchError> {
    grant_until(secret, issued, issued + lifetime)
}

/// A token with this `Date` and this expiry.
pub(crate) fn grant_until(
    secret: &str,
    answered: Duration,
    expires: Duration,
) -> Result<Grant, FetchError> {
    let date_header = date(answered)
        .format(&Rfc2822)
        .unwrap()
        .replace("+0000", "GMT");
    let expired_at = date(expires).format(&Rfc3339).unwrap();
    let body =
        format!(r#"{{"code":0,"data":{{"accessToken":"{secret}","expiredAt":"{expired_at}"}}}}"#);
    parse(
        &http::Response::builder()
            .header("date", date_header)
            .body(body)
            .unwrap(),
    )
}

/// The same without a `Date`.
pub(crate) fn grant_without_date(secret: &str, expires: Duration) -> Result<Grant, FetchError> {
    let expired_at = date(expires).format(&Rfc3339).unwrap();
    let body =
        format!(r#"{{"code":0,"data":{{"accessToken":"{secret}","expiredAt":"{expired_at}"}}}}"#);
    parse(&http::Response::new(body))
}

pub(crate) fn reply(status: u16, body: &str) -> Result<Grant, FetchError> {
    parse(
        &http::Response::builder()
            .status(status)
            .body(body.to_owned())
            .unwrap(),
    )
}

pub(crate) fn refused() -> Result<Grant, FetchError> {
    reply(200, r#"{"code":1,"message":"no"}"#)
}

pub(crate) fn rate_limited() -> Result<Grant, FetchError> {
    reply(200, r#"{"code":429,"message":"no"}"#)
}

pub(crate) fn not_sent() -> Result<Grant, FetchError> {
    Err(FetchError::Connect("refused".into()))
}

pub(crate) fn maybe_issued() -> Result<Grant, FetchError> {
    Err(FetchError::Body("reset".into()))
}

/// A record of a token that was issued at `issued` and lives for `lifetime` from then on.
pub(crate) fn record(secret: &str, issued: Duration, lifetime: Duration) -> Record {
    let token = AccessToken::new(secret, date(issued + lifetime)).unwrap();
    let form = format!(
        r#"{{"version":1,"readableBy":1,"accessToken":"{secret}","fingerprint":"{}","expiresAt":"{}","issuedAt":"{}","lifetimeMs":{},"sentAtMs":{},"forced":0,"suspect":false}}"#,
        token.fingerprint(),
        token.expires_at().format(&Rfc3339).unwrap(),
        date(issued).format(&Rfc3339).unwrap(),
        lifetime.as_millis(),
        issued.as_millis(),
    );
    Record::decode(form.as_bytes()).unwrap()
}
