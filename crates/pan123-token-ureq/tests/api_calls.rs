//! API calls: which ones carry the token, and what a rejection leads to.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

mod common;

use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::server::{Server, reply};
use common::store::{Script, Scripted};
use common::{Answer, Platform, SECOND, clock, default_agent};
use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator, Rejection};
use pan123_token_cache::testing::{ManualClock, MemoryStore};
use pan123_token_ureq::http::{Method, Request};
use pan123_token_ureq::ureq::{self, Agent, SendBody};
use pan123_token_ureq::{
    AccessToken, CallError, Credentials, Event, OffsetDateTime, RenewalPolicy, TokenError,
    TokenProvider, fetch,
};

const REJECTED: &str = r#"{"code":401,"message":"token is expired","data":null}"#;
const FINE: &str = r#"{"code":0,"message":"ok","data":{}}"#;
const JSON: &str = "content-type: application/json";

/// The same, with the provider as its middleware.
fn authorized_agent(provider: &TokenProvider) -> Agent {
    let config = Agent::config_builder().proxy(None);
    config.middleware(provider.clone()).build().into()
}

/// A provider with `token-1`, for API calls to this server.
fn provider(server: &Server) -> (TokenProvider, ManualClock, Platform) {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform
        .provider(&clock)
        .allow_origin(server.base_url())
        .build()
        .unwrap();
    provider.token().unwrap();
    (provider, clock, platform)
}

/// Both ways of carrying a call out. An error is what it says.
fn both_ways(
    provider: &TokenProvider,
    url: &str,
) -> [Result<ureq::http::Response<ureq::Body>, String>; 2] {
    let called = provider.call(&default_agent(), Request::get(url).body("").unwrap());
    let authorized = authorized_agent(provider).get(url).call();
    [
        called.map_err(|error| error.to_string()),
        authorized.map_err(|error| error.to_string()),
    ]
}

fn text(mut response: ureq::http::Response<ureq::Body>) -> String {
    response.body_mut().read_to_string().unwrap()
}

#[test]
fn a_call_carries_both_headers_and_its_reply_comes_back_whole() {
    let server = Server::start(vec![reply(200, JSON, FINE); 2]);
    let (provider, ..) = provider(&server);
    for response in both_ways(&provider, &server.url()) {
        let response = response.unwrap();
        assert_eq!(response.body().content_length(), Some(FINE.len() as u64));
        assert_eq!(response.body().mime_type(), Some("application/json"));
        assert_eq!(text(response), FINE);
    }
    for request in server.received() {
        assert_eq!(request.header("authorization"), ["Bearer token-1"]);
        assert_eq!(request.header("platform"), ["open_platform"]);
    }
    assert_eq!(server.received().len(), 2);
}

#[test]
fn a_body_is_sent_as_it_is() {
    let server = Server::start(vec![reply(200, JSON, FINE); 5]);
    let (provider, ..) = provider(&server);
    let agent = default_agent();
    let request = |method: Method| Request::builder().method(method).uri(server.url());
    provider
        .call(&agent, request(Method::POST).body(vec![1_u8, 2]).unwrap())
        .unwrap();
    provider
        .call(&agent, request(Method::POST).body("").unwrap())
        .unwrap();
    provider
        .call(&agent, request(Method::DELETE).body("{}").unwrap())
        .unwrap();
    provider
        .call(&agent, request(Method::GET).body("").unwrap())
        .unwrap();
    let streamed = SendBody::from_owned_reader(&b"streamed"[..]);
    authorized_agent(&provider)
        .put(server.url())
        .send(streamed)
        .unwrap();
    let received = server.received();
    let lengths: Vec<_> = received
        .iter()
        .map(|it| it.header("content-length"))
        .collect();
    assert_eq!(lengths, [vec!["2"], vec!["0"], vec!["2"], vec![], vec![]]);
    assert_eq!(received[0].body, [1, 2]);
    assert_eq!(received[2].body, b"{}");
    assert_eq!(received[4].header("transfer-encoding"), ["chunked"]);
    assert_eq!(received[4].header("authorization"), ["Bearer token-1"]);
}

