//! The way to the server: straight, or through the proxy that the environment names, as ureq does it.

use std::env;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use pan123_token::http::Uri;
use pan123_token::http::uri::{Authority, Scheme};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::BoxError;

/// A proxy, and for which hosts it isn't.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    intercept: Intercept,
    no_proxy: String,
}

impl Proxy {
    /// The first variable that names a proxy decides, in ureq's order.
    pub(crate) fn from_env() -> Option<Self> {
        let variables = [
            "ALL_PROXY",
            "all_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "HTTP_PROXY",
            "http_proxy",
        ];
        let no_proxy = ["NO_PROXY", "no_proxy"];
        let value = |name: &&str| env::var(name).ok();
        Self::first_of(
            variables.iter().filter_map(value),
            no_proxy.iter().find_map(value).unwrap_or_default(),
        )
    }

    fn first_of(values: impl IntoIterator<Item = String>, no_proxy: String) -> Option<Self> {
        // The matcher parses the address and its password; which host goes through is decided here.
        let anywhere = Uri::from_static("https://host");
        let intercept = values.into_iter().find_map(|value| {
            let matcher = Matcher::builder().all(normalize(&value)).build();
            matcher.intercept(&anywhere)
        })?;
        Some(Self {
            intercept,
            no_proxy,
        })
    }

    /// Plain `http` is for loopback and test networks, and goes straight.
    fn is_for(&self, uri: &Uri) -> bool {
        uri.scheme() == Some(&Scheme::HTTPS)
            && !self
                .no_proxy
                .split(',')
                .any(|entry| matches(&entry.to_ascii_lowercase(), uri.host().unwrap_or_default()))
    }
}

/// What ureq takes and the matcher doesn't: a scheme in capitals, `socks` for `socks5`, an `@` in a password.
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

/// An entry of `NO_PROXY`, as ureq reads it: `*`, `.suffix` or `*suffix`, `prefix.` or `prefix*`, or a host.
fn matches(entry: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    if let Some(suffix) = entry.strip_prefix('*') {
        host.ends_with(suffix)
    } else if entry.starts_with('.') {
        host.ends_with(entry)
    } else if let Some(prefix) = entry.strip_suffix('*') {
        host.starts_with(prefix)
    } else if entry.ends_with('.') {
        host.starts_with(entry)
    } else {
        host == entry
    }
}

/// A connection to the server, or to a proxy; to the latter perhaps in TLS.
type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Opens connections for the client, below the client's own TLS.
#[derive(Clone)]
pub(crate) struct ProxyConnector {
    tcp: HttpConnector,
    /// To an `http` or an `https` proxy.
    to_proxy: HttpsConnector<HttpConnector>,
    proxy: Option<Arc<Proxy>>,
}

impl ProxyConnector {
    pub(crate) fn new(
        tcp: HttpConnector,
        tls: Arc<rustls::ClientConfig>,
        proxy: Option<Proxy>,
    ) -> Self {
        Self {
            to_proxy: (tcp.clone(), tls).into(),
            tcp,
            proxy: proxy.map(Arc::new),
        }
    }
}

impl Service<Uri> for ProxyConnector {
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.to_proxy.poll_ready(context)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let Some(proxy) = self.proxy.as_ref().filter(|proxy| proxy.is_for(&server)) else {
            let connecting = self.tcp.call(server);
            return Box::pin(async { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        };
        let intercept = &proxy.intercept;
        let scheme = intercept.uri().scheme_str().unwrap_or_default();
        // As ureq and curl have it: these two resolve the server's name here, `socks5h` and `socks4a` leave it to the proxy.
        let resolves_here = ["socks5", "socks4"].contains(&scheme);
        let connecting: Self::Future = match scheme {
            "socks5" | "socks5h" => {
                let mut socks = SocksV5::new(socks_address(intercept), self.tcp.clone());
                if let Some((user, password)) = intercept.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                Box::pin(async move {
                    let server = if resolves_here {
                        resolve(server, |_| true).await?
                    } else {
                        server
                    };
                    Ok(MaybeHttpsStream::Http(socks.call(server).await?))
                })
            }
            "socks4" | "socks4a" => {
                let mut socks = SocksV4::new(socks_address(intercept), self.tcp.clone());
                Box::pin(async move {
                    let server = if resolves_here {
                        // It knows no other addresses.
                        resolve(server, IpAddr::is_ipv4).await?
                    } else {
                        server
                    };
                    Ok(MaybeHttpsStream::Http(socks.call(server).await?))
                })
            }
            _ => {
                let mut tunnel = Tunnel::new(intercept.uri().clone(), self.to_proxy.clone());
                if let Some(auth) = intercept.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                let connecting = tunnel.call(server);
                Box::pin(async { Ok(connecting.await?) })
            }
        };
        let proxy = intercept.uri().clone();
        Box::pin(async {
            let failed = |source| ProxyError { proxy, source };
            Ok(connecting.await.map_err(failed)?)
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
mod tests {
    use super::*;

    fn proxy(values: &[&str], no_proxy: &str) -> Option<Proxy> {
        Proxy::first_of(
            values.iter().map(|value| (*value).to_owned()),
            no_proxy.to_owned(),
        )
    }

    #[test]
    fn the_first_variable_that_names_a_proxy_decides() {
        let named = proxy(&["", "ftp://x", "http://one:3128", "http://two:3128"], "");
        assert_eq!(named.unwrap().intercept.uri(), "http://one:3128/");
        assert!(proxy(&["", "ftp://x"], "").is_none());
    }

    #[test]
    fn a_value_is_read_as_ureq_reads_it() {
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
        ] {
            let proxy = proxy(&[value], "").unwrap();
            assert_eq!(proxy.intercept.uri(), address, "{value}");
            assert_eq!(proxy.intercept.raw_auth(), login, "{value}");
        }
    }

    #[test]
    fn a_proxy_is_for_https_alone() {
        let proxy = proxy(&["one:3128"], "").unwrap();
        assert!(proxy.is_for(&Uri::from_static("https://open-api.123pan.com/api")));
        assert!(!proxy.is_for(&Uri::from_static("http://127.0.0.1:1234/api")));
    }

    #[test]
    fn no_proxy_lists_hosts_as_ureq_reads_them() {
        for (no_proxy, direct) in [
            ("", false),
            ("*", true),
            ("open-api.123pan.com", true),
            ("OPEN-API.123pan.com", true),
            ("example.com,open-api.123pan.com", true),
            (".123pan.com", true),
            ("*.123pan.com", true),
            ("123pan.com", false),
            ("open-api.", true),
            ("open-api*", true),
            ("api.123pan.com", false),
        ] {
            let proxy = proxy(&["http://one:3128"], no_proxy).unwrap();
            let server = Uri::from_static("https://open-api.123pan.com/api");
            assert_eq!(!proxy.is_for(&server), direct, "{no_proxy:?}");
        }
    }

    #[test]
    fn a_socks_proxy_listens_on_1080_unless_it_says_another() {
        for (value, address) in [
            ("socks5://one", "socks://one:1080/"),
            ("socks5h://user:password@one:99", "socks5h://one:99/"),
        ] {
            let proxy = proxy(&[value], "").unwrap();
            assert_eq!(socks_address(&proxy.intercept), address);
        }
    }
}
