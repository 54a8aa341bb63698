//! A provider for smol, without tokio, on the provider crate, which brings all that the adapters share. What is written here
//! is how a job is started, how a caller waits, and how the request is sent.
//!
//! It speaks plain HTTP, to an emulator on this host. For the platform itself, put TLS (`futures-rustls`, say) around the
//! socket.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use pan123_token::{AccessToken, FetchError, GetAccessToken, Grant, MAX_RESPONSE_BYTES};
use pan123_token_cache::{PolicyError, Rejection, TokenError, TokenStore};
use pan123_token_provider::{Job, Provider, Settings, Turn, Wanted, Work};
use smol::Timer;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::TcpStream;

use crate::http1;

/// Hands out the access token. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct TokenProvider {
    provider: Provider,
    store: Option<Arc<dyn TokenStore>>,
}

impl TokenProvider {
    /// Of these settings, with this store.
    ///
    /// # Errors
    ///
    /// When the settings don't fit together.
    pub fn new(
        settings: Settings,
        store: Option<Arc<dyn TokenStore>>,
    ) -> Result<Self, PolicyError> {
        let provider = settings.sharing(store.is_some()).build()?;
        Ok(Self { provider, store })
    }

    /// A token that can be used now.
    ///
    /// # Errors
    ///
    /// When there is none, and it is too early for another attempt.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        match self.provider.fresh() {
            Some(token) => Ok(token),
            None => self.wait(Wanted::Usable).await,
        }
    }

    /// Another token than the current one.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn refresh(&self) -> Result<AccessToken, TokenError> {
        self.wait(Wanted::Refreshed).await
    }

    /// Reports that an API call was refused with this token.
    pub fn reject(&self, token: &AccessToken) -> Rejection {
        self.provider.reject(token)
    }

    /// Waits until nothing is under way.
    pub async fn flush(&self) {
        self.provider.flush().await;
    }

    async fn wait(&self, wanted: Wanted) -> Result<AccessToken, TokenError> {
        let mut caller = self.provider.caller(wanted, self.provider.timeout());
        let begun = Instant::now();
        let mut timer = Timer::never();
        poll_fn(|context| {
            loop {
                match caller.turn(begun.elapsed(), context.waker()) {
                    Turn::Done(result) => return Poll::Ready(result),
                    // smol's executor has a thread of its own, so that one place is as good as another.
                    Turn::Start(job, _) => smol::spawn(carry_out(job, self.store.clone())).detach(),
                    Turn::Wait(time) => {
                        timer.set_after(time);
                        ready!(Pin::new(&mut timer).poll(context));
                    }
                }
            }
        })
        .await
    }
}

async fn carry_out(mut job: Job, store: Option<Arc<dyn TokenStore>>) {
    while let Some(work) = job.next() {
        match (work, store.clone()) {
            (Work::Exchange(mut exchange), _) => {
                let (operation, timeout) = (exchange.operation(), exchange.timeout());
                exchange.run(fetch(&operation, timeout)).await;
            }
            (Work::Store(call), Some(store)) => smol::unblock(move || call.run(&*store)).await,
            // Without a store there are no such calls.
            (Work::Store(call), None) => drop(call),
        }
    }
}

async fn fetch(operation: &GetAccessToken, timeout: Duration) -> Result<Grant, FetchError> {
    smol::future::or(exchange(operation), async {
        Timer::after(timeout).await;
        Err(FetchError::Timeout(timeout))
    })
    .await
}

async fn exchange(operation: &GetAccessToken) -> Result<Grant, FetchError> {
    let request = operation.request();
    let (host, port) = (request.uri().host(), request.uri().port_u16());
    let mut socket = TcpStream::connect((host.unwrap_or_default(), port.unwrap_or(80)))
        .await
        .map_err(|error| FetchError::Connect(operation.cause(&error)))?;
    let broken_off = |error| FetchError::Body(operation.cause(&error));
    let bytes = http1::bytes(&request);
    socket.write_all(&bytes).await.map_err(broken_off)?;
    let mut received = Vec::new();
    // The head of a reply takes less than its body may.
    let mut socket = socket.take(2 * MAX_RESPONSE_BYTES as u64);
    socket
        .read_to_end(&mut received)
        .await
        .map_err(broken_off)?;
    http1::grant(&received, operation)
}
