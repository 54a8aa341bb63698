//! The sockets: one thread with a runtime of its own, which accepts connections on both ports and serves them within
//! bounds.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::http::{Request, Response, Version};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use crate::admin;
use crate::received::Received;
use crate::reply::ReplyBody;
use crate::service::{Answer, Origin, Reading, Service};
use crate::socket::{Hangup, Socket};

/// Connections served at once; further ones wait in the listener's queue.
const MAX_CONNECTIONS: usize = 1_024;
/// Connections that wait to be accepted, where the system allows as many. A standard library's listener has 128.
const BACKLOG: i32 = 1_024;
/// Bytes of a request's head, and of the body of an API call.
const MAX_REQUEST_BYTES: usize = 64 << 10;
/// Bytes of the body of an admin request.
const MAX_ADMIN_BYTES: usize = 1 << 20;
/// Bytes of a body beyond its limit that are read and thrown away, so that a client that sends before it reads gets its
/// reply.
const MAX_DRAINED_BYTES: usize = 1 << 20;
/// The time for a TLS handshake, and for a request's body.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// The time for the body of a request to the upload host.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// The time for a request's head, waiting for it included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a failed `accept`: the process is out of files, for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens on an address, with room for many clients that connect at once. An error names the address: there are two.
pub(crate) fn listen(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    listener(addr)
        .map_err(|error| io::Error::new(error.kind(), format!("can't listen on {addr}: {error}")))
}

fn listener(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    // As the standard library has it: a port is free again at once. On Windows it would mean a shared port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Plain TCP, or TLS on it.
#[derive(Clone)]
pub(crate) enum Transport {
    Plain,
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsAcceptor),
}

/// The running thread.
pub(crate) struct Server {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

pub(crate) type Shared = Arc<Mutex<Service>>;

/// Nothing panics while the lock is held; should it, the state is still whole enough for a test to look at.
pub(crate) fn lock(service: &Shared) -> MutexGuard<'_, Service> {
    service.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Serves the listeners of both origins from a thread of its own. The runtime lives and dies on that thread: it could
    /// not be dropped inside another one.
    pub(crate) fn start(
        api: std::net::TcpListener,
        upload: std::net::TcpListener,
        transport: Transport,
        service: Shared,
    ) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (report, ready) = mpsc::channel();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let started = runtime.and_then(|runtime| {
                let listeners = {
                    let _inside = runtime.enter();
                    (TcpListener::from_std(api)?, TcpListener::from_std(upload)?)
                };
                Ok((runtime, listeners))
            });
            match started {
                Err(error) => drop(report.send(Err(error))),
                Ok((runtime, (api, upload))) => {
                    drop(report.send(Ok(())));
                    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
                    let port = |origin| Port {
                        origin,
                        transport: transport.clone(),
                        service: Arc::clone(&service),
                    };
                    let (to_api, to_upload) = (port(Origin::Api), port(Origin::Upload));
                    runtime.block_on(async {
                        tokio::select! {
                            () = accept(&api, &to_api, &places) => {}
                            () = accept(&upload, &to_upload, &places) => {}
                            _ = stopped => {}
                        }
                    });
                    // Dropping the runtime drops every connection.
                }
            }
        };
        let thread = thread::Builder::new()
            .name("pan123-emulator".to_owned())
            .spawn(serve)?;
        ready
            .recv()
            .map_err(|_| io::Error::other("the emulator's thread ended"))??;
        Ok(Self { stop, thread })
    }

    /// Stops accepting, closes all connections and waits for the thread to end.
    pub(crate) fn stop(self) {
        // Dropped, the channel's end is as good as a message.
        drop(self.stop);
        // It fails only if the thread has panicked, and then it is gone, too.
        drop(self.thread.join());
    }
}

/// What a connection needs to know of the port that it came to.
#[derive(Clone)]
struct Port {
    origin: Origin,
    transport: Transport,
    service: Shared,
}

