//! The token on every API call, as a tower layer.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::Body;
use pan123_token::http::{Request, Response};
use pan123_token::{AccessToken, RejectionWatch};
use pan123_token_cache::TokenError;
use pan123_token_provider::{Provider, WatchedBody};
use tower_layer::Layer;
use tower_service::Service;

use crate::BoxError;
use crate::provider::TokenProvider;

/// Puts the token of a provider on API calls, and reports to it when one was refused because of its token.
///
/// A call goes out as it is, without a token and without waiting for one, where its URI is not among the provider's
/// origins (the base URL's own, and [those added](crate::TokenProviderBuilder::allow_origin)), and where it has an
/// `Authorization` header already. Any other call waits for a token, and carries it.
///
/// A reply that is announced as JSON of at most 4 KiB is read before it is passed on, in the same frames; any other body
/// is watched while it passes by, neither buffered nor delayed. With [`retry_with`](Self::retry_with), a call that was
/// refused by a reply of the first kind is sent once more, if there is another token then.
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

/// A service whose calls carry the token. From an [`AuthorizationLayer`].
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
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner
            .poll_ready(context)
            .map_err(AuthorizationError::service)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that is ready is called; a clone may not be.
        let next = self.inner.clone();
        let ready = mem::replace(&mut self.inner, next);
        Box::pin(self.layer.clone().call(ready, request))
    }
}

impl<B> AuthorizationLayer<B> {
    async fn call<S, R>(
        self,
        mut service: S,
        mut request: Request<B>,
    ) -> Result<Response<WatchedBody<R>>, AuthorizationError>
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        R: Body,
    {
        let Some(authorization) = self.provider.0.authorization(&request) else {
            let response = service.call(request).await;
            let response = response.map_err(AuthorizationError::service)?;
            return Ok(response.map(WatchedBody::unwatched));
        };
        let token = self.provider.token().await;
        let token = token.map_err(AuthorizationError::Token)?;
        let copy = self.copy(&request);
        let authorized = authorization.authorize(request.headers_mut(), &token);
        let (response, rejected) = self.send(&mut service, request, token).await?;
        // Without another token, the reply that came is the answer.
        if let (true, Some(mut copy)) = (rejected, copy)
            && let Some(other) = self.provider.0.replacement(authorized.token()).await
            && authorized.retry(copy.headers_mut(), &other)
        {
            drop(response);
            poll_fn(|context| service.poll_ready(context))
                .await
                .map_err(AuthorizationError::service)?;
            let (response, _) = self.send(&mut service, copy, other).await?;
            return Ok(response);
        }
        Ok(response)
    }

    /// The reply to a request that carries this token, and whether it is known already to reject it.
    async fn send<S, R>(
        &self,
        service: &mut S,
        request: Request<B>,
        token: AccessToken,
    ) -> Result<(Response<WatchedBody<R>>, bool), AuthorizationError>
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        R: Body,
    {
        let response = service.call(request).await;
        let response = response.map_err(AuthorizationError::service)?;
        let watch = RejectionWatch::new(&response, response.body().size_hint().exact());
        let provider = Provider::clone(&self.provider.0);
        let mut response = response.map(|body| WatchedBody::watched(body, watch, provider, token));
        let rejected = response.body_mut().read_ahead().await;
        Ok((response, rejected))
    }

    /// The same request once more, where it may be retried.
    fn copy(&self, request: &Request<B>) -> Option<Request<B>> {
        let mut copy = Request::new(self.retry.as_ref()?(request.body())?);
        copy.method_mut().clone_from(request.method());
        copy.uri_mut().clone_from(request.uri());
        *copy.version_mut() = request.version();
        copy.headers_mut().clone_from(request.headers());
        copy.extensions_mut().clone_from(request.extensions());
        Some(copy)
    }
}

/// Why a call through an [`AuthorizationService`] failed.
#[derive(Debug)]
pub enum AuthorizationError {
    /// There was no token, so nothing was sent.
    Token(TokenError),
    /// The service underneath failed, with this.
    Service(BoxError),
}

impl AuthorizationError {
    fn service(error: impl Into<BoxError>) -> Self {
        Self::Service(error.into())
    }
}

impl fmt::Display for AuthorizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => write!(f, "no access token for the call: {error}"),
            Self::Service(error) => error.fmt(f),
        }
    }
}

impl Error for AuthorizationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // All of it was shown.
            Self::Token(_) => None,
            Self::Service(error) => error.source(),
        }
    }
}
