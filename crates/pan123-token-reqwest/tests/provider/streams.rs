//! Bodies that can be sent only once, and those that can be sent again.

use futures_util::stream;
use pan123_token_reqwest::reqwest::multipart::{Form, Part};
use pan123_token_reqwest::reqwest::{Body, RequestBuilder};
use serde_json::json as object;

use crate::server::{Server, json, write};
use crate::{HOUR, builder, client, clock};

const REJECTION: &str = r#"{"code":401,"message":"access_token无效","data":null}"#;

/// Rejects the first token. The bodies that came, once the call was made, and what was answered.
async fn bodies(body: impl Fn(RequestBuilder) -> RequestBuilder) -> (Vec<String>, String) {
    let server = Server::platform(|request, stream| {
        let rejected = request.token() == Some("token-1");
        write(
            stream,
            &json(200, if rejected { REJECTION } else { r#"{"code":0}"# }),
        );
    });
    let clock = clock();
    let provider = builder(&server.url(), &clock).build().unwrap();
    provider.token().await.unwrap();
    clock.advance(HOUR);
    let request = body(client().post(format!("{}/slice", server.url())));
    let response = provider.send(request).await.unwrap();
    let reply = response.text().await.unwrap();
    let bodies = server.calls().into_iter();
    let bodies = bodies.map(|call| String::from_utf8(call.body).unwrap());
    (bodies.collect(), reply)
}

#[tokio::test]
async fn a_stream_is_sent_once_and_the_refusal_comes_back() {
    let (bodies, reply) = bodies(|request| {
        let pieces = ["two ", "pieces"].map(Ok::<_, std::io::Error>);
        request.body(Body::wrap_stream(stream::iter(pieces)))
    })
    .await;
    assert_eq!(bodies, ["two pieces"]);
    assert_eq!(reply, REJECTION);
}

#[tokio::test]
async fn a_form_is_sent_once_and_whole() {
    let (bodies, reply) = bodies(|request| {
        let slice = Part::bytes(b"the slice".as_slice()).file_name("slice");
        request.multipart(Form::new().text("sliceNo", "1").part("slice", slice))
    })
    .await;
    assert_eq!(bodies.len(), 1);
    assert!(
        bodies[0].contains("name=\"sliceNo\"\r\n\r\n1\r\n"),
        "{}",
        bodies[0]
    );
    assert!(bodies[0].contains("\r\n\r\nthe slice\r\n"), "{}", bodies[0]);
    assert_eq!(reply, REJECTION);
}

#[tokio::test]
async fn bytes_and_json_are_sent_again() {
    let (sent, reply) = bodies(|request| request.body("bytes")).await;
    assert_eq!(sent, ["bytes", "bytes"]);
    assert_eq!(reply, r#"{"code":0}"#);
    let (sent, reply) = bodies(|request| request.json(&object!({"size": 3}))).await;
    assert_eq!(sent, [r#"{"size":3}"#, r#"{"size":3}"#]);
    assert_eq!(reply, r#"{"code":0}"#);
}
