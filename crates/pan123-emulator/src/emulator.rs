//! The running emulator, as tests hold it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::builder::Builder;
use crate::fault::Fault;
use crate::platform::Issue;
use crate::received::Received;
use crate::server::{Server, Shared, lock};
#[cfg(feature = "tls")]
use crate::tls::Authority;
use crate::upload::Upload;

/// A running emulator. Dropping it stops it.
///
/// ```
/// use std::time::Duration;
///
/// use pan123_emulator::{CLIENT_ID, Emulator};
///
/// let emulator = Emulator::builder().start()?;
/// // For the program under test, with `CLIENT_ID` and `CLIENT_SECRET`.
/// println!("{}", emulator.url());
///
/// // Another program of the same client gets four tokens: the first of them is taken offline.
/// for _ in 0..4 {
///     emulator.issue(CLIENT_ID);
/// }
/// assert_eq!((emulator.issued(), emulator.live_tokens(CLIENT_ID).len()), (4, 3));
/// // 90 days later the others have expired.
/// emulator.advance(Duration::from_secs(90 * 86_400));
/// assert!(emulator.live_tokens(CLIENT_ID).is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// All methods take `&self` and may be called from any thread, while requests are being served.
pub struct Emulator {
    pub(crate) addr: SocketAddr,
    pub(crate) upload_addr: SocketAddr,
    pub(crate) url: String,
    pub(crate) upload_url: String,
    pub(crate) service: Shared,
    pub(crate) server: Mutex<Option<Server>>,
    #[cfg(feature = "tls")]
    pub(crate) authority: Option<Authority>,
}

impl Emulator {
    /// The settings, with the documented figures as defaults. [`Builder::start`] starts it.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The base URL, prefix included, without a slash at the end: `http://127.0.0.1:PORT` or, with TLS,
    /// `https://localhost:PORT`.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The address listened on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The upload host, an origin of its own, as [`Emulator::url`] is written but without the prefix: for
    /// `/upload/v2/file/slice` and `/upload/v2/file/single/create`. Replies name it to clients.
    pub fn upload_url(&self) -> String {
        self.upload_url.clone()
    }

    /// The address that the upload host listens on.
    pub fn upload_addr(&self) -> SocketAddr {
        self.upload_addr
    }

    /// The certificate of the authority to trust, in PEM; `None` without TLS.
    #[cfg(feature = "tls")]
    pub fn ca_pem(&self) -> Option<&str> {
        self.authority.as_ref().map(|ca| ca.pem.as_str())
    }

    /// The certificate of the authority to trust, in DER; `None` without TLS.
    #[cfg(feature = "tls")]
    pub fn ca_der(&self) -> Option<&[u8]> {
        self.authority.as_ref().map(|ca| ca.der.as_slice())
    }

    /// The requests received so far, of any kind, in the order in which they were answered. The newest 4,096 of them are
    /// kept, or fewer if they exceed 16 MiB together.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.service).log.to_vec()
    }

    /// How many `POST`s have come for the token's path, however they were answered.
    pub fn token_requests(&self) -> usize {
        lock(&self.service).token_requests
    }

    /// How many tokens have been made, whether or not the reply arrived. A token that is handed out once more doesn't
    /// count.
    pub fn issued(&self) -> usize {
        lock(&self.service).issued
    }

    /// How many requests have come for the path that [`Fault::Redirect`] leads to without a URL. It should be none.
    pub fn redirects_followed(&self) -> usize {
        lock(&self.service).redirects_followed
    }

    /// A client's live tokens, in the order of their issue; none if the client isn't known.
    pub fn live_tokens(&self, client_id: &str) -> Vec<String> {
        let mut service = lock(&self.service);
        let now = service.clock.now();
        let live = service.platform.live_tokens(client_id, now);
        live.iter().map(|token| token.text.clone()).collect()
    }

    /// Issues a token as if another program of this client had asked for it, and returns it; `None` if the client isn't
    /// known. If the client has all its tokens, one of them is taken offline. It counts as issued, but neither as a request
    /// nor towards the rate limit.
    pub fn issue(&self, client_id: &str) -> Option<String> {
        let token = lock(&self.service).issue(client_id, Issue::New);
        token.map(|token| token.text)
    }

    /// Takes a live token offline, as if its client had got one too many; whether it was live. The platform has no
    /// documented way to revoke a token.
    pub fn evict(&self, token: &str) -> bool {
        let mut service = lock(&self.service);
        let now = service.clock.now();
        service.platform.evict(token, now)
    }

    /// The files that clients have announced or sent, in this order, with the bytes that came. The newest 1,024 of them
    /// are kept, and the newest 64 MiB of their bytes.
    pub fn uploads(&self) -> Vec<Upload> {
        lock(&self.service).uploads.iter().cloned().collect()
    }

    /// Adds a fault to the end of the script.
    pub fn inject(&self, fault: Fault) {
        lock(&self.service).script.push_back(fault);
    }

    /// Sets what every token request gets once the script is used up, as [`Builder::always`] does.
    pub fn set_always(&self, fault: Fault) {
        lock(&self.service).always = fault;
    }

    /// Drops the rest of the script, and what [`Builder::always`] set: normal service from now on.
    pub fn clear_faults(&self) {
        lock(&self.service).clear_faults();
    }

    /// How many faults of the script are left: none, once a test has got what it planned.
    pub fn faults_left(&self) -> usize {
        lock(&self.service).script.len()
    }

    /// Moves the emulator's clock forward: token lives, the rate limit and all dates follow at once. Delays that replies
    /// are held back for pass in real time all the same. The clock stops at the end of the year 9999.
    pub fn advance(&self, by: Duration) {
        lock(&self.service).clock.advance(by);
    }

    /// Sets the emulator's clock, forward or back. Tokens that have expired stay expired. Times before 1970 count as 1970.
    pub fn set_clock(&self, time: SystemTime) {
        lock(&self.service).clock.set(time);
    }

    /// Has the emulator's clock stand still but for [`Emulator::advance`] and [`Emulator::set_clock`], or run.
    pub fn set_frozen(&self, frozen: bool) {
        lock(&self.service).clock.set_frozen(frozen);
    }

    /// Makes everything as it was at the start: clock, script, counts, and neither tokens nor requests nor uploads.
    /// Without [`Builder::seed`], none of the tokens issued later was ever issued before.
    pub fn reset(&self) {
        lock(&self.service).reset();
    }

    /// What the emulator's clock shows.
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + lock(&self.service).clock.now()
    }

    /// Stops listening, closes all connections and waits for the thread to end, which takes no longer than a
    /// moment: replies that are held back are dropped. What was counted and received can still be asked for. A second
    /// call does nothing.
    pub fn shutdown(&self) {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = server.take() {
            server.stop();
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// The URL and the counters: no secret, no token.
impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("url", &self.url)
            .field("upload_url", &self.upload_url)
            .field("token_requests", &self.token_requests())
            .field("issued", &self.issued())
            .field("faults_left", &self.faults_left())
            .finish_non_exhaustive()
    }
}
