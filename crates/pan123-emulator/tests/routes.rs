//! API paths that a test adds.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::Request;
use pan123_emulator::{ApiReply, CLIENT_ID, Emulator};
use serde_json::json;

const LIST: &str = "/api/v2/file/list";

#[test]
fn a_handler_answers_calls_with_a_live_token() {
    let emulator = Emulator::builder()
        .route(LIST, |request| {
            ApiReply::data(json!({"method": request.method, "query": request.target}).to_string())
        })
        .start()
        .unwrap();
    let token = emulator.issue(CLIENT_ID).unwrap();
    let reply = Request::api("GET /api/v2/file/list?limit=1", &token).send(&emulator);
    assert_eq!(
        (reply.status, reply.code(), &*reply.message()),
        (200, 0, "ok")
    );
    let json = reply.json();
    let expected = json!({"method": "GET", "query": "/api/v2/file/list?limit=1"});
    assert_eq!(json["data"], expected);
    assert!(json["x-traceID"].is_string());
    assert!(reply.header("date").is_some());
    assert_eq!(emulator.requests().len(), 1);
    let other = Request::api("POST /api/v2/file/list/more", &token).send(&emulator);
    assert_eq!(other.status, 404);
}

#[test]
fn a_call_without_a_good_token_never_reaches_the_handler() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let emulator = Emulator::builder()
        .route(LIST, move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            ApiReply::data("null")
        })
        .start()
        .unwrap();
    let token = emulator.issue(CLIENT_ID).unwrap();
    let call = || Request::api("GET /api/v2/file/list", &token);
    assert_eq!(call().without("Platform").send(&emulator).code(), 1);
    assert_eq!(call().without("Authorization").send(&emulator).code(), 401);
    let large = call().body(vec![b'x'; (64 << 10) + 1]).send(&emulator);
    assert_eq!(large.status, 413);
    emulator.evict(&token);
    assert_eq!(call().send(&emulator).code(), 401);
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[test]
fn handlers_refuse_and_reply_as_they_like() {
    let emulator = Emulator::builder()
        .route("/refused", |_| ApiReply::refused(5066, "文件不存在"))
        .route("/raw", |_| {
            ApiReply::raw(299, vec![("x-a".into(), "1".into())], b"\0\xff")
        })
        .route("/broken", |_| ApiReply::data("{"))
        .start()
        .unwrap();
    let token = emulator.issue(CLIENT_ID).unwrap();
    let call = |path: &str| Request::api(&format!("GET {path}"), &token).send(&emulator);
    let refused = call("/refused");
    assert_eq!((refused.status, refused.code()), (200, 5_066));
    assert_eq!(refused.message(), "文件不存在");
    assert_eq!(refused.json()["data"], json!(null));
    let raw = call("/raw");
    assert_eq!((raw.status, &*raw.body), (299, &b"\0\xff"[..]));
    assert_eq!(raw.header("x-a"), Some("1"));
    assert!(raw.header("date").is_some());
    assert_eq!(call("/broken").status, 500);
}

#[test]
fn a_route_replaces_what_is_there_and_stands_below_the_prefix() {
    let emulator = Emulator::builder()
        .prefix("/pan")
        .route("/api/v1/user/info", |_| ApiReply::data("1"))
        .route("/api/v1/user/info", |_| ApiReply::data("2"))
        .start()
        .unwrap();
    let token = emulator.issue(CLIENT_ID).unwrap();
    let reply = Request::api("GET /pan/api/v1/user/info", &token).send(&emulator);
    assert_eq!(reply.json()["data"], json!(2));
    assert_eq!(Request::user_info(&token).send(&emulator).status, 404);
}

#[test]
fn a_handler_that_panics_ends_its_own_connection_only() {
    let emulator = Emulator::builder()
        .route("/panics", |_| panic!("a handler's own fault"))
        .start()
        .unwrap();
    let token = emulator.issue(CLIENT_ID).unwrap();
    let reply = Request::api("GET /panics", &token).try_send(&emulator);
    assert!(reply.is_err() || reply.unwrap().is_empty());
    assert_eq!(Request::user_info(&token).send(&emulator).code(), 0);
}

#[test]
fn a_handler_may_ask_the_emulator() {
    let shared: Arc<std::sync::OnceLock<Emulator>> = Arc::default();
    let inner = Arc::clone(&shared);
    let emulator = Emulator::builder()
        .route("/issued", move |_| {
            ApiReply::data(inner.get().unwrap().issued().to_string())
        })
        .start()
        .unwrap();
    let emulator = shared.get_or_init(|| emulator);
    let token = emulator.issue(CLIENT_ID).unwrap();
    let reply = Request::api("GET /issued", &token).send(emulator);
    assert_eq!(reply.json()["data"], json!(1));
    emulator.shutdown();
}

#[test]
fn a_path_that_the_emulator_needs_is_no_route() {
    for path in ["/api/v1/access_token", "/__admin/reset", "api"] {
        let builder = Emulator::builder().route(path, |_| ApiReply::data("null"));
        let error = builder.start().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{path}");
    }
}
