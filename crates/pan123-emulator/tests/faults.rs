//! Each fault of the script, as a client gets to see it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant, SystemTime};

use common::{Reply, Request, connect, credentials};
use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator, Fault};
use serde_json::json;

/// 2025-03-23 07:48:37 UTC.
fn sunday() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_742_716_117)
}

/// An emulator whose first token request meets this fault.
fn faulty(spec: &str) -> Emulator {
    let builder = Emulator::builder().clock(sunday()).frozen();
    builder.fault(spec.parse().unwrap()).start().unwrap()
}

/// What the first token request gets from an emulator with this fault. The next one is served normally.
fn first(spec: &str) -> (Reply, Emulator) {
    let emulator = faulty(spec);
    let reply = Request::token().send(&emulator);
    assert_eq!(emulator.faults_left(), 0);
    assert_eq!(Request::token().send(&emulator).code(), 0);
    (reply, emulator)
}

#[test]
fn faults_are_used_up_in_order_by_token_requests_only() {
    let emulator = Emulator::builder()
        .fault(Fault::Code(1))
        .faults(["normal", "status:502"].map(|spec| spec.parse().unwrap()))
        .start()
        .unwrap();
    emulator.inject(Fault::Code(2));
    assert_eq!(Request::new("GET /").send(&emulator).status, 404);
    assert_eq!(Request::user_info("x").send(&emulator).code(), 401);
    assert_eq!(emulator.faults_left(), 4);
    assert_eq!(Request::token().send(&emulator).code(), 1);
    assert_eq!(Request::token().send(&emulator).code(), 0);
    assert_eq!(Request::token().send(&emulator).status, 502);
    assert_eq!(Request::token().send(&emulator).code(), 2);
    assert_eq!(Request::token().send(&emulator).code(), 0);
    assert_eq!((emulator.token_requests(), emulator.issued()), (5, 2));
}

#[test]
fn a_fault_can_go_on_for_ever_after_the_script() {
    let builder = Emulator::builder().fault(Fault::Normal);
    let emulator = builder.always(Fault::Code(1)).start().unwrap();
    let codes = [(); 3].map(|()| Request::token().send(&emulator).code());
    assert_eq!(codes, [0, 1, 1]);
}

#[test]
fn faults_without_service_count_towards_no_limit_and_issue_nothing() {
    let specs = ["reset", "close", "status:500", "gateway:502", "code:1"];
    let more = [
        "retry-after:1",
        "redirect:302",
        "echo",
        "no-platform",
        "string-code",
        "realc",
    ];
    let emulator = Emulator::builder()
        .rate(Some(1))
        .faults(specs.into_iter().chain(more).map(|s| s.parse().unwrap()))
        .start()
        .unwrap();
    for _ in 0..11 {
        drop(Request::token().try_send(&emulator));
    }
    assert_eq!((emulator.token_requests(), emulator.issued()), (11, 0));
    assert_eq!(Request::token().send(&emulator).code(), 0);
}

#[test]
fn altering_faults_change_no_refusal() {
    for spec in [
        "empty-token",
        "null-data",
        "oversize:100000",
        "expired",
        "bare",
    ] {
        let emulator = faulty(spec);
        let reply = Request::token().without("Platform").send(&emulator);
        assert_eq!(reply.code(), 1, "{spec}");
        assert_eq!((emulator.issued(), emulator.faults_left()), (0, 0));
    }
}

#[test]
fn status_is_an_html_page() {
    let (reply, _) = first("status:503");
    assert_eq!(reply.status, 503);
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(reply.text().starts_with("<html>"));
    assert_eq!(first("status:200").0.status, 200);
}

#[test]
fn gateway_is_json_without_a_code() {
    let (reply, _) = first("gateway:504");
    assert_eq!(reply.status, 504);
    assert_eq!(
        reply.text(),
        r#"{"message":"The upstream server is timing out"}"#
    );
    assert_eq!(first("gateway:429").0.message(), "API rate limit exceeded");
}

#[test]
fn code_is_an_envelope() {
    let (reply, _) = first("code:5066");
    assert_eq!((reply.status, reply.code()), (200, 5_066));
    assert_eq!(reply.json()["data"], json!(null));
    assert!(reply.json()["x-traceID"].is_string());
    assert_eq!(first("code:429").0.message(), "请求太频繁");
    assert_eq!(first("code:-9223372036854775808").0.code(), i64::MIN);
}

#[test]
fn a_delayed_request_is_served_at_once() {
    let emulator = faulty("delay:150ms");
    let begun = Instant::now();
    let mut stream = connect(&emulator).unwrap();
    stream.write_all(&Request::token().bytes()).unwrap();
    while emulator.issued() == 0 {
        std::thread::yield_now();
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    emulator.advance(Duration::from_secs(3_600));
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(150));
    let reply = Reply::parse(&reply);
    assert_eq!(reply.code(), 0);
    let date = reply.header("date").unwrap();
    assert_eq!(date, "Sun, 23 Mar 2025 07:48:37 GMT");
}

