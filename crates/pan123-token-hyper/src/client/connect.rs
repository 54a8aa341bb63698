//! Connections: each address of a name in its turn, and all of it within a time.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use pan123_token::http::Uri;
use tokio::time::timeout;
use tower_service::Service;

use super::proxy::ProxyConnector;
use crate::service::BoxError;

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// The way to a server or a proxy, below TLS.
pub(super) fn tcp(limit: Duration) -> HttpConnector {
    patient(HttpConnector::new(), limit)
}

/// Without a limit, an address that swallows what it gets would keep the others from being tried. With one, each gets its
/// part of it.
fn patient<R>(mut tcp: HttpConnector<R>, limit: Duration) -> HttpConnector<R> {
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(limit));
    tcp
}

/// What the client connects by. It takes no longer than its limit, with TLS and a proxy's handshake.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<ProxyConnector>,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(https: HttpsConnector<ProxyConnector>, limit: Duration) -> Self {
        Self { https, limit }
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<ProxyConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = BoxFuture<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = timeout(limit, self.https.call(server));
        Box::pin(async move {
            let too_late = |_| {
                let text = format!("it took longer than {limit:?}");
                io::Error::new(io::ErrorKind::TimedOut, text)
            };
            connecting.await.map_err(too_late)?
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    use std::time::Instant;

    /// The address of a listener that answers no SYN any more: its queue is full.
    fn deaf() -> (SocketAddr, impl Sized) {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let moment = Duration::from_millis(100);
        let connect = || TcpStream::connect_timeout(&address, moment).ok();
        let queue: Vec<_> = std::iter::from_fn(connect).take(16).collect();
        (address, (listener, queue))
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_tried() {
        let good = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let good = (good.local_addr().unwrap(), good);
        let (deaf, _full) = deaf();
        let addresses = [deaf, good.0];
        let resolver = tower::service_fn(move |_| async move {
            Ok::<_, std::convert::Infallible>(addresses.into_iter())
        });
        let limit = Duration::from_millis(800);
        let mut tcp = patient(HttpConnector::new_with_resolver(resolver), limit);
        let begun = Instant::now();
        // Without a port, that of the address counts.
        let server = Uri::from_static("https://two-addresses.invalid");
        let connection = tcp.call(server).await.unwrap();
        assert_eq!(connection.inner().peer_addr().unwrap(), good.0);
        let took = begun.elapsed();
        assert!(took >= limit / 2 && took < limit, "{took:?}");
    }
}
