//! A client that carries out a limited number of calls at once, shared by the provider and the layer.

use std::io;
use std::time::Duration;

use pan123_token_cache::testing::ManualClock;
use pan123_token_hyper::http::{Request, Response};
use pan123_token_hyper::service::{BoxError, Service};
use pan123_token_hyper::{AuthorizationLayer, Bytes, Full, TokenProvider};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::buffer::Buffer;
use tower::limit::ConcurrencyLimit;
use tower::{Layer, ServiceExt};

use super::api::{REJECTION, SUCCESS, URI, get};
use crate::platform::{DAY, Platform, START, credentials};

type Body = Full<Bytes>;

/// Answers the token's request as the platform does, and API calls with success, but for those with the first token.
fn client() -> impl Service<
    Request<Body>,
    Response = Response<String>,
    Error = io::Error,
    Future = impl Future<Output = io::Result<Response<String>>> + Send,
> + Clone
+ Send
+ 'static {
    let platform = Platform::new(ManualClock::new(START));
    tower::service_fn(move |request: Request<Body>| {
        let platform = platform.clone();
        async move {
            // Nothing is answered before others had their turn.
            tokio::task::yield_now().await;
            if request.uri().path() == "/api/v1/access_token" {
                return platform.oneshot(request).await;
            }
            let rejected = request.headers()["authorization"] == "Bearer token-1";
            let reply = if rejected { REJECTION } else { SUCCESS };
            let response = Response::builder().header("content-type", "application/json");
            Ok(response.body(reply.to_owned()).unwrap())
        }
    })
}

/// How many of so many calls, made at once, are answered.
async fn answered<S>(client: S, calls: usize) -> usize
where
    S: Service<Request<Body>, Response = Response<String>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    let clock = ManualClock::new(START);
    let provider = TokenProvider::builder(credentials())
        .client(client.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    let layer = AuthorizationLayer::new(provider)
        .retry_with(|body: &Body| Some(body.clone()))
        .layer(client);
    let first = call_all(&layer, calls).await;
    // The first token is rejected, and old enough to be replaced: now they wait for another, too.
    clock.advance(DAY);
    first.min(call_all(&layer, calls).await)
}

async fn call_all<S, R>(layer: &S, calls: usize) -> usize
where
    S: Service<Request<Body>, Response = R> + Clone + Send + 'static,
    S::Future: Send,
    R: Send + 'static,
    S::Error: Send,
{
    let mut tasks = JoinSet::new();
    for _ in 0..calls {
        let call = layer.clone().oneshot(get(URI));
        tasks.spawn(async move { timeout(Duration::from_secs(20), call).await });
    }
    let results = tasks.join_all().await;
    results.into_iter().flatten().flatten().count()
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_a_token_hold_no_permit_of_the_client() {
    for calls in [8, 64] {
        let client = ConcurrencyLimit::new(client(), 8);
        assert_eq!(answered(client, calls).await, calls);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_a_token_hold_no_place_in_a_buffer() {
    let client = Buffer::new(ConcurrencyLimit::new(client(), 8), 8);
    assert_eq!(answered(client, 64).await, 64);
}
