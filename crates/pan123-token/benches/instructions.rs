//! What the core costs beside the bare parts, in instructions:
//! `cargo bench -p pan123-token --bench instructions` (needs valgrind).
//!
//! Each scene runs in a process of its own under callgrind, once with 100 and once with 1,100 rounds; the difference of
//! the two, divided by 1,000, is the cost of one round. The count is the same on every run of one binary.
#![allow(missing_docs, reason = "a program of its own")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a benchmark reports"
)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "it starts valgrind and prints a table; the core itself doesn't"
)]

use std::borrow::Cow;
use std::env;
use std::hint::black_box;
use std::process::Command;

use http::Response;
use http::header::DATE;
use pan123_token::{AccessToken, Credentials, GetAccessToken, OffsetDateTime};
use serde::Deserialize;
use time::format_description::well_known::Rfc3339;

/// The documented reply, with a token as long as real ones.
const REPLY: &str = r#"{"code":0,"message":"ok","data":{"accessToken":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NDI3MTYxMTcsImlhdCI6MTc0MDEyNDExNywiaWQiOjE4MTQ0MzU5NTUsIm1haWwiOiIiLCJuaWNrbmFtZSI6InVzZXIiLCJ1c2VybmFtZSI6IjE4ODg4ODg4ODg4IiwidiI6MH0.c2lnbmF0dXJlLW9mLXRoaXJ0eS10d28tYnl0ZXMtaW4","expiredAt":"2025-03-23T15:48:37+08:00"},"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;

/// The documented text of a rate limit.
const ERROR: &str = r#"{"code":429,"message":"请求太频繁","data":null,"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;

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

/// The same product as a grant, without a single check.
fn bare_grant(response: &Response<&str>) -> (AccessToken, Option<OffsetDateTime>, Option<String>) {
    let bare: Bare<'_> = serde_json::from_slice(response.body().as_bytes()).unwrap();
    let data = bare.data.unwrap();
    black_box((bare.code, bare.message.map(|message| message.0.len())));
    let expires_at = OffsetDateTime::parse(&data.expired_at.0, &Rfc3339).unwrap();
    let sent = response.headers()[DATE].to_str().unwrap();
    let server_time = httpdate::parse_http_date(sent).unwrap().into();
    (
        AccessToken::new(&data.access_token.0, expires_at).unwrap(),
        Some(server_time),
        bare.trace_id.map(|text| text.0.into_owned()),
    )
}

/// What an error keeps, without a single check.
fn bare_error(response: &Response<&str>) -> (i64, Option<String>, Option<String>) {
    let bare: Bare<'_> = serde_json::from_slice(response.body().as_bytes()).unwrap();
    black_box(bare.data.is_none());
    let owned = |text: Option<Text<'_>>| text.map(|text| text.0.into_owned());
    (bare.code, owned(bare.message), owned(bare.trace_id))
}

fn operation() -> GetAccessToken {
    let secret = "0123456789abcdef0123456789abcdef";
    GetAccessToken::new(Credentials::new("fedcba9876543210", secret).unwrap())
}

const SCENES: [&str; 4] = ["bare grant", "grant", "bare error", "error"];

fn run(scene: &str, rounds: u32) {
    let operation = operation();
    let body = if scene.ends_with("grant") {
        REPLY
    } else {
        ERROR
    };
    let response = Response::builder()
        .header("date", "Fri, 21 Feb 2025 07:48:37 GMT")
        .body(body)
        .unwrap();
    for _ in 0..rounds {
        let response = black_box(&response);
        match scene {
            "bare grant" => drop(black_box(bare_grant(response))),
            "bare error" => drop(black_box(bare_error(response))),
            "grant" | "error" => drop(black_box(operation.parse_response(response))),
            _ => panic!("no such scene"),
        }
    }
}

/// The instructions of a whole process.
fn counted(scene: &str, rounds: u32) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().unwrap())
        .args(["run", scene, &rounds.to_string()])
        .output()
        .ok()?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, count) = log.split_once("Collected : ")?;
    count.split_whitespace().next()?.parse().ok()
}

fn main() {
    let arguments: Vec<_> = env::args().collect();
    if let [_, run_word, scene, rounds] = &arguments[..]
        && run_word == "run"
    {
        return run(scene, rounds.parse().unwrap());
    }
    for scene in SCENES {
        let (Some(few), Some(many)) = (counted(scene, 100), counted(scene, 1100)) else {
            println!("skipped: valgrind can't be run");
            return;
        };
        println!("{scene:12} {:6} instructions", (many - few) / 1000);
    }
}
