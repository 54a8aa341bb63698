//! The client that comes with the crate: what it sends, and how long it waits.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Empty};
use pan123_token_cache::testing::ManualClock;
use pan123_token_hyper::clock::Moment;
use pan123_token_hyper::http::{Request, Response};
use pan123_token_hyper::service::{BoxError, ClientBody, Service};
use pan123_token_hyper::{Bytes, Client, Credentials, Full, TokenProvider};
use pan123_token_support::scripted_server::{Script, ScriptedServer};

const SECOND: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_millis(300);

fn impatient() -> Client {
    let builder = Client::builder().no_proxy().idle_timeout(IDLE);
    builder.build().unwrap()
}

async fn get(client: &Client, url: String) -> Result<Response<ClientBody>, BoxError> {
    let request = Request::get(url).body(Empty::<Bytes>::new())?;
    (&mut &*client).call(request).await
}

fn assert_idle(error: &impl std::fmt::Display) {
    assert_eq!(error.to_string(), "nothing came or went for 300ms");
}

#[tokio::test]
async fn a_server_that_is_silent_before_its_reply_or_amid_it_is_given_up() {
    let silent = ScriptedServer::start([Script::Silence]);
    let begun = Instant::now();
    let error = get(&impatient(), silent.url()).await.unwrap_err();
    assert_idle(&error);
    assert!(begun.elapsed() < IDLE + SECOND / 4, "{:?}", begun.elapsed());

    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
    let halfway = ScriptedServer::start([Script::Drip(half, vec![b'x'], SECOND)]);
    let reply = get(&impatient(), halfway.url()).await.unwrap();
    let begun = Instant::now();
    let error = reply.into_body().collect().await.unwrap_err();
    assert_idle(&error);
    assert!(begun.elapsed() < IDLE + SECOND / 4, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_long_download_is_not_cut_while_bytes_come() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n".to_vec();
    let dripping = ScriptedServer::start([Script::Drip(head, vec![b'x'; 20], IDLE / 6)]);
    let begun = Instant::now();
    let reply = get(&impatient(), dripping.url()).await.unwrap();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "x".repeat(20));
    assert!(begun.elapsed() > 2 * IDLE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_reader_may_take_its_time() {
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody".to_vec();
    let server = ScriptedServer::start([Script::Reply(reply)]);
    let reply = get(&impatient(), server.url()).await.unwrap();
    tokio::time::sleep(2 * IDLE).await;
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "body");
}

#[tokio::test]
async fn a_streamed_upload_may_pause() {
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    let (sent, url) = server(reply, SECOND / 100);
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(async move {
        for _ in 0..3 {
            tokio::time::sleep(IDLE + IDLE / 2).await;
            sender.send_data(Bytes::from("slice")).await.unwrap();
        }
    });
    let request = Request::post(url).body(body).unwrap();
    let reply = impatient().call(request).await.unwrap();
    assert_eq!(reply.status(), 200);
    let sent = sent.recv().unwrap();
    assert!(sent.contains("transfer-encoding: chunked"), "{sent}");
    assert_eq!(sent.matches("slice").count(), 3);
}

#[tokio::test]
async fn a_slow_upload_is_not_cut_while_bytes_go() {
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    // 40 MiB, of which the server takes 64 KiB at a time.
    let (sent, url) = server(reply, Duration::from_millis(5));
    let body = Full::new(Bytes::from(vec![b'x'; 40 << 20]));
    let request = Request::put(url).body(body).unwrap();
    let mut client = Client::builder()
        .no_proxy()
        .idle_timeout(SECOND)
        .build()
        .unwrap();
    let begun = Instant::now();
    let reply = client.call(request).await.unwrap();
    assert_eq!(reply.status(), 200);
    println!("uploaded in {:?}", begun.elapsed());
    assert!(begun.elapsed() > 2 * SECOND, "{:?}", begun.elapsed());
    // As one knows its length, it isn't chunked.
    let sent = sent.recv().unwrap();
    assert!(sent.contains("content-length: 41943040\r\n"));
}

#[tokio::test]
async fn a_server_that_stops_taking_an_upload_is_given_up() {
    // It takes the first piece, and then none for long.
    let (_sent, url) = server(Vec::new(), 3 * SECOND);
    let body = Full::new(Bytes::from(vec![b'x'; 64 << 20]));
    let request = Request::put(url).body(body).unwrap();
    let begun = Instant::now();
    let error = impatient().call(request).await.unwrap_err();
    assert_idle(&error);
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
}

/// For one connection: takes a request with a pause before each piece of 64 KiB, then replies. Gives the request back,
/// up to 4 KiB of it.
fn server(reply: Vec<u8>, pause: Duration) -> (mpsc::Receiver<String>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // What waits in the system's buffers counts as gone.
    let socket = socket2::SockRef::from(&listener);
    socket.set_recv_buffer_size(1 << 20).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let request = take(&mut connection, pause);
        let _ = connection.write_all(&reply);
        let start = &request[..request.len().min(4096)];
        let _ = send.send(String::from_utf8_lossy(start).into_owned());
        // Until the client closes.
        let _ = connection.read(&mut [0]);
    });
    (receive, url)
}

fn take(connection: &mut TcpStream, pause: Duration) -> Vec<u8> {
    let mut request = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let wanted = |request: &[u8]| {
        let head = String::from_utf8_lossy(&request[..request.len().min(1024)]).into_owned();
        let length = head.split("content-length: ").nth(1)?;
        let length: usize = length.split("\r\n").next()?.parse().ok()?;
        Some(head.find("\r\n\r\n")? + 4 + length)
    };
    loop {
        thread::sleep(pause);
        let length = connection.read(&mut buffer).unwrap_or(0);
        request.extend_from_slice(&buffer[..length]);
        let complete = match wanted(&request) {
            Some(wanted) => request.len() >= wanted,
            None => request.ends_with(b"0\r\n\r\n"),
        };
        if complete || length == 0 {
            return request;
        }
    }
}

/// Behind a gateway that closes idle connections, the next exchange would be sent on one that is dead.
#[test]
fn each_of_six_exchanges_has_a_connection_of_its_own_and_closes_it() {
    /// No token lives longer.
    const LIFETIME: Duration = Duration::from_secs(400 * 86_400);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (closed, is_closed) = mpsc::channel();
    thread::spawn(move || {
        let mut number = 0;
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            take(&mut connection, Duration::ZERO);
            number += 1;
            let expires_at = "2099-01-01T00:00:00+08:00";
            let data = format!(r#"{{"accessToken":"t-{number}","expiredAt":"{expires_at}"}}"#);
            let body = format!(r#"{{"code":0,"data":{data}}}"#);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}", body.len());
            write!(connection, "{head}\r\n\r\n{body}").unwrap();
            // The end, which comes only from the client.
            let _ = closed.send(connection.read(&mut [0]).unwrap());
        }
    });
    // Always driven: no end of a runtime closes anything.
    let driven = tokio::runtime::Builder::new_multi_thread();
    let driven = { driven }.worker_threads(1).enable_all().build().unwrap();
    let clock = ManualClock::new(Moment {
        wall: Duration::from_secs(1_740_124_800),
        monotonic: Duration::ZERO,
    });
    let provider = TokenProvider::builder(Credentials::new("id", "secret").unwrap())
        .base_url(url.parse().unwrap())
        .clock(clock.clone())
        .runtime(driven.handle().clone())
        .build()
        .unwrap();
    for _ in 0..6 {
        driven.block_on(provider.token()).unwrap();
        assert_eq!(is_closed.recv_timeout(10 * SECOND).unwrap(), 0);
        clock.advance(LIFETIME);
    }
}
