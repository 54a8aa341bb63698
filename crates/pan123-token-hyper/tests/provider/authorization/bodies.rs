//! Replies on their way to the caller: the same frames, at the same time.

use std::io;
use std::sync::{Arc, Mutex};

use http_body::{Body, Frame};
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use pan123_token_hyper::http::{HeaderMap, Response};
use pan123_token_hyper::pan123_token::MAX_REJECTION_BYTES;
use pan123_token_hyper::service::WatchedBody;
use pan123_token_hyper::{AuthorizationLayer, Bytes, Full, TokenProvider};
use tower::{Layer, ServiceExt};

use super::api::{Api, Frames, REJECTION, SUCCESS, URI, data, get, json, reply};
use crate::platform::{DAY, set_up};

async fn through(response: Response<Frames>) -> (WatchedBody<Frames>, TokenProvider) {
    let (provider, _, clock) = set_up();
    provider.token().await.unwrap();
    clock.advance(DAY);
    let layer = AuthorizationLayer::<Full<Bytes>>::new(provider.clone());
    let service = layer.layer(Api::new([response]));
    let response = service.oneshot(get(URI)).await.unwrap();
    (response.into_body(), provider)
}

fn trailers() -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "1".parse().unwrap());
    Frame::trailers(trailers)
}

/// Each frame's data, or the word `trailers`.
async fn frames(mut body: WatchedBody<Frames>) -> Vec<String> {
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        frames.push(match frame.map(Frame::into_data) {
            Ok(Ok(data)) => String::from_utf8(data.to_vec()).unwrap(),
            Ok(Err(_)) => "trailers".to_owned(),
            Err(error) => error.to_string(),
        });
    }
    frames
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_read_beforehand_comes_in_the_same_frames() {
    let (first, second) = SUCCESS.split_at(20);
    let cut = || Frames::new([data(first), data(second), trailers()]).of_length(SUCCESS.len());
    let (body, provider) = through(reply(200, cut())).await;
    assert_eq!(body.size_hint().exact(), Some(SUCCESS.len() as u64));
    assert!(!body.is_end_stream());
    assert_eq!(frames(body).await, [first, second, "trailers"]);
    assert!(provider.current().is_some());

    // An error is a frame like any other.
    let breaks_off = Frames::new([data(first)])
        .of_length(SUCCESS.len())
        .then_fails();
    let (body, _) = through(reply(200, breaks_off)).await;
    let reset = io::Error::from(io::ErrorKind::ConnectionReset).to_string();
    assert_eq!(frames(body).await, [first, &reset]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_watched_comes_in_the_same_frames() {
    let (first, second) = REJECTION.split_at(20);
    // Nothing says that it is JSON.
    let cut = Frames::new([data(first), data(second), trailers()]);
    let (body, provider) = through(Response::new(cut)).await;
    assert_eq!(body.size_hint().lower(), 0);
    assert_eq!(body.size_hint().upper(), None);
    assert!(!body.is_end_stream());
    assert!(provider.current().is_some());
    assert_eq!(frames(body).await, [first, second, "trailers"]);
    assert_eq!(provider.current(), None);
}

#[tokio::test(start_paused = true)]
async fn how_much_is_left_is_told_at_each_point() {
    let large = "x".repeat(10_000).leak() as &str;
    let body = Frames::new([data(large), data("yy")]).of_length(10_002);
    let (mut body, _) = through(reply(200, body.ending_early())).await;
    for left in [10_002, 2, 0] {
        assert_eq!(body.size_hint().exact(), Some(left));
        assert_eq!(body.is_end_stream(), left == 0);
        assert_eq!(body.frame().await.is_some(), left > 0);
    }
    assert!(format!("{body:?}").starts_with("WatchedBody"));

    // Beforehand, too.
    let (mut body, _) = through(json(200, SUCCESS)).await;
    assert_eq!(body.size_hint().exact(), Some(SUCCESS.len() as u64));
    body.frame().await.unwrap().unwrap();
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_longer_than_it_said_comes_whole() {
    let brace = data("{");
    let blanks = " ".repeat(MAX_REJECTION_BYTES).leak() as &str;
    let body = Frames::new([brace, data(blanks), data("the rest")]).of_length(100);
    let (body, _) = through(reply(200, body)).await;
    assert_eq!(frames(body).await, ["{", blanks, "the rest"]);

    // Empty frames are no way to be read for ever.
    let empty = (0..3 * MAX_REJECTION_BYTES).map(|_| data(""));
    let body = Frames::new(empty).of_length(100);
    let (body, _) = through(reply(200, body)).await;
    assert_eq!(frames(body).await.len(), 3 * MAX_REJECTION_BYTES);
}

#[tokio::test(start_paused = true)]
async fn a_download_is_neither_buffered_nor_delayed() {
    let (mut sender, download) = Channel::<Bytes, io::Error>::new(1);
    let download = Mutex::new(Some(Response::new(download)));
    let download = Arc::new(download);
    let service = tower::service_fn(move |_| {
        let response = download.lock().unwrap().take().unwrap();
        async { Ok::<_, io::Error>(response) }
    });
    let (provider, ..) = set_up();
    let layer = AuthorizationLayer::<Full<Bytes>>::new(provider);
    let mut body = layer
        .layer(service)
        .oneshot(get(URI))
        .await
        .unwrap()
        .into_body();

    // Each piece is there before the server has sent the next.
    for number in 0..100_u8 {
        let piece = Bytes::from(vec![number; 64 * 1024]);
        let address = piece.as_ptr();
        sender.send_data(piece).await.unwrap();
        let received = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(received.as_ptr(), address, "it was copied");
    }
    drop(sender);
    assert!(body.frame().await.is_none());
}
