//! Starting, stopping and watching an emulator.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use common::{Request, connect, credentials, raw};
use pan123_emulator::{ApiReply, CLIENT_ID, CLIENT_SECRET, Emulator, Fault};

#[test]
fn it_listens_on_the_loopback_and_names_its_url() {
    let emulator = Emulator::builder().start().unwrap();
    assert!(emulator.addr().ip().is_loopback());
    assert_ne!(emulator.addr().port(), 0);
    assert_eq!(emulator.url(), format!("http://{}", emulator.addr()));
}

#[test]
fn it_listens_on_the_given_address_or_fails() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = taken.local_addr().unwrap();
    let error = Emulator::builder().listen(addr).start().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    drop(taken);
    let emulator = Emulator::builder().listen(addr).start().unwrap();
    assert_eq!(emulator.addr(), addr);
}

#[test]
fn a_prefix_that_is_no_path_is_refused() {
    let error = Emulator::builder().prefix("pan").start().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_shutdown_ends_connections_and_replies_held_back() {
    let emulator = Emulator::builder()
        .fault("delay:1h".parse().unwrap())
        .start()
        .unwrap();
    let mut idle = connect(&emulator).unwrap();
    let mut waiting = connect(&emulator).unwrap();
    waiting.write_all(&Request::token().bytes()).unwrap();
    while emulator.token_requests() == 0 {
        std::thread::yield_now();
    }
    let begun = Instant::now();
    emulator.shutdown();
    emulator.shutdown();
    assert!(begun.elapsed() < Duration::from_secs(2));
    for stream in [&mut idle, &mut waiting] {
        // An end or a reset, depending on what was under way.
        let mut rest = Vec::new();
        assert!(stream.read_to_end(&mut rest).is_err() || rest.is_empty());
    }
    assert!(TcpStream::connect(emulator.addr()).is_err());
    // What it knew is still there.
    assert_eq!(emulator.requests().len(), 1);
    assert_eq!(emulator.live_tokens(CLIENT_ID).len(), 1);
}

#[test]
fn a_drop_frees_the_port() {
    let emulator = Emulator::builder().start().unwrap();
    let addr = emulator.addr();
    drop(emulator);
    assert!(TcpStream::connect(addr).is_err());
}

#[tokio::test]
async fn it_starts_and_drops_inside_a_runtime() {
    let emulator = Emulator::builder().start().unwrap();
    let shared = Arc::new(emulator);
    let other = Arc::clone(&shared);
    let reply = tokio::task::spawn_blocking(move || Request::token().send(&other));
    assert_eq!(reply.await.unwrap().code(), 0);
    drop(shared);
}

#[test]
fn a_start_that_fails_inside_a_runtime_does_no_harm() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        // An address of the documentation's net: it is no host's own.
        let foreign: SocketAddr = "192.0.2.1:0".parse().unwrap();
        assert!(Emulator::builder().listen(foreign).start().is_err());
    });
}

#[test]
fn what_was_received_is_kept_as_it_came() {
    let emulator = Emulator::builder().start().unwrap();
    Request::token()
        .with("X-Odd", "Two  Blanks")
        .send(&emulator);
    Request::new("GET /nowhere?x=%20y").send(&emulator);
    let requests = emulator.requests();
    assert_eq!(requests.len(), 2);
    let token = &requests[0];
    assert_eq!(token.method, "POST");
    assert_eq!(token.target, "/api/v1/access_token");
    assert_eq!(token.version, "HTTP/1.1");
    assert_eq!(token.body, credentials().as_bytes());
    assert!(!token.tls);
    assert_eq!(token.header("x-odd"), Some("Two  Blanks"));
    let names: Vec<&str> = token
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let sent = [
        "host",
        "connection",
        "platform",
        "content-type",
        "x-odd",
        "content-length",
    ];
    assert_eq!(names, sent);
    assert_eq!(requests[1].target, "/nowhere?x=%20y");
    assert_eq!(requests[1].body, b"");
}

#[test]
fn a_proxys_request_is_kept_with_its_whole_target() {
    let emulator = Emulator::builder().start().unwrap();
    Request::new("POST http://example.com/api/v1/access_token").send(&emulator);
    let target = &emulator.requests()[0].target;
    assert_eq!(target, "http://example.com/api/v1/access_token");
}

#[test]
fn nothing_debug_prints_is_secret() {
    let emulator = Emulator::builder().start().unwrap();
    let token = Request::token().send(&emulator).token();
    Request::user_info(&token).send(&emulator);
    let shown = format!("{emulator:?} {:?}", emulator.requests());
    assert!(!shown.contains(&token), "{shown}");
    assert!(!shown.contains(CLIENT_SECRET), "{shown}");
    assert!(shown.contains(&emulator.url()), "{shown}");
}

