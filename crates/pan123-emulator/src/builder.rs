//! The emulator's settings.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::clock::Clock;
use crate::emulator::Emulator;
use crate::fault::Fault;
use crate::mint::Mint;
use crate::platform::{Eviction, Platform, Rules};
use crate::received::Log;
use crate::server::{Server, Transport};
use crate::service::{Rejection, Service, Throttling};

/// A client ID that is accepted unless [`Builder::client`] names others.
pub const CLIENT_ID: &str = "emulator-client-id";
/// The secret that belongs to [`CLIENT_ID`]. It opens nothing else.
pub const CLIENT_SECRET: &str = "emulator-client-secret";

/// The most tokens that [`Builder::max_tokens`] lets a client have.
const MAX_TOKENS: usize = 1_000;

/// Settings of an [`Emulator`] that is yet to start. From [`Emulator::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    clients: Vec<(String, String)>,
    listen: SocketAddr,
    #[cfg(feature = "tls")]
    tls: bool,
    prefix: String,
    rules: Rules,
    rejection: Rejection,
    throttling: Throttling,
    script: Vec<Fault>,
    always: Fault,
    clock: Option<SystemTime>,
    frozen: bool,
    seed: Option<u64>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            clients: Vec::new(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            #[cfg(feature = "tls")]
            tls: false,
            prefix: String::new(),
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
        }
    }

    /// Accepts this pair of credentials. The first call replaces [`CLIENT_ID`] and its secret, further ones add to it. Of
    /// two secrets for one ID, the later holds.
    pub fn client(
        mut self,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        self.clients.push((client_id.into(), client_secret.into()));
        self
    }

    /// The address to listen on; `127.0.0.1:0`, which is any free port, unless set. Nothing here is made for the open
    /// network: stay on the loopback.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.listen = addr;
        self
    }

    /// Speaks TLS only (1.2 and 1.3, HTTP/1.1 and HTTP/2), with a certificate for `localhost`, `127.0.0.1`, `::1` and the
    /// address listened on, from an authority made for the occasion ([`Emulator::ca_pem`]).
    #[cfg(feature = "tls")]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// A path that all of the platform's paths are moved below, such as `/pan`: for clients whose base URL has one. It
    /// starts with a slash; slashes at its end are dropped.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long tokens live, by the emulator's clock; 90 days unless set (documented are 30, measured were 90).
    ///
    /// From 10 seconds on, `expiredAt` is in whole seconds, rounded down, as documented; for shorter lives it has up to
    /// three fractional digits, and a life is rounded down to a millisecond. Any length goes; no life lasts beyond the
    /// year 9999.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.rules.lifetime = lifetime;
        self
    }

    /// Token requests that a client may make within any one second by the emulator's clock; `None` is no limit, and
    /// `Some(0)` refuses all. Unless set, 10: the newest of the documented figures, which were 1 (early 2025), 8 or 10
    /// (2025-10) and 10 (2026-01). Requests that were refused don't count.
    pub fn rate(mut self, rate: Option<u32>) -> Self {
        self.rules.rate = rate;
        self
    }

    /// How many tokens of a client live at once, from 1 to 1000 (what lies outside is taken for the nearer of the two);
    /// 3, which is documented, unless set.
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.rules.max_tokens = tokens.clamp(1, MAX_TOKENS);
        self
    }

    /// Which token goes when there are too many.
    pub fn eviction(mut self, eviction: Eviction) -> Self {
        self.rules.eviction = eviction;
        self
    }

    /// The HTTP status of business calls refused for their token.
    pub fn rejection(mut self, rejection: Rejection) -> Self {
        self.rejection = rejection;
        self
    }

    /// The HTTP status of token requests beyond the rate limit.
    pub fn throttling(mut self, throttling: Throttling) -> Self {
        self.throttling = throttling;
        self
    }

    /// Adds a fault to the end of the script: each token request uses up one.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.script.push(fault);
        self
    }

    /// Adds faults to the end of the script.
    pub fn faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.script.extend(faults);
        self
    }

    /// What every token request gets once the script is used up; [`Fault::Normal`] unless set.
    pub fn always(mut self, fault: Fault) -> Self {
        self.always = fault;
        self
    }

    /// What the emulator's clock shows at the start; the host's time unless set. It runs on from there, so a whole
    /// platform can be ahead or behind, and dates can be known in advance. Times before 1970 count as 1970.
    pub fn clock(mut self, start: SystemTime) -> Self {
        self.clock = Some(start);
        self
    }

    /// Has the emulator's clock stand still but for [`Emulator::advance`]: for tests that mean an exact time, or a rate
    /// limit on a slow machine.
    pub fn frozen(mut self) -> Self {
        self.frozen = true;
        self
    }

    /// Makes tokens and trace ids repeat from run to run, for equal requests at equal times. Random unless set, so that
    /// two emulators never issue the same token.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts serving, on a thread with a runtime of its own: this may be called inside or outside of any async runtime,
    /// and blocks for no longer than it takes to bind the address (and, with TLS, to make two keys).
    ///
    /// Fails if the address can't be listened on, the prefix is no path (kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput)), or a thread or a certificate can't be made.
    pub fn start(self) -> io::Result<Emulator> {
        let prefix = path_prefix(&self.prefix)?;
        let listener = TcpListener::bind(self.listen)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let seed = self
            .seed
            .unwrap_or_else(|| RandomState::new().hash_one("pan123-emulator"));
        let clients = match self.clients {
            none if none.is_empty() => vec![(CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())],
            clients => clients,
        };
        let service = Arc::new(Mutex::new(Service {
            platform: Platform::new(clients, self.rules, seed),
            clock: Clock::starting_at(self.clock.unwrap_or_else(SystemTime::now), self.frozen),
            script: self.script.into(),
            always: self.always,
            prefix: prefix.to_owned(),
            rejection: self.rejection,
            throttling: self.throttling,
            // Another sequence than the tokens'.
            traces: Mint::new(!seed),
            log: Log::default(),
            token_requests: 0,
            issued: 0,
            redirects_followed: 0,
        }));

        #[cfg(feature = "tls")]
        let (authority, transport) = if self.tls {
            let (authority, acceptor) = crate::tls::authority(addr)?;
            (Some(authority), Transport::Tls(acceptor))
        } else {
            (None, Transport::Plain)
        };
        #[cfg(not(feature = "tls"))]
        let transport = Transport::Plain;

        let origin = match transport {
            Transport::Plain => format!("http://{}", reachable(addr)),
            #[cfg(feature = "tls")]
            Transport::Tls(_) => format!("https://localhost:{}", addr.port()),
        };
        let server = Server::start(listener, transport, Arc::clone(&service))?;
        Ok(Emulator {
            addr,
            url: format!("{origin}{prefix}"),
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
        let ids: Vec<&str> = self.clients.iter().map(|(id, _)| id.as_str()).collect();
        f.debug_struct("Builder")
            .field("clients", &ids)
            .field("listen", &self.listen)
            .field("prefix", &self.prefix)
            .field("rules", &self.rules)
            .field("rejection", &self.rejection)
            .field("throttling", &self.throttling)
            .field("faults", &self.script.len())
            .finish_non_exhaustive()
    }
}

/// The prefix as requests will have it.
fn path_prefix(prefix: &str) -> io::Result<&str> {
    let prefix = prefix.trim_end_matches('/');
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte);
    if prefix.is_empty() || prefix.starts_with('/') && prefix.bytes().all(fits) {
        return Ok(prefix);
    }
    let message = format!("{prefix:?} is no path prefix: it must look like /pan");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Where a client on this host reaches an address that may stand for all of the host's.
fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    addr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_path() {
        assert_eq!(path_prefix("").unwrap(), "");
        assert_eq!(path_prefix("/").unwrap(), "");
        assert_eq!(path_prefix("/pan").unwrap(), "/pan");
        assert_eq!(path_prefix("/a/b//").unwrap(), "/a/b");
        for wrong in ["pan", "/p n", "/p?q", "/p#f", "/п", "http://x/"] {
            let error = path_prefix(wrong).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{wrong}");
        }
    }

    #[test]
    fn a_client_on_this_host_is_given_an_address_it_can_reach() {
        let reached = |addr: &str| reachable(addr.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reached("[::]:80"), "[::1]:80");
        assert_eq!(reached("127.0.0.2:80"), "127.0.0.2:80");
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Emulator::builder().client("me", "hush"));
        assert!(shown.contains("me"), "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
    }
}