#[test]
fn dripping_bytes_come_one_at_a_time() {
    let emulator = faulty("drip:1ms");
    let begun = Instant::now();
    let reply = Request::token().send(&emulator);
    assert_eq!(reply.code(), 0);
    let length = reply.body.len();
    assert_eq!(reply.header("content-length"), Some(&*length.to_string()));
    let least = Duration::from_millis(length as u64 - 1);
    assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
}

#[test]
fn a_truncated_body_is_shorter_than_announced() {
    let emulator = faulty("truncate");
    // The connection ends, though the client would keep it.
    let reply = Request::token().without("Connection").send(&emulator);
    assert_eq!(reply.status, 200);
    let announced: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert!(!reply.body.is_empty());
    assert_eq!(reply.body.len(), announced / 2);
    // The token that got lost lives.
    assert_eq!(emulator.live_tokens(CLIENT_ID).len(), 1);
}

#[test]
fn reset_is_a_tcp_reset() {
    let emulator = faulty("reset");
    let request = Request::token().without("Connection");
    let error = request.try_send(&emulator).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(emulator.token_requests(), 1);
    assert_eq!(Request::token().send(&emulator).code(), 0);
}

#[test]
fn close_is_an_end_without_a_reply() {
    let emulator = faulty("close");
    let request = Request::token().without("Connection");
    assert_eq!(request.try_send(&emulator).unwrap(), b"");
    assert_eq!(emulator.token_requests(), 1);
}

#[test]
fn redirects_lead_to_a_trap_that_counts() {
    for status in [301, 302, 303, 307, 308] {
        let (reply, _) = first(&format!("redirect:{status}"));
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("location"), Some("/redirected"));
    }
    let (_, emulator) = first("redirect:307");
    assert_eq!(emulator.redirects_followed(), 0);
    let followed = Request::new("GET /redirected").send(&emulator);
    assert_eq!(emulator.redirects_followed(), 1);
    // It looks like success, so that a client which follows is found out.
    assert_eq!(followed.code(), 0);
    assert!(!emulator.live_tokens(CLIENT_ID).contains(&followed.token()));
}

#[test]
fn redirects_stay_below_the_prefix() {
    let emulator = Emulator::builder()
        .prefix("/pan")
        .fault("redirect:302".parse().unwrap())
        .start()
        .unwrap();
    let reply = Request::new("POST /pan/api/v1/access_token").send(&emulator);
    assert_eq!(reply.header("location"), Some("/pan/redirected"));
    Request::new("POST /pan/redirected").send(&emulator);
    assert_eq!(emulator.redirects_followed(), 1);
}

#[test]
fn redirects_lead_elsewhere_too() {
    let (reply, _) = first("redirect:http://127.0.0.1:1/x");
    assert_eq!(reply.status, 307);
    assert_eq!(reply.header("location"), Some("http://127.0.0.1:1/x"));
}

#[test]
fn an_oversize_reply_is_as_long_as_asked_and_valid() {
    for bytes in [65_536, 65_537, 3 << 20] {
        let (reply, _) = first(&format!("oversize:{bytes}"));
        assert_eq!(reply.body.len(), bytes);
        assert_eq!(reply.header("content-length"), Some(&*bytes.to_string()));
        assert_eq!(reply.code(), 0);
        assert!(!reply.token().is_empty());
        // Padding comes last: no part of the reply is an envelope.
        let head = &reply.body[..bytes - 1];
        assert!(serde_json::from_slice::<serde_json::Value>(head).is_err());
    }
    // It can't be shorter than it is.
    assert_eq!(first("oversize:1").0.code(), 0);
}

#[test]
fn dates_are_wrong_as_asked() {
    let date = |spec| first(spec).0.header("date").map(str::to_owned);
    let ahead = date("date:+3h").unwrap();
    assert_eq!(ahead, "Sun, 23 Mar 2025 10:48:37 GMT");
    let behind = date("date:-60d").unwrap();
    assert_eq!(behind, "Wed, 22 Jan 2025 07:48:37 GMT");
    assert_eq!(date("date:none"), None);
    assert_eq!(date("date:garbage").unwrap(), "yesterday, about noon");
    assert_eq!(
        date("date:-99999d").unwrap(),
        "Thu, 01 Jan 1970 00:00:00 GMT"
    );
    let last = date("date:+9999999d").unwrap();
    assert_eq!(last, "Thu, 30 Dec 9999 23:59:59 GMT");
}

#[test]
fn retry_after_comes_with_429() {
    let (reply, _) = first("retry-after:120");
    assert_eq!((reply.status, reply.code()), (429, 429));
    assert_eq!(reply.header("retry-after"), Some("120"));
    let value = "Sun, 23 Mar 2025 07:50:37 GMT";
    let (reply, _) = first(&format!("retry-after:{value}"));
    assert_eq!(reply.header("retry-after"), Some(value));
}

#[test]
fn gzip_is_a_gzip_frame() {
    let (reply, emulator) = first("gzip");
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(reply.body[..3], [0x1f, 0x8b, 8]);
    // A stored block: the JSON stands between 15 bytes of header and 8 of trailer.
    let json = &reply.body[15..reply.body.len() - 8];
    let json: serde_json::Value = serde_json::from_slice(json).unwrap();
    let live = emulator.live_tokens(CLIENT_ID);
    assert_eq!(json["data"]["accessToken"], json!(live[0]));
}

