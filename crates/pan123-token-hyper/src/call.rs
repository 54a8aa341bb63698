//! One API call: the token on the way out, a rejection on the way back.

use std::future::poll_fn;

use http_body::Body;
use pan123_token::http::{Request, Response};
use pan123_token::{AccessToken, Authorization, RejectionWatch};
use pan123_token_provider::WatchedBody;
use tower_service::Service;

use crate::service::BoxError;
use crate::{AuthorizationError, TokenProvider};

type Reply<R> = Result<Response<WatchedBody<R>>, AuthorizationError>;

impl TokenProvider {
    /// Carries out an API call with the headers `Authorization` and `Platform`, and once more with another token, if the
    /// platform rejects the first and there is another.
    ///
    /// `client` is any service from a request to a response; [`client()`](crate::client()), a `&` to it, or a clone of one's
    /// own. It is asked whether it is ready only once there is a token.
    ///
    /// Only a call to the base URL's origin, or to one that was [allowed](Self::allow_origin), gets the headers; and none that
    /// has an `Authorization` already. Other calls go out as they are. A client that follows redirects by itself must not
    /// take the token along to another server (hyper's follows none).
    ///
    /// A reply with status 401, or in JSON of at most 4 KiB, is read ahead as long as its `code` is still open; then a rejection
    /// is noticed at once, and the call is sent again. Any other reply is passed on as it comes, neither buffered nor delayed,
    /// and is watched while it is read; a rejection then counts for the next call. What the platform says of the call stands
    /// in the reply's body.
    ///
    /// ```no_run
    /// # #[cfg(feature = "rustls")]
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use pan123_token_hyper::{TokenProvider, client, credentials_from_env, http::Request};
    ///
    /// let provider = TokenProvider::builder(credentials_from_env()?).build()?;
    /// let request = Request::get("https://open-api.123pan.com/api/v1/user/info");
    /// let response = provider.call(client()?, request.body(String::new())?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the call, which may have reached the platform. A renewal that it waited for goes on.
    ///
    /// # Errors
    ///
    /// When there is no token, or the client failed.
    pub async fn call<S, B, R>(&self, client: S, request: Request<B>) -> Reply<R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        B: Clone,
        R: Body,
    {
        let copy = |body: &B| Some(body.clone());
        self.carry_out(client, request, copy).await
    }

    /// The same for a body that can be sent only once, a stream, say: a refused call comes back as the platform answered it,
    /// and the next one carries another token. An example, cancel safety and errors are with [`call`](Self::call).
    pub async fn call_once<S, B, R>(&self, client: S, request: Request<B>) -> Reply<R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        R: Body,
    {
        self.carry_out(client, request, |_: &B| None).await
    }

    async fn carry_out<S, B, R>(
        &self,
        mut client: S,
        request: Request<B>,
        copy: impl FnOnce(&B) -> Option<B>,
    ) -> Reply<R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        R: Body,
    {
        let Some(authorization) = self.0.authorization(&request) else {
            until_ready(&mut client).await?;
            return unwatched(client.call(request).await);
        };
        let token = self.token().await.map_err(AuthorizationError::Token)?;
        until_ready(&mut client).await?;
        self.send(client, request, authorization, token, copy).await
    }

    /// Sends a call with this token through a service that is ready.
    pub(crate) async fn send<S, B, R>(
        &self,
        mut service: S,
        mut request: Request<B>,
        authorization: Authorization,
        token: AccessToken,
        copy: impl FnOnce(&B) -> Option<B>,
    ) -> Reply<R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        R: Body,
    {
        let copy = copy(request.body()).map(|body| with_body(&request, body));
        let authorized = authorization.authorize(request.headers_mut(), &token);
        let response = service.call(request).await;
        let (response, rejected) = self.watch(response, token).await?;
        // Without another token, the reply that came is the answer.
        if let (true, Some(mut copy)) = (rejected, copy)
            && let Some(other) = self.0.replacement(authorized.token()).await
            && authorized.retry(copy.headers_mut(), &other)
        {
            drop(response);
            until_ready(&mut service).await?;
            let response = service.call(copy).await;
            return Ok(self.watch(response, other).await?.0);
        }
        Ok(response)
    }

    /// The reply to a request that carried this token, and whether it is known already to reject it.
    async fn watch<R: Body>(
        &self,
        response: Result<Response<R>, impl Into<BoxError>>,
        token: AccessToken,
    ) -> Result<(Response<WatchedBody<R>>, bool), AuthorizationError> {
        let response = response.map_err(AuthorizationError::service)?;
        let watch = RejectionWatch::new(&response, response.body().size_hint().exact());
        let (head, body) = response.into_parts();
        let (body, rejected) = WatchedBody::read_ahead(body, watch, &self.0, token).await;
        Ok((Response::from_parts(head, body), rejected))
    }
}

pub(crate) async fn until_ready<S, Q>(service: &mut S) -> Result<(), AuthorizationError>
where
    S: Service<Q>,
    S::Error: Into<BoxError>,
{
    let ready = poll_fn(|context| service.poll_ready(context)).await;
    ready.map_err(AuthorizationError::service)
}

/// The reply to a request that carried none of our tokens.
pub(crate) fn unwatched<R: Body>(response: Result<Response<R>, impl Into<BoxError>>) -> Reply<R> {
    let response = response.map_err(AuthorizationError::service)?;
    Ok(response.map(WatchedBody::unwatched))
}

/// The same request with this body.
fn with_body<B>(request: &Request<B>, body: B) -> Request<B> {
    let mut copy = Request::new(body);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    copy.extensions_mut().clone_from(request.extensions());
    copy
}
