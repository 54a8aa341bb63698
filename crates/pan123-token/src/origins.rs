//! Which servers may be sent the token.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use http::Uri;

use crate::{BaseUrl, BaseUrlError};

/// The origins (scheme, host and port) that an API call may carry the token to: the base URL's, and those that the
/// user adds. Cheap to clone.
///
/// ```
/// use pan123_token::{BaseUrl, Origins};
///
/// let origins = Origins::of(&BaseUrl::default()).and(&"https://mirror.example:8443".parse()?);
/// assert!(origins.contains(&"https://open-api.123pan.com/api/v1/user/info".parse()?));
/// assert!(origins.contains(&"https://mirror.example:8443/".parse()?));
/// assert!(!origins.contains(&"https://mirror.example/".parse()?));
/// assert!(!origins.contains(&"https://open-api.123pan.com.evil.example/".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Origins(Arc<[Origin<'static>]>);

impl Origins {
    /// The base URL's own. Its path counts for nothing: an origin is a server.
    pub fn of(base_url: &BaseUrl) -> Self {
        Self(Arc::default()).and(base_url)
    }

    /// One more: another address of the API, or a host that it names for uploads. The recommended upload (V2) sends both
    /// headers to such hosts: `GET /upload/v2/file/domain` and the field `servers` of `POST /upload/v2/file/create` name
    /// them (documented by the platform).
    ///
    /// Add only what your program knows to be the platform's: a client that follows any name that a reply gives hands its
    /// token to whatever can forge one.
    ///
    /// What a [`BaseUrl`] may be keeps the token as safe as it keeps the client secret: `https`, `http` to a loopback
    /// host, or [`BaseUrl::insecure`] where you insist. Here, too, its path counts for nothing.
    #[must_use]
    pub fn and(self, base_url: &BaseUrl) -> Self {
        // A base URL was checked at the door, so it has an origin.
        let more = Origin::of(base_url.access_token_uri()).map(Origin::into_owned);
        Self(self.0.iter().cloned().chain(more).collect())
    }

    /// Whether a call to this URI may carry the token. Allocates nothing.
    ///
    /// Scheme and host are compared without regard to case, IP addresses in whatever way they are written, and a port
    /// that is left out is the scheme's own. A host name with a dot at its end is another one. A URI with user info in it
    /// never may, and neither may one without scheme and host (`/api/v1/user/info`): a client that sends such requests makes
    /// their URIs absolute first.
    pub fn contains(&self, uri: &Uri) -> bool {
        Origin::of(uri).is_ok_and(|origin| self.0.contains(&origin))
    }

    /// The origin of this URI in its one normal form, for logs: `https://upload.example:8443`. `None` where it has none
    /// that could be added.
    pub fn name(uri: &Uri) -> Option<String> {
        Origin::of(uri).ok().map(|origin| origin.to_string())
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.0.iter().map(Origin::to_string);
        f.debug_tuple("Origins")
            .field(&texts.collect::<Vec<_>>())
            .finish()
    }
}

/// A server, by the address under which it is called. `Display` gives its one normal form.
#[derive(Clone)]
pub(crate) struct Origin<'a> {
    https: bool,
    host: Host<'a>,
    port: u16,
}

#[derive(Clone)]
enum Host<'a> {
    /// In any case of letters.
    Name(Cow<'a, str>),
    Address(IpAddr),
}

impl<'a> Origin<'a> {
    pub(crate) fn of(uri: &'a Uri) -> Result<Self, BaseUrlError> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(BaseUrlError::NotAbsolute);
        };
        let https = scheme.eq_ignore_ascii_case("https");
        if !https && !scheme.eq_ignore_ascii_case("http") {
            return Err(BaseUrlError::Scheme);
        }
        if authority.as_str().contains('@') {
            return Err(BaseUrlError::UserInfo);
        }
        let host = authority.host();
        let port = match &authority.as_str()[host.len()..] {
            "" => default_port(https),
            port => parse_port(port).ok_or(BaseUrlError::Port)?,
        };
        let host = Host::of(host)?;
        Ok(Self { https, host, port })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    pub(crate) fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
            Host::Address(address) => address.is_loopback(),
        }
    }

    fn into_owned(self) -> Origin<'static> {
        Origin {
            https: self.https,
            host: match self.host {
                Host::Name(name) => Host::Name(Cow::Owned(name.into_owned())),
                Host::Address(address) => Host::Address(address),
            },
            port: self.port,
        }
    }
}

impl PartialEq for Origin<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.https == other.https && self.port == other.port && self.host == other.host
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.https { "https://" } else { "http://" })?;
        match &self.host {
            Host::Name(name) => name
                .chars()
                .try_for_each(|c| f.write_char(c.to_ascii_lowercase()))?,
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        if self.port == default_port(self.https) {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}

impl<'a> Host<'a> {
    /// In brackets it is an IPv6 address or nothing; any other may be an IPv4 address.
    fn of(text: &'a str) -> Result<Self, BaseUrlError> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(BaseUrlError::Host)?;
            let address: Ipv6Addr = inner.parse().map_err(|_| BaseUrlError::Host)?;
            return Ok(Self::Address(address.into()));
        }
        if text.is_empty() {
            return Err(BaseUrlError::Host);
        }
        Ok(match text.parse() {
            Ok(address) => Self::Address(address),
            Err(_) => Self::Name(Cow::Borrowed(text)),
        })
    }
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(name), Self::Name(other)) => name.eq_ignore_ascii_case(other),
            (Self::Address(address), Self::Address(other)) => address == other,
            _ => false,
        }
    }
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// What stands behind the host: a colon and a number.
fn parse_port(text: &str) -> Option<u16> {
    let text = text.strip_prefix(':')?;
    // `parse` alone would take a plus sign.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}
