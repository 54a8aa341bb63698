//! Replies that ureq decodes while they are read, as it does with features that another crate may turn on. Only then is
//! there anything to see:
//!
//! ```sh
//! cargo test -p pan123-token-ureq --features ureq/gzip,ureq/charset --test decoding -- --ignored
//! ```
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use common::server::Server;
use common::{Platform, SECOND, clock, default_agent};
use pan123_token_ureq::http::Request;

fn reply(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

#[test]
#[ignore = "needs the features ureq/gzip and ureq/charset"]
fn a_compressed_rejection_is_retried() {
    let text = r#"{"code":401,"message":"token is expired","data":null}"#;
    let body = gzip(text.as_bytes());
    let length = body.len();
    let headers = format!(
        "content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {length}"
    );
    let fine = reply("content-length: 4", b"fine");
    let server = Server::start(vec![reply(&headers, &body), fine]);
    let clock = clock();
    let builder = Platform::new(&clock).provider(&clock);
    let provider = builder.allow_origin(server.base_url()).build().unwrap();
    provider.token().unwrap();
    clock.advance(60 * SECOND);

    let request = Request::get(server.url()).body("").unwrap();
    let mut response = provider.call(&default_agent(), request).unwrap();
    assert_eq!(server.received()[0].header("accept-encoding"), ["gzip"]);
    assert_eq!(response.body_mut().read_to_string().unwrap(), "fine");
    assert_eq!(server.received().len(), 2);
}

#[test]
#[ignore = "needs the features ureq/gzip and ureq/charset"]
fn a_text_is_converted_once() {
    let kind = "content-type: text/plain; charset=iso-8859-1";
    for length in ["content-length: 5", "connection: close"] {
        let server = Server::start(vec![reply(&format!("{kind}\r\n{length}"), b"caf\xe9!"); 2]);
        let clock = clock();
        let builder = Platform::new(&clock).provider(&clock);
        let provider = builder.allow_origin(server.base_url()).build().unwrap();
        let request = Request::get(server.url()).body("").unwrap();
        let mut response = provider.call(&default_agent(), request).unwrap();
        assert_eq!(response.body_mut().read_to_string().unwrap(), "café!");
    }
}

/// One block, stored as it is.
fn gzip(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let mut frame = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    frame.extend(length.to_le_bytes());
    frame.extend((!length).to_le_bytes());
    frame.extend(data);
    frame.extend(crc32(data).to_le_bytes());
    frame.extend(u32::from(length).to_le_bytes());
    frame
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}
