//! How rejections are noticed, and that every other reply passes as it came.

use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use pan123_token_reqwest::TokenProvider;
use pan123_token_reqwest::reqwest::{Client, Version, redirect::Policy};

use crate::server::{Request, Server, json, write};
use crate::{HOUR, builder, client, clock};

const REJECTION: &str =
    r#"{"code":401,"message":"tokens number has exceeded the limit","data":null}"#;
const SUCCESS: &str = r#"{"code":0,"message":"ok","data":{"username":"me"}}"#;

/// Answers calls with the first token like this, and others with success.
fn rejecting(reply: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Server {
    Server::platform(move |request: &Request, stream| {
        if request.token() == Some("token-1") {
            reply(stream);
        } else {
            write(stream, &json(200, SUCCESS));
        }
    })
}

/// A provider whose token is old enough to be replaced.
async fn aged(server: &Server) -> TokenProvider {
    let clock = clock();
    let provider = builder(&server.url(), &clock).build().unwrap();
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    clock.advance(HOUR);
    provider
}

async fn call(provider: &TokenProvider, server: &Server) -> String {
    let request = client().get(format!("{}/call", server.url()));
    let response = provider.send(request).await.unwrap();
    response.text().await.unwrap()
}

/// With its body in one chunk for each of these.
fn chunked(status: u16, content_type: &str, chunks: &[&str]) -> String {
    let chunk = |chunk: &&str| format!("{:x}\r\n{chunk}\r\n", chunk.len());
    let chunks: String = chunks.iter().map(chunk).collect();
    format!(
        "HTTP/1.1 {status} x\r\n{content_type}transfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunks}0\r\n\r\n"
    )
}

#[tokio::test]
async fn a_rejection_in_any_form_is_noticed_at_once_and_the_call_sent_again() {
    let json_type = "content-type: application/json; charset=utf-8\r\n";
    let length = REJECTION.len();
    let (start, end) = REJECTION.split_at(9);
    let forms = [
        json(200, REJECTION),
        json(401, REJECTION),
        chunked(200, json_type, &[REJECTION]),
        chunked(200, json_type, &[start, end]),
        chunked(401, json_type, &[REJECTION]),
        chunked(401, "content-type: text/plain\r\n", &[start, end]),
        chunked(401, "", &[REJECTION]),
        format!(
            "HTTP/1.1 401 x\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{REJECTION}"
        ),
        "HTTP/1.1 401 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        chunked(401, "", &[]),
        format!("HTTP/1.0 401 x\r\n\r\n{REJECTION}"),
        format!("HTTP/1.0 200 x\r\n{json_type}\r\n{REJECTION}"),
    ];
    for form in forms {
        let reply = form.clone();
        let server = rejecting(move |stream| write(stream, &reply));
        let provider = aged(&server).await;
        assert_eq!(call(&provider, &server).await, SUCCESS, "{form}");
        let tokens = [Some("token-1".to_owned()), Some("token-2".to_owned())];
        assert_eq!(server.tokens(), tokens, "{form}");
    }
}

#[tokio::test]
async fn what_is_no_rejection_comes_back_as_it_is_and_the_token_stays() {
    let page = "<html>401 by the proxy</html>";
    let long = format!(r#"{{"data":"{}","code":401}}"#, "a".repeat(5000));
    let bodies = [
        (401, page),
        (200, &long),
        (401, &long),
        (403, r#"{"code":403}"#),
    ];
    for (status, body) in bodies {
        for reply in [
            json(status, body),
            chunked(status, "content-type: application/json\r\n", &[body]),
        ] {
            let server = rejecting(move |stream| write(stream, &reply));
            let provider = aged(&server).await;
            assert_eq!(call(&provider, &server).await, body);
            assert_eq!(provider.token().await.unwrap().secret(), "token-1");
            assert_eq!(server.calls().len(), 1, "{body}");
        }
    }
}

#[tokio::test]
async fn a_rejection_that_passes_unannounced_counts_for_the_next_call() {
    let reply = chunked(200, "content-type: text/plain\r\n", &[REJECTION]);
    let server = rejecting(move |stream| write(stream, &reply));
    let provider = aged(&server).await;
    assert_eq!(call(&provider, &server).await, REJECTION);
    assert_eq!(call(&provider, &server).await, SUCCESS);
    let tokens = [Some("token-1".to_owned()), Some("token-2".to_owned())];
    assert_eq!(server.tokens(), tokens);
}

#[tokio::test]
async fn a_call_is_sent_again_only_once() {
    let server = Server::platform(|_, stream| write(stream, &json(401, REJECTION)));
    let provider = aged(&server).await;
    assert_eq!(call(&provider, &server).await, REJECTION);
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn a_reply_that_was_read_ahead_keeps_its_url_head_length_and_body() {
    let body = r#"{"code": 0, "data": "unread"}"#;
    let reply = json(203, body);
    let server = Server::platform(move |_, stream| write(stream, &reply));
    let provider = aged(&server).await;
    let url = format!("{}/call?a=b", server.url());
    let mut response = provider.send(client().get(&url)).await.unwrap();
    assert_eq!(response.url().as_str(), url);
    assert_eq!(response.status(), 203);
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.content_length(), Some(body.len() as u64));
    assert_eq!(response.remote_addr().unwrap().port(), server.port());
    assert_eq!(response.chunk().await.unwrap().unwrap(), body);
    assert_eq!(response.content_length(), Some(0));
    assert_eq!(response.chunk().await.unwrap(), None);
}

/// Sends the first half, and the second once the test lets it.
fn halting(head: &'static str) -> (Server, mpsc::Sender<()>) {
    let (go_on, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let server = Server::platform(move |_, stream| {
        write(stream, head);
        let wait = wait.lock().unwrap();
        if wait.recv_timeout(Duration::from_secs(20)).is_ok() {
            write(stream, "half");
        }
    });
    (server, go_on)
}

#[tokio::test]
async fn a_reply_is_passed_on_before_it_ends() {
    let heads = [
        // A file.
        "HTTP/1.1 200 x\r\ncontent-type: application/octet-stream\r\ncontent-length: 10\r\n\r\nfirst-",
        // JSON, whose code says all there is to know.
        "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"code\":0, ",
    ];
    for head in heads {
        let (server, go_on) = halting(head);
        let provider = aged(&server).await;
        let request = client().get(format!("{}/call", server.url()));
        let mut response = provider.send(request).await.unwrap();
        let (_, first) = head.split_once("\r\n\r\n").unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), first);
        go_on.send(()).unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "half");
        assert_eq!(response.chunk().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_while_it_is_read_ahead_fails_where_it_is_read() {
    // What came of it would be a rejection by itself.
    let length = REJECTION.len() + 1;
    let reply = format!(
        "HTTP/1.1 401 x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{REJECTION}"
    );
    let server = rejecting(move |stream| write(stream, &reply));
    let provider = aged(&server).await;
    let request = client().get(format!("{}/call", server.url()));
    let mut response = provider.send(request).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.chunk().await.unwrap().unwrap(), REJECTION);
    response.chunk().await.unwrap_err();
    // Nothing that came whole says that the token is none.
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
}

#[tokio::test]
async fn a_whole_reply_that_was_read_ahead_can_be_read_after_the_clients_time_is_up() {
    let server = Server::platform(|_, stream| write(stream, &json(401, "{}")));
    let provider = aged(&server).await;
    let limit = Duration::from_millis(300);
    let client = Client::builder().redirect(Policy::none()).timeout(limit);
    let request = client
        .build()
        .unwrap()
        .get(format!("{}/call", server.url()));
    let response = provider.send(request).await.unwrap();
    tokio::time::sleep(2 * limit).await;
    assert_eq!(response.text().await.unwrap(), "{}");
}
