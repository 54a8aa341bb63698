//! A tunnel through an HTTP proxy. That of hyper-util doesn't say with which status a proxy refuses it.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use pan123_token::http::header::{HOST, PROXY_AUTHORIZATION};
use pan123_token::http::{HeaderValue, Request, StatusCode, Uri};

use crate::service::BoxError;

/// Asks a proxy at the other end of this connection for the server. TLS with that comes on top: there, the client speaks
/// first, so nothing follows the proxy's answer.
pub(super) async fn open<C>(
    connection: C,
    server: &Uri,
    login: Option<&HeaderValue>,
) -> Result<C, BoxError>
where
    C: Read + Write + Unpin + Send + 'static,
{
    let host = server.host().unwrap_or_default();
    let target = format!("{host}:{}", server.port_u16().unwrap_or(443));
    let mut request = Request::connect(&target).header(HOST, &target);
    if let Some(login) = login {
        request = request.header(PROXY_AUTHORIZATION, login);
    }
    let request = request.body(Empty::<Bytes>::new())?;

    let mut protocol = http1::Builder::new();
    // There are old proxies.
    protocol.title_case_headers(true);
    let (mut sender, connection) = protocol.handshake(connection).await?;
    let mut connection = pin!(connection.without_shutdown());
    let mut answer = pin!(sender.send_request(request));
    let mut released = None;
    let answer = poll_fn(|context| {
        if released.is_none()
            && let Poll::Ready(parts) = connection.as_mut().poll(context)
        {
            released = Some(parts);
        }
        answer.as_mut().poll(context)
    });
    let status = answer.await?.status();
    if !status.is_success() {
        return Err(Refused(status).into());
    }
    let parts = match released {
        Some(parts) => parts?,
        None => connection.await?,
    };
    Ok(parts.io)
}

/// 407 asks for a login; 401 and 403 are common as well.
#[derive(Debug)]
struct Refused(StatusCode);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it refused the tunnel with {}", self.0)
    }
}

impl Error for Refused {}
