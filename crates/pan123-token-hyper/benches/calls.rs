//! What an API call and an exchange cost beside the bare service, in instructions and allocations:
//! `cargo bench -p pan123-token-hyper --bench calls` (needs valgrind).
//!
//! Each scene runs in a process of its own under callgrind, once with 100 and once with 1,100 rounds; the difference of
//! the two, divided by 1,000, is the cost of one round.
#![allow(missing_docs, reason = "a program of its own")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a benchmark reports"
)]

use std::convert::Infallible;
use std::env;
use std::future::{Ready, ready};
use std::process::Command;
use std::task::{Context, Poll};
use std::time::Duration;

use allocation_counter::measure;
use http_body_util::BodyExt;
use pan123_token_hyper::clock::SystemClock;
use pan123_token_hyper::http::{Request, Response};
use pan123_token_hyper::pan123_token::MAX_RESPONSE_BYTES;
use pan123_token_hyper::service::Service;
use pan123_token_hyper::{
    AuthorizationLayer, Bytes, Credentials, Full, GetAccessToken, TokenProvider, fetch,
};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, ServiceExt};

const SCENES: [&str; 7] = [
    "bare service",
    "by hand",
    "layer",
    "layer that retries",
    "layer, another origin",
    "bare exchange",
    "fetch",
];

const GRANT: &str = r#"{"code":0,"message":"ok","data":{"accessToken":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NDI3MTYxMTcsImlhdCI6MTc0MDEyNDExNywiaWQiOjE4MTQ0MzU5NTUsIm1haWwiOiIiLCJuaWNrbmFtZSI6InVzZXIiLCJ1c2VybmFtZSI6IjE4ODg4ODg4ODg4IiwidiI6MH0.c2lnbmF0dXJlLW9mLXRoaXJ0eS10d28tYnl0ZXMtaW4","expiredAt":"2100-03-23T15:48:37+08:00"},"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;
const USER: &str = r#"{"code":0,"message":"ok","data":{"uid":1814435955,"username":"user","spaceUsed":1,"vip":false},"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;

/// Answers at once.
#[derive(Clone)]
struct Platform;

impl Service<Request<Full<Bytes>>> for Platform {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let token = request.uri().path().ends_with("access_token");
        let body = if token { GRANT } else { USER };
        let response = Response::builder()
            .header("content-type", "application/json")
            .body(Full::from(body));
        ready(Ok(response.unwrap()))
    }
}

fn get(uri: &'static str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

const API: &str = "https://open-api.123pan.com/api/v1/user/info";
const ELSEWHERE: &str = "https://upload.example/part?signature=x";
const MINUTE: Duration = Duration::from_secs(60);

/// One round of a scene.
fn scene(name: &str) -> Box<dyn FnMut(&Runtime)> {
    let provider = TokenProvider::builder(Credentials::new("id", "secret").unwrap())
        .client(Platform)
        .clock(SystemClock::new())
        .build()
        .unwrap();
    let operation = GetAccessToken::new(Credentials::new("id", "secret").unwrap());
    let layer = AuthorizationLayer::new(provider.clone());
    match name {
        "bare service" => Box::new(|runtime| {
            runtime.block_on(async {
                let response = Platform.oneshot(get(API)).await.unwrap();
                read(response).await;
            });
        }),
        "by hand" => Box::new(move |runtime| {
            runtime.block_on(async {
                let mut request = get(API);
                let token = provider.token().await.unwrap();
                token.authorize(request.headers_mut());
                read(Platform.oneshot(request).await.unwrap()).await;
            });
        }),
        "layer" | "layer that retries" | "layer, another origin" => {
            let layer = if name == "layer that retries" {
                layer.retry_with(|body: &Full<Bytes>| Some(body.clone()))
            } else {
                layer
            };
            let uri = if name.ends_with("origin") {
                ELSEWHERE
            } else {
                API
            };
            let mut service = layer.layer(Platform);
            Box::new(move |runtime| {
                runtime.block_on(async {
                    let response = service.ready().await.unwrap().call(get(uri));
                    read(response.await.unwrap()).await;
                });
            })
        }
        "bare exchange" => Box::new(move |runtime| {
            runtime.block_on(async {
                let exchange = async {
                    let request = operation.request().map(Full::from);
                    let response = Platform.oneshot(request).await.unwrap();
                    let (head, body) = response.into_parts();
                    let body = http_body_util::Limited::new(body, MAX_RESPONSE_BYTES);
                    let body = body.collect().await.unwrap().to_bytes();
                    operation.parse_response(&Response::from_parts(head, body))
                };
                tokio::time::timeout(MINUTE, exchange)
                    .await
                    .unwrap()
                    .unwrap()
            });
        }),
        "fetch" => Box::new(move |runtime| {
            let fetched = runtime.block_on(fetch(Platform, &operation, MINUTE));
            drop(fetched.unwrap());
        }),
        _ => panic!("no scene {name}"),
    }
}

async fn read<B: http_body::Body<Error: std::fmt::Debug>>(response: Response<B>) {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.len(), USER.len());
}

fn main() {
    let arguments: Vec<_> = env::args().collect();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    if let Some(name) = arguments.get(1).filter(|it| SCENES.contains(&it.as_str())) {
        let rounds: usize = arguments[2].parse().unwrap();
        let mut round = scene(name);
        (0..rounds).for_each(|_| round(&runtime));
        return;
    }
    println!(
        "{:24}{:>14}{:>14}{:>10}",
        "", "instructions", "allocations", "bytes"
    );
    for name in SCENES {
        let mut round = scene(name);
        (0..3).for_each(|_| round(&runtime));
        let one = measure(|| round(&runtime));
        println!(
            "{name:24}{:>14}{:>14}{:>10}",
            (instructions(name, 1_100) - instructions(name, 100)) / 1_000,
            one.count_total,
            one.bytes_total
        );
    }
}

fn instructions(scene: &str, rounds: u32) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().unwrap())
        .args([scene, &rounds.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("Collected : "));
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    count.unwrap_or_else(|| panic!("{text}"))
}
