//! One exchange.

use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use pan123_token::http::{Response, StatusCode};
use pan123_token::{Cause, FetchError, GetAccessToken, Grant};
use pan123_token_provider::on_tokio::{Exchanger, Exchanging, exchange_within};
use pan123_token_provider::{causes, is_tls_refusal};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, Request};

/// Gets an access token: one request, one reply.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
/// use pan123_token_reqwest::reqwest::{Client, redirect::Policy};
/// use pan123_token_reqwest::{Credentials, GetAccessToken, fetch};
///
/// // Stands for the platform.
/// let emulator = Emulator::builder().start()?;
/// let operation = GetAccessToken::new(Credentials::new(CLIENT_ID, CLIENT_SECRET)?)
///     .with_base_url(emulator.url().parse()?);
/// let client = Client::builder().redirect(Policy::none()).build()?;
/// let grant = fetch(&client, &operation, Duration::from_secs(10)).await?;
/// assert_eq!(emulator.live_tokens(CLIENT_ID), [grant.token.secret()]);
/// # Ok(())
/// # }
/// ```
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
    let failed = |error: reqwest::Error| fetch_error(operation, &error.without_url());
    exchange_within(operation, timeout, async |request| {
        // Wrapped, so that reqwest can't send it again to another server.
        let request = Request::try_from(request.map(Body::wrap)).map_err(failed)?;
        let url = request.url().clone();
        match client.execute(request).await {
            Ok(response) if *response.url() == url => Ok(Response::<Body>::from(response)),
            Err(error) if !error.is_redirect() => Err(failed(error)),
            _ => {
                let mut redirect = Response::new(Body::default());
                *redirect.status_mut() = StatusCode::FOUND;
                Ok(redirect)
            }
        }
    })
    .await
}

/// The client that a builder was given; without one, each exchange has its own.
pub(crate) struct Exchanges(pub(crate) Option<Client>);

impl Exchanger for Exchanges {
    fn fetch<'a>(&'a self, operation: &'a GetAccessToken, timeout: Duration) -> Exchanging<'a> {
        Box::pin(async move {
            if let Some(client) = &self.0 {
                return fetch(client, operation, timeout).await;
            }
            let client = Client::builder().redirect(Policy::none());
            let build = || client.pool_max_idle_per_host(0).build();
            let cause = match catch_unwind(AssertUnwindSafe(build)) {
                Ok(Ok(client)) => return fetch(&client, operation, timeout).await,
                Ok(Err(error)) => operation.cause(&error),
                Err(_) => Cause::from("reqwest panicked while its client was built; check its TLS"),
            };
            // Nothing was sent.
            Err(FetchError::Connect(cause))
        })
    }
}

/// Sorts an error that came before the reply's head by how far the exchange got. Where the client doesn't say so, the
/// request may have been sent.
fn fetch_error(operation: &GetAccessToken, error: &reqwest::Error) -> FetchError {
    let cause = operation.cause(error);
    if is_tls_refusal(error) {
        FetchError::Tls(cause)
    } else if !error.is_connect() && !error.is_builder() {
        FetchError::Body(cause)
    } else if causes(error).any(is_tls) {
        FetchError::Tls(cause)
    } else {
        FetchError::Connect(cause)
    }
}

/// What rustls reports, of a certificate that isn't trusted among others.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|io| io.kind() == io::ErrorKind::InvalidData)
}
