//! A client that is ready to use.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use pan123_token::http::{Request, Response, Uri};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use crate::BoxError;
use crate::proxy::{Proxy, ProxyConnector};

/// From the resolving of a name to the end of the TLS handshake, through a proxy or not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client with rustls (ring) and Mozilla's root certificates, HTTP/1.1 and HTTP/2.
///
/// Redirects are not followed; connecting takes at most 10 seconds. The proxy variables of the environment count, in this
/// order: `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` (each also in lower case), as `http://`, `https://`, `socks4://` or
/// `socks5://`; `NO_PROXY` lists exceptions (`host`, `.domain`, `*`, separated by commas). Plain `http` goes straight.
pub fn client() -> Client {
    ClientBuilder::default().build()
}

/// Makes a [`client()`] with other certificates, or without a proxy.
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    roots: RootCertStore,
    proxy: bool,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            roots: webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
            proxy: true,
        }
    }
}

impl ClientBuilder {
    /// Passes over the proxy variables of the environment.
    #[must_use]
    pub fn no_proxy(self) -> Self {
        Self {
            proxy: false,
            ..self
        }
    }

    /// Trusts these certificates, and no others: one or more in PEM.
    ///
    /// # Errors
    ///
    /// `InvalidData` when there is no certificate in it, or one that can't be read.
    pub fn ca_pem(self, pem: &[u8]) -> io::Result<Self> {
        let invalid = |text| io::Error::new(io::ErrorKind::InvalidData, text);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            // What the parser says of it repeats the file.
            let certificate = certificate.map_err(|_| invalid("the PEM can't be read"))?;
            roots
                .add(certificate)
                .map_err(|_| invalid("the PEM holds something that is no certificate"))?;
        }
        if roots.is_empty() {
            return Err(invalid("there is no certificate in the PEM"));
        }
        Ok(Self { roots, ..self })
    }

    /// The client.
    pub fn build(self) -> Client {
        self.keeping(usize::MAX)
    }

    /// One that keeps no connection, for exchanges that are days apart.
    pub(crate) fn build_unpooled(self) -> Client {
        self.keeping(0)
    }

    /// Keeps so many idle connections to a server.
    fn keeping(self, idle: usize) -> Client {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);

        let tls = tls_config(self.roots);
        let proxy = if self.proxy { Proxy::from_env() } else { None };
        let connector = ProxyConnector::new(tcp, Arc::new(tls.clone()), proxy);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(connector);
        Client(
            legacy::Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_max_idle_per_host(idle)
                .build(Bounded(https)),
        )
    }
}

#[expect(
    clippy::expect_used,
    reason = "ring has suites for every version of TLS"
)]
fn tls_config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Named, so that another crate's choice for the whole process doesn't matter.
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for every version of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A connector that takes no longer than [`CONNECT_TIMEOUT`].
#[derive(Clone)]
struct Bounded<C>(C);

impl<C> Service<Uri> for Bounded<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<C::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, self.0.call(server));
        Box::pin(async {
            let too_late = |_| io::Error::new(io::ErrorKind::TimedOut, "it took longer than 10 s");
            connecting.await.map_err(too_late)?
        })
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// A [`client()`]: cheap to clone, and clones share their connections. Both `Client` and `&Client` are a
/// [`tower_service::Service`].
#[derive(Clone)]
pub struct Client(legacy::Client<Bounded<HttpsConnector<ProxyConnector>>, Full<Bytes>>);

impl Client {
    /// Starts to make a client with other certificates, or without a proxy.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }
}

impl Service<Request<Full<Bytes>>> for &Client {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<Response<Incoming>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // The client queues by itself.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let response = self.0.request(request);
        Box::pin(async { Ok(response.await?) })
    }
}

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<Response<Incoming>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        (&mut &*self).poll_ready(context)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        (&mut &*self).call(request)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
