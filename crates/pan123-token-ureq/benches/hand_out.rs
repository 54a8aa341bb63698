//! What handing out a token costs, beside the bare parts and a peer's shape: `cargo bench -p pan123-token-ureq`.
//!
//! All stand in one run, at 1, 2 and 8 threads that share one provider, so that ratios can be read off one table. The
//! `median` column is the one to compare; allocations are counted.
#![allow(missing_docs, reason = "a program of its own")]
#![allow(clippy::unwrap_used, reason = "a panic is how a benchmark reports")]

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant, SystemTime};

use divan::{AllocProfiler, Bencher, black_box};
use pan123_token_ureq::http::{Request, Response};
use pan123_token_ureq::ureq::middleware::MiddlewareNext;
use pan123_token_ureq::ureq::{Agent, Body, Error, SendBody};
use pan123_token_ureq::{Credentials, TokenProvider};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// As long as real ones.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NDI3MTYxMTcsImlhdCI6MTc0MDEyNDExNywiaWQiOjE4MTQ0MzU5NTUsIm1haWwiOiIiLCJuaWNrbmFtZSI6InVzZXIiLCJ1c2VybmFtZSI6IjE4ODg4ODg4ODg4IiwidiI6MH0.c2lnbmF0dXJlLW9mLXRoaXJ0eS10d28tYnl0ZXMtaW4";

const THREADS: [usize; 3] = [1, 2, 8];

/// A provider with a fresh token, from a platform in this process.
fn provider() -> TokenProvider {
    let grant = |_: Request<SendBody<'_>>,
                 _: MiddlewareNext<'_>|
     -> Result<Response<Body>, Error> {
        let body = format!(
            r#"{{"code":0,"data":{{"accessToken":"{TOKEN}","expiredAt":"2099-12-31T00:00:00+08:00"}}}}"#
        );
        Ok(Response::new(Body::builder().data(body)))
    };
    let agent: Agent = Agent::config_builder().middleware(grant).build().into();
    let credentials = Credentials::new("my-id", "my-secret").unwrap();
    let provider = TokenProvider::builder(credentials)
        .agent(agent)
        .build()
        .unwrap();
    provider.token().unwrap();
    assert!(provider.flush(Duration::from_secs(30)));
    // Takes note that there is nothing to do until the renewal.
    provider.token().unwrap();
    provider
}

#[divan::bench(threads = THREADS, sample_size = 1000, name = "a: bare parts (two clocks, one shared count)")]
fn bare_parts(bencher: Bencher<'_, '_>) {
    let (origin, token) = (Instant::now(), Arc::<str>::from(TOKEN));
    bencher.bench(|| {
        let monotonic = black_box(&origin).elapsed();
        let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        (monotonic, wall, Arc::clone(black_box(&token)))
    });
}

#[divan::bench(threads = THREADS, sample_size = 1000, name = "b: provider.token()")]
fn token(bencher: Bencher<'_, '_>) {
    let provider = provider();
    bencher.bench(|| black_box(&provider).token().unwrap());
}

/// tame-oauth's shape: a lock for reading, one clock, and a copy of the text.
#[divan::bench(threads = THREADS, sample_size = 1000, name = "c: std RwLock, and a copy")]
fn read_lock(bencher: Bencher<'_, '_>) {
    let expiry = SystemTime::now() + Duration::from_secs(86_400);
    let held = RwLock::new(Some((TOKEN.to_owned(), expiry)));
    bencher.bench(|| {
        let held = black_box(&held).read().unwrap();
        let (token, expiry) = held.as_ref().unwrap();
        (SystemTime::now() < *expiry).then(|| token.clone())
    });
}
