//! Where the platform is: the official address, or a test server's.

use std::fmt;
use std::str::FromStr;

use http::Uri;

use crate::origins::Origin;

/// The address under which the platform's API stands, checked and in one normal form.
///
/// The default is the official one, `https://open-api.123pan.com`. Another one may have a path prefix, which is kept:
/// `http://127.0.0.1:1234/pan` leads to `http://127.0.0.1:1234/pan/api/v1/access_token`.
///
/// Since the client secret goes there, the scheme must be `https`, or `http` to a loopback host (`localhost`,
/// 127.0.0.0/8, `[::1]`). Query, fragment and user info are refused. `Display` gives the address without a slash at its
/// end, scheme and host in lower case, an IPv6 address in its shortest form, and no port where it is the scheme's own;
/// equal addresses compare equal.
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
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as `TryFrom` takes it, so that one stands in for the other"
    )]
    pub fn insecure(uri: Uri) -> Result<Self, BaseUrlError> {
        Self::check(&uri, true)
    }

    /// The address as text, as `Display` gives it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where `GetAccessToken` goes.
    pub(crate) fn access_token_uri(&self) -> &Uri {
        &self.access_token_uri
    }

    fn check(uri: &Uri, insecure: bool) -> Result<Self, BaseUrlError> {
        let origin = Origin::of(uri)?;
        if uri.query().is_some() {
            return Err(BaseUrlError::Query);
        }
        if !origin.is_https() && !insecure && !origin.is_loopback() {
            return Err(BaseUrlError::NotHttps);
        }
        let prefix = uri.path().trim_end_matches('/');
        // RFC 3986 has everything else percent-encoded; `Uri` lets it pass, even what would move a terminal's cursor.
        let in_path = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&b);
        if !prefix.bytes().all(in_path) {
            return Err(BaseUrlError::NotAUrl);
        }
        let text = format!("{origin}{prefix}");
        let access_token_uri = format!("{text}/api/v1/access_token")
            .parse()
            .map_err(|_| BaseUrlError::NotAUrl)?;
        Ok(Self {
            text,
            access_token_uri,
        })
    }
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
        Self::check(&uri, false)
    }
}

impl TryFrom<Uri> for BaseUrl {
    type Error = BaseUrlError;

    fn try_from(uri: Uri) -> Result<Self, BaseUrlError> {
        Self::check(&uri, false)
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
///
/// ```
/// use pan123_token::{BaseUrl, BaseUrlError};
///
/// let error = "http://proxy.example".parse::<BaseUrl>().unwrap_err();
/// assert_eq!(error, BaseUrlError::NotHttps);
/// ```
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
