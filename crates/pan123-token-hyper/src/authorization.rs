//! The token on every API call, as a tower layer.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::Body;
use pan123_token::http::{Request, Response};
use pan123_token_provider::WatchedBody;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::AuthorizationError;
use crate::call::{until_ready, unwatched};
use crate::provider::TokenProvider;
use crate::service::BoxError;

/// Puts the token of a provider on API calls, and reports to it when one was refused because of its token.
///
/// ```
/// # use std::convert::Infallible;
/// # use pan123_token_hyper::{AccessToken, OffsetDateTime, http::Response};
/// use pan123_token_hyper::{AuthorizationLayer, TokenProvider, http::Request};
/// use tower::{Layer, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let provider = TokenProvider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
/// // Stands for a client. The provider has the token a.b.c.
/// let service = tower::service_fn(async |request: Request<String>| {
///     assert_eq!(request.headers()["authorization"], "Bearer a.b.c");
///     Ok::<_, Infallible>(Response::new(r#"{"code":0,"message":"ok","data":{}}"#.to_owned()))
/// });
/// let api = AuthorizationLayer::new(provider)
///     .retry_with(|body: &String| Some(body.clone()))
///     .layer(service);
/// let request = Request::get("https://open-api.123pan.com/api/v1/user/info").body(String::new())?;
/// assert_eq!(api.oneshot(request).await?.status(), 200);
/// # Ok(())
/// # }
/// ```
///
/// A call goes out as it is, without a token and without waiting for one, where its URI is not among the provider's
/// origins (the base URL's own, and [those added](crate::TokenProviderBuilder::allow_origin)), and where it has an
/// `Authorization` header already. Any other call waits for a token, and carries it.
///
/// A reply with status 401, or in JSON of at most 4 KiB, is read ahead as long as its `code` is still open, and passed on in
/// the same frames; any other body is watched while it passes by, neither buffered nor delayed. With
/// [`retry_with`](Self::retry_with), a call that was refused by a reply of the first kind is sent once more, if there is
/// another token then.
///
/// A call that waits for a token holds no permit of the service underneath: a client that carries out a limited number of
/// calls at once may serve the provider, too.
///
/// `B` is the body of the requests. Put the layer below one that follows redirects, so that it sees where each of them
/// leads: a service underneath that follows them by itself must not take the token along to another server.
pub struct AuthorizationLayer<B> {
    provider: TokenProvider,
    retry: Option<Retry<B>>,
}

type Retry<B> = Arc<dyn Fn(&B) -> Option<B> + Send + Sync>;

impl<B> AuthorizationLayer<B> {
    /// Never retries a call.
    pub fn new(provider: TokenProvider) -> Self {
        Self {
            provider,
            retry: None,
        }
    }

    /// Retries a refused call once with another token, where `copy` gives a second body to send: `None` is for bodies
    /// that can be sent only once. It is asked before each call.
    #[must_use]
    pub fn retry_with(self, copy: impl Fn(&B) -> Option<B> + Send + Sync + 'static) -> Self {
        Self {
            retry: Some(Arc::new(copy)),
            ..self
        }
    }
}

impl<S, B> Layer<S> for AuthorizationLayer<B> {
    type Service = AuthorizationService<S, B>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthorizationService {
            inner,
            layer: self.clone(),
        }
    }
}

impl<B> Clone for AuthorizationLayer<B> {
    fn clone(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            retry: self.retry.clone(),
        }
    }
}

impl<B> fmt::Debug for AuthorizationLayer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationLayer")
            .field("provider", &self.provider)
            .field("retries", &self.retry.is_some())
            .finish()
    }
}

/// A service whose calls carry the token. From an [`AuthorizationLayer`], where an example is.
///
/// Dropping a call's future drops the call; a renewal that it waited for goes on.
#[derive(Debug)]
pub struct AuthorizationService<S, B> {
    inner: S,
    layer: AuthorizationLayer<B>,
}

impl<S: Clone, B> Clone for AuthorizationService<S, B> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S, B, R> Service<Request<B>> for AuthorizationService<S, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
    B: Send + 'static,
    R: Body + Send + 'static,
    R::Error: Send,
{
    type Response = Response<WatchedBody<R>>;
    type Error = AuthorizationError;
    type Future = AuthorizationFuture<S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let ready = self.inner.poll_ready(context);
        ready.map_err(AuthorizationError::service)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let AuthorizationLayer { provider, retry } = &self.layer;
        let Some(authorization) = provider.0.authorization(&request) else {
            let call = self.inner.call(request);
            return AuthorizationFuture {
                call: Call::Passing { call },
            };
        };
        let fresh = provider.0.fresh();
        let (provider, retry) = (provider.clone(), retry.clone());
        // The one that is ready is called; a clone may not be.
        let next = self.inner.clone();
        let mut service = mem::replace(&mut self.inner, next);
        if fresh.is_none() {
            // A permit of it goes with the one that is dropped. The token comes first.
            service = self.inner.clone();
        }
        let call = Box::pin(async move {
            let token = if let Some(token) = fresh {
                token
            } else {
                let token = provider.token().await;
                let token = token.map_err(AuthorizationError::Token)?;
                until_ready(&mut service).await?;
                token
            };
            let copy = |body: &B| retry.as_ref()?(body);
            provider
                .send(service, request, authorization, token, copy)
                .await
        });
        AuthorizationFuture {
            call: Call::Authorized { call },
        }
    }
}

pin_project! {
    /// A call under way through an [`AuthorizationService`]. An example is with [`AuthorizationLayer`].
    #[must_use = "a future does nothing unless it is polled"]
    pub struct AuthorizationFuture<F, R: Body> {
        #[pin]
        call: Call<F, R>,
    }
}

pin_project! {
    #[project = CallProjection]
    enum Call<F, R: Body> {
        /// As if there were no layer.
        Passing { #[pin] call: F },
        Authorized { call: Authorized<R> },
    }
}

type Authorized<R> = Pin<Box<dyn Future<Output = Reply<R>> + Send>>;
type Reply<R> = Result<Response<WatchedBody<R>>, AuthorizationError>;

impl<F, R, E> Future for AuthorizationFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
    E: Into<BoxError>,
{
    type Output = Reply<R>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply<R>> {
        match self.project().call.project() {
            CallProjection::Passing { call } => call.poll(context).map(unwatched),
            CallProjection::Authorized { call } => call.as_mut().poll(context),
        }
    }
}

impl<F, R: Body> fmt::Debug for AuthorizationFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationFuture")
            .finish_non_exhaustive()
    }
}
