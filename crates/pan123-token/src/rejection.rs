//! The platform's verdict on a token, as it comes back from a business call.

use http::StatusCode;

use crate::envelope::Reply;

/// Whether a business call was refused because of its token: invalid, expired, or taken offline by newer ones.
///
/// True for an envelope with code 401, whatever the status (the platform is seen to send it with HTTP 200 and with HTTP
/// 401), and for HTTP 401 without a body. A page with HTTP 401 is taken for a proxy's, and says nothing about the token.
/// The message is not looked at: its wording varies.
pub fn token_rejected(response: &http::Response<impl AsRef<[u8]>>) -> bool {
    let body = response.body().as_ref();
    if body.is_empty() {
        return response.status() == StatusCode::UNAUTHORIZED;
    }
    Reply::read(body).code() == Some(401)
}
