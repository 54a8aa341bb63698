//! The emulator's settings.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::address::{host_name, path_prefix, reachable, route_path};
use crate::emulator::Emulator;
use crate::fault::Fault;
use crate::platform::{Eviction, Rules};
use crate::received::Received;
use crate::route::{ApiReply, Routes};
use crate::server::{Server, Transport, listen};
use crate::service::{Rejection, Service, Settings, Throttling};

/// A client ID that is accepted unless [`Builder::client`] names others. An example is with [`Emulator`].
pub const CLIENT_ID: &str = "emulator-client-id";
/// The secret that belongs to [`CLIENT_ID`]. It opens nothing else.
pub const CLIENT_SECRET: &str = "emulator-client-secret";

/// The size of an upload's slices unless [`Builder::slice_size`] sets another.
const SLICE_SIZE: u64 = 16 << 20;

/// The largest slices: more than these bytes are not kept of all uploads.
const MAX_SLICE_SIZE: u64 = 64 << 20;

/// The most tokens that [`Builder::max_tokens`] lets a client have.
const MAX_TOKENS: usize = 1_000;

/// Settings of an [`Emulator`] that is yet to start. From [`Emulator::builder`].
///
/// ```
/// use std::time::Duration;
///
/// use pan123_emulator::{Emulator, Eviction, Rejection, Throttling};
///
/// let emulator = Emulator::builder()
///     .client("my-client-id", "my-client-secret")
///     .lifetime(Duration::from_secs(30 * 86_400))
///     .rate(Some(1))
///     .throttling(Throttling::Http429)
///     .rejection(Rejection::Http401)
///     .eviction(Eviction::NewestButOne)
///     .start()?;
///
/// let tokens: Vec<_> = (0..4).filter_map(|_| emulator.issue("my-client-id")).collect();
/// // With the fourth, the third was taken offline.
/// let live = [tokens[0].clone(), tokens[1].clone(), tokens[3].clone()];
/// assert_eq!(emulator.live_tokens("my-client-id"), live);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    listen: SocketAddr,
    upload_listen: Option<SocketAddr>,
    host: Option<String>,
    #[cfg(feature = "tls")]
    tls: bool,
    settings: Settings,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            upload_listen: None,
            host: None,
            #[cfg(feature = "tls")]
            tls: false,
            settings: Settings {
                clients: Vec::new(),
                rules: Rules {
                    lifetime: Duration::from_secs(90 * 86_400),
                    rate: Some(10),
                    max_tokens: 3,
                    eviction: Eviction::default(),
                },
                rejection: Rejection::default(),
                throttling: Throttling::default(),
                script: Vec::new(),
                always: Fault::Normal,
                clock: None,
                frozen: false,
                seed: None,
                prefix: String::new(),
                slice_size: SLICE_SIZE,
                routes: Routes::default(),
                upload_url: String::new(),
            },
        }
    }

    /// Accepts this pair of credentials. The first call replaces [`CLIENT_ID`] and its secret, further ones add to it. Of
    /// two secrets for one ID, the later holds.
    pub fn client(
        mut self,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        self.settings
            .clients
            .push((client_id.into(), client_secret.into()));
        self
    }

    /// The address to listen on; `127.0.0.1:0`, which is any free port, unless set. Nothing here is made for the open
    /// network: stay on the loopback.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.listen = addr;
        self
    }

    /// The address of the upload host's port, which is an origin of its own; a free port of the same IP address unless
    /// set.
    pub fn upload_listen(mut self, addr: SocketAddr) -> Self {
        self.upload_listen = Some(addr);
        self
    }

    /// The name by which clients reach the emulator, such as `emulator` in a network of containers: for
    /// [`Emulator::url`], the upload host in replies, and the certificate. Unless set, the address listened on, and
    /// `localhost` with TLS.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.host = Some(name.into());
        self
    }

    /// Speaks TLS only (1.2 and 1.3, HTTP/1.1 and HTTP/2), with a certificate for `localhost`, `127.0.0.1`, `::1`, the
    /// addresses listened on and [`Builder::host`], from an authority made at the start ([`Emulator::ca_pem`]).
    #[cfg(feature = "tls")]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// A path that all of the platform's paths are moved below, such as `/pan`: for clients whose base URL has one. It
    /// starts with a slash; slashes at its end are dropped.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = prefix.into();
        self
    }

    /// How long tokens live, by the emulator's clock; 90 days unless set (documented are 30, measured were 90).
    ///
    /// From 10 seconds on, `expiredAt` is in whole seconds, rounded down, as documented; for shorter lives it has up to
    /// three fractional digits, and a life is rounded down to a millisecond. Any length goes; no life lasts beyond the
    /// year 9999.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.rules.lifetime = lifetime;
        self
    }

    /// Token requests that a client may make within any one second by the emulator's clock; `None` is no limit, and
    /// `Some(0)` refuses all. Unless set, 10: the newest of the documented figures, which were 1 (early 2025), 8 or 10
    /// (2025-10) and 10 (2026-01). Requests that were refused don't count.
    pub fn rate(mut self, rate: Option<u32>) -> Self {
        self.settings.rules.rate = rate;
        self
    }

    /// How many tokens of a client live at once, from 1 to 1000 (what lies outside is taken for the nearer of the two);
    /// 3, which is documented, unless set.
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.settings.rules.max_tokens = tokens.clamp(1, MAX_TOKENS);
        self
    }

    /// Which token goes when there are too many.
    pub fn eviction(mut self, eviction: Eviction) -> Self {
        self.settings.rules.eviction = eviction;
        self
    }

    /// The HTTP status of API calls refused for their token.
    pub fn rejection(mut self, rejection: Rejection) -> Self {
        self.settings.rejection = rejection;
        self
    }

    /// The HTTP status of token requests beyond the rate limit.
    pub fn throttling(mut self, throttling: Throttling) -> Self {
        self.settings.throttling = throttling;
        self
    }

    /// Adds a fault to the end of the script: each token request uses up one.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.settings.script.push(fault);
        self
    }

    /// Adds faults to the end of the script.
    pub fn faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.settings.script.extend(faults);
        self
    }

    /// What every token request gets once the script is used up; [`Fault::Normal`] unless set.
    pub fn always(mut self, fault: Fault) -> Self {
        self.settings.always = fault;
        self
    }

    /// Answers this path with a handler of your own, whatever the method: a further API call, or another answer to one that
    /// is there from the start, but not to the token call. The path is without [`Builder::prefix`] and without a query.
    ///
    /// A request without `Platform` or a live token never reaches the handler, and is refused as for any API call; one
    /// whose body has more than 64 KiB neither. Of two handlers of a path, the later counts. Handlers run on the emulator's
    /// one thread: while one works, nothing else is answered, and one that panics closes the connection.
    ///
    /// ```
    /// use pan123_emulator::{ApiReply, Emulator};
    ///
    /// let emulator = Emulator::builder()
    ///     .route("/api/v2/file/list", |_request| ApiReply::data(r#"{"lastFileId":-1,"fileList":[]}"#))
    ///     .route("/api/v1/file/trash", |request| match request.method.as_str() {
    ///         "POST" => ApiReply::data("null"),
    ///         _ => ApiReply::refused(1, "internal error"),
    ///     })
    ///     .start()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn route(
        mut self,
        path: impl Into<String>,
        handler: impl Fn(&Received) -> ApiReply + Send + Sync + 'static,
    ) -> Self {
        self.settings.routes.add(path.into(), Arc::new(handler));
        self
    }

    /// The size of an upload's slices in bytes, from 1 to 64 MiB (what lies outside is taken for the nearer of the two); 16
    /// MiB unless set. A file that is uploaded in a single call may have as much.
    pub fn slice_size(mut self, bytes: u64) -> Self {
        self.settings.slice_size = bytes.clamp(1, MAX_SLICE_SIZE);
        self
    }

    /// What the emulator's clock shows at the start; the host's time unless set. It runs on from there, so a whole
    /// platform can be ahead or behind, and dates can be known in advance. Times before 1970 count as 1970.
    pub fn clock(mut self, start: SystemTime) -> Self {
        self.settings.clock = Some(start);
        self
    }

    /// Has the emulator's clock stand still but for [`Emulator::advance`]: for tests that need an exact time, or a rate
    /// limit on a slow machine.
    pub fn frozen(mut self) -> Self {
        self.settings.frozen = true;
        self
    }

    /// Makes tokens and trace ids repeat from run to run, for equal requests at equal times. Random unless set, so that
    /// two emulators never issue the same token.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// Starts serving, on a thread with a runtime of its own: this may be called inside or outside of any async runtime,
    /// and blocks for no longer than it takes to bind the addresses (and, with TLS, to make two keys).
    ///
    /// Fails if an address can't be listened on, the prefix or a route's path is no path, the host is no name (kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput)), or a thread or a certificate can't be made.
    pub fn start(self) -> io::Result<Emulator> {
        let mut settings = self.settings;
        let prefix = path_prefix(&settings.prefix)?.len();
        settings.prefix.truncate(prefix);
        settings.routes.paths().try_for_each(route_path)?;
        if let Some(host) = &self.host {
            host_name(host)?;
        }
        if settings.clients.is_empty() {
            settings.clients = vec![(CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())];
        }
        let api = listen(self.listen)?;
        let addr = api.local_addr()?;
        let upload_listen = self
            .upload_listen
            .unwrap_or_else(|| SocketAddr::from((addr.ip(), 0)));
        let upload = listen(upload_listen)?;
        let upload_addr = upload.local_addr()?;

        #[cfg(feature = "tls")]
        let (authority, transport) = if self.tls {
            let host = self.host.as_deref();
            let (authority, acceptor) = crate::tls::authority([addr, upload_addr], host)?;
            (Some(authority), Transport::Tls(acceptor))
        } else {
            (None, Transport::Plain)
        };
        #[cfg(not(feature = "tls"))]
        let transport = Transport::Plain;

        let origin = |addr: SocketAddr| match (&self.host, &transport) {
            (None, Transport::Plain) => format!("http://{}", reachable(addr)),
            (Some(host), Transport::Plain) => format!("http://{host}:{}", addr.port()),
            #[cfg(feature = "tls")]
            (host, Transport::Tls(_)) => {
                let host = host.as_deref().unwrap_or("localhost");
                format!("https://{host}:{}", addr.port())
            }
        };
        let url = format!("{}{}", origin(addr), settings.prefix);
        let upload_url = origin(upload_addr);
        settings.upload_url.clone_from(&upload_url);
        let service = Arc::new(Mutex::new(Service::new(settings)));
        let server = Server::start(api, upload, transport, Arc::clone(&service))?;
        Ok(Emulator {
            addr,
            upload_addr,
            url,
            upload_url,
            service,
            server: Mutex::new(Some(server)),
            #[cfg(feature = "tls")]
            authority,
        })
    }
}

/// The settings, without the secrets.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let ids: Vec<&str> = settings.clients.iter().map(|(id, _)| id.as_str()).collect();
        f.debug_struct("Builder")
            .field("clients", &ids)
            .field("listen", &self.listen)
            .field("prefix", &settings.prefix)
            .field("rules", &settings.rules)
            .field("rejection", &settings.rejection)
            .field("throttling", &settings.throttling)
            .field("faults", &settings.script.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Emulator::builder().client("me", "hush"));
        assert!(shown.contains("me"), "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
    }
}