#[test]
fn the_clock_can_be_set_and_moved() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let emulator = Emulator::builder().clock(start).start().unwrap();
    let month = Duration::from_secs(30 * 86_400);
    emulator.advance(month);
    let shown = emulator.now().duration_since(start + month).unwrap();
    assert!(shown < Duration::from_secs(60));
    let reply = Request::token().send(&emulator);
    let date = reply.header("date").unwrap();
    assert!(date.starts_with("Tue, 09 Oct 2001 01:4"), "{date}");
    emulator.advance(Duration::MAX);
    let reply = Request::token().send(&emulator);
    assert_eq!(reply.header("date"), Some("Thu, 30 Dec 9999 23:59:59 GMT"));
}

#[test]
fn a_connection_serves_several_requests() {
    let emulator = Emulator::builder().start().unwrap();
    let mut bytes = Request::token().without("Connection").bytes();
    bytes.extend(Request::user_info("x").bytes());
    let replies = String::from_utf8(raw(&emulator, &bytes).unwrap()).unwrap();
    assert_eq!(replies.matches("HTTP/1.1 200 OK").count(), 2, "{replies}");
}

#[test]
fn many_clients_are_served_at_once() {
    let builder = Emulator::builder().rate(None).max_tokens(100);
    let emulator = builder
        .always("delay:100ms".parse().unwrap())
        .start()
        .unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| assert_eq!(Request::token().send(&emulator).code(), 0));
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(emulator.live_tokens(CLIENT_ID).len(), 50);
}

/// A handler that works keeps the emulator's one thread from accepting, so all of them have to wait in the queue.
#[test]
fn a_thousand_clients_connect_while_it_is_busy() {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let (begun, busy) = std::sync::mpsc::channel();
    let emulator = Emulator::builder()
        .route("/busy", move |_| {
            begun.send(()).unwrap();
            // Ends with the drop of the other end, also where the test fails.
            let _ = wait.lock().unwrap().recv();
            ApiReply::data("null")
        })
        .start()
        .unwrap();
    // Dropped before the emulator, which waits for the handler.
    let done = done;
    let token = emulator.issue(CLIENT_ID).unwrap();
    let mut first = connect(&emulator).unwrap();
    first
        .write_all(&Request::api("GET /busy", &token).bytes())
        .unwrap();
    busy.recv().unwrap();
    // Linux has no longer queue than this says, and it is shorter than ours on old kernels.
    let longest = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
    let longest = longest.map_or(100, |text| text.trim().parse().unwrap());
    let clients = 1_000.min(longest);
    let limit = Duration::from_millis(900);
    let mut streams: Vec<TcpStream> = (0..clients)
        .map(|n| {
            let stream = TcpStream::connect_timeout(&emulator.addr(), limit);
            stream.unwrap_or_else(|error| panic!("client {n}: {error}"))
        })
        .collect();
    drop(done);
    let last = streams.last_mut().unwrap();
    last.write_all(&Request::user_info(&token).bytes()).unwrap();
    let mut reply = Vec::new();
    last.read_to_end(&mut reply).unwrap();
    assert_eq!(common::Reply::parse(&reply).code(), 0);
}

#[test]
fn what_is_not_http_does_no_harm() {
    let emulator = Emulator::builder().start().unwrap();
    for bytes in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n \r\n\r\n",
    ] {
        let mut stream = connect(&emulator).unwrap();
        drop(stream.write_all(bytes));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
    }
    assert_eq!(Request::token().send(&emulator).code(), 0);
}

#[test]
fn heads_of_up_to_64_kib_are_read_and_larger_ones_refused() {
    let emulator = Emulator::builder().start().unwrap();
    let rest = Request::token().with("X", "").bytes().len() - credentials().len();
    let padded = |length: usize| {
        let value = "x".repeat(length - rest);
        Request::token().with("X", &value).send(&emulator).status
    };
    assert_eq!(padded(64 << 10), 200);
    assert_eq!(padded((64 << 10) + 1), 431);
}

#[test]
fn a_reset_by_script_ends_no_other_connection() {
    let emulator = Emulator::builder().fault(Fault::Reset).start().unwrap();
    let mut other = connect(&emulator).unwrap();
    other.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
    assert!(Request::token().try_send(&emulator).is_err());
    other.write_all(b"Connection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    other.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
}
