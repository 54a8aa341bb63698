//! smol, and no tokio: a runtime of one's own on the provider crate, which brings all that the adapters share. What is written
//! here is how a job is started, how a caller waits, and how the request is sent.
//!
//! It speaks plain HTTP, to an emulator on this host. For the platform itself, put TLS (`futures-rustls`, say) around the
//! socket.

mod http1;

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use pan123_token::{
    AccessToken, Credentials, FetchError, GetAccessToken, Grant, MAX_RESPONSE_BYTES,
};
use pan123_token_cache::{SystemClock, TokenError};
use pan123_token_provider::{Job, Provider, Settings, Turn, Wanted, Work};
use smol::Timer;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::TcpStream;

fn main() {
    if let Err(error) = smol::block_on(run()) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let var = |name| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let credentials = Credentials::new(var("PAN123_CLIENT_ID")?, var("PAN123_CLIENT_SECRET")?)?;
    let provider = Settings::new(credentials, SystemClock::new())
        .base_url(var("PAN123_BASE_URL")?.parse()?)
        .on_event(|event| eprintln!("{event:?}"))
        .build()?;
    // However many tasks ask, one exchange is made.
    let tasks = [(); 10].map(|()| {
        let provider = provider.clone();
        smol::spawn(async move { token(&provider).await })
    });
    for task in tasks {
        println!("a token until {}", task.await?.expires_at());
    }
    Ok(())
}

/// A token that can be used now.
async fn token(provider: &Provider) -> Result<AccessToken, TokenError> {
    if let Some(token) = provider.fresh() {
        return Ok(token);
    }
    let mut caller = provider.caller(Wanted::Usable, provider.timeout());
    let begun = Instant::now();
    let mut timer = Timer::never();
    poll_fn(|context| {
        loop {
            match caller.turn(begun.elapsed(), context.waker()) {
                Turn::Done(result) => return Poll::Ready(result),
                // smol's executor has a thread of its own, so that one place is as good as another.
                Turn::Start(job, _) => smol::spawn(carry_out(job)).detach(),
                Turn::Wait(time) => {
                    timer.set_after(time);
                    ready!(Pin::new(&mut timer).poll(context));
                }
            }
        }
    })
    .await
}

async fn carry_out(mut job: Job) {
    while let Some(work) = job.next() {
        match work {
            Work::Exchange(mut exchange) => {
                let (operation, timeout) = (exchange.operation(), exchange.timeout());
                exchange.run(fetch(&operation, timeout)).await;
            }
            // With a store that blocks: `smol::unblock(move || call.run(&*store)).await`.
            Work::Store(call) => drop(call),
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
