//! What handing out a fresh token costs: `cargo bench -p pan123-token-hyper`.
//!
//! All stand in one run, with 1, 2 and 8 threads at once, so that their ratios can be read off one table: the bare parts,
//! which are two clock reads and one shared reference count; the provider's hand-out; and a token in tokio's `RwLock`, as
//! `object_store` keeps it, with the one clock that it reads. The `fastest` column is the one to compare.
#![allow(missing_docs, reason = "a program of its own")]
#![allow(clippy::unwrap_used, reason = "a panic is how a benchmark reports")]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::routing::post;
use divan::{Bencher, black_box};
use pan123_token_hyper::{AccessToken, Credentials, TokenProvider};
use tokio::runtime;
use tokio::sync::RwLock;

fn main() {
    divan::main();
}

const THREADS: [usize; 3] = [1, 2, 8];

const REPLY: &str =
    r#"{"code":0,"data":{"accessToken":"eyJ.e30.c2ln","expiredAt":"2100-01-01T00:00:00+08:00"}}"#;

/// A provider with a fresh token.
static PROVIDER: LazyLock<TokenProvider> = LazyLock::new(|| {
    let router = Router::new().route("/api/v1/access_token", post(async || REPLY));
    let provider = TokenProvider::builder(Credentials::new("my-id", "my-secret").unwrap())
        .client(router)
        .build()
        .unwrap();
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        provider.token().await.unwrap();
        assert!(provider.flush(Duration::from_secs(1)).await);
    });
    provider
});

fn token() -> AccessToken {
    PROVIDER.current().unwrap()
}

/// What is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        // Another thread has the lock, for a moment.
        Poll::Pending => std::process::abort(),
    }
}

#[divan::bench(threads = THREADS, sample_size = 1000, name = "bare: two clock reads, one Arc clone")]
fn bare(bencher: Bencher<'_, '_>) {
    let shared = Arc::new(token());
    bencher.bench(|| {
        black_box((Instant::now(), SystemTime::now()));
        Arc::clone(black_box(&shared))
    });
}

#[divan::bench(threads = THREADS, sample_size = 1000, name = "provider: token()")]
fn provider(bencher: Bencher<'_, '_>) {
    let provider = &*PROVIDER;
    bencher.bench(|| now(black_box(provider).token()));
}

#[divan::bench(threads = THREADS, sample_size = 1000, name = "provider: current()")]
fn current(bencher: Bencher<'_, '_>) {
    let provider = &*PROVIDER;
    bencher.bench(|| black_box(provider).current());
}

#[divan::bench(threads = THREADS, sample_size = 1000, name = "peer: tokio RwLock, one clock read, clone")]
fn rw_lock(bencher: Bencher<'_, '_>) {
    let expiry = Instant::now() + Duration::from_secs(86_400);
    let cached = RwLock::new(Some((token(), expiry)));
    bencher.bench(|| {
        let cached = now(black_box(&cached).read());
        let (token, expiry) = cached.as_ref().unwrap();
        (*expiry > Instant::now()).then(|| token.clone())
    });
}
