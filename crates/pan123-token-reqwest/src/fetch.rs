//! One exchange.

use std::error::Error;
use std::io;
use std::panic::catch_unwind;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use pan123_token::http::{HeaderMap, Response, StatusCode};
use pan123_token::{Cause, FetchError, GetAccessToken, Grant, MAX_RESPONSE_BYTES};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, Request};
use zeroize::Zeroizing;

/// Gets an access token: one request, one reply.
///
/// The client should follow no redirects ([`Policy::none()`]). One that does gets no secret to carry along: the request's
/// body can't be sent twice, and what comes from elsewhere counts as the redirect that it came by. Of the reply's body at most
/// 64 KiB and one chunk are read, and the whole exchange is bounded by `timeout` (the client's own bounds hold, too). Needs
/// a tokio runtime with its I/O and timers on.
///
/// Nothing is kept: each success costs one of the 3 tokens that the platform keeps alive per client ID.
///
/// # Cancel safety
///
/// Dropping the future drops the exchange. If the request was on its way, the platform may have issued a token that is
/// lost; it counts as one of the 3.
///
/// # Errors
///
/// When the way there failed, or the reply is no grant. An error of TLS is [`FetchError::Tls`] where the client reports it as
/// rustls does, else [`FetchError::Connect`].
pub async fn fetch(
    client: &Client,
    operation: &GetAccessToken,
    timeout: Duration,
) -> Result<Grant, FetchError> {
    let mut head = None;
    let exchange = exchange(client, operation, &mut head);
    let error = match tokio::time::timeout(timeout, exchange).await {
        Ok(Ok(grant)) => return Ok(grant),
        Ok(Err(error)) => error,
        Err(_) => FetchError::Timeout(timeout),
    };
    // Of a reply that broke off, the status may say more than the rest that didn't come.
    let broken_off = !matches!(error, FetchError::Response(_));
    let head = head.filter(|_| broken_off);
    let by_status = head.and_then(|head| operation.parse_broken_off(&head));
    Err(by_status.map_or(error, FetchError::Response))
}

/// The same with a client of its own.
pub(crate) async fn fetch_once(
    operation: &GetAccessToken,
    timeout: Duration,
) -> Result<Grant, FetchError> {
    let build = || {
        let client = Client::builder().redirect(Policy::none());
        client.pool_max_idle_per_host(0).build()
    };
    let cause = match catch_unwind(build) {
        Ok(Ok(client)) => return fetch(&client, operation, timeout).await,
        Ok(Err(error)) => operation.cause(&error),
        Err(_) => Cause::from("reqwest panicked while its client was built; check its TLS"),
    };
    // Nothing was sent.
    Err(FetchError::Connect(cause))
}

/// Leaves the reply's head in `head_received` as soon as it is there.
async fn exchange(
    client: &Client,
    operation: &GetAccessToken,
    head_received: &mut Option<Response<()>>,
) -> Result<Grant, FetchError> {
    let failed = |error: reqwest::Error| fetch_error(operation, &error.without_url());
    // Wiped once the last part of it is sent; and wrapped, so that reqwest can't send it again to another server.
    let body = |body| Body::wrap(Full::new(Bytes::from_owner(Zeroizing::new(body))));
    let request = Request::try_from(operation.request().map(body)).map_err(failed)?;
    let url = request.url().clone();
    let mut response = match client.execute(request).await {
        Ok(response) if *response.url() == url => response,
        Err(error) if !error.is_redirect() => return Err(failed(error)),
        _ => {
            return operation
                .parse_parts(StatusCode::FOUND, &HeaderMap::new(), b"")
                .map_err(Into::into);
        }
    };

    let head = head_received.insert(Response::new(()));
    *head.status_mut() = response.status();
    head.headers_mut().clone_from(response.headers());
    // Sized so that it never grows: a growing one leaves copies of the token behind.
    let length = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    let length = length.unwrap_or(MAX_RESPONSE_BYTES).min(MAX_RESPONSE_BYTES);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    while bytes.len() <= MAX_RESPONSE_BYTES {
        let chunk = response
            .chunk()
            .await
            .map_err(|error| FetchError::Body(operation.cause(&error.without_url())))?;
        let Some(chunk) = chunk else { break };
        let room = MAX_RESPONSE_BYTES + 1 - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(operation.parse_parts(head.status(), head.headers(), &bytes)?)
}

/// Sorts an error that came before the reply's head by how far the exchange got. Where the client doesn't say so, the
/// request may have been sent.
fn fetch_error(operation: &GetAccessToken, error: &reqwest::Error) -> FetchError {
    let cause = operation.cause(error);
    if !error.is_connect() && !error.is_builder() {
        FetchError::Body(cause)
    } else if is_tls(error) {
        FetchError::Tls(cause)
    } else {
        FetchError::Connect(cause)
    }
}

/// Whether an error or one of its causes is what rustls reports, of a certificate that isn't trusted among others.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let Some(io) = error.downcast_ref::<io::Error>() else {
        return error.source().is_some_and(is_tls);
    };
    // `source()` of an I/O error leaves out the error inside.
    io.kind() == io::ErrorKind::InvalidData || io.get_ref().is_some_and(|inner| is_tls(inner))
}
