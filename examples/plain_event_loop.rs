//! A single-threaded event loop of one's own, on the core and the lifecycle alone: non-blocking sockets of the standard
//! library, no runtime, no thread, no HTTP client.
//!
//! It speaks plain HTTP, to an emulator on this host. For the platform itself, put TLS (rustls' `Connection` is sans-IO, too)
//! between the socket and the bytes.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use pan123_token::{
    BaseUrl, Cause, Credentials, FetchError, GetAccessToken, Grant, MAX_RESPONSE_BYTES,
};
use pan123_token_cache::{Action, Clock, FetchTicket, RenewalPolicy, SystemClock, TokenCache};
use pan123_token_examples::http1;

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let var = |name| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let credentials = Credentials::new(var("PAN123_CLIENT_ID")?, var("PAN123_CLIENT_SECRET")?)?;
    let base_url: BaseUrl = var("PAN123_BASE_URL")?.parse()?;
    let operation = GetAccessToken::new(credentials).with_base_url(base_url);
    let clock = SystemClock::new();
    // Any number that differs between processes.
    let fitted = RenewalPolicy::default().fitted_to(Duration::from_secs(30))?;
    let mut cache = TokenCache::new(fitted.policy, std::process::id().into())?;
    let mut exchange: Option<Exchange> = None;

    loop {
        if let Some(result) = exchange.as_mut().and_then(|it| it.advance(&operation)) {
            let ticket = exchange.take().map(|it| it.ticket);
            if let Some(ticket) = ticket {
                cache.fetched(ticket, result, clock.now());
            }
        }
        if cache.snapshot().wants_poll(clock.now())
            && let Action::Fetch(ticket) = cache.poll(clock.now())
        {
            exchange = Some(Exchange::start(
                &operation,
                ticket,
                fitted.exchange_timeout,
            )?);
        }
        while let Some(event) = cache.next_event() {
            eprintln!("{event}");
        }
        // Here the loop would go on for as long as the program does, and take the token whenever it makes an API call.
        if let Some(token) = cache.snapshot().token(clock.now()) {
            println!("a token until {}", token.expires_at());
            return Ok(());
        }
        if let Some(failure) = cache.last_failure() {
            return Err(failure.clone().into());
        }
        // What else the loop has to do; `poll(2)` would wait for the socket here.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An exchange on its way: what is still to be sent, and what has come.
struct Exchange {
    ticket: FetchTicket,
    begun: Instant,
    timeout: Duration,
    socket: TcpStream,
    unsent: Vec<u8>,
    received: Vec<u8>,
}

impl Exchange {
    fn start(
        operation: &GetAccessToken,
        ticket: FetchTicket,
        timeout: Duration,
    ) -> Result<Self, Box<dyn Error>> {
        let request = operation.request();
        let host = request.uri().authority().ok_or("no host")?.clone();
        // On this host it takes no time; elsewhere a non-blocking connect is the system's `connect(2)`.
        let socket = TcpStream::connect((host.host(), host.port_u16().unwrap_or(80)))?;
        socket.set_nonblocking(true)?;
        let unsent = http1::bytes(&request);
        let received = Vec::new();
        Ok(Self {
            ticket,
            begun: Instant::now(),
            timeout,
            socket,
            unsent,
            received,
        })
    }

    /// Does what can be done without waiting. The result, once there is one.
    fn advance(&mut self, operation: &GetAccessToken) -> Option<Result<Grant, FetchError>> {
        if self.begun.elapsed() >= self.timeout {
            return Some(Err(FetchError::Timeout(self.timeout)));
        }
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => None,
            _ => Some(Err(FetchError::Body(Cause::from(&*error.to_string())))),
        };
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) => return failed(error),
            }
        }
        let mut buffer = [0; 4096];
        loop {
            match self.socket.read(&mut buffer) {
                // The request asked for the end of the connection behind the reply.
                Ok(0) => return Some(http1::grant(&self.received, operation)),
                Ok(read) if self.received.len() <= 2 * MAX_RESPONSE_BYTES => {
                    self.received.extend_from_slice(&buffer[..read]);
                }
                Ok(_) => return Some(Err(FetchError::Body(Cause::from("it has no end")))),
                Err(error) => return failed(error),
            }
        }
    }
}
