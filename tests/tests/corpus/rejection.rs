//! `rejection`: over its committed corpus, over every conformance vector, and over replies written by hand.

use std::fs;

use http::header::CONTENT_TYPE;
use pan123_token_checks::rejection::check;
use pan123_token_tests::vector::{self, Vector};

use super::{replay, seeds};

/// Status, media type, the length that is known, the pieces' sizes, and the body.
const REPLIES: &[&str] = &[
    "401\n\n\n\n",
    "200\n\n\n\n",
    "401\n\n5000\n\n",
    "200\n\n5000\n\n",
    "401\n\n5000\n3*\n{\"code\":401}",
    "401\ntext/html\n\n3*\n<html>401</html>",
    "401\n\n\n1*\n ",
    "200\napplication/json\n41\n7*\n{\"code\":401,\"message\":\"access_token无效\"}",
    "200\nApplication/Problem+JSON ; charset=utf-8\n\n1*\n {\"message\":\"过期\",\"code\":\"401\"} ",
    "401\ntext/xjson\n\n2*\n\r\n{ \"data\" : null , \"code\" : 401 }",
    "200\napplication/json\n\na2*\n{\"code\":4011,\"data\":null}",
    "200\napplication/json\n\n9\n{\"code\":401}",
    "200\napplication/json\n\n0900\n{\"code\":40",
    "200\napplication/json\n\n80\n{\"code\":401,\"code\":401}",
    "200\napplication/json\n\n80\n{\"code\":0,\"data\":{\"code\":401}}",
    "200\napplication/json\n\n80\n{\"data\":{\"code\":0},\"code\":401}",
    "200\njson\n\n80\n{\"code\":[401]}",
    "200\n+json\n\n80\n{\"code\":401}}",
    "200\napplication/json\n5000\n80\n{\"code\":401}",
];

#[test]
fn the_corpus_holds() {
    replay("rejection", check);
}

#[test]
fn the_vectors_and_the_replies_hold() {
    for (name, input) in inputs() {
        println!("{name}");
        check(&input);
    }
}

/// Writes them as inputs of the fuzz target. See `fuzz/README.md`.
#[test]
#[ignore = "writes fuzz/target/seeds/rejection"]
fn write_seeds() {
    let folder = seeds("rejection");
    for (name, input) in inputs() {
        if input.len() <= 5000 {
            fs::write(folder.join(name), input).unwrap();
        }
    }
}

fn inputs() -> Vec<(String, Vec<u8>)> {
    let replies = REPLIES.iter().enumerate();
    let replies = replies.map(|(at, reply)| (format!("reply-{at}"), reply.as_bytes().to_vec()));
    let long = [4095, 4096, 4097].map(|size| {
        let body = format!("{{\"code\":401,\"message\":\"{}\"}}", "x".repeat(size - 25));
        assert_eq!(body.len(), size);
        let input = format!("200\napplication/json\n\nza*\n{body}");
        (format!("reply-of-{size}-bytes"), input.into_bytes())
    });
    let vectors = vector::all();
    let vectors = vectors
        .iter()
        .map(|vector| (vector.name.replace('/', "-"), input(vector)));
    replies.chain(long).chain(vectors).collect()
}

fn input(vector: &Vector) -> Vec<u8> {
    let media_type = vector.headers.get(CONTENT_TYPE);
    let media_type = media_type.map_or(&b""[..], |value| value.as_bytes());
    let status = vector.status.as_str().as_bytes();
    [status, media_type, b"", b"5*", &vector.body].join(&b'\n')
}
