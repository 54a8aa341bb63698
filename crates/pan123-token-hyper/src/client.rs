//! A client that is ready to use.

mod connect;
mod idle;
mod proxy;
#[cfg(all(test, feature = "rustls"))]
mod tests;
mod tls;
mod tunnel;

use std::env;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Body;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use pan123_token::http::{Request, Response};
use pan123_token_provider::BuildError;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use tower_service::Service;

use crate::service::BoxError;
use connect::{BoxFuture, Connector};
pub use idle::ClientBody;
use idle::{Activity, Upload};
use proxy::{Proxy, ProxyConnector};

/// From the resolving of a name to the end of the TLS handshake, through a proxy or not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Without a byte. A server may take its time before it replies: it puts a large upload together, say.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often an HTTP/2 connection is pinged when nothing comes, and how long the answer may take.
const PINGS: [Duration; 2] = [Duration::from_secs(15), Duration::from_secs(5)];

/// A client with rustls, HTTP/1.1 and HTTP/2: with ring and Mozilla's root certificates, unless the
/// [features](crate#features) say otherwise.
///
/// ```
/// # #[cfg(feature = "rustls")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http_body_util::BodyExt;
/// use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
/// use pan123_token_hyper::{Credentials, TokenProvider, client, http::Request};
///
/// // Stands for the platform.
/// let emulator = Emulator::builder().start()?;
/// let provider = TokenProvider::builder(Credentials::new(CLIENT_ID, CLIENT_SECRET)?)
///     .base_url(emulator.url().parse()?)
///     .build()?;
/// let client = client()?;
/// let request = Request::get(format!("{}/api/v1/user/info", emulator.url()));
/// let response = provider.call(&client, request.body(String::new())?).await?;
/// let body = response.into_body().collect().await?.to_bytes();
/// assert!(str::from_utf8(&body)?.contains(r#""code":0"#));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "rustls"))]
/// # fn main() {}
/// ```
///
/// Redirects are not followed. Connecting takes at most 10 seconds, in which every address of a name gets its share. 60
/// seconds without a byte end a call, before the reply and amid it; time in which the caller's own body has nothing to send,
/// or in which the reply isn't read, doesn't count. How long a call takes in all isn't bounded: uploads and downloads go
/// on as long as bytes do. An HTTP/2 connection that doesn't answer a ping for 5 seconds is dropped with its calls; a ping is
/// sent when nothing has come for 15.
///
/// For `https`, the proxy variables of the environment count as they do for curl: `HTTPS_PROXY`, or else `ALL_PROXY`, as
/// `http://`, `https://`, `socks4://` or `socks5://`; `NO_PROXY` lists hosts, domains and networks that are reached without
/// one. Each may be in lower case. Plain `http`, which is for loopback and for test networks, goes to no proxy.
///
/// # Errors
///
/// When a proxy variable can't be read, or TLS can't be set up.
pub fn client() -> Result<Client, BuildError> {
    ClientBuilder::default().build()
}

/// Makes a [`client()`] with other certificates, another patience, or without a proxy.
///
/// ```no_run
/// use std::time::Duration;
///
/// use pan123_token_hyper::Client;
///
/// let client = Client::builder()
///     .ca_pem(&std::fs::read("company-ca.pem")?)?
///     .idle_timeout(Duration::from_secs(20))
///     .no_proxy()
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    roots: Option<RootCertStore>,
    crypto: Option<Arc<CryptoProvider>>,
    proxy: bool,
    idle_timeout: Duration,
    pings: [Duration; 2],
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            roots: None,
            crypto: None,
            proxy: true,
            idle_timeout: IDLE_TIMEOUT,
            pings: PINGS,
        }
    }
}

impl ClientBuilder {
    /// Ignores the proxy variables of the environment.
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
        let roots = Some(tls::roots(pem)?);
        Ok(Self { roots, ..self })
    }

    /// How long a call may go on without a byte in either direction; 60 seconds unless set.
    pub fn idle_timeout(self, idle_timeout: Duration) -> Self {
        Self {
            idle_timeout,
            ..self
        }
    }

    /// The cryptography of rustls, by aws-lc-rs for example. Unless set, it is ring's, or, without the feature `rustls`, the
    /// one that is installed for the process.
    ///
    /// As the name says, the version of rustls is not part of what stays the same within a major version of this crate.
    pub fn unversioned_crypto_provider(self, provider: Arc<CryptoProvider>) -> Self {
        Self {
            crypto: Some(provider),
            ..self
        }
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// When a proxy variable can't be read, or TLS can't be set up.
    pub fn build(self) -> Result<Client, BuildError> {
        self.keeping(usize::MAX)
    }

    /// One for exchanges, which are days apart: it keeps no connection, and leaves it to the exchange how long that takes.
    pub(crate) fn build_for_exchanges(self) -> Result<Client, BuildError> {
        self.idle_timeout(Duration::MAX).keeping(0)
    }

    /// Keeps so many idle connections to a server.
    fn keeping(self, idle: usize) -> Result<Client, BuildError> {
        let proxy = if self.proxy {
            Proxy::of_variables(|name| env::var_os(name))?
        } else {
            None
        };
        let tls = tls::config(self.roots, self.crypto)?;
        let connector = ProxyConnector::new(connect::tcp(CONNECT_TIMEOUT), tls.clone(), proxy);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(connector);
        let [ping, answer] = self.pings;
        let inner = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(idle)
            .http2_keep_alive_interval(ping)
            .http2_keep_alive_timeout(answer)
            .http2_keep_alive_while_idle(true)
            .build(Connector::new(https, CONNECT_TIMEOUT));
        Ok(Client {
            inner,
            idle_timeout: self.idle_timeout,
        })
    }
}

/// A [`client()`]: cheap to clone, and clones share their connections. Both `Client` and `&Client` are a
/// [`tower_service::Service`] for requests with a body of any type: uploads may be streamed. Examples are with [`client()`]
/// and [`ClientBuilder`].
#[derive(Clone)]
pub struct Client {
    inner: legacy::Client<Connector, Upload>,
    idle_timeout: Duration,
}

impl Client {
    /// Starts to make a client with other certificates, another patience, or without a proxy. An example is with
    /// [`ClientBuilder`].
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    fn send<B>(&self, request: Request<B>) -> BoxFuture<Response<ClientBody>>
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let activity = Activity::new(self.idle_timeout);
        let request = request.map(|body| activity.upload(body));
        let response = self.inner.request(request);
        Box::pin(async move {
            let response = activity.bound(response).await??;
            Ok(response.map(|body| ClientBody::new(body, activity)))
        })
    }
}

impl<B> Service<Request<B>> for &Client
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ClientBody>;
    type Error = BoxError;
    type Future = BoxFuture<Response<ClientBody>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // The client queues by itself.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.send(request)
    }
}

impl<B> Service<Request<B>> for Client
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ClientBody>;
    type Error = BoxError;
    type Future = BoxFuture<Response<ClientBody>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.send(request)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
