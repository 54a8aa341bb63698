//! Replies that were made to cost time.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the time that the core takes is what is tested"
)]

use std::time::{Duration, Instant};

use pan123_token::http::Response;
use pan123_token::{Credentials, GetAccessToken, MAX_RESPONSE_BYTES};

/// Whatever the reply. Without optimization it is longer by what that costs.
const LIMIT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 20 });

/// Asserts that the reply, filled up with blanks to 64 KiB, has its kind in time.
fn assert_quick(scene: &str, secret: &str, body: &str) {
    let operation = GetAccessToken::new(Credentials::new("id", secret).unwrap());
    assert!(
        body.len() <= MAX_RESPONSE_BYTES,
        "{scene}: {} bytes",
        body.len()
    );
    let blanks = " ".repeat(MAX_RESPONSE_BYTES - body.len());
    let response = Response::new(format!("{body}{blanks}"));
    // Another process may take the core away for a moment; not three times.
    let attempts = (0..3).map(|_| {
        let start = Instant::now();
        operation.parse_response(&response).unwrap_err();
        start.elapsed()
    });
    let shortest = attempts.min().unwrap();
    assert!(shortest < LIMIT, "{scene}: {shortest:?}");
}

fn error(message: &str, data: &[String]) -> String {
    let data = data.join("\",\"");
    format!(r#"{{"code":5,"message":"{message}","x-traceID":"{message}","data":["{data}"]}}"#)
}

#[test]
fn texts_and_tokens_that_resemble_each_other_cost_no_time() {
    let run = format!("{}!", "a".repeat(2047));
    let tokens = (0..16).map(|n| format!("{}{n}", "a".repeat(3400)));
    let body = error(&run, &tokens.collect::<Vec<_>>());
    assert_quick("16 long runs of one letter", "secret", &body);

    let dashes = "-".repeat(2000);
    let body = error(&dashes, &[format!("{}x", "-".repeat(54_000))]);
    assert_quick("dashes", "secret", &body);
    assert_quick(
        "dashes as a secret",
        &format!("{}x", "-".repeat(1023)),
        &body,
    );

    let tokens = (0..5500).map(|n| format!("aaaa{n:04}"));
    let body = error(&"a".repeat(2048), &tokens.collect::<Vec<_>>());
    assert_quick("many short tokens", "aaaaaab", &body);
}

#[test]
fn escapes_cost_no_time() {
    for (scene, unit) in [
        ("backslashes", r"\\"),
        ("escaped quotes", r#"\\\""#),
        ("JSON-escaped characters", r"\\u5bc6"),
        ("JSON-escaped pairs", r"\\uD83D\\udd11"),
        ("percent signs", "%"),
        ("percent-encoded letters", "%61"),
        ("plus signs", "+"),
        ("beginnings of a JWT", "eyJ"),
        ("JWTs", "eyJ.eyA.ewo "),
        ("control characters", r"\u0007"),
        ("three-byte characters", "密"),
    ] {
        let message = unit.repeat(2100 / unit.len());
        let tokens = vec![unit.repeat(3000 / unit.len()); 16];
        assert_quick(
            scene,
            &format!("密{}", "a+\\%".repeat(250)),
            &error(&message, &tokens),
        );
    }
}

#[test]
fn the_shape_of_the_json_costs_no_time() {
    for (scene, body) in [
        ("brackets", "[".repeat(65_000)),
        (
            "nested arrays",
            format!(
                r#"{{"code":5,"data":{}{}}}"#,
                "[".repeat(32_000),
                "]".repeat(32_000)
            ),
        ),
        (
            "nested objects",
            format!(
                r#"{{"code":5,"data":{}1{}}}"#,
                r#"{"a":"#.repeat(10_000),
                "}".repeat(10_000)
            ),
        ),
        (
            "members",
            format!(r#"{{"code":5{}}}"#, r#","a":1"#.repeat(10_000)),
        ),
        (
            "escaped keys",
            format!(r#"{{"code":5{}}}"#, r#","\u0061":1"#.repeat(5000)),
        ),
        (
            "empty strings",
            format!(
                r#"{{"code":5,"message":"x","data":[""{}]}}"#,
                r#","""#.repeat(20_000)
            ),
        ),
        (
            "quotes",
            format!(r#"{{"code":5,"data":"{}"}}"#, r#"\""#.repeat(32_000)),
        ),
        ("digits", format!(r#"{{"code":{}}}"#, "1".repeat(65_000))),
        (
            "digits in a string",
            format!(r#"{{"code":"{}"}}"#, "0".repeat(65_000)),
        ),
    ] {
        assert_quick(scene, "secret", &body);
    }
}
