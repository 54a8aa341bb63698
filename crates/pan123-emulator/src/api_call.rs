//! API calls: the check of both headers and of the token, and the one call whose data is there from the start.

use serde_json::json;

use crate::platform::Refusal;
use crate::received::Received;
use crate::reply::Reply;
use crate::service::{Rejection, Service};

impl Service {
    /// The check that all calls but the token's have in common. The refusal, if there is one.
    pub(crate) fn authorize(&mut self, request: &Received) -> Result<(), Reply> {
        check_platform(request)?;
        let now = self.clock.now();
        let message = match bearer(request).map(|token| self.platform.check(token, now)) {
            Some(Ok(())) => return Ok(()),
            None => "access Token Invalid",
            Some(Err(Refusal::Unknown)) => "access_token无效",
            Some(Err(Refusal::Expired)) => "token is expired",
            Some(Err(Refusal::Evicted)) => "tokens number has exceeded the limit",
        };
        let status = match self.settings.rejection {
            Rejection::Http200 => 200,
            Rejection::Http401 => 401,
        };
        Err(self.refuse(status, 401, message))
    }

    /// `GET /api/v1/user/info`. Its data is assumed.
    pub(crate) fn user_info(&mut self, request: &Received) -> Reply {
        if let Err(refusal) = self.authorize(request) {
            return refusal;
        }
        self.grant_data(json!({
            "uid": 1_814_435_971_u32,
            "nickname": "emulator",
            "spaceUsed": 0,
            "spacePermanent": 2_199_023_255_552_u64,
        }))
    }
}

/// The header that every call of the platform carries. \[doc\]
pub(crate) fn check_platform(request: &Received) -> Result<(), Reply> {
    let mut values = request.values("platform");
    let right = values.next() == Some("open_platform") && values.next().is_none();
    right.then_some(()).ok_or_else(no_platform)
}

/// \[seen\]
pub(crate) fn no_platform() -> Reply {
    let json = r#"{"code":1,"message":"Please include the platform field in the request header"}"#;
    Reply::json(200, json.as_bytes().to_vec())
}

/// The token of the one `Authorization` header.
pub(crate) fn bearer(request: &Received) -> Option<&str> {
    let mut values = request.values("authorization");
    match (values.next(), values.next()) {
        (Some(value), None) => value.strip_prefix("Bearer "),
        _ => None,
    }
}
