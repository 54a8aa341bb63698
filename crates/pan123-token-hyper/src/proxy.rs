//! The way to the server: straight, or through the proxy that the environment names, as ureq does it.

use std::env;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use pan123_token::http::Uri;
use pan123_token::http::uri::Scheme;
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
        let intercept = values
            .into_iter()
            .find_map(|value| Matcher::builder().all(value).build().intercept(&anywhere))?;
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
            return plain(self.tcp.call(server));
        };
        let intercept = &proxy.intercept;
        match intercept.uri().scheme_str() {
            Some("socks5" | "socks5h") => {
                let mut socks = SocksV5::new(socks_address(intercept), self.tcp.clone());
                if let Some((user, password)) = intercept.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                plain(socks.call(server))
            }
            Some("socks4" | "socks4a") => {
                plain(SocksV4::new(socks_address(intercept), self.tcp.clone()).call(server))
            }
            _ => {
                let mut tunnel = Tunnel::new(intercept.uri().clone(), self.to_proxy.clone());
                if let Some(auth) = intercept.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                let connecting = tunnel.call(server);
                Box::pin(async { Ok(connecting.await?) })
            }
        }
    }
}

fn plain<F, E>(connecting: F) -> <ProxyConnector as Service<Uri>>::Future
where
    F: Future<Output = Result<TokioIo<TcpStream>, E>> + Send + 'static,
    E: Into<BoxError>,
{
    Box::pin(async {
        Ok(MaybeHttpsStream::Http(
            connecting.await.map_err(Into::into)?,
        ))
    })
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