#[test]
fn a_call_to_another_origin_carries_nothing_and_is_sent_as_it_is() {
    let allowed = Server::start(vec![]);
    let other = Server::start(vec![reply(401, JSON, REJECTED); 2]);
    let (provider, _, platform) = provider(&allowed);
    // The agent has statuses for errors, and this call is none of ours.
    assert_eq!(
        both_ways(&provider, &other.url()).map(Result::unwrap_err),
        ["the API call failed: http status: 401", "http status: 401"]
    );
    for request in other.received() {
        assert!(request.header("authorization").is_empty());
        assert!(request.header("platform").is_empty());
    }
    assert_eq!(other.received().len(), 2);
    assert_eq!(platform.requests(), 1);
}

#[test]
fn an_origin_that_is_allowed_later_gets_the_token_from_every_clone() {
    let (first, upload) = (
        Server::start(vec![]),
        Server::start(vec![reply(200, JSON, FINE); 2]),
    );
    let (provider, ..) = provider(&first);
    let before = provider.clone();
    provider.allow_origin(&upload.base_url());
    for response in both_ways(&before, &upload.url()) {
        assert_eq!(text(response.unwrap()), FINE);
    }
    for request in upload.received() {
        assert_eq!(request.header("authorization"), ["Bearer token-1"]);
    }
}

#[test]
fn a_call_that_is_authorized_already_is_sent_as_it_is() {
    let server = Server::start(vec![reply(200, JSON, REJECTED); 1]);
    let (provider, ..) = provider(&server);
    let request = Request::get(server.url()).header("authorization", "Bearer mine");
    let response = provider.call(&default_agent(), request.body("").unwrap());
    assert_eq!(text(response.unwrap()), REJECTED);
    assert_eq!(
        server.received()[0].header("authorization"),
        ["Bearer mine"]
    );
    assert!(server.received()[0].header("platform").is_empty());
}

#[test]
fn a_redirect_is_not_followed_and_takes_the_token_nowhere() {
    for status in [301, 302, 303, 307, 308] {
        let other = Server::start(vec![reply(200, JSON, FINE); 2]);
        let location = format!("location: {}/trap", other.url());
        let server = Server::start(vec![reply(status, &location, ""); 2]);
        let (provider, ..) = provider(&server);
        for response in both_ways(&provider, &server.url()) {
            assert_eq!(response.unwrap().status(), status);
        }
        assert_eq!(server.received().len(), 2);
        assert!(other.received().is_empty(), "{status}");
    }
}

#[test]
fn without_a_token_nothing_is_sent_and_the_error_says_why() {
    let server = Server::start(vec![reply(200, JSON, FINE)]);
    let clock = clock();
    let platform = Platform::new(&clock);
    platform.answers_with(Answer::Dead);
    let provider = platform
        .provider(&clock)
        .allow_origin(server.base_url())
        .build()
        .unwrap();
    let request = Request::get(server.url()).body("").unwrap();
    let error = provider.call(&default_agent(), request).unwrap_err();
    let CallError::Token(why) = &error else {
        panic!("{error:?}");
    };
    assert!(matches!(why, TokenError::Renewal { .. }), "{why:?}");
    let line = error.to_string();
    assert!(
        line.starts_with("no access token for the call: no connection: connection refused"),
        "{line}"
    );

    // ureq's own error is all that an agent can return.
    let result = authorized_agent(&provider).get(server.url()).call();
    let Err(ureq::Error::Other(cause)) = result else {
        panic!("another result");
    };
    assert!(cause.is::<TokenError>(), "{cause}");
    // The same agent, through the provider of an account that has a token.
    let fixed = TokenProvider::fixed(
        Platform::new(&clock)
            .provider(&clock)
            .build()
            .unwrap()
            .token()
            .unwrap(),
    );
    let request = Request::get(server.url()).body("").unwrap();
    let error = fixed
        .call(&authorized_agent(&provider), request)
        .unwrap_err();
    assert!(matches!(error, CallError::Token(_)), "{error:?}");
    assert!(server.received().is_empty());
}