async fn accept(listener: &TcpListener, port: &Port, places: &Arc<Semaphore>) {
    loop {
        let Ok(place) = Arc::clone(places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let port = port.clone();
        tokio::spawn(async move {
            connection(stream, port).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, port: Port) {
    // Without it, single bytes would wait for one another. A failure changes timing only.
    drop(stream.set_nodelay(true));
    let hangup = Arc::new(Hangup::default());
    let socket = Socket {
        stream,
        hangup: Arc::clone(&hangup),
    };
    match &port.transport {
        Transport::Plain => http1(socket, port, hangup, false).await,
        #[cfg(feature = "tls")]
        Transport::Tls(acceptor) => {
            let Ok(Ok(stream)) = timeout(READ_TIMEOUT, acceptor.accept(socket)).await else {
                return;
            };
            // The protocol was agreed on in the handshake, so there is nothing to guess from the first bytes.
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                http2(stream, port, hangup).await;
            } else {
                http1(stream, port, hangup, true).await;
            }
        }
    }
}

async fn http1<S>(stream: S, port: Port, hangup: Arc<Hangup>, tls: bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let respond = service_fn(|request| respond(request, &port, &hangup, tls));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // The first is exact, the second bounds what is read ahead.
        .max_header_size(MAX_REQUEST_BYTES)
        .max_buf_size(MAX_REQUEST_BYTES)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), respond);
    tokio::select! {
        // How a connection ends is the client's affair.
        _ = connection => {}
        () = hangup.awaited() => {}
    }
}

#[cfg(feature = "tls")]
async fn http2<S>(stream: S, port: Port, hangup: Arc<Hangup>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let for_requests = (port, Arc::clone(&hangup));
    let respond = service_fn(move |request| {
        let (port, hangup) = for_requests.clone();
        async move { respond(request, &port, &hangup, true).await }
    });
    let connection = hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIMEOUT)
        .keep_alive_timeout(READ_TIMEOUT)
        .max_concurrent_streams(32)
        .max_header_list_size(64 << 10)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), respond);
    tokio::select! {
        _ = connection => {}
        () = hangup.awaited() => {}
    }
}

/// Reads a request, has it answered, and sends the answer or hangs up.
async fn respond(
    request: Request<Incoming>,
    port: &Port,
    hangup: &Hangup,
    tls: bool,
) -> Result<Response<ReplyBody>, Infallible> {
    let (head, body) = request.into_parts();
    let (limit, time) = limits(port, head.uri.path());
    let (body, reading) = match timeout(time, read(body, limit)).await {
        Ok(Some(body)) => (body, Reading::Complete),
        Ok(None) => (Vec::new(), Reading::TooLarge),
        Err(_) => (Vec::new(), Reading::TooSlow),
    };
    let target = match (head.version, head.uri.path_and_query()) {
        (Version::HTTP_2, Some(path)) => path.to_string(),
        _ => head.uri.to_string(),
    };
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), value.into_owned())
    });
    let received = Received {
        method: head.method.to_string(),
        target,
        version: format!("{:?}", head.version),
        headers: headers.collect(),
        body,
        tls,
        upload_host: port.origin == Origin::Upload,
    };
    let answer = lock(&port.service).answer(port.origin, head.uri.path(), received, reading);
    match answer {
        Answer::Reply(delay, reply) => {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            Ok(reply.into_response())
        }
        Answer::Handle(handler, request) => {
            let reply = handler(&request);
            Ok(lock(&port.service).handled(reply).into_response())
        }
        Answer::Reset => hangup.now(true).await,
        Answer::Close => hangup.now(false).await,
    }
}

/// How many bytes a request's body may have, and how long it may take.
fn limits(port: &Port, path: &str) -> (usize, Duration) {
    match port.origin {
        Origin::Upload => {
            let slice_size = lock(&port.service).settings.slice_size;
            let slice_size = usize::try_from(slice_size).unwrap_or(usize::MAX);
            (slice_size.saturating_add(MAX_REQUEST_BYTES), UPLOAD_TIMEOUT)
        }
        Origin::Api if path.starts_with(admin::PREFIX) => (MAX_ADMIN_BYTES, READ_TIMEOUT),
        Origin::Api => (MAX_REQUEST_BYTES, READ_TIMEOUT),
    }
}

/// A request's body, or `None` if it is larger than the limit or breaks off.
async fn read(body: Incoming, limit: usize) -> Option<Vec<u8>> {
    let mut body = pin!(body);
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let Ok(data) = frame.ok()?.into_data() else {
            continue;
        };
        length += data.len();
        if length <= limit {
            kept.extend_from_slice(&data);
        } else {
            kept = Vec::new();
        }
        if length > limit.saturating_add(MAX_DRAINED_BYTES) {
            break;
        }
    }
    (length <= limit).then_some(kept)
}
