//! `response`: over its committed corpus, and over every conformance vector.

use std::fs;

use http::header::{CONTENT_ENCODING, DATE, HeaderName, RETRY_AFTER};
use pan123_token::MAX_RESPONSE_BYTES;
use pan123_token_tests::vector::{self, Vector};

use super::{replay, seeds};
use pan123_token_checks::response::{self as check, Input};

/// Larger seeds slow the fuzzer down and teach it nothing.
const MAX_SEED_BYTES: usize = 2048;

#[test]
fn the_corpus_holds() {
    replay("response", check::check);
}

#[test]
fn the_vectors_hold() {
    for vector in vector::all() {
        println!("{}", vector.name);
        check::check(&seed(&vector));
    }
}

/// Messages that hold the client secret in some way, each for each of the secrets.
const MESSAGES: &[&str] = &[
    "invalid \u{2}",
    "\u{3}",
    "<\u{4}>",
    "<\u{5}>",
    "<\u{8}>",
    "<\u{b}>",
    "bad \u{1f}",
    "bad \u{1f}.",
    "a\u{2}b",
    "\u{2}\u{2}",
    "\u{e}",
    "\u{f} ",
    "\u{10} ",
    "\u{11} ",
    "\u{12} ",
    "\u{13} ",
    "\u{14} ",
    "\u{15} ",
    "\u{16} ",
    "\u{17} ",
    "\u{18} ",
    "\u{19} ",
    "\u{1a} ",
    "\u{1b} ",
    "\u{1c} ",
    "\u{1d} ",
    "\u{1e} ",
    // Another character with the same last bytes.
    r#"\\u6bc6钥/\"+%"#,
    r"毆\u94a5/",
    r#"毆钥/\"+%"#,
    "密é/钦",
    "expiredAt is missing",
    "ISSUED-t",
    "ok\\n\u{202e}\u{7f}",
];

fn replies_with_secrets() -> impl Iterator<Item = (String, Vec<u8>)> {
    let letters = ('a'..='f').flat_map(|letter| (0..MESSAGES.len()).map(move |at| (letter, at)));
    letters.map(|(letter, at)| {
        let message = MESSAGES[at];
        let reply = format!(
            r#"{{"code":1,"message":"{message}","x-traceID":"{message}","data":{{"expiredAt":"ISSUED-token"}}}}"#
        );
        (format!("secret-{letter}-{at}"), format!("200{letter}\n\n\n{reply}").into_bytes())
    })
}

/// Larger than the limit of a seed, or costly for its size.
#[test]
fn replies_of_64_kib_hold() {
    for (reply, secret) in [
        ("{\"code\":1,\"message\":\"\u{7}a\u{7}\"}", 'a'),
        (
            "{\"code\":1,\"message\":\"\u{4}\",\"data\":[\u{7}\"\u{2}x\",\u{7}0]}",
            'b',
        ),
        (
            "{\"code\":1,\"message\":\"%\u{3}\",\"data\":\u{7}[\u{7}",
            'c',
        ),
        (
            "{\"code\":1,\"x-traceID\":\"\u{7}eyJ.\u{7}\",\"data\":[]}",
            'a',
        ),
        ("{\u{7}\"code\":1,\u{7}\"code\":1}", 'a'),
    ] {
        check::check(format!("200{secret}\n\n\n{reply}").as_bytes());
    }
}

#[test]
fn replies_with_the_secret_hold() {
    for (name, reply) in replies_with_secrets() {
        println!("{name}");
        check::check(&reply);
    }
}

/// The check can fail: the verdict on one response is a wrong one on another.
#[test]
fn a_wrong_verdict_is_found() {
    let operation = vector::operation();
    let response =
        |status: &str, body: &str| Input::read(format!("{status}\n\n\n{body}").as_bytes());
    let token = r#"{"accessToken":"t","expiredAt":"2025-03-23T15:48:37+08:00"}"#;
    let later = r#"{"accessToken":"t","expiredAt":"2025-03-23T15:48:38+08:00"}"#;
    let other = r#"{"accessToken":"u","expiredAt":"2025-03-23T15:48:37+08:00"}"#;
    let responses = [
        response("200", &format!(r#"{{"code":0,"data":{token}}}"#)),
        response("200", &format!(r#"{{"code":0,"data":{later}}}"#)),
        response("200", &format!(r#"{{"code":0,"data":{other}}}"#)),
        response("200", r#"{"code":0}"#),
        response("200", r#"{"code":1}"#),
        response("200", r#"{"code":2}"#),
        response("200", r#"{"code":2,"message":"m"}"#),
        response("200", r#"{"code":2,"x-traceID":"i"}"#),
        response("200", r#"{"code":429}"#),
        response("200", r#"{"code":1,"code":1}"#),
        response("200", "[]"),
        response("200", "\u{6}{}"),
        response("404", "\u{6}{}"),
        response("429", ""),
        response("503", ""),
    ];
    for (index, one) in responses.iter().enumerate() {
        for (other_index, other) in responses.iter().enumerate() {
            let verdict = operation.parse_response(&one.response);
            let check = || check::check_answer(&verdict, other);
            let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err();
            assert_eq!(found, index != other_index, "{verdict:?} on {other:?}");
        }
    }
}

/// Writes the vectors as inputs of the fuzz target. See `fuzz/README.md`.
#[test]
#[ignore = "writes fuzz/target/seeds/response"]
fn write_seeds() {
    let folder = seeds("response");
    for vector in vector::all() {
        let seed = seed(&vector);
        if seed.len() <= MAX_SEED_BYTES {
            fs::write(folder.join(vector.name.replace('/', "-")), seed).unwrap();
        }
    }
    for (name, reply) in replies_with_secrets() {
        fs::write(folder.join(name), reply).unwrap();
    }
}

/// A vector as an input of the fuzz target: status, `Retry-After`, `Date` and body, with marks for what the target puts
/// in.
fn seed(vector: &Vector) -> Vec<u8> {
    let header = |name: HeaderName| {
        vector
            .headers
            .get(name)
            .map_or(&b""[..], |it| it.as_bytes())
    };
    let mut body = vector.body.clone();
    for (mark, text) in check::forms(check::SECRETS[0]) {
        body = replace(&body, text.as_bytes(), mark);
    }
    if body.len() > MAX_RESPONSE_BYTES {
        body = b"\x06{}".to_vec();
    }
    let compressed = vector.headers.contains_key(CONTENT_ENCODING);
    let status = format!(
        "{}{}",
        vector.status.as_str(),
        if compressed { "0" } else { "" }
    );
    [status.as_bytes(), header(RETRY_AFTER), header(DATE), &body].join(&b'\n')
}

fn replace(bytes: &[u8], text: &[u8], mark: u8) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        if let Some(after) = rest.strip_prefix(text) {
            replaced.push(mark);
            rest = after;
        } else {
            replaced.push(*first);
            rest = after;
        }
    }
    replaced
}
