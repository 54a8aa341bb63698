//! What a hand-out allocates: nothing. A binary of its own, since it counts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::measure;
use axum::Router;
use axum::routing::post;
use pan123_token_hyper::{Credentials, TokenProvider};

const REPLY: &str =
    r#"{"code":0,"data":{"accessToken":"eyJ.e30.c2ln","expiredAt":"2100-01-01T00:00:00+08:00"}}"#;

#[tokio::test]
async fn a_fresh_token_is_handed_out_without_an_allocation() {
    let router = Router::new().route("/api/v1/access_token", post(async || REPLY));
    let provider = TokenProvider::builder(Credentials::new("my-id", "my-secret").unwrap())
        .client(router)
        .build()
        .unwrap();
    let held = provider.token().await.unwrap();

    let hand_outs = measure(|| {
        for _ in 0..1000 {
            let mut context = Context::from_waker(Waker::noop());
            let Poll::Ready(token) = pin!(provider.token()).poll(&mut context) else {
                panic!("a fresh token had to be waited for");
            };
            assert_eq!(token.unwrap(), held);
            let within = pin!(provider.token_within(Duration::ZERO)).poll(&mut context);
            assert!(within.is_ready());
            let lent = pin!(provider.with_token(|token| *token == held)).poll(&mut context);
            assert_eq!(lent, Poll::Ready(Ok(true)));
            assert_eq!(provider.current().as_ref(), Some(&held));
            drop(provider.clone());
        }
    });
    assert_eq!(hand_outs.count_total, 0, "{hand_outs:?}");

    // It does count.
    let counted = measure(|| drop(held.secret().to_owned()));
    assert_eq!(counted.count_total, 1);
}
