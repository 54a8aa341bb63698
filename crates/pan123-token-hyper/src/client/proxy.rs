//! The way to the server: straight, or through the proxy that the environment names.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use pan123_token::http::Uri;
use pan123_token::http::uri::Authority;
use pan123_token_provider::{BuildError, ProxyVariables};
use tokio::net::TcpStream;
use tower_service::Service;

use super::connect::BoxFuture;
use super::tunnel;
use crate::service::BoxError;

/// Which servers are reached through which proxy.
#[derive(Clone)]
pub(super) struct Proxy(Arc<Matcher>);

impl Proxy {
    pub(super) fn of_variables(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, BuildError> {
        let Some(variables) = ProxyVariables::read(variable)? else {
            return Ok(None);
        };
        let matcher = Matcher::builder().https(normalize(&variables.url));
        let matcher = matcher.no(variables.exceptions.join(",")).build();
        let proxy = Self(Arc::new(matcher));
        // No exception has an empty label.
        let anywhere = Uri::from_static("https://..");
        let readable = proxy.to(&anywhere).is_some();
        readable
            .then_some(Some(proxy))
            .ok_or_else(|| variables.unreadable())
    }

    fn to(&self, server: &Uri) -> Option<Intercept> {
        self.0.intercept(server)
    }
}

/// What ureq takes as well and the matcher doesn't: a scheme in capitals, `socks` for `socks5`, an `@` in a password.
fn normalize(value: &str) -> String {
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let scheme = match scheme.to_ascii_lowercase() {
        socks if socks == "socks" => "socks5".to_owned(),
        scheme => scheme,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((login, host)) => format!("{scheme}://{}@{host}", login.replace('@', "%40")),
        None => format!("{scheme}://{authority}"),
    }
}

/// A connection to the server, or to a proxy; to the latter perhaps in TLS.
type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Opens connections for the client, below the client's own TLS.
#[derive(Clone)]
pub(super) struct ProxyConnector {
    tcp: HttpConnector,
    /// To an `http` or an `https` proxy.
    to_proxy: HttpsConnector<HttpConnector>,
    proxy: Option<Proxy>,
}

impl ProxyConnector {
    pub(super) fn new(tcp: HttpConnector, tls: rustls::ClientConfig, proxy: Option<Proxy>) -> Self {
        Self {
            to_proxy: (tcp.clone(), tls).into(),
            tcp,
            proxy,
        }
    }

