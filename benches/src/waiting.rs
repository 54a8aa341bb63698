//! Many who wait for one renewal, beside as many who wait for one bare signal.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use pan123_token_hyper::http::{Request, Response};
use pan123_token_hyper::service::Service;
use pan123_token_hyper::{Bytes, Credentials, Full, TokenProvider};
use pan123_token_ureq::ureq::middleware::MiddlewareNext;
use pan123_token_ureq::ureq::{Agent, Body, Error, SendBody};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};

use crate::operation::GRANT;

const SAMPLES: usize = 15;
const LIMIT: Duration = Duration::from_secs(60);

pub fn times() {
    println!("| one renewal, and who waits for it | bare | provider | ratio | requests |");
    println!("|---|---:|---:|---:|---:|");
    row(
        "100,000 tasks, beside tokio's `watch`",
        tasks_at_watch,
        tasks_at_provider,
    );
    row(
        "1,000 threads, beside a `Condvar`",
        threads_at_condvar,
        threads_at_provider,
    );
}

/// The best of some samples, taken in turn.
fn row(name: &str, bare: fn() -> Duration, provider: fn() -> (Duration, u32)) {
    let (mut best_bare, mut best, mut requests) = (LIMIT, LIMIT, 0);
    for _ in 0..SAMPLES {
        best_bare = bare().min(best_bare);
        let (time, made) = provider();
        (best, requests) = (time.min(best), made.max(requests));
    }
    let ratio = best.as_secs_f64() / best_bare.as_secs_f64();
    println!("| {name} | {best_bare:.1?} | {best:.1?} | {ratio:.2} | {requests} |");
}

const TASKS: usize = 100_000;

/// From the release until the last task is through; all of them wait by then.
async fn tasks<F: Future<Output: Send> + Send + 'static>(
    wait: impl Fn() -> F,
    release: impl FnOnce(),
) -> Duration {
    let waiting = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (waiting, wait) = (Arc::clone(&waiting), wait());
        tasks.spawn(async move {
            // On this one thread, `wait` is polled before anything else is.
            waiting.fetch_add(1, Ordering::Relaxed);
            drop(wait.await);
        });
    }
    while waiting.load(Ordering::Relaxed) < TASKS as u32 {
        yield_now().await;
    }
    let begun = Instant::now();
    release();
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    begun.elapsed()
}

fn tasks_at_watch() -> Duration {
    let (sender, receiver) = watch::channel(false);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(tasks(
        || {
            let mut receiver = receiver.clone();
            async move {
                receiver
                    .wait_for(|done| *done)
                    .await
                    .map(|done| *done)
                    .unwrap()
            }
        },
        || sender.send(true).unwrap(),
    ))
}

/// Answers once it is released.
#[derive(Clone)]
struct Held {
    released: watch::Receiver<bool>,
    requests: Arc<AtomicU32>,
}

impl Service<Request<Full<Bytes>>> for Held {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut released = self.released.clone();
        Box::pin(async move {
            released.wait_for(|done| *done).await.unwrap();
            Ok(Response::new(Full::from(GRANT)))
        })
    }
}

fn tasks_at_provider() -> (Duration, u32) {
    let (sender, released) = watch::channel(false);
    let requests = Arc::new(AtomicU32::new(0));
    let client = Held {
        released,
        requests: Arc::clone(&requests),
    };
    let provider = TokenProvider::builder(Credentials::new("my-id", "my-secret").unwrap())
        .client(client)
        .timeout(LIMIT)
        .build()
        .unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let time = runtime.block_on(tasks(
        || {
            let provider = provider.clone();
            async move { provider.token().await.unwrap() }
        },
        || sender.send(true).unwrap(),
    ));
    (time, requests.load(Ordering::Relaxed))
}

const THREADS: usize = 1_000;

/// A bare signal to threads.
#[derive(Default)]
struct Signal {
    given: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    fn wait(&self) {
        let given = self.given.lock().unwrap();
        drop(self.changed.wait_while(given, |given| !*given).unwrap());
    }

    fn give(&self) {
        *self.given.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

/// From the release until the last thread is through.
fn threads(wait: impl Fn() + Sync, release: impl FnOnce()) -> Duration {
    let waiting = AtomicU32::new(0);
    thread::scope(|scope| {
        let run = || {
            waiting.fetch_add(1, Ordering::Relaxed);
            wait();
            Instant::now()
        };
        let small = || thread::Builder::new().stack_size(256 * 1024);
        let threads: Vec<_> = (0..THREADS)
            .map(|_| small().spawn_scoped(scope, run).unwrap())
            .collect();
        while waiting.load(Ordering::Relaxed) < THREADS as u32 {
            thread::yield_now();
        }
        // The last of them have only their waiting left to begin.
        thread::sleep(Duration::from_millis(50));
        let begun = Instant::now();
        release();
        let ends = threads.into_iter().map(|it| it.join().unwrap());
        ends.max().unwrap() - begun
    })
}

fn threads_at_condvar() -> Duration {
    let signal = Signal::default();
    threads(|| signal.wait(), || signal.give())
}

fn threads_at_provider() -> (Duration, u32) {
    let signal = Arc::new(Signal::default());
    let requests = Arc::new(AtomicU32::new(0));
    let (released, made) = (Arc::clone(&signal), Arc::clone(&requests));
    let answer =
        move |_: Request<SendBody<'_>>, _: MiddlewareNext<'_>| -> Result<Response<Body>, Error> {
            made.fetch_add(1, Ordering::Relaxed);
            released.wait();
            Ok(Response::new(Body::builder().data(GRANT)))
        };
    let agent: Agent = Agent::config_builder().middleware(answer).build().into();
    let provider =
        pan123_token_ureq::TokenProvider::builder(Credentials::new("my-id", "my-secret").unwrap())
            .agent(agent)
            .timeout(LIMIT)
            .build()
            .unwrap();
    let time = threads(|| drop(provider.token().unwrap()), || signal.give());
    (time, requests.load(Ordering::Relaxed))
}
