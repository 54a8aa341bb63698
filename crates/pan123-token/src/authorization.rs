//! One API call's use of tokens: which one it carries, and whether it may be sent again with another.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Uri};

use crate::{AccessToken, Origins};

/// Permission to put a token into one API call.
///
/// ```
/// use http::Request;
/// use pan123_token::{Authorization, BaseUrl, Origins};
///
/// let origins = Origins::of(&BaseUrl::default());
/// let api = Request::get("https://open-api.123pan.com/api/v1/user/info").body(())?;
/// assert!(Authorization::of(&api, &origins).is_some());
///
/// // The pre-signed URL of an upload V1 must not see the token. (The hosts of an upload V2 must: add them to the origins.)
/// let upload = Request::put("https://upload.example/part?signature=x").body(())?;
/// assert!(Authorization::of(&upload, &origins).is_none());
/// # Ok::<(), http::Error>(())
/// ```
///
/// # Redirects
///
/// The permission is for the URI that was looked at. A client that follows redirects by itself must not carry
/// `Authorization` to another origin; where it can't be kept from that, configure it to follow none.
#[derive(Debug)]
#[must_use = "the call has no token yet"]
pub struct Authorization(());

impl Authorization {
    /// Looks at a request on its way out. `None` means: send it as it is, and make nothing of the reply. That is so
    ///
    /// - where its URI is not [among the origins](Origins::contains),
    /// - where it has an `Authorization` header already. The caller wants that one, and the reply says nothing
    ///   about our token. (So of two layers that authorize, one on top of the other, the outer one does.)
    ///
    /// Ask this before you wait for a token: a request that gets none need not wait.
    pub fn of<B>(request: &Request<B>, origins: &Origins) -> Option<Self> {
        Self::of_parts(request.uri(), request.headers(), origins)
    }

    /// The same for a client with request types of its own.
    pub fn of_parts(uri: &Uri, headers: &HeaderMap, origins: &Origins) -> Option<Self> {
        let permitted = origins.contains(uri) && !headers.contains_key(AUTHORIZATION);
        permitted.then_some(Self(()))
    }

    /// Puts in both headers, `Authorization` and `Platform`. A `Platform` that the caller had set is replaced.
    pub fn authorize(self, headers: &mut HeaderMap, token: &AccessToken) -> Authorized {
        token.authorize(headers);
        Authorized {
            token: token.clone(),
        }
    }
}

/// An API call that carries a token, and may be sent again once with another.
///
/// An example is with [how API calls are authorized](crate#authorizing-api-calls).
#[derive(Debug)]
pub struct Authorized {
    token: AccessToken,
}

impl Authorized {
    /// The token that the call carries, and that a rejection is about.
    pub fn token(&self) -> &AccessToken {
        &self.token
    }

    /// Puts another token into the head of the same request, which is then to be sent once more. For a call that was
    /// rejected, and whose body can be sent again.
    ///
    /// False where it is the same token, even with another expiry: then the headers stay as they are, and the
    /// reply that came is the answer. So is the reply to the retry, whatever it says.
    #[must_use = "the call is to be sent once more, or not"]
    pub fn retry(self, headers: &mut HeaderMap, token: &AccessToken) -> bool {
        let other = token.secret() != self.token.secret();
        if other {
            token.authorize(headers);
        }
        other
    }
}
