//! One exchange, whatever async client carries it out.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use pan123_token::http::{Request, Response};
use pan123_token::{FetchError, GetAccessToken, Grant, MAX_RESPONSE_BYTES};
use zeroize::Zeroizing;

use crate::Wiped;

type BoxError = Box<dyn Error + Send + Sync>;

/// One exchange: `send` sends the request, and brings the reply as soon as its head is there. Of the body at most 64 KiB and
/// one frame are read, and the whole is bounded by `timeout`.
///
/// Used in the [example](crate::on_tokio) on the module's page.
///
/// # Cancel safety
///
/// Dropping the future drops that of `send`. The request may have been sent by then.
///
/// # Errors
///
/// That of `send`; [`FetchError::Timeout`]; [`FetchError::Body`] where the body broke off; [`FetchError::Response`] where what
/// came is no grant.
pub async fn exchange_within<B>(
    operation: &GetAccessToken,
    timeout: Duration,
    send: impl AsyncFnOnce(Request<Full<Bytes>>) -> Result<Response<B>, FetchError>,
) -> Result<Grant, FetchError>
where
    B: Body<Error: Into<BoxError>>,
{
    let mut head = None;
    let error = match tokio::time::timeout(timeout, exchange(operation, send, &mut head)).await {
        Ok(Ok(grant)) => return Ok(grant),
        Ok(Err(error)) => error,
        Err(_) => FetchError::Timeout(timeout),
    };
    // Of a reply that broke off or took too long, the status may say more than the rest that didn't come.
    let head = head.filter(|_| error.response().is_none());
    let by_status = head.and_then(|head| operation.parse_broken_off(&head));
    Err(by_status.map_or(error, FetchError::Response))
}

/// Leaves the reply's head in `head_received` as soon as it is there.
async fn exchange<B>(
    operation: &GetAccessToken,
    send: impl AsyncFnOnce(Request<Full<Bytes>>) -> Result<Response<B>, FetchError>,
    head_received: &mut Option<Response<()>>,
) -> Result<Grant, FetchError>
where
    B: Body<Error: Into<BoxError>>,
{
    // Wiped once the last part of it is sent.
    let body = |body| Full::new(Bytes::from_owner(Zeroizing::new(body)));
    let response = send(operation.request().map(body)).await?;
    let (head, body) = response.into_parts();
    let head = head_received.insert(Response::from_parts(head, ()));
    let body = read(body).await;
    let body = body.map_err(|error| FetchError::Body(operation.cause(&*error)))?;
    Ok(operation.parse_parts(head.status(), head.headers(), &body)?)
}

/// Reads the body, but no further than one byte beyond what the core looks into.
async fn read<B: Body<Error: Into<BoxError>>>(body: B) -> Result<Wiped, BoxError> {
    let mut body = pin!(body);
    let mut bytes = Wiped::with_capacity(MAX_RESPONSE_BYTES + 1);
    // A frame may be empty; a body of such frames must end, too.
    for _ in 0..2 * MAX_RESPONSE_BYTES {
        let Some(frame) = body.frame().await else {
            return Ok(bytes);
        };
        if let Ok(data) = frame.map_err(Into::into)?.into_data() {
            let room = MAX_RESPONSE_BYTES + 1 - bytes.len();
            bytes.put(data.take(room));
            if bytes.len() > MAX_RESPONSE_BYTES {
                return Ok(bytes);
            }
        }
    }
    Err("a body of empty frames without end".into())
}