#[test]
fn echo_repeats_the_secret() {
    let (reply, _) = first("echo");
    assert_eq!(reply.code(), 1);
    assert!(reply.message().contains(&credentials()));
    assert!(reply.text().contains(CLIENT_SECRET));
}

#[test]
fn refusals_are_as_seen_in_the_wild() {
    let cases = [
        (
            "no-platform",
            r#"{"code":1,"message":"Please include the platform field in the request header"}"#,
        ),
        (
            "string-code",
            r#"{"code":"403","message":"123pan-global-slb forbidden client ip 192.0.2.1"}"#,
        ),
        (
            "realc",
            r#"{"message":"forbidden realc:192.0.2.1","code":1010}"#,
        ),
    ];
    for (spec, text) in cases {
        let (reply, _) = first(spec);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.text(), text);
    }
}

#[test]
fn success_without_a_token() {
    let data = |spec| {
        let (reply, emulator) = first(spec);
        assert_eq!(reply.code(), 0);
        assert_eq!(emulator.issued(), 2);
        reply.json()["data"].clone()
    };
    assert_eq!(data("empty-token")["accessToken"], json!(""));
    assert_eq!(data("null-token")["accessToken"], json!(null));
    let missing = data("no-token");
    assert_eq!(missing.get("accessToken"), None);
    assert!(missing["expiredAt"].is_string());
    assert_eq!(data("null-data"), json!(null));
}

#[test]
fn expiries_are_odd_as_asked() {
    let expiry = |spec| {
        let json = first(spec).0.json();
        json["data"]
            .get("expiredAt")
            .map(|e| e.as_str().expect("a string").to_owned())
    };
    assert_eq!(expiry("no-expiry"), None);
    assert_eq!(expiry("bad-expiry").unwrap(), "in about three months");
    let zoneless = expiry("zoneless-expiry").unwrap();
    assert_eq!(zoneless, "2025-06-21 15:48:37");
    let utc = expiry("utc-expiry").unwrap();
    assert_eq!(utc, "2025-06-21T07:48:37Z");
}

#[test]
fn an_expired_token_was_never_alive() {
    let (reply, emulator) = first("expired");
    assert_eq!(reply.expired_at(), "2025-03-23T14:48:37+08:00");
    let call = Request::user_info(&reply.token()).send(&emulator);
    assert_eq!(call.message(), "token is expired");
}

#[test]
fn the_same_token_is_handed_out_again() {
    let emulator = Emulator::builder().start().unwrap();
    let normal = Request::token().send(&emulator).json()["data"].clone();
    emulator.advance(Duration::from_secs(86_400));
    emulator.inject(Fault::SameToken);
    let same = Request::token().send(&emulator).json()["data"].clone();
    assert_eq!(same, normal);
    emulator.inject(Fault::ExtendedToken);
    let extended = Request::token().send(&emulator).json()["data"].clone();
    assert_eq!(extended["accessToken"], normal["accessToken"]);
    assert_ne!(extended["expiredAt"], normal["expiredAt"]);
    assert_eq!((emulator.token_requests(), emulator.issued()), (3, 1));
}

#[test]
fn the_same_token_is_a_new_one_where_there_is_none() {
    for spec in ["same-token", "extended-token"] {
        assert_eq!(first(spec).1.issued(), 2);
    }
}

#[test]
fn envelopes_of_success_vary() {
    assert_eq!(first("string-zero").0.json()["code"], json!("0"));
    let bare = first("bare").0.json();
    let fields: Vec<&String> = bare.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["code", "data"]);
    let nulls = first("nulls").0.json();
    assert_eq!(
        (&nulls["message"], &nulls["x-traceID"]),
        (&json!(null), &json!(null))
    );
    assert!(nulls["data"]["accessToken"].is_string());
}

#[test]
fn a_raw_reply_is_sent_as_it_is() {
    let raw = |status, headers: &[(&str, &str)], body: &[u8]| Fault::Raw {
        status,
        headers: headers
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect(),
        body: body.into(),
    };
    let emulator = Emulator::builder()
        .fault(raw(299, &[("x-a", "1"), ("x-b", "2")], b"\0\xff"))
        .fault(raw(200, &[("Date", "now")], b""))
        .fault(raw(200, &[("no header", "")], b""))
        .start()
        .unwrap();
    let reply = Request::token().send(&emulator);
    assert_eq!((reply.status, &*reply.body), (299, &b"\0\xff"[..]));
    assert_eq!(
        (reply.header("x-a"), reply.header("x-b")),
        (Some("1"), Some("2"))
    );
    assert!(reply.header("date").is_some());
    assert_eq!(Request::token().send(&emulator).header("date"), Some("now"));
    let impossible = Request::token().send(&emulator);
    assert_eq!(impossible.status, 500);
    assert!(impossible.text().contains("script"));
}
