//! A fresh token, handed out.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use pan123_token_hyper::{AccessToken, Credentials, TokenProvider};
use pan123_token_ureq::http::{Request, Response};
use pan123_token_ureq::ureq::middleware::MiddlewareNext;
use pan123_token_ureq::ureq::{Agent, Body, Error, SendBody};
use tame_oauth::Token;
use tame_oauth::token_cache::{TokenCache, TokenOrRequestReason};
use tokio::runtime::Builder;
use tokio::sync::RwLock;

use crate::calls::Platform;
use crate::measure::{Group, Scene, Shared, nanoseconds, shared};
use crate::operation::GRANT;

/// What is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn on_hyper() -> TokenProvider {
    let provider = TokenProvider::builder(Credentials::new("my-id", "my-secret").unwrap())
        .client(Platform)
        .build()
        .unwrap();
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        provider.token().await.unwrap();
        assert!(provider.flush(Duration::from_secs(10)).await);
        // Takes note that there is nothing to do until the renewal.
        provider.token().await.unwrap();
    });
    provider
}

fn on_ureq() -> pan123_token_ureq::TokenProvider {
    let grant =
        |_: Request<SendBody<'_>>, _: MiddlewareNext<'_>| -> Result<Response<Body>, Error> {
            Ok(Response::new(Body::builder().data(GRANT)))
        };
    let agent: Agent = Agent::config_builder().middleware(grant).build().into();
    let provider =
        pan123_token_ureq::TokenProvider::builder(Credentials::new("my-id", "my-secret").unwrap())
            .agent(agent)
            .build()
            .unwrap();
    provider.token().unwrap();
    assert!(provider.flush(Duration::from_secs(10)));
    provider.token().unwrap();
    provider
}

fn token() -> AccessToken {
    on_hyper().current().unwrap()
}

fn bare() -> Shared {
    let token = Arc::new(token());
    shared(move || {
        black_box((Instant::now(), SystemTime::now()));
        Arc::clone(black_box(&token))
    })
}

fn hyper() -> Shared {
    let provider = on_hyper();
    shared(move || now(black_box(&provider).token()).unwrap())
}

fn ureq() -> Shared {
    let provider = on_ureq();
    shared(move || black_box(&provider).token().unwrap())
}

fn hyper_lent() -> Shared {
    let provider = on_hyper();
    shared(move || now(black_box(&provider).with_token(lend)).unwrap())
}

fn ureq_lent() -> Shared {
    let provider = on_ureq();
    shared(move || black_box(&provider).with_token(lend).unwrap())
}

fn lend(token: &AccessToken) {
    black_box(token);
}

/// The crate itself: a lock for reading, one clock, a copy of the text.
fn tame_oauth() -> Shared {
    let cache = TokenCache::new();
    let token = Token {
        access_token: token().secret().to_owned(),
        refresh_token: String::new(),
        token_type: "Bearer".to_owned(),
        expires_in: None,
        expires_in_timestamp: Some(SystemTime::now() + Duration::from_secs(86_400)),
    };
    cache.insert(token, 1).unwrap();
    shared(move || match black_box(&cache).get(black_box(1)) {
        Ok(TokenOrRequestReason::Token(token)) => token,
        _ => panic!("no token"),
    })
}

/// The shape of `object_store`'s `TokenCache`, which is private there (0.14.2, `src/client/token.rs`): tokio's lock for
/// reading, one clock, a clone of an `Arc`.
fn object_store() -> Shared {
    let expiry = Instant::now() + Duration::from_secs(86_400);
    let cached = RwLock::new(Some((Arc::new(token()), expiry)));
    shared(move || {
        let get = async {
            let now = Instant::now();
            let cached = cached.read().await;
            let (token, expiry) = cached.as_ref()?;
            let left = expiry.checked_duration_since(now).unwrap_or_default();
            (left > Duration::from_secs(300)).then(|| Arc::clone(token))
        };
        now(get).unwrap()
    })
}

type Make = fn() -> Shared;

/// Names, and what threads can share.
const SCENES: [(&str, Make); 7] = [
    ("bare: two clock reads, one `Arc` clone", bare),
    ("hyper: `provider.token().await`", hyper),
    ("hyper: `provider.with_token(…).await`", hyper_lent),
    ("ureq: `provider.token()`", ureq),
    ("ureq: `provider.with_token(…)`", ureq_lent),
    ("tame-oauth: `TokenCache::get`", tame_oauth),
    ("object_store's shape", object_store),
];

pub fn group() -> Group {
    Group {
        title: "A fresh token, handed out (without the inside of the clocks)",
        scenes: vec![
            scene::<0>(),
            scene::<1>(),
            scene::<2>(),
            scene::<3>(),
            scene::<4>(),
            scene::<5>(),
            scene::<6>(),
        ],
    }
}

/// By itself.
fn scene<const NUMBER: usize>() -> Scene {
    Scene {
        name: SCENES[NUMBER].0,
        make: || Box::new((SCENES[NUMBER].1)()),
    }
}

pub fn times() {
    const THREADS: [usize; 3] = [1, 2, 8];
    let scenes = SCENES.map(|(_, make)| make());
    let times = THREADS.map(|threads| nanoseconds(&scenes, threads));
    println!("| a fresh token, handed out | 1 thread | | 2 threads | | 8 threads | |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for (index, (name, _)) in SCENES.iter().enumerate() {
        print!("| {name} |");
        for times in &times {
            print!(" {:.1} ns | {:.2} |", times[index], times[index] / times[0]);
        }
        println!();
    }
}
