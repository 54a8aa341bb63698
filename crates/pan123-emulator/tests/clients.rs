//! The documented request, byte by byte as common programs send it.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};

use common::{Reply, connect, raw};
use pan123_emulator::Emulator;

const BODY: &str = r#"{"clientID": "me", "clientSecret": "hush"}"#;

fn emulator() -> Emulator {
    Emulator::builder().client("me", "hush").start().unwrap()
}

/// Sends lines as a head, then the body; the connection is asked to close so that the reply's end can be seen.
fn code(head: &[&str]) -> i64 {
    let request = format!("{}\r\nConnection: close\r\n\r\n{BODY}", head.join("\r\n"));
    Reply::parse(&raw(&emulator(), request.as_bytes()).unwrap()).code()
}

#[test]
fn curl() {
    let head = [
        "POST /api/v1/access_token HTTP/1.1",
        "Host: 127.0.0.1:8080",
        "User-Agent: curl/8.5.0",
        "Accept: */*",
        "Platform: open_platform",
        "Content-Type: application/json",
        "Content-Length: 42",
    ];
    assert_eq!(code(&head), 0);
}

#[test]
fn curl_that_waits_for_100_continue() {
    let emulator = emulator();
    let mut stream = connect(&emulator).unwrap();
    let head = "POST /api/v1/access_token HTTP/1.1\r\nHost: x\r\nPlatform: open_platform\r\n\
                Content-Type: application/json\r\nContent-Length: 42\r\nExpect: 100-continue\r\n\
                Connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(BODY.as_bytes()).unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    assert_eq!(Reply::parse(&reply).code(), 0);
}

#[test]
fn pythons_http_client_sends_head_and_body_apart() {
    let emulator = emulator();
    let mut stream = connect(&emulator).unwrap();
    let head = "POST /api/v1/access_token HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\
                Accept-Encoding: identity\r\nContent-Length: 42\r\nPlatform: open_platform\r\n\
                Content-Type: application/json\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.flush().unwrap();
    assert_eq!(emulator.token_requests(), 0);
    stream.write_all(BODY.as_bytes()).unwrap();
    let mut reply = [0; 1_024];
    let length = stream.read(&mut reply).unwrap();
    assert_eq!(Reply::parse(&reply[..length]).code(), 0);
}

#[test]
fn axios() {
    let head = [
        "POST /api/v1/access_token HTTP/1.1",
        "Accept: application/json, text/plain, */*",
        "Content-Type: application/json",
        "Platform: open_platform",
        "User-Agent: axios/1.7.2",
        "Content-Length: 42",
        "Accept-Encoding: gzip, compress, deflate, br",
        "Host: 127.0.0.1:8080",
    ];
    assert_eq!(code(&head), 0);
}

#[test]
fn okhttp() {
    let head = [
        "POST /api/v1/access_token HTTP/1.1",
        "Platform: open_platform",
        "Content-Type: application/json; charset=utf-8",
        "Content-Length: 42",
        "Host: 127.0.0.1:8080",
        "Accept-Encoding: gzip",
        "User-Agent: okhttp/4.12.0",
    ];
    assert_eq!(code(&head), 0);
}

#[test]
fn jquery_in_a_browser() {
    let head = [
        "POST /api/v1/access_token HTTP/1.1",
        "Host: 127.0.0.1:8080",
        "Content-Length: 42",
        "platform: open_platform",
        "content-type: application/json",
        "accept: */*",
        "origin: http://127.0.0.1",
        "sec-fetch-mode: cors",
    ];
    assert_eq!(code(&head), 0);
}

#[test]
fn a_body_in_chunks() {
    let request = format!(
        "POST /api/v1/access_token HTTP/1.1\r\nHost: x\r\nPlatform: open_platform\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
         a\r\n{}\r\n20\r\n{}\r\n0\r\n\r\n",
        &BODY[..10],
        &BODY[10..],
    );
    let reply = raw(&emulator(), request.as_bytes()).unwrap();
    assert_eq!(Reply::parse(&reply).code(), 0);
}
