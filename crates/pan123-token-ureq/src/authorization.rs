//! API calls: the token on the way out, a rejection on the way back.

use pan123_token::http::{Method, Request, Response, request};
use ureq::middleware::{Middleware, MiddlewareNext};
use ureq::typestate::HttpCrateScope;
use ureq::{Agent, AsSendBody, Body, Error, RequestExt, SendBody, config::ConfigBuilder};

use crate::fetch::TokenExchange;
use crate::watched_body::watch;
use crate::{CallError, TokenProvider};

impl TokenProvider {
    /// Carries out an API call, as [`Agent::run`] does: with the headers `Authorization` and `Platform`, and once more
    /// with another token, if the platform rejects the first and there is another.
    ///
    /// The body is anything that can be sent twice: bytes or text, and `""` for none. A body that is read as it is sent
    /// takes the [middleware](#impl-Middleware-for-TokenProvider), which sends it once.
    ///
    /// Only a call to the base URL's origin, or to one that was [allowed](crate::TokenProviderBuilder::allow_origin), gets
    /// the headers; and none that has an `Authorization` already. Other calls go out as they are.
    ///
    /// For a call that carries the token, whatever the agent's configuration: no status is an error, since what the
    /// platform says of the call stands in the body; and no redirect is followed, since each origin is to be looked at.
    ///
    /// Of a reply that may be a rejection (its status is 401, or it is JSON), up to 4 KiB are read before it is returned, and
    /// no more than it takes to see that it is none, as a rule its `code`; one of a known length up to that is read to its
    /// end. It still comes whole. Any other reply is returned as it comes, and is watched while it is read: a rejection
    /// then counts for the next call.
    ///
    /// A rejected token may be replaced at once, later, or by a newer one from the store: this waits for what is under way
    /// and may bring another, at most the provider's timeout.
    ///
    /// ```no_run
    /// # #[cfg(feature = "rustls")]
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use pan123_token_ureq::{TokenProvider, agent, credentials_from_env, http::Request};
    ///
    /// let provider = TokenProvider::builder(credentials_from_env()?).build()?;
    /// let request = Request::get("https://open-api.123pan.com/api/v1/user/info").body("")?;
    /// let mut response = provider.call(&agent()?, request)?;
    /// println!("{}", response.body_mut().read_to_string()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Without a token nothing is sent ([`CallError::Token`]); and what the agent fails with ([`CallError::Http`]).
    pub fn call(
        &self,
        agent: &Agent,
        request: Request<impl AsRef<[u8]>>,
    ) -> Result<Response<Body>, CallError> {
        let authorization = self.provider.authorization(&request);
        let (mut head, body) = request.into_parts();
        let body = body.as_ref();
        let Some(authorization) = authorization else {
            return send(agent, head, body, false);
        };
        let token = self.token().map_err(CallError::Token)?;
        let authorized = authorization.authorize(&mut head.headers, &token);
        let response = send(agent, head.clone(), body, true)?;
        let (response, rejected) = watch(response, &head.method, self, &token);
        if rejected
            && let Some(other) = self.replacement(&token)
            && authorized.retry(&mut head.headers, &other)
        {
            let response = send(agent, head.clone(), body, true)?;
            return Ok(watch(response, &head.method, self, &other).0);
        }
        Ok(response)
    }
}

/// For an agent that authorizes each of its calls by itself. A middleware can't retry a call; otherwise it does what
/// [`TokenProvider::call`] does.
///
/// ```no_run
/// # #[cfg(feature = "rustls")]
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use pan123_token_ureq::{AgentBuilder, TokenProvider, credentials_from_env};
///
/// let provider = TokenProvider::builder(credentials_from_env()?).build()?;
/// let config = AgentBuilder::default().config()?;
/// let agent = config.middleware(provider.clone()).build().new_agent();
/// let reply = agent.get("https://open-api.123pan.com/api/v1/user/info").call()?;
/// # Ok(())
/// # }
/// ```
///
/// Without a token, a call isn't sent and fails with [`ureq::Error::Other`], which holds the
/// [`TokenError`](crate::TokenError):
///
/// ```
/// use pan123_token_ureq::{TokenError, ureq};
///
/// fn why_no_token(error: &ureq::Error) -> Option<&TokenError> {
///     match error {
///         ureq::Error::Other(cause) => cause.downcast_ref(),
///         _ => None,
///     }
/// }
/// ```
///
/// Of the body of a reply that is watched as it comes, ureq doesn't know the length, which stands in the header alone; and
/// who wants to send it on, hands its reader to [`SendBody::from_reader`].
impl Middleware for TokenProvider {
    fn handle(
        &self,
        mut request: Request<SendBody<'_>>,
        next: MiddlewareNext<'_>,
    ) -> Result<Response<Body>, Error> {
        // A provider's own exchange carries no token, and must not wait for one.
        if request.extensions().get::<TokenExchange>().is_some() {
            return next.handle(request);
        }
        let Some(authorization) = self.provider.authorization(&request) else {
            return next.handle(request);
        };
        let token = self.token().map_err(|error| Error::Other(error.into()))?;
        let authorized = authorization.authorize(request.headers_mut(), &token);
        let method = request.method().clone();
        let Some(config) = request.middleware_config() else {
            return Err(Error::Other("called by something that is no agent".into()));
        };
        let response = next.handle(strict(config))?;
        Ok(watch(response, &method, self, authorized.token()).0)
    }
}

fn send(
    agent: &Agent,
    head: request::Parts,
    body: &[u8],
    authorized: bool,
) -> Result<Response<Body>, CallError> {
    let methods_with_body = [Method::POST, Method::PUT, Method::PATCH];
    let response = if body.is_empty() && !methods_with_body.contains(&head.method) {
        run(agent, Request::from_parts(head, ()), authorized)
    } else {
        run(agent, Request::from_parts(head, body), authorized)
    };
    response.map_err(CallError::of)
}

fn run<S: AsSendBody>(
    agent: &Agent,
    request: Request<S>,
    authorized: bool,
) -> Result<Response<Body>, Error> {
    if !authorized {
        return agent.run(request);
    }
    agent.run(strict(agent.configure_request(request)))
}

/// Every reply comes back, from the server that was asked.
fn strict<S: AsSendBody>(config: ConfigBuilder<HttpCrateScope<S>>) -> Request<S> {
    config.http_status_as_error(false).max_redirects(0).build()
}