    async fn connect(mut self, proxy: &Intercept, server: Uri) -> Result<Connection, BoxError> {
        let scheme = proxy.uri().scheme_str().unwrap_or_default();
        // As ureq and curl have it: `socks5h` and `socks4a` leave the server's name to the proxy. Of hyper-util's own two
        // the resolving blocks.
        let server = match scheme {
            "socks5" => resolve(server, |_| true).await?,
            // It knows no other addresses.
            "socks4" => resolve(server, IpAddr::is_ipv4).await?,
            _ => server,
        };
        match scheme {
            "socks5" | "socks5h" => {
                let mut socks = SocksV5::new(socks_address(proxy), self.tcp);
                if let Some((user, password)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                Ok(MaybeHttpsStream::Http(socks.call(server).await?))
            }
            "socks4" | "socks4a" => {
                let mut socks = SocksV4::new(socks_address(proxy), self.tcp);
                Ok(MaybeHttpsStream::Http(socks.call(server).await?))
            }
            _ => {
                let connection = self.to_proxy.call(proxy.uri().clone()).await?;
                tunnel::open(connection, &server, proxy.basic_auth()).await
            }
        }
    }
}

impl Service<Uri> for ProxyConnector {
    type Response = Connection;
    type Error = BoxError;
    type Future = BoxFuture<Connection>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.to_proxy.poll_ready(context)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let Some(proxy) = self.proxy.as_ref().and_then(|proxy| proxy.to(&server)) else {
            let connecting = self.tcp.call(server);
            return Box::pin(async { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        };
        let this = self.clone();
        Box::pin(async move {
            let failed = |source| ProxyError {
                proxy: proxy.uri().clone(),
                source,
            };
            Ok(this.connect(&proxy, server).await.map_err(failed)?)
        })
    }
}

/// The server by its address.
async fn resolve(server: Uri, fits: impl Fn(&IpAddr) -> bool) -> Result<Uri, BoxError> {
    let host = server.host().unwrap_or_default();
    if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
        return Ok(server);
    }
    let addresses = GaiResolver::new().call(host.parse()?).await?;
    let ip = addresses
        .map(|address| address.ip())
        .find(fits)
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    let address = SocketAddr::new(ip, server.port_u16().unwrap_or(443));
    Ok(format!("https://{address}").parse()?)
}

/// No way through the proxy. Says which, since a reader may not know that there is one.
#[derive(Debug)]
struct ProxyError {
    /// Without user and password.
    proxy: Uri,
    source: BoxError,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.proxy.authority().map_or("", Authority::as_str);
        write!(f, "through the proxy {address}")
    }
}

impl Error for ProxyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// Where a SOCKS proxy listens: port 1080, unless it says another.
fn socks_address(intercept: &Intercept) -> Uri {
    let uri = intercept.uri();
    let host = uri.host().unwrap_or_default();
    let with_port = format!("socks://{host}:1080").parse();
    match (uri.port(), with_port) {
        (None, Ok(with_port)) => with_port,
        _ => uri.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
mod tests {
    use super::*;

    fn proxy(url: &str, exceptions: &str) -> Result<Option<Proxy>, BuildError> {
        Proxy::of_variables(|name| match name {
            "https_proxy" => Some(url.into()),
            "NO_PROXY" => Some(exceptions.into()),
            _ => None,
        })
    }

    fn intercept(url: &str) -> Intercept {
        let proxy = proxy(url, "").unwrap().unwrap();
        proxy.to(&Uri::from_static("https://host")).unwrap()
    }

    #[test]
    fn an_address_is_read_as_ureq_reads_it() {
        for (value, address, login) in [
            ("HTTP://one:99", "http://one:99/", None),
            ("one", "http://one/", None),
            ("http://one/p@th?q", "http://one/", None),
            ("SOCKS://u:p@one", "socks5://one/", Some(("u", "p"))),
            (
                "socks5h://u:p@ss@one",
                "socks5h://one/",
                Some(("u", "p@ss")),
            ),
            (
                "socks5h://u%40:%25@one",
                "socks5h://one/",
                Some(("u@", "%")),
            ),
            ("http://[::1]:8080", "http://[::1]:8080/", None),
        ] {
            let read = intercept(value);
            assert_eq!(read.uri(), address, "{value}");
            assert_eq!(read.raw_auth(), login, "{value}");
        }
    }

    #[test]
    fn a_value_that_names_no_proxy_is_an_error_that_does_not_show_it() {
        for value in [
            "http://us er:SENTINEL@x",
            "ftp://SENTINEL",
            "http://",
            "no proxy",
        ] {
            let error = proxy(value, "").err().unwrap();
            assert_eq!(error, BuildError::Proxy("https_proxy"), "{value}");
            assert!(!format!("{error:?} {error}").contains("SENTINEL"));
        }
    }

    #[test]
    fn a_proxy_is_for_https_alone() {
        let proxy = proxy("one:3128", "").unwrap().unwrap();
        let to = |server| proxy.to(&Uri::from_static(server)).is_some();
        assert!(to("https://open-api.123pan.com/api"));
        assert!(!to("http://127.0.0.1:1234/api"));
    }

    #[test]
    fn exceptions_are_those_of_curl() {
        for (exceptions, host, straight) in [
            ("host.example", "host.example", true),
            ("example", "host.example", true),
            (".example", "host.example", true),
            (".host.example", "host.example", true),
            ("EXAMPLE", "host.example", true),
            ("host.example", "HOST.EXAMPLE", true),
            ("x, host.example", "host.example", true),
            ("x host.example", "host.example", true),
            ("x,,host.example.,", "host.example", true),
            ("*", "host.example", true),
            ("*", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.0/8", "127.0.0.1", true),
            ("::1", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("", "host.example", false),
            (".", "host.example", false),
            ("x", "host.example", false),
            ("ost.example", "host.example", false),
            ("host.example.x", "host.example", false),
            ("*.example", "host.example", false),
            ("host.*", "host.example", false),
        ] {
            let proxy = proxy("c", exceptions).unwrap();
            let server = format!("https://{host}/").parse().unwrap();
            let straight_now = proxy.is_none_or(|proxy| proxy.to(&server).is_none());
            assert_eq!(straight_now, straight, "{exceptions} {host}");
        }
    }

    #[test]
    fn a_socks_proxy_listens_on_1080_unless_it_says_another() {
        for (value, address) in [
            ("socks5://one", "socks://one:1080/"),
            ("socks5h://user:password@one:99", "socks5h://one:99/"),
        ] {
            assert_eq!(socks_address(&intercept(value)), address);
        }
    }
}
