//! What the core adds to the bare parts: `cargo bench -p pan123-token`.
//!
//! Each pair stands in one run, so that their ratio can be read off one table: a bare borrowed struct of serde's beside
//! this crate's reading of the same documented reply, and a bare `http::Request` beside the operation's. The `fastest` column is
//! the one to compare; allocations are counted.
#![allow(missing_docs, reason = "a program of its own")]
#![allow(clippy::unwrap_used, reason = "a panic is how a benchmark reports")]

use std::borrow::Cow;

use divan::{AllocProfiler, Bencher, black_box};
use http::{Request, Response};
use pan123_token::{
    AccessToken, Authorization, BaseUrl, Credentials, GetAccessToken, OffsetDateTime, Origins,
    RejectionWatch, token_rejected,
};
use serde::Deserialize;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// The documented reply, with a token as long as real ones.
const REPLY: &str = r#"{"code":0,"message":"ok","data":{"accessToken":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NDI3MTYxMTcsImlhdCI6MTc0MDEyNDExNywiaWQiOjE4MTQ0MzU5NTUsIm1haWwiOiIiLCJuaWNrbmFtZSI6InVzZXIiLCJ1c2VybmFtZSI6IjE4ODg4ODg4ODg4IiwidiI6MH0.c2lnbmF0dXJlLW9mLXRoaXJ0eS10d28tYnl0ZXMtaW4","expiredAt":"2025-03-23T15:48:37+08:00"},"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;

/// A string that is borrowed where it can be: serde owns a bare `Cow`.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BareData<'a> {
    #[serde(borrow)]
    access_token: Text<'a>,
    #[serde(borrow)]
    expired_at: Text<'a>,
}

#[derive(Deserialize)]
struct Bare<'a> {
    code: i64,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<BareData<'a>>,
    #[serde(borrow, rename = "x-traceID")]
    trace_id: Option<Text<'a>>,
}

fn operation() -> GetAccessToken {
    let secret = "0123456789abcdef0123456789abcdef";
    GetAccessToken::new(Credentials::new("fedcba9876543210", secret).unwrap())
}

#[divan::bench(sample_size = 100, name = "reply: bare serde_json struct")]
fn bare_reply(bencher: Bencher<'_, '_>) {
    bencher.bench(|| {
        let bare: Bare<'_> = serde_json::from_slice(black_box(REPLY.as_bytes())).unwrap();
        let data = bare.data.unwrap();
        (
            bare.code,
            bare.message.map(|it| it.0.len()),
            data.access_token.0.len(),
            data.expired_at.0.len(),
            bare.trace_id.map(|it| it.0.len()),
        )
    });
}

#[divan::bench(sample_size = 100, name = "reply: parsed")]
fn parsed_reply(bencher: Bencher<'_, '_>) {
    let operation = operation();
    let response = Response::builder()
        .header("date", "Fri, 21 Feb 2025 07:48:37 GMT")
        .body(REPLY)
        .unwrap();
    bencher.bench(|| operation.parse_response(black_box(&response)).unwrap());
}

#[divan::bench(sample_size = 100, name = "rejection: recognized")]
fn recognized_rejection(bencher: Bencher<'_, '_>) {
    let response = Response::new(r#"{"code":401,"message":"access_token无效","data":null}"#);
    bencher.bench(|| token_rejected(black_box(&response)));
}

#[divan::bench(sample_size = 100, name = "rejection: watched")]
fn watched_rejection(bencher: Bencher<'_, '_>) {
    let response = Response::new(r#"{"code":401,"message":"access_token无效","data":null}"#);
    bencher.bench(|| {
        let mut watch = RejectionWatch::new(black_box(&response), None);
        watch.push(response.body().as_bytes());
        watch.finish()
    });
}

#[divan::bench(sample_size = 100, name = "API call: looked at")]
fn call_looked_at(bencher: Bencher<'_, '_>) {
    let origins = Origins::of(&BaseUrl::default());
    let request = Request::get("https://open-api.123pan.com/api/v1/user/info").body(());
    let request = request.unwrap();
    bencher.bench(|| Authorization::of(black_box(&request), &origins));
}

#[divan::bench(sample_size = 100, name = "API call: authorized")]
fn call_authorized(bencher: Bencher<'_, '_>) {
    let origins = Origins::of(&BaseUrl::default());
    let token = AccessToken::new("eyJhbGciOi.eyJzdWIi.c2ln", OffsetDateTime::UNIX_EPOCH).unwrap();
    // With room for the headers, which is the caller's to make.
    let mut request = Request::get("https://open-api.123pan.com/api/v1/user/info")
        .header("authorization", "")
        .header("platform", "")
        .body(())
        .unwrap();
    bencher.bench_local(|| {
        request.headers_mut().remove("authorization");
        let authorization = Authorization::of(&request, &origins).unwrap();
        authorization.authorize(request.headers_mut(), &token)
    });
}

#[divan::bench(sample_size = 100, name = "request: bare http::Request")]
fn bare_request(bencher: Bencher<'_, '_>) {
    let body =
        br#"{"clientID":"fedcba9876543210","clientSecret":"0123456789abcdef0123456789abcdef"}"#;
    bencher.bench(|| {
        Request::post("https://open-api.123pan.com/api/v1/access_token")
            .header("platform", "open_platform")
            .header("content-type", "application/json")
            .body(black_box(body).to_vec())
            .unwrap()
    });
}

#[divan::bench(sample_size = 100, name = "request: built")]
fn built_request(bencher: Bencher<'_, '_>) {
    let operation = operation();
    bencher.bench(|| black_box(&operation).request());
}
