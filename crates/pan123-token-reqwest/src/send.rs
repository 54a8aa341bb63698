//! API calls: the token on the way out, the classification of the reply on the way back.

use std::error::Error;
use std::fmt;

use pan123_token::http::{self, Uri};
use pan123_token::{AccessToken, RejectionWatch};
use pan123_token_cache::TokenError;
use pan123_token_provider::{ErrorLine, WatchedBody};
use reqwest::{Body, Client, Request, RequestBuilder, Response, ResponseBuilderExt};

use crate::TokenProvider;

impl TokenProvider {
    /// Sends an API call, as [`RequestBuilder::send`] does: with the headers `Authorization` and `Platform`, and once more
    /// with another token, if the platform rejects the first and there is another.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
    /// use pan123_token_reqwest::reqwest::{Client, redirect::Policy};
    /// use pan123_token_reqwest::{Credentials, TokenProvider};
    ///
    /// // Stands for the platform.
    /// let emulator = Emulator::builder().start()?;
    /// let provider = TokenProvider::builder(Credentials::new(CLIENT_ID, CLIENT_SECRET)?)
    ///     .base_url(emulator.url().parse()?)
    ///     .build()?;
    /// let client = Client::builder().redirect(Policy::none()).build()?;
    /// let request = client.get(format!("{}/api/v1/user/info", emulator.url()));
    /// let response = provider.send(request).await?;
    /// assert!(response.text().await?.contains(r#""code":0"#));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Only a call to the base URL's origin, or to one that was [allowed](Self::allow_origin), gets the headers; and none that
    /// has an `Authorization` already. Other calls go out as they are, with whatever client.
    ///
    /// A call that carries the token needs a client that was built with `.redirect(Policy::none())`; see
    /// [redirects](crate#concepts). It is sent twice only where its body can be: bytes, text and JSON can, a stream and a form
    /// can't.
    ///
    /// A reply with status 401, or in JSON of at most 4 KiB, is read ahead as long as its `code` is still open; then a rejection
    /// is noticed at once, and the call is sent again. Any other reply is passed on as it comes, neither buffered nor delayed,
    /// and is watched while it is read; a rejection then counts for the next call.
    ///
    /// Statuses are no errors: the code of a reply stands in its body.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the call, which may have reached the platform. A renewal that it waited for goes on.
    ///
    /// # Errors
    ///
    /// When there is no token, or the client failed.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, SendError> {
        let (client, request) = request.build_split();
        let mut request = request?;
        // As reqwest reads it, too. What isn't one, it refuses by itself.
        let uri = request.url().as_str().parse::<Uri>().ok();
        let authorization = uri.and_then(|uri| self.0.authorization_parts(&uri, request.headers()));
        let Some(authorization) = authorization else {
            return Ok(client.execute(request).await?);
        };
        if !follows_no_redirect(&client) {
            return Err(SendError::Redirects);
        }
        let token = self.token().await.map_err(SendError::Token)?;
        let authorized = authorization.authorize(request.headers_mut(), &token);
        let copy = request.try_clone();
        let (response, rejected) = self.execute(&client, request, &token).await?;
        // Without another token, the reply that came is the answer.
        if let (true, Some(mut copy)) = (rejected, copy)
            && let Some(other) = self.0.replacement(&token).await
            && authorized.retry(copy.headers_mut(), &other)
        {
            drop(response);
            return Ok(self.execute(&client, copy, &other).await?.0);
        }
        Ok(response)
    }

    /// The reply to a request that carries this token, and whether it is known already to reject it.
    async fn execute(
        &self,
        client: &Client,
        request: Request,
        token: &AccessToken,
    ) -> Result<(Response, bool), reqwest::Error> {
        let response = client.execute(request).await?;
        let (status, headers) = (response.status(), response.headers());
        let watch = RejectionWatch::of_parts(status, headers, response.content_length());
        if !watch.wants_more() {
            return Ok((response, false));
        }
        let url = response.url().clone();
        let (mut parts, body) = http::Response::<Body>::from(response).into_parts();
        let (body, rejected) = WatchedBody::read_ahead(body, watch, &self.0, token.clone()).await;
        // This is how a response that is put together gets its URL.
        if let Ok(marked) = http::Response::builder().url(url).body(()) {
            parts.extensions.extend(marked.into_parts().0.extensions);
        }
        let response = http::Response::from_parts(parts, Body::wrap(body));
        Ok((response.into(), rejected))
    }
}

/// reqwest says what a client's policy is in its `Debug` and nowhere else. What can't be read there counts as following.
fn follows_no_redirect(client: &Client) -> bool {
    let text = format!("{client:?}");
    let policy = text.split_once("redirect_policy: ");
    policy.is_some_and(|(_, policy)| policy.trim_start_matches('"').starts_with("Policy(None)"))
}

/// Why a call through [`TokenProvider::send`] failed. `Display` is one line that says it all; `source()` leads to every cause.
///
/// ```
/// # use pan123_token_reqwest::{AccessToken, OffsetDateTime, TokenProvider};
/// use pan123_token_reqwest::{SendError, reqwest::Client};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let provider = TokenProvider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
/// // Unless its policy says otherwise, a client of reqwest's follows redirects.
/// let request = Client::new().get("https://open-api.123pan.com/api/v1/user/info");
/// let result = provider.send(request).await;
/// assert!(matches!(result, Err(SendError::Redirects)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// There was no token, so nothing was sent.
    Token(TokenError),
    /// The client failed, with this. Its URL has no query.
    Http(reqwest::Error),
    /// The client may follow redirects, and take the token along to another server. Nothing was sent.
    Redirects,
}

impl From<reqwest::Error> for SendError {
    fn from(mut error: reqwest::Error) -> Self {
        if let Some(url) = error.url_mut() {
            // A signature may stand there.
            url.set_query(None);
            url.set_fragment(None);
        }
        Self::Http(error)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => write!(f, "no access token for the call: {error}"),
            Self::Http(error) => ErrorLine(error).fmt(f),
            Self::Redirects => f.write_str(
                "the client may follow redirects, and take the token along to another server; \
                 build it with .redirect(reqwest::redirect::Policy::none())",
            ),
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            Self::Http(error) => Some(error),
            Self::Redirects => None,
        }
    }
}
