//! tokio's paused time, as users' tests have it: no clock is given to the provider.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use pan123_token_hyper::clock::Clock;
use pan123_token_hyper::{Credentials, TokenProvider};

use crate::platform::{DAY, HOUR, SECOND, quiet};

/// A platform as a user writes it down: tokens until the year 2100, as the fixtures of his tests have it.
fn router(asked: &Arc<AtomicUsize>) -> Router {
    let asked = Arc::clone(asked);
    let reply = async move || {
        let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
        let body = format!(
            r#"{{"code":0,"data":{{"accessToken":"token-{number}","expiredAt":"2025-03-23T15:48:37+08:00"}}}}"#
        );
        ([("date", "Fri, 21 Feb 2025 07:48:37 GMT")], body)
    };
    Router::new().route("/api/v1/access_token", post(reply))
}

fn credentials() -> Credentials {
    Credentials::new("my-id", "my-secret").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_when_tokios_time_is_moved_over_its_end() {
    let asked = Arc::default();
    let provider = TokenProvider::builder(credentials())
        .client(router(&asked))
        .build()
        .unwrap();
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    // One provider in 513 draws the whole day before the end as its window.
    tokio::time::advance(29 * DAY - HOUR).await;
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    // In the window: beside the callers.
    tokio::time::advance(DAY).await;
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    quiet().await;
    assert_eq!(provider.token().await.unwrap().secret(), "token-2");
    tokio::time::advance(30 * DAY).await;
    assert_eq!(provider.token().await.unwrap().secret(), "token-3");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_backoff_passes_with_tokios_time() {
    let down = Router::new().route(
        "/api/v1/access_token",
        post(async || StatusCode::SERVICE_UNAVAILABLE),
    );
    let provider = TokenProvider::builder(credentials())
        .client(down)
        .build()
        .unwrap();
    let error = provider.token().await.unwrap_err();
    assert_eq!(error.next_attempt(), Some(SECOND));
    tokio::time::advance(SECOND / 4).await;
    let error = provider.token().await.unwrap_err();
    assert_eq!(error.next_attempt(), Some(SECOND * 3 / 4));
}

#[tokio::test(start_paused = true)]
async fn the_wall_clock_is_the_systems_or_starts_where_a_test_says() {
    use pan123_token_hyper::clock::TokioClock;

    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_740_124_117);
    let before_1970 = SystemTime::UNIX_EPOCH - DAY;
    let (system, set) = (TokioClock::default(), TokioClock::starting_at(start));
    let early = TokioClock::starting_at(before_1970);
    tokio::time::advance(DAY).await;

    assert_eq!(system.now().monotonic, DAY);
    let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    assert!(wall.abs_diff(system.now().wall) < HOUR);
    assert_eq!(set.now().monotonic, DAY);
    assert_eq!(set.now().wall, Duration::from_secs(1_740_124_117) + DAY);
    assert_eq!(early.now().wall, DAY);
}
