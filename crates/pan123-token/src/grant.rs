//! What a good reply brings.

use std::time::Duration;

use time::OffsetDateTime;

use crate::AccessToken;

/// An access token as the platform granted it, with what the reply says about when.
///
/// ```
/// use std::time::Duration;
/// # use pan123_token::{Credentials, GetAccessToken};
/// # let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
///
/// let reply = http::Response::builder().header("date", "Fri, 21 Feb 2025 07:48:37 GMT").body(
///     r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2025-03-23T15:48:37+08:00"}}"#,
/// )?;
/// let grant = operation.parse_response(&reply)?;
/// assert_eq!(grant.token.secret(), "a.b.c");
/// assert_eq!(grant.server_time.map(|time| time.unix_timestamp()), Some(1_740_124_117));
/// assert_eq!(grant.lifetime(), Some(Duration::from_secs(30 * 86_400)));
/// assert_eq!(grant.trace_id, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// The token and its expiry.
    pub token: AccessToken,
    /// The server's clock as it answered (the `Date` header), in UTC, to the second. `None` where it was missing or no
    /// date.
    pub server_time: Option<OffsetDateTime>,
    /// The reply's `x-traceID`, which the platform's support asks for. Printable, at most 128 characters.
    pub trace_id: Option<String>,
}

impl Grant {
    /// A lifetime beyond this is taken for a wrong `Date`: the platform documents 30 days, 90 were measured.
    const MAX_LIFETIME: Duration = Duration::from_secs(400 * 86_400);

    /// How long the token lives by the server's own clock: expiry minus `Date`, where that lies in (0, 400 days].
    ///
    /// Counted from the moment of sending the request, it needs no right clock on this side.
    pub fn lifetime(&self) -> Option<Duration> {
        let lifetime = Duration::try_from(self.token.expires_at() - self.server_time?).ok()?;
        (!lifetime.is_zero() && lifetime <= Self::MAX_LIFETIME).then_some(lifetime)
    }
}
