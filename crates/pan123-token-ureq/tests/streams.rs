//! Replies that are large, or slow: they pass through as they come. Counts allocations, and so is a program of its own.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use std::io::{Read, Write};
use std::sync::mpsc;

use common::server::Server;
use common::{Platform, SECOND, clock, default_agent};
use pan123_token_ureq::TokenProvider;
use pan123_token_ureq::http::Request;

fn provider(server: &Server) -> TokenProvider {
    let clock = clock();
    let builder = Platform::new(&clock).provider(&clock);
    let provider = builder.allow_origin(server.base_url()).build().unwrap();
    provider.token().unwrap();
    assert!(provider.flush(20 * SECOND));
    provider
}

#[test]
fn the_first_bytes_come_while_the_server_still_holds_the_rest() {
    let (binary, json) = ("\u{89}PNG and so on", r#"{"code":0,"data":"#);
    for (head, first, rest) in [
        ("content-type: image/png", binary, "the end"),
        (
            "content-type: text/event-stream",
            "data: 1\n\n",
            "data: 2\n\n",
        ),
        ("content-type: application/json", json, "{}}"),
    ] {
        let (go_on, may_go_on) = mpsc::channel();
        let server = Server::playing(move |connection| {
            let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
            let head = format!("HTTP/1.1 200 OK\r\n{head}\r\ntransfer-encoding: chunked\r\n\r\n");
            connection
                .write_all((head + &chunk(first)).as_bytes())
                .unwrap();
            may_go_on.recv_timeout(20 * SECOND).unwrap();
            connection
                .write_all((chunk(rest) + "0\r\n\r\n").as_bytes())
                .unwrap();
        });
        let request = Request::get(server.url()).body("").unwrap();
        let response = provider(&server).call(&default_agent(), request).unwrap();
        let mut reader = response.into_body().into_reader();
        let mut bytes = vec![0; first.len()];
        reader.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, first.as_bytes());
        // Only now does the server send the rest.
        go_on.send(()).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, rest);
    }
}

#[test]
fn a_large_download_takes_no_more_memory_than_without() {
    const LENGTH: u64 = 64 << 20;
    for (head, most) in [
        // The watch sees from the length that this is no rejection, and steps aside.
        (format!("content-length: {LENGTH}"), 0),
        // Here it takes note of the beginning.
        ("connection: close".to_owned(), 8_192),
    ] {
        let server = Server::playing(move |connection| {
            write!(connection, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{{").unwrap();
            let megabyte = vec![b' '; 1 << 20];
            for _ in 0..63 {
                connection.write_all(&megabyte).unwrap();
            }
            connection.write_all(&megabyte[1..]).unwrap();
        });
        let agent = default_agent();
        let provider = provider(&server);
        let request = || Request::get(server.url());
        let read = |mut reader: Box<dyn Read>| {
            let read = || std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
            let mut bytes = 0;
            let info = allocation_counter::measure(|| bytes = { read }());
            assert_eq!(bytes, LENGTH);
            info.bytes_max
        };
        let bare = agent.run(request().body(()).unwrap()).unwrap();
        let bare = read(Box::new(bare.into_body().into_reader()));
        let watched = provider.call(&agent, request().body("").unwrap()).unwrap();
        let watched = read(Box::new(watched.into_body().into_reader()));
        assert!(
            watched <= bare + most,
            "{watched} bytes at once, {bare} without"
        );
    }
}
