//! One exchange, whatever service carries it out.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use pan123_token::http::{Request, Response};
use pan123_token::{FetchError, GetAccessToken, Grant, MAX_RESPONSE_BYTES};
use tower_service::Service;
use zeroize::Zeroizing;

use crate::BoxError;
use crate::failure::fetch_error;

/// Gets an access token: one request, one reply.
///
/// `client` is any service from a request to a response; [`client()`](crate::client), a `&` to it, or a clone of one's
/// own. It should not follow redirects, since the request holds the client secret (hyper's doesn't). At most 64 KiB and
/// one frame of the body are read, and the whole exchange, from `poll_ready` to the last byte of the reply, is bounded by
/// `timeout`. Needs a tokio runtime with its timer on.
///
/// Nothing is kept: each success costs one of the 3 tokens that the platform keeps alive per client ID.
///
/// # Cancel safety
///
/// Dropping the future drops the exchange. If the request was on its way, the platform may have issued a token that
/// was never received; it counts as one of the 3.
///
/// # Errors
///
/// When the way there failed, or the reply is no grant.
pub async fn fetch<S, B>(
    client: S,
    operation: &GetAccessToken,
    timeout: Duration,
) -> Result<Grant, FetchError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut head = None;
    let exchange = exchange(client, operation, &mut head);
    if let Ok(done) = tokio::time::timeout(timeout, exchange).await {
        return done;
    }
    // Where the head came in time, its status may say more than the time that the body took.
    let verdict = head.and_then(|head| operation.parse_broken_off(&head));
    Err(verdict.map_or(FetchError::Timeout(timeout), FetchError::Response))
}

/// Leaves the reply's head in `head_received` as soon as it is there.
async fn exchange<S, B>(
    mut client: S,
    operation: &GetAccessToken,
    head_received: &mut Option<Response<()>>,
) -> Result<Grant, FetchError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    let request = operation
        .request()
        // Wiped once the last part of it is sent.
        .map(|body| Full::new(Bytes::from_owner(Zeroizing::new(body))));

    poll_fn(|context| client.poll_ready(context))
        .await
        // Nothing was sent.
        .map_err(|error| FetchError::Connect(operation.cause(&*error.into())))?;
    let response = client
        .call(request)
        .await
        .map_err(|error| fetch_error(operation, &*error.into()))?;

    let (head, body) = response.into_parts();
    let head = head_received.insert(Response::from_parts(head, ()));
    match read(body).await {
        Ok(bytes) => {
            let head = std::mem::take(head);
            Ok(operation.parse_response(&head.map(|()| bytes))?)
        }
        Err(error) => Err(operation.parse_broken_off(head).map_or_else(
            || FetchError::Body(operation.cause(&*error)),
            FetchError::Response,
        )),
    }
}

/// Reads the body, but no further than one byte beyond what the core looks into.
async fn read<B>(body: B) -> Result<Zeroizing<Vec<u8>>, BoxError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    // Sized so that it never grows: a growing one leaves copies of the token behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_RESPONSE_BYTES + 1));
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
