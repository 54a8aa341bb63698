//! The agent that comes with the crate: how long it waits, and which connections it keeps.
#![cfg(feature = "rustls")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::credentials;
use pan123_token_ureq::ureq::{Agent, Error};
use pan123_token_ureq::{AgentBuilder, GetAccessToken, TokenProvider, fetch};

const SECOND: Duration = Duration::from_secs(1);

/// Its address. Each connection gets this once its request has come; then it is kept open.
fn server(mut play: impl FnMut(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the test's process.
    thread::spawn(move || {
        let mut open = Vec::new();
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            read_head(&mut connection);
            play(&mut connection);
            open.push(connection);
        }
    });
    url
}

fn read_head(connection: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
}

/// As it comes, but for how long it waits.
fn impatient() -> Agent {
    let config = AgentBuilder::default().no_proxy().config().unwrap();
    config.timeout_per_read(Some(SECOND / 5)).build().into()
}

#[test]
fn a_call_may_be_silent_for_a_minute_and_last_for_any_time() {
    let agent = AgentBuilder::default().no_proxy().build().unwrap();
    let config = agent.config();
    assert_eq!(config.timeout_per_read(), Some(60 * SECOND));
    assert_eq!(config.timeout_per_write(), Some(60 * SECOND));
    let timeouts = config.timeouts();
    assert_eq!(timeouts.connect, Some(10 * SECOND));
    assert_eq!(timeouts.global, None);
    assert_eq!(timeouts.recv_response, None);
    assert_eq!(timeouts.recv_body, None);
}

#[test]
fn a_server_that_is_silent_before_its_reply_or_amid_it_is_given_up() {
    let silent = server(|_| {});
    let begun = Instant::now();
    let error = impatient().get(&silent).call().unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");

    let halfway = server(|connection| {
        let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
        connection.write_all(half).unwrap();
    });
    let mut response = impatient().get(&halfway).call().unwrap();
    let error = response.body_mut().read_to_string().unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    assert!(begun.elapsed() < 20 * SECOND);
}

#[test]
fn a_long_download_is_not_cut_while_bytes_come() {
    let dripping = server(|connection| {
        write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n").unwrap();
        for _ in 0..20 {
            thread::sleep(SECOND / 40);
            connection.write_all(b"x").unwrap();
        }
    });
    let begun = Instant::now();
    let mut response = impatient().get(&dripping).call().unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    assert_eq!(text, "x".repeat(20));
    assert!(begun.elapsed() > 2 * (SECOND / 5), "{:?}", begun.elapsed());
}

#[test]
fn an_exchange_may_take_as_long_as_its_caller_allows() {
    let slow = server(|connection| {
        thread::sleep(SECOND / 2);
        connection.write_all(&grant()).unwrap();
    });
    let operation = GetAccessToken::new(credentials()).with_base_url(slow.parse().unwrap());
    fetch(impatient(), &operation, 20 * SECOND).unwrap();
}

#[test]
fn an_exchange_leaves_no_connection_behind() {
    let (closed, is_closed) = mpsc::channel();
    let server = server(move |connection| {
        connection.write_all(&grant()).unwrap();
        // The request's body, and then the end, which comes only from the client.
        connection.read_to_end(&mut Vec::new()).unwrap();
        closed.send(()).unwrap();
    });
    let provider = TokenProvider::builder(credentials())
        .base_url(server.parse().unwrap())
        .build()
        .unwrap();
    provider.token().unwrap();
    is_closed.recv_timeout(10 * SECOND).unwrap();
    assert!(provider.flush(SECOND));
}

/// A reply that lets the connection open.
fn grant() -> Vec<u8> {
    let body =
        r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2099-01-01T00:00:00+08:00"}}"#;
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}
