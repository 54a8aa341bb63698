//! Tokens and replies as they come over the wire.

use pan123_token::{
    AccessToken, Credentials, FetchError, GetAccessToken, Grant, OffsetDateTime, http,
};
use std::time::Duration;

use crate::platform::TokenId;

thread_local! {
    static OPERATION: GetAccessToken =
        GetAccessToken::new(Credentials::new("client", "a-secret-that-is-never-shown").unwrap());
    static GRANT: Grant = OPERATION.with(|operation| {
        let body = r#"{"code":0,"data":{"accessToken":"t","expiredAt":"2026-03-23T15:48:37+08:00"}}"#;
        operation.parse_response(&http::Response::new(body)).unwrap()
    });
}

/// A grant to change: only a reply makes one.
pub(crate) fn template_grant() -> Grant {
    GRANT.with(Grant::clone)
}

/// What a client makes of a reply. `Retry-After` is absent where it is empty.
pub(crate) fn reply_of(status: u16, retry_after: &str, body: &str) -> Result<Grant, FetchError> {
    let mut response = http::Response::builder().status(status);
    if !retry_after.is_empty() {
        response = response.header("retry-after", retry_after);
    }
    let response = response.body(body).unwrap();
    OPERATION.with(|operation| operation.parse_response(&response).map_err(Into::into))
}

/// What each token's secret begins with. Nothing that is printed may hold it.
pub(crate) const SECRET: &str = "ISSUED-";

pub(crate) fn access_token(token: TokenId, expires_at: OffsetDateTime) -> AccessToken {
    AccessToken::new(format!("{SECRET}{token}"), expires_at).unwrap()
}

/// Reads the number back out of a token.
pub(crate) fn token_id(token: &AccessToken) -> TokenId {
    token.secret()[SECRET.len()..].parse().unwrap()
}

pub(crate) fn date_of(since_1970: Duration) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + since_1970
}
