//! The verdict on a token, from a body that passes by.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the time that the core takes is what is tested"
)]

use std::time::{Duration, Instant};

use pan123_token::http::Response;
use pan123_token::{MAX_REJECTION_BYTES, RejectionWatch, token_rejected, token_rejected_parts};
use proptest::prelude::*;

const REJECTION: &str = r#"{"code":401,"message":"access_token无效","data":null}"#;

fn head(status: u16, content_type: &str) -> Response<()> {
    let mut response = Response::builder().status(status);
    if !content_type.is_empty() {
        response = response.header("content-type", content_type);
    }
    response.body(()).unwrap()
}

fn watch(status: u16, length: Option<u64>) -> RejectionWatch {
    RejectionWatch::new(&head(status, ""), length)
}

fn passes(mut watch: RejectionWatch, chunks: &[&[u8]]) -> bool {
    for chunk in chunks {
        watch.push(chunk);
    }
    watch.finish()
}

#[test]
fn a_rejection_is_up_to_4_kib_long() {
    assert_eq!(MAX_REJECTION_BYTES, 4096);
    let padded = |bytes: usize| {
        let blanks = " ".repeat(bytes - REJECTION.len());
        [
            format!("{blanks}{REJECTION}"),
            format!("{REJECTION}{blanks}"),
            REJECTION.replace("null", &format!("null{blanks}")),
        ]
    };
    for (bytes, rejected) in [(4096, true), (4097, false)] {
        for body in padded(bytes) {
            assert_eq!(body.len(), bytes);
            assert!(token_rejected(&Response::new(&body)));
            for size in [1, 7, 4095, 4096, 4097] {
                let chunks: Vec<_> = body.as_bytes().chunks(size).collect();
                assert_eq!(passes(watch(200, None), &chunks), rejected);
            }
        }
    }
}

#[test]
fn a_reply_without_a_body_is_judged_by_its_status() {
    // The reply to a HEAD tells the length of what it leaves out.
    for length in [None, Some(0), Some(100), Some(5000)] {
        assert!(passes(watch(401, length), &[]));
        assert!(passes(watch(401, length), &[b""]));
        for status in [200, 204, 304, 403, 500] {
            assert!(!passes(watch(status, length), &[]));
        }
    }
    assert!(!passes(watch(401, None), &[b"<html>"]));
    assert!(!passes(watch(401, None), &[b" "]));
}

#[test]
fn the_length_is_a_hint_where_the_body_is_longer_or_shorter() {
    let halves = REJECTION.as_bytes().split_at(20);
    for length in [Some(0), Some(1), Some(4096), None] {
        assert!(passes(watch(200, length), &[halves.0, halves.1]));
    }
}

#[test]
fn what_cannot_be_a_rejection_is_wanted_no_more() {
    let wanted = |status: u16, length: Option<u64>, chunks: &[&[u8]]| {
        let mut watch = watch(status, length);
        for chunk in chunks {
            watch.push(chunk);
        }
        let wanted = watch.wants_more();
        // And nothing that comes behind makes it one.
        watch.push(REJECTION.as_bytes());
        assert!(wanted || !watch.finish());
        wanted
    };
    assert!(wanted(200, None, &[]));
    assert!(wanted(200, Some(4096), &[]));
    assert!(!wanted(200, Some(4097), &[]));
    // It may turn out to have no body; but not once some of it has come.
    assert!(wanted(401, Some(4097), &[]));
    assert!(!wanted(401, Some(4097), &[b"{"]));

    assert!(wanted(200, None, &[b"", b" \t\r\n", b"{"]));
    for start in [
        &b"[{"[..],
        b"<html>",
        b"\"{",
        b"\x1f\x8b",
        b"\x89PNG",
        b"\xef\xbb\xbf{",
        // A blank, but none of JSON's.
        b"\x0c{",
        b"\0",
    ] {
        assert!(!wanted(200, None, &[start]), "{start:?}");
        assert!(!wanted(200, None, &[b"  ", b" ", start]), "{start:?}");
        assert!(!wanted(401, None, &[start]), "{start:?}");
    }
    assert!(wanted(200, None, &[b"{", &[b' '; 4095]]));
    assert!(!wanted(200, None, &[b"{", &[b' '; 4096]]));
    assert!(!wanted(200, None, &[&[b' '; 4096], b"{"]));
}

