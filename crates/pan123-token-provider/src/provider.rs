//! The provider, as adapters wrap it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use pan123_token::http::header::AUTHORIZATION;
use pan123_token::http::{HeaderMap, Request, Uri};
use pan123_token::{AccessToken, Authorization, BaseUrl, Origins};
use pan123_token_cache::Rejection;

use crate::caller::{Caller, Wanted};
use crate::live::Live;
use crate::waiting::{Flush, Waiter};

/// A token, kept and renewed by those who carry out the [jobs](crate::Job). Cheap to clone; clones share everything.
///
/// ```
/// use pan123_token::http::Request;
/// use pan123_token::{AccessToken, OffsetDateTime};
/// use pan123_token_provider::Provider;
///
/// let provider = Provider::fixed(AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?);
/// let token = provider.fresh().ok_or("take turns as a caller")?;
///
/// let mut request = Request::get("https://open-api.123pan.com/api/v1/user/info").body(())?;
/// let authorization = provider.authorization(&request).ok_or("send it as it is")?;
/// authorization.authorize(request.headers_mut(), &token);
/// assert_eq!(request.headers()["authorization"], "Bearer a.b.c");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// How one is built is shown with [`Settings`](crate::Settings), and how jobs are carried out in the [adapter](crate) on the
/// crate's page.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    source: Source,
    origins: ArcSwap<Origins>,
    timeout: Duration,
}

enum Source {
    Live(Arc<Live>),
    Fixed(AccessToken),
}

impl Provider {
    pub(crate) fn live(live: Live, origins: Origins, timeout: Duration) -> Self {
        Self(Arc::new(Inner {
            source: Source::Live(Arc::new(live)),
            origins: ArcSwap::from_pointee(origins),
            timeout,
        }))
    }

    /// For tests: hands out this token whenever it is asked, and never another. Its one origin is the official one.
    pub fn fixed(token: AccessToken) -> Self {
        Self(Arc::new(Inner {
            source: Source::Fixed(token),
            origins: ArcSwap::from_pointee(Origins::of(&BaseUrl::default())),
            timeout: Duration::ZERO,
        }))
    }

    /// How long a caller waits unless it says otherwise.
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// A token that can be used now, where there is nothing else to do: asked first, since it takes no lock and no memory.
    /// Without one, take turns as a [`caller`](Self::caller).
    #[inline]
    pub fn fresh(&self) -> Option<AccessToken> {
        self.with_fresh(AccessToken::clone).ok()
    }

    /// The same token, lent for this call, which may call the provider: then nothing is written that other threads read.
    ///
    /// # Errors
    ///
    /// The closure comes back uncalled where there is no such token.
    #[inline]
    pub fn with_fresh<T, F>(&self, borrow: F) -> Result<T, F>
    where
        F: FnOnce(&AccessToken) -> T,
    {
        match &self.0.source {
            Source::Live(live) => live.with_fresh(borrow),
            Source::Fixed(token) => Ok(borrow(token)),
        }
    }

    /// The token that is held, if it can be used now. Asks nothing, and starts nothing.
    pub fn current(&self) -> Option<AccessToken> {
        match &self.0.source {
            Source::Live(live) => live.current(),
            Source::Fixed(token) => Some(token.clone()),
        }
    }

    /// A call that waits for a token, for this long at the most.
    pub fn caller(&self, wanted: Wanted, limit: Duration) -> Caller {
        match &self.0.source {
            Source::Live(live) => Caller::live(live, wanted, limit),
            Source::Fixed(token) => Caller::fixed(token.clone()),
        }
    }

    /// Reports that an API call was refused with this token ([`token_rejected`](pan123_token::token_rejected)). Starts
    /// nothing; the next caller does.
    pub fn reject(&self, token: &AccessToken) -> Rejection {
        match &self.0.source {
            Source::Live(live) => live.change(|state, now| state.cache.reject(token, now)),
            Source::Fixed(fixed) if fixed.secret() == token.secret() => Rejection::Suspect {
                replaceable_in: Duration::MAX,
            },
            Source::Fixed(_) => Rejection::NotCurrent,
        }
    }

    /// Waits until what is under way is done and saved, and every event is delivered.
    pub fn flush(&self) -> Flush {
        Flush(match &self.0.source {
            Source::Live(live) => Some(Waiter::new(live)),
            Source::Fixed(_) => None,
        })
    }

    /// From now on, API calls may carry the token to this server, too: to an upload host that the API has named, say.
    pub fn allow_origin(&self, base_url: &BaseUrl) {
        let origins = &self.0.origins;
        origins.rcu(|origins| Origins::clone(origins).and(base_url));
    }

    /// Where API calls may carry the token now.
    pub fn origins(&self) -> Origins {
        Origins::clone(&self.0.origins.load())
    }

    /// Permission to put the token on this request; see [`Authorization::of`]. The first request to each origin that isn't
    /// allowed is an [event](pan123_token_cache::Event::UnauthorizedOrigin).
    pub fn authorization<B>(&self, request: &Request<B>) -> Option<Authorization> {
        self.authorization_parts(request.uri(), request.headers())
    }

    /// The same for a client with request types of its own.
    pub fn authorization_parts(&self, uri: &Uri, headers: &HeaderMap) -> Option<Authorization> {
        let authorization = Authorization::of_parts(uri, headers, &self.0.origins.load());
        if let (None, Source::Live(live)) = (&authorization, &self.0.source)
            && !headers.contains_key(AUTHORIZATION)
            && let Some(origin) = Origins::name(uri)
        {
            let mut state = live.lock();
            if state.events.push_unauthorized(origin) {
                live.unlock(state, false);
            }
        }
        authorization
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither shows a secret.
        let source: &dyn fmt::Debug = match &self.0.source {
            Source::Live(live) => live,
            Source::Fixed(token) => token,
        };
        f.debug_struct("Provider")
            .field("source", source)
            .field("origins", &self.0.origins.load())
            .finish_non_exhaustive()
    }
}
