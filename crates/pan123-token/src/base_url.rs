//! Where the platform is: the official address, or a test server's.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use http::Uri;

/// The address under which the platform's API stands, checked and in one normal form.
///
/// The default is the official one, `https://open-api.123pan.com`. Another one may have a path prefix, which is kept:
/// `http://127.0.0.1:1234/pan` leads to `http://127.0.0.1:1234/pan/api/v1/access_token`.
///
/// Since the client secret goes there, the scheme must be `https`, or `http` to a loopback host (`localhost`,
/// 127.0.0.0/8, `[::1]`). Query, fragment and user info are refused. `Display` gives the address without a slash at its
/// end, scheme and host in lower case, and no port where it is the scheme's own; equal addresses compare equal.
///
/// ```
/// use pan123_token::BaseUrl;
///
/// assert_eq!(BaseUrl::default().to_string(), "https://open-api.123pan.com");
/// let base_url: BaseUrl = "HTTPS://Proxy.Example:443/pan/".parse()?;
/// assert_eq!(base_url.to_string(), "https://proxy.example/pan");
/// assert!("http://proxy.example".parse::<BaseUrl>().is_err());
/// # Ok::<(), pan123_token::BaseUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    text: String,
    /// Built here, at the door, so that building a request can't fail.
    access_token_uri: Uri,
}

impl BaseUrl {
    /// Takes `http` to any host: the client secret then crosses the network in the clear.
    ///
    /// For a test network, or a proxy on the next host that speaks TLS onward.
    ///
    /// # Errors
    ///
    /// As for the other ways in, but for the rule on `http`.
    pub fn insecure(uri: Uri) -> Result<Self, BaseUrlError> {
        Self::check(uri, true)
    }

    /// The address as text, as `Display` gives it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where `GetAccessToken` goes.
    pub(crate) fn access_token_uri(&self) -> &Uri {
        &self.access_token_uri
    }

    fn check(uri: Uri, insecure: bool) -> Result<Self, BaseUrlError> {
        let uri = uri.into_parts();
        let (Some(scheme), Some(authority)) = (uri.scheme, uri.authority) else {
            return Err(BaseUrlError::NotAbsolute);
        };
        let scheme = scheme.as_str().to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return Err(BaseUrlError::Scheme),
        };
        if authority.as_str().contains('@') {
            return Err(BaseUrlError::UserInfo);
        }
        let path = uri.path_and_query.as_ref();
        if path.is_some_and(|path| path.query().is_some()) {
            return Err(BaseUrlError::Query);
        }
        let host = authority.host().to_ascii_lowercase();
        let address = ip_address(&host)?;
        if scheme == "http" && !insecure && !is_loopback(&host, address) {
            return Err(BaseUrlError::NotHttps);
        }
        let port = match &authority.as_str()[host.len()..] {
            "" => String::new(),
            port => match parse_port(port).ok_or(BaseUrlError::Port)? {
                port if port == default_port => String::new(),
                port => format!(":{port}"),
            },
        };
        let prefix = path.map_or("", |path| path.path().trim_end_matches('/'));
        // RFC 3986 has everything else percent-encoded; `Uri` lets it pass, even what would move a terminal's cursor.
        let in_path = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&b);
        if !prefix.bytes().all(in_path) {
            return Err(BaseUrlError::NotAUrl);
        }
        let text = format!("{scheme}://{host}{port}{prefix}");
        let access_token_uri = format!("{text}/api/v1/access_token")
            .parse()
            .map_err(|_| BaseUrlError::NotAUrl)?;
        Ok(Self {
            text,
            access_token_uri,
        })
    }
}

/// A host in brackets is an IPv6 address or nothing; any other may be an IPv4 address.
fn ip_address(host: &str) -> Result<Option<IpAddr>, BaseUrlError> {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(BaseUrlError::Host)?;
        let address: Ipv6Addr = inner.parse().map_err(|_| BaseUrlError::Host)?;
        return Ok(Some(address.into()));
    }
    if host.is_empty() {
        return Err(BaseUrlError::Host);
    }
    Ok(host.parse().ok())
}

/// What stands behind the host: a colon and a number.
fn parse_port(text: &str) -> Option<u16> {
    let text = text.strip_prefix(':')?;
    // `parse` alone would take a plus sign.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

fn is_loopback(host: &str, address: Option<IpAddr>) -> bool {
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

impl Default for BaseUrl {
    /// The official address [documented by the platform](https://www.123pan.com/developer):
    /// `https://open-api.123pan.com`.
    fn default() -> Self {
        Self {
            text: "https://open-api.123pan.com".to_owned(),
            access_token_uri: Uri::from_static("https://open-api.123pan.com/api/v1/access_token"),
        }
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        // `Uri` drops a fragment without a word.
        if text.contains('#') {
            return Err(BaseUrlError::Fragment);
        }
        let uri = text.parse::<Uri>().map_err(|_| BaseUrlError::NotAUrl)?;
        Self::check(uri, false)
    }
}

impl TryFrom<Uri> for BaseUrl {
    type Error = BaseUrlError;

    fn try_from(uri: Uri) -> Result<Self, BaseUrlError> {
        Self::check(uri, false)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BaseUrl").field(&self.text).finish()
    }
}

/// Why an address can't be a base URL. The address itself is not repeated, since it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaseUrlError {
    /// It doesn't parse as a URL, or is too long for one.
    NotAUrl,
    /// It lacks the scheme or the host.
    NotAbsolute,
    /// The scheme is neither `https` nor `http`.
    Scheme,
    /// The scheme is `http` and the host isn't loopback.
    NotHttps,
    /// It holds a user name or a password.
    UserInfo,
    /// The host is empty or not a valid address.
    Host,
    /// The port is no number from 1 to 65535.
    Port,
    /// It has a query (`?…`).
    Query,
    /// It has a fragment (`#…`).
    Fragment,
}

impl fmt::Display for BaseUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAUrl => "the base URL is not a URL",
            Self::NotAbsolute => {
                "the base URL needs a scheme and a host, as in https://open-api.123pan.com"
            }
            Self::Scheme => "the base URL's scheme must be https (or http to a loopback host)",
            Self::NotHttps => {
                "the base URL must be https, since the client secret goes there (http only to a loopback host)"
            }
            Self::UserInfo => "the base URL must not hold a user name or password",
            Self::Host => "the base URL's host is empty or not a valid address",
            Self::Port => "the base URL's port must be a number from 1 to 65535",
            Self::Query => "the base URL must not have a query",
            Self::Fragment => "the base URL must not have a fragment",
        })
    }
}

impl std::error::Error for BaseUrlError {}
