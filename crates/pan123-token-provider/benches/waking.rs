//! How long it takes until the last of many waiting threads has its token, beside the same threads at a bare condition
//! variable: `cargo bench -p pan123-token-provider`. The figures to compare are the medians.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark measures, and starts threads"
)]
#![allow(clippy::unwrap_used, reason = "a panic is how a benchmark reports")]
#![allow(missing_docs, reason = "a program of its own")]

use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pan123_token::{Credentials, http};
use pan123_token_cache::SystemClock;
use pan123_token_provider::{Provider, Settings, Turn, Wanted, Work};

const ROUNDS: usize = 15;
const LIMIT: Duration = Duration::from_secs(30);

fn main() {
    println!("threads   condvar (median)   provider (median)   ratio");
    for threads in [100, 1000, 2000] {
        let condvar = median(|| condvar(threads));
        let provider = median(|| provider(threads));
        let ratio = provider.as_secs_f64() / condvar.as_secs_f64();
        println!("{threads:7}   {condvar:16.2?}   {provider:17.2?}   {ratio:5.2}");
    }
}

fn median(mut round: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS).map(|_| round()).collect();
    times.sort();
    times[ROUNDS / 2]
}

/// From the release until the last thread is through.
fn round(
    threads: usize,
    wait: impl Fn() + Send + Clone + 'static,
    release: impl FnOnce(),
) -> Duration {
    let (ready, all_ready) = mpsc::channel();
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            let (ready, wait) = (ready.clone(), wait.clone());
            let waiting = move || {
                ready.send(()).unwrap();
                wait();
                Instant::now()
            };
            let small = thread::Builder::new().stack_size(64 * 1024);
            small.spawn(waiting).unwrap()
        })
        .collect();
    for _ in &threads {
        all_ready.recv().unwrap();
    }
    // Until all of them wait.
    thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    release();
    let ends = threads.into_iter().map(|it| it.join().unwrap());
    ends.max().unwrap() - begun
}

fn condvar(threads: usize) -> Duration {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = Arc::clone(&shared);
    let wait = move || {
        let (done, changed) = &*theirs;
        let done = done.lock().unwrap();
        drop(changed.wait_while(done, |done| !*done).unwrap());
    };
    round(threads, wait, || {
        let (done, changed) = &*shared;
        *done.lock().unwrap() = true;
        changed.notify_all();
    })
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait(provider: &Provider) {
    let mut caller = provider.caller(Wanted::Usable, LIMIT);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let begun = Instant::now();
    loop {
        match caller.turn(begun.elapsed(), &waker) {
            Turn::Done(token) => return drop(token.unwrap()),
            Turn::Start(job, _) => drop(job),
            Turn::Wait(time) => thread::park_timeout(time),
        }
    }
}

fn provider(threads: usize) -> Duration {
    let credentials = Credentials::new("my-id", "my-secret").unwrap();
    let provider = Settings::new(credentials, SystemClock::new())
        .build()
        .unwrap();
    let Turn::Start(mut job, _) = provider
        .caller(Wanted::Usable, LIMIT)
        .turn(Duration::ZERO, Waker::noop())
    else {
        std::process::abort();
    };
    let Some(Work::Exchange(mut exchange)) = job.next() else {
        std::process::abort();
    };
    let theirs = provider.clone();
    round(
        threads,
        move || wait(&theirs),
        || {
            let body = r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2100-01-01T00:00:00+08:00"}}"#;
            let reply = http::Response::new(body);
            let grant = exchange.operation().parse_response(&reply).unwrap();
            exchange.finish(Ok(grant));
        },
    )
}