#[test]
fn an_agent_that_fails_is_an_error_whose_cause_is_in_the_chain() {
    let server = Server::start(vec![]);
    let (provider, ..) = provider(&server);
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead_url = format!("http://{}", dead.local_addr().unwrap());
    drop(dead);
    provider.allow_origin(&dead_url.parse().unwrap());
    let request = || Request::get(&dead_url).body("").unwrap();
    let error = provider.call(&default_agent(), request()).unwrap_err();
    let line = error.to_string();
    assert!(
        line.starts_with("the API call failed: Connection refused"),
        "{line}"
    );
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(source.kind(), std::io::ErrorKind::ConnectionRefused);

    // Accepts connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    provider.allow_origin(&silent_url.parse().unwrap());
    let impatient = Agent::config_builder().proxy(None);
    let impatient = impatient.timeout_recv_response(Some(SECOND / 10)).build();
    let request = Request::get(&silent_url).body("").unwrap();
    let error = provider.call(&impatient.into(), request).unwrap_err();
    let CallError::Http(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(error.get_ref().unwrap().is::<ureq::Error>());
}

#[test]
fn a_rejection_is_noticed_whatever_the_status_and_the_form() {
    let cut = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_owned() + REJECTED;
    let chunked = format!(
        "HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        &REJECTED[..9],
        REJECTED.len() - 9,
        &REJECTED[9..]
    );
    for reply in [
        reply(200, JSON, REJECTED),
        reply(401, JSON, REJECTED),
        reply(500, "content-type: text/plain", REJECTED),
        reply(401, "x: y", ""),
        chunked.into_bytes(),
        cut.into_bytes(),
    ] {
        let text_of_it = String::from_utf8_lossy(&reply).into_owned();
        let server = Server::start(vec![reply; 2]);
        let (provider, clock, platform) = provider(&server);
        clock.advance(60 * SECOND);
        let response = authorized_agent(&provider)
            .get(server.url())
            .call()
            .unwrap();
        text(response);
        // The token is old enough to be replaced.
        assert!(provider.current().is_none(), "{text_of_it}");
        assert_eq!(provider.token().unwrap().secret(), "token-2");
        assert_eq!((server.received().len(), platform.requests()), (1, 2));
    }
}

#[test]
fn a_rejection_of_any_length_and_form_is_retried() {
    let chunked = |head: &str| {
        let (first, second) = REJECTED.split_at(9);
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        let (first, second) = (chunk(first), chunk(second));
        format!("{head}\r\ntransfer-encoding: chunked\r\n\r\n{first}{second}0\r\n\r\n").into_bytes()
    };
    for rejection in [
        chunked("HTTP/1.1 200 OK\r\ncontent-type: application/json"),
        chunked("HTTP/1.1 401 X\r\ncontent-type: application/json"),
        chunked("HTTP/1.1 401 X\r\ncontent-type: text/plain"),
        chunked("HTTP/1.1 401 X"),
        // Ends with its connection.
        format!("HTTP/1.0 401 X\r\n\r\n{REJECTED}").into_bytes(),
    ] {
        let server = Server::start(vec![rejection, reply(200, JSON, FINE)]);
        let (provider, clock, _) = provider(&server);
        clock.advance(60 * SECOND);
        let request = Request::get(server.url()).body("").unwrap();
        let response = provider.call(&default_agent(), request).unwrap();
        assert_eq!(text(response), FINE);
        assert_eq!(server.received().len(), 2);
    }
}

#[test]
fn a_body_that_is_read_ahead_comes_whole() {
    let long = "x".repeat(10_000);
    for (kind, body) in [
        (
            "application/json",
            format!(r#"{{"code":0,"data":"{long}"}}"#),
        ),
        (
            "application/json",
            format!(r#"{{"data":"{long}","code":401}}"#),
        ),
        (
            "application/json",
            format!(r#"{{"data":"{}","code":0}}"#, &long[..4_000]),
        ),
        ("application/json", String::new()),
        ("text/html", format!("<html>{long}")),
        ("text/html", format!("{}<html>", " ".repeat(5_000))),
    ] {
        for (status, size) in [(200, 1_000), (401, 7), (401, 3_000)] {
            let mut reply = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n").into_bytes();
            reply.extend(b"transfer-encoding: chunked\r\n\r\n");
            for chunk in body.as_bytes().chunks(size) {
                reply.extend(format!("{:x}\r\n", chunk.len()).bytes());
                reply.extend(chunk);
                reply.extend(b"\r\n");
            }
            reply.extend(b"0\r\n\r\n");
            let server = Server::start(vec![reply; 2]);
            let (provider, ..) = provider(&server);
            for response in both_ways(&provider, &server.url()) {
                assert_eq!(text(response.unwrap()), body, "{status}, {size}");
            }
        }
    }
}

#[test]
fn what_is_no_rejection_rejects_nothing() {
    let long = format!(r#"{{"code":401,"data":"{}"}}"#, "x".repeat(5_000));
    for (status, head, body) in [
        (200, JSON, FINE),
        (401, "content-type: text/html", "<h1>log in</h1>"),
        (403, JSON, r#"{"code":403}"#),
        (200, JSON, &*long),
        (200, JSON, ""),
    ] {
        let server = Server::start(vec![reply(status, head, body); 2]);
        let (provider, ..) = provider(&server);
        for response in both_ways(&provider, &server.url()) {
            assert_eq!(text(response.unwrap()), body);
        }
        let token = provider.current().unwrap();
        assert_eq!(provider.token().unwrap(), token);
        assert_eq!(server.received().len(), 2, "no retry");
    }
}

#[test]
fn a_reply_that_breaks_off_is_no_rejection_and_breaks_off_for_its_reader() {
    for kind in ["application/json", "text/plain"] {
        let head = format!("HTTP/1.1 401 X\r\ncontent-type: {kind}\r\ncontent-length: 100\r\n\r\n");
        let server = Server::start(vec![(head + REJECTED).into_bytes(); 2]);
        let (provider, clock, _) = provider(&server);
        clock.advance(60 * SECOND);
        for response in both_ways(&provider, &server.url()) {
            let mut reader = response.unwrap().into_body().into_reader();
            let mut read = Vec::new();
            let error = reader.read_to_end(&mut read).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
            assert_eq!(read, REJECTED.as_bytes());
            // A caller who reads on finds an end, which is none.
            assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
        }
        assert!(provider.current().is_some(), "{kind}");
    }
}

#[test]
fn a_rejected_call_is_retried_once_with_another_token() {
    for rejection in [Rejection::Http200, Rejection::Http401] {
        let emulator = Emulator::builder().rejection(rejection).start().unwrap();
        let clock = clock();
        let provider = TokenProvider::builder(Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap())
            .agent(default_agent())
            .base_url(emulator.url().parse().unwrap())
            .clock(clock.clone())
            .build()
            .unwrap();
        let agent = default_agent();
        let call = || {
            let url = format!("{}/api/v1/user/info", emulator.url());
            text(
                provider
                    .call(&agent, Request::get(url).body("").unwrap())
                    .unwrap(),
            )
        };
        assert!(call().starts_with(r#"{"code":0,"#));
        // Other programs take it offline.
        for _ in 0..3 {
            emulator.issue(CLIENT_ID).unwrap();
        }
        // It is too young to be replaced.
        let requests = emulator.requests().len();
        assert!(call().starts_with(r#"{"code":401,"#));
        assert_eq!(emulator.requests().len(), requests + 1);

        clock.advance(60 * SECOND);
        assert!(call().starts_with(r#"{"code":0,"#));
        assert_eq!(emulator.token_requests(), 2);
    }
}

#[test]
fn an_endpoint_that_always_rejects_gets_one_retry_and_disturbs_no_other() {
    let server = Server::start(vec![reply(401, JSON, REJECTED); 400]);
    let clock = clock();
    let platform = Platform::new(&clock);
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let provider = || {
        let provider = platform.provider(&clock).allow_origin(server.base_url());
        provider.store(store.clone()).build().unwrap()
    };
    let (healthy, unlucky) = (provider(), provider());
    healthy.token().unwrap();
    healthy.flush(20 * SECOND);
    let agent = default_agent();
    // The lease may be the other one's for a moment, and one that waits for it needs a clock that goes on.
    let gets_a_token = |provider: &TokenProvider| {
        (0..5).any(|_| {
            let token = provider.token_within(SECOND / 10);
            clock.advance(SECOND);
            token.is_ok()
        })
    };
    // Two hours, a call each minute.
    for _ in 0..120 {
        assert!(gets_a_token(&unlucky));
        let before = server.received().len();
        let request = Request::get(server.url()).body("").unwrap();
        assert_eq!(text(unlucky.call(&agent, request).unwrap()), REJECTED);
        assert!(server.received().len() - before <= 2);
        assert!(unlucky.flush(20 * SECOND));
        assert!(gets_a_token(&healthy));
        clock.advance(54 * SECOND);
    }
    // The first, and forced renewals after 1, 2, 4, 8, 16, 32 and 60 minutes, up to jitter.
    assert!(
        (6..=9).contains(&platform.requests()),
        "{}",
        platform.requests()
    );
}

#[test]
fn the_token_of_a_retry_is_rejected_like_any_other() {
    let server = Server::start(vec![reply(200, JSON, REJECTED); 2]);
    let clock = clock();
    let platform = Platform::new(&clock);
    let (delivered, events) = mpsc::channel();
    let provider = platform
        .provider(&clock)
        .allow_origin(server.base_url())
        .on_event(move |event| delivered.send(event.clone()).unwrap())
        .build()
        .unwrap();
    let first = provider.token().unwrap();
    clock.advance(60 * SECOND);
    let request = Request::get(server.url()).body("").unwrap();
    assert_eq!(
        text(provider.call(&default_agent(), request).unwrap()),
        REJECTED
    );
    let second = provider.current().unwrap();
    drop(provider);
    let rejected: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Rejected { fingerprint, .. } => Some(fingerprint),
            _ => None,
        })
        .collect();
    assert_eq!(rejected, [first.fingerprint(), second.fingerprint()]);
    assert_eq!(platform.requests(), 2);
}

#[test]
fn a_newer_token_from_the_store_serves_for_the_retry() {
    let server = Server::start(vec![reply(200, JSON, REJECTED), reply(200, JSON, FINE)]);
    let clock = clock();
    let platform = Platform::new(&clock);
    let store = Arc::new(Scripted::new(&clock, Script::Nothing));
    let provider = |min_token_age| {
        let mut policy = RenewalPolicy::default();
        policy.min_token_age = min_token_age;
        let provider = platform.provider(&clock).policy(policy);
        let provider = provider.allow_origin(server.base_url());
        provider.store(store.clone()).build().unwrap()
    };
    let (one, other) = (provider(60 * SECOND), provider(2 * SECOND));
    let first = one.token().unwrap();
    assert!(one.flush(20 * SECOND));
    other.token().unwrap();
    // The other one replaces it, and this one doesn't know yet. For this one, it is too young to be replaced.
    clock.advance(2 * SECOND);
    other.reject(&first);
    let second = other.token_within(20 * SECOND).unwrap();
    assert_eq!(second.secret(), "token-2");
    assert!(other.flush(20 * SECOND));

    store.now_it_is(Script::Hang);
    let (done, result) = mpsc::channel();
    let url = server.url();
    thread::spawn(move || {
        let request = Request::get(url).body("").unwrap();
        done.send(one.call(&default_agent(), request)).unwrap();
    });
    store.wait_until_it_hangs();
    let early = result.recv_timeout(SECOND / 10);
    assert!(early.is_err(), "the store's answer is waited for");
    store.now_it_is(Script::Nothing);
    assert_eq!(text(result.recv().unwrap().unwrap()), FINE);
    let received = server.received();
    assert_eq!(received[0].header("authorization"), ["Bearer token-1"]);
    assert_eq!(received[1].header("authorization"), ["Bearer token-2"]);
    assert_eq!(platform.requests(), 2);
}

#[test]
fn a_token_too_young_to_be_replaced_is_not_waited_for_while_a_call_hangs_in_the_store() {
    let server = Server::start(vec![reply(401, JSON, REJECTED)]);
    let clock = clock();
    let platform = Platform::new(&clock);
    let store = Arc::new(Scripted::new(&clock, Script::HangInSave));
    let provider = platform.provider(&clock).allow_origin(server.base_url());
    let provider = provider.store(store.clone()).build().unwrap();
    provider.token().unwrap();
    store.wait_until_it_hangs();
    // The machine gives a call to the store up after 3 s.
    clock.advance(4 * SECOND);
    let begun = Instant::now();
    let request = Request::get(server.url()).body("").unwrap();
    let response = provider.call(&default_agent(), request).unwrap();
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(text(response), REJECTED);
    assert_eq!(server.received().len(), 1, "no retry");
    assert_eq!(provider.current().unwrap().secret(), "token-1");
    store.now_it_is(Script::Nothing);
    assert!(provider.flush(20 * SECOND));
}

#[test]
fn a_streamed_upload_is_sent_once_and_its_rejection_is_reported_and_returned() {
    let server = Server::start(vec![reply(401, JSON, REJECTED); 2]);
    let (provider, clock, _) = provider(&server);
    clock.advance(60 * SECOND);
    let upload = SendBody::from_owned_reader(&b"a part of a file"[..]);
    let response = authorized_agent(&provider)
        .put(server.url())
        .send(upload)
        .unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(text(response), REJECTED);
    assert_eq!(server.received().len(), 1);
    assert!(provider.current().is_none());
}

#[test]
fn an_empty_rejection_is_noticed_before_it_is_read() {
    let server = Server::start(vec![reply(401, "x: y", "")]);
    let (provider, clock, _) = provider(&server);
    clock.advance(60 * SECOND);
    authorized_agent(&provider)
        .get(server.url())
        .call()
        .unwrap();
    assert!(provider.current().is_none());
}

#[test]
fn a_rejected_head_request_is_noticed() {
    let head = format!("HTTP/1.1 401 X\r\n{JSON}\r\ncontent-length: 9000\r\n\r\n");
    let server = Server::start(vec![head.into_bytes()]);
    let (provider, clock, _) = provider(&server);
    clock.advance(60 * SECOND);
    let response = authorized_agent(&provider)
        .head(server.url())
        .call()
        .unwrap();
    assert_eq!(response.status(), 401);
    assert!(provider.current().is_none());
}

#[test]
fn an_exchange_for_a_token_carries_none() {
    let emulator = Emulator::builder().start().unwrap();
    let expiry = OffsetDateTime::UNIX_EPOCH + time_of_a_life();
    let fixed = AccessToken::new("another-account", expiry).unwrap();
    let clock = clock();
    let outer = Platform::new(&clock).provider(&clock);
    let outer = outer
        .allow_origin(emulator.url().parse().unwrap())
        .build()
        .unwrap();
    assert_ne!(outer.token().unwrap(), fixed);
    let operation =
        pan123_token_ureq::GetAccessToken::new(Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap())
            .with_base_url(emulator.url().parse().unwrap());
    fetch(authorized_agent(&outer), &operation, 20 * SECOND).unwrap();
    assert_eq!(emulator.requests()[0].header("authorization"), None);
}

fn time_of_a_life() -> Duration {
    common::START.wall + common::LIFE
}
