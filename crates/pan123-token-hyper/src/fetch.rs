//! One exchange, whatever service carries it out.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use pan123_token::http::{Request, Response};
use pan123_token::{FetchError, GetAccessToken, Grant};
use pan123_token_provider::on_tokio::exchange_within;
use tower_service::Service;

use crate::failure::fetch_error;
use crate::service::BoxError;

/// Gets an access token: one request, one reply.
///
/// ```
/// # #[cfg(feature = "rustls")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
/// use pan123_token_hyper::{Credentials, GetAccessToken, client, fetch};
///
/// // Stands for the platform.
/// let emulator = Emulator::builder().start()?;
/// let operation = GetAccessToken::new(Credentials::new(CLIENT_ID, CLIENT_SECRET)?)
///     .with_base_url(emulator.url().parse()?);
/// let grant = fetch(&client()?, &operation, Duration::from_secs(10)).await?;
/// assert_eq!(emulator.live_tokens(CLIENT_ID), [grant.token.secret()]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "rustls"))]
/// # fn main() {}
/// ```
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
    mut client: S,
    operation: &GetAccessToken,
    timeout: Duration,
) -> Result<Grant, FetchError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    exchange_within(operation, timeout, async |request| {
        poll_fn(|context| client.poll_ready(context))
            .await
            // Nothing was sent.
            .map_err(|error| FetchError::Connect(operation.cause(&*error.into())))?;
        let response = client.call(request).await;
        response.map_err(|error| fetch_error(operation, &*error.into()))
    })
    .await
}