#[test]
fn a_body_is_wanted_as_long_as_its_code_is_open() {
    // Told after the last of these bytes, and not before.
    for body in [
        r#"{"code":0,"#,
        r#"{"code":402,"#,
        r#"{"code":4010,"#,
        r#"{"code":401.0,"#,
        r#"{"code":"0","#,
        r#"{"code":null,"#,
        r#"{"code":{"code":401},"#,
        r#"{"code":0}"#,
        r#" { "code" : 0 ,"#,
        r#"{"cod\u0065":0,"#,
        r#"{"data":{"code":401,"list":[[],{"a":"}"}]},"code":1,"#,
        r#"{"code":401,"code":401,"#,
        r#"{"message":"ok"}"#,
        r#"{"message":"密","code":0,"#,
        r#"{"code":401}{"#,
        r#"{"code","#,
    ] {
        let mut watch = watch(200, None);
        let (last, before) = body.as_bytes().split_last().unwrap();
        for byte in before {
            watch.push(&[*byte]);
            assert!(watch.wants_more(), "{body}: at {}", char::from(*byte));
        }
        watch.push(&[*last]);
        assert!(!watch.wants_more(), "{body}");

        // In one piece, and with more behind it.
        let mut watch = RejectionWatch::new(&head(200, ""), None);
        watch.push(body.as_bytes());
        assert!(!watch.wants_more(), "{body}");
    }
    for body in [
        REJECTION,
        r#"{"code":401"#,
        r#"{"code":401,"#,
        r#"{"code":"401","#,
        r#"{"code":"\u0034\u00301","#,
        r#"{"cod\u0065":401,"#,
        r#"{"\ud83d":"\ud83d","code":401,"#,
        r#"{"data":{"list":[0,1,2],"code":0},"#,
        r#"{"code":401}  "#,
    ] {
        for size in [1, 3, 100] {
            let mut watch = watch(200, None);
            for chunk in body.as_bytes().chunks(size) {
                watch.push(chunk);
            }
            assert!(watch.wants_more(), "{body}");
        }
    }
}

#[test]
fn what_may_be_a_rejection_is_read_ahead() {
    let may_be = |status: u16, content_type: &str, length: Option<u64>| {
        let watch = RejectionWatch::new(&head(status, content_type), length);
        watch.may_be_read_ahead()
    };
    for json in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=utf-8",
        "Application/JSON ; charset=utf-8",
        "application/problem+json",
        "text/json",
    ] {
        for length in [None, Some(0), Some(4096)] {
            assert!(may_be(200, json, length), "{json}");
            assert!(may_be(401, json, length), "{json}");
        }
        assert!(!may_be(200, json, Some(4097)), "{json}");
    }
    for other in [
        "",
        "json",
        "text/html",
        "text/plain",
        "text/html; x=application/json",
        "application/x-ndjson",
        "application/json-seq",
        "text/event-stream",
        "application/octet-stream",
        "application/\u{e9}json",
    ] {
        for length in [None, Some(1), Some(4096)] {
            assert!(!may_be(200, other, length), "{other}");
            // Whatever it is called: gateways say text/plain, or nothing.
            assert!(may_be(401, other, length), "{other}");
        }
    }
}

#[test]
fn reading_ahead_ends_with_the_question() {
    let mut watch = RejectionWatch::new(&head(200, "application/json"), None);
    watch.push(br#"{"data":[],"#);
    assert!(watch.may_be_read_ahead());
    watch.push(br#""code":0,"#);
    assert!(!watch.may_be_read_ahead());

    let mut watch = RejectionWatch::new(&head(401, "text/html"), None);
    assert!(watch.may_be_read_ahead());
    watch.push(b"<html>");
    assert!(!watch.may_be_read_ahead());
}

#[test]
fn a_body_byte_by_byte_costs_no_time() {
    // Each chunk may be the one that ends the question.
    let values = format!(r#"{{"a":[{}"#, "1,".repeat(2040));
    let strings = format!(r#"{{"a":"{}"#, "401},".repeat(815));
    for body in [values, strings] {
        assert!((4000..4096).contains(&body.len()));
        let mut watch = watch(200, None);
        let start = Instant::now();
        for byte in body.as_bytes() {
            watch.push(&[*byte]);
        }
        assert!(watch.wants_more());
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn parts_of_a_response_get_the_same_verdict() {
    let unauthorized = head(401, "application/json");
    let (status, headers) = (unauthorized.status(), unauthorized.headers());
    assert!(token_rejected_parts(status, b""));
    assert!(token_rejected_parts(status, REJECTION.as_bytes()));
    assert!(!token_rejected_parts(status, b"<html>"));
    let mut watch = RejectionWatch::of_parts(status, headers, None);
    assert!(watch.may_be_read_ahead());
    watch.push(REJECTION.as_bytes());
    assert!(watch.finish());
}

#[test]
fn debug_shows_nothing_of_what_passed_by() {
    let mut watch = watch(200, None);
    watch.push(b"{\"SENTINEL");
    assert_eq!(
        format!("{watch:?}"),
        "RejectionWatch { wants_more: true, .. }"
    );
}

/// Bodies around the line between a rejection and none.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let text = "[ \\t\\n\\r\\x0c]{0,3}(\\{ ?\"code\" ?: ?(\"?401\"?|40|0)(,\"code\":401|,\"message\":\"无效\")?[ \\n]?\\}|[{}\\[<\"]?)[ \\x0c}]{0,2}";
    prop_oneof![
        text.prop_map(String::into_bytes),
        // Around the limit, too.
        (text, 4000usize..4100).prop_map(|(text, bytes)| {
            let mut body = text.into_bytes();
            body.resize(bytes, b' ');
            body
        }),
        proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_verdict_is_that_on_the_whole_body_however_it_is_cut(
        status in prop::sample::select(vec![200u16, 401]),
        body in body(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        length_is_known: bool,
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        cuts.sort_unstable();
        let mut watch = watch(status, length_is_known.then_some(body.len() as u64));
        let mut start = 0;
        for end in cuts.into_iter().chain([body.len()]) {
            watch.push(&body[start..end]);
            start = end;
        }
        let expected = body.len() <= MAX_REJECTION_BYTES
            && token_rejected(&Response::builder().status(status).body(&body).unwrap());
        prop_assert_eq!(watch.finish(), expected);
    }
}
