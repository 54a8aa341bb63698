//! One reply for each rule of the classification, and what its error says. The vectors in `tests/vectors` have many more.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::time::Duration;

use pan123_token::http::{Request, Response};
use pan123_token::{
    Credentials, ErrorKind, GetAccessToken, Grant, MAX_RESPONSE_BYTES, ResponseError,
    token_rejected,
};

const GRANT: &str = r#"{"code":0,"message":"ok","data":{"accessToken":"a.b.c","expiredAt":"2025-03-23T15:48:37+08:00"},"x-traceID":"t"}"#;

fn operation() -> GetAccessToken {
    GetAccessToken::new(Credentials::new("my-id", "my-secret").unwrap())
}

fn parse(status: u16, body: &str) -> Result<Grant, ResponseError> {
    operation().parse_response(&Response::builder().status(status).body(body).unwrap())
}

#[test]
fn bodies_are_looked_into_up_to_64_kib() {
    assert_eq!(MAX_RESPONSE_BYTES, 65_536);
}

#[test]
fn each_rule_has_its_kind() {
    use ErrorKind::{Malformed, NotApi, RateLimited, Refused, TooLarge, Unavailable};
    let long = " ".repeat(MAX_RESPONSE_BYTES + 1);
    let at_the_bound = format!("{}{}", " ".repeat(MAX_RESPONSE_BYTES - 2), "{}");
    for (status, body, kind) in [
        (429, "", RateLimited),
        (429, GRANT, RateLimited),
        (200, r#"{"code":429}"#, RateLimited),
        (503, r#"{"code":"429"}"#, RateLimited),
        (408, "", Unavailable),
        (500, GRANT, Unavailable),
        (502, "", Unavailable),
        (503, &long, Unavailable),
        (599, "", Unavailable),
        (501, "", NotApi),
        (505, r#"{"code":5}"#, Refused),
        (200, &long, TooLarge),
        (302, &long, TooLarge),
        (200, &at_the_bound, NotApi),
        (399, &long, TooLarge),
        (400, &long, NotApi),
        (404, &long, NotApi),
        (200, r#"{"code":1}"#, Refused),
        (401, r#"{"code":"403"}"#, Refused),
        (200, r#"{"code":-1}"#, Refused),
        (400, GRANT, Malformed),
        (302, GRANT, Malformed),
        (200, r#"{"code":0}"#, Malformed),
        (200, r#"{"code":1,"code":1}"#, Malformed),
        (200, "", NotApi),
        (200, "<html>", NotApi),
        (200, "[]", NotApi),
        (200, "{}", NotApi),
        (200, r#"{"code":1.0}"#, NotApi),
        (200, r#"{"code":"+1"}"#, NotApi),
        (200, r#"{"code":null}"#, NotApi),
        (307, "", NotApi),
    ] {
        let error = parse(status, body).unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body:.80}");
        assert_eq!(error.status(), status);
        let retryable = matches!(kind, RateLimited | Unavailable);
        assert_eq!(error.is_retryable(), retryable, "{error}");
    }
    for status in [200, 201, 299] {
        assert_eq!(parse(status, GRANT).unwrap().token.secret(), "a.b.c");
    }
}

#[test]
fn parts_of_a_response_get_the_same_answer() {
    for (status, body) in [(200, GRANT), (503, GRANT), (200, r#"{"code":5}"#)] {
        let response = Response::builder()
            .status(status)
            .header("date", "Fri, 21 Feb 2025 07:48:37 GMT")
            .body(body)
            .unwrap();
        let (status, headers) = (response.status(), response.headers());
        assert_eq!(
            operation().parse_parts(status, headers, body.as_bytes()),
            operation().parse_response(&response)
        );
    }
}

#[test]
fn a_reply_that_broke_off_is_classified_by_a_bad_status_and_by_no_other() {
    let broken_off = |status: u16| {
        let response = Response::builder()
            .status(status)
            .header("retry-after", "7");
        operation().parse_broken_off(&response.body(GRANT).unwrap())
    };
    for status in [200, 204, 302, 399] {
        assert_eq!(broken_off(status), None);
    }
    for (status, kind) in [
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Unavailable),
        (400, ErrorKind::NotApi),
        (501, ErrorKind::NotApi),
    ] {
        let error = broken_off(status).unwrap();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        // Whatever came of the body is not looked at.
        assert_eq!(error.code(), None);
    }
    assert!(
        broken_off(404)
            .unwrap()
            .to_string()
            .contains("a body that broke off")
    );
}

#[test]
fn every_kind_says_in_one_line_what_happened_and_what_to_do() {
    let details = r#","message":"why","x-traceID":"t""#;
    for (status, body, line) in [
        (
            200,
            format!(r#"{{"code":429{details}}}"#),
            "rate limited (HTTP 200, code 429, message \"why\", trace id t); try again later",
        ),
        (
            503,
            String::new(),
            "the platform is unavailable (HTTP 503); try again later",
        ),
        (
            200,
            " ".repeat(70_000),
            "the reply is too large (HTTP 200); check the base URL and any proxy",
        ),
        (
            200,
            format!(r#"{{"code":0,"data":null{details}}}"#),
            "the platform's reply is unusable: `data` is null (HTTP 200, code 0, message \"why\", trace id t); report it to the platform's support",
        ),
        (
            200,
            format!(r#"{{"code":7{details}}}"#),
            "the platform refused (HTTP 200, code 7, message \"why\", trace id t); check the client ID and secret, or ask the platform's support",
        ),
        (
            200,
            r#"{"message":"","x-traceID":""}"#.to_owned(),
            "not a reply of the platform's API: JSON without a code (HTTP 200); check the base URL and any proxy",
        ),
    ] {
        assert_eq!(parse(status, &body).unwrap_err().to_string(), line);
    }
    let limited = Response::builder()
        .status(429)
        .header("retry-after", "30")
        .body("")
        .unwrap();
    let error = operation().parse_response(&limited).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rate limited (HTTP 429); try again in 30 s"
    );
    let kinds = [
        "rate_limited",
        "unavailable",
        "too_large",
        "malformed",
        "refused",
        "not_api",
    ];
    for (kind, name) in [
        ErrorKind::RateLimited,
        ErrorKind::Unavailable,
        ErrorKind::TooLarge,
        ErrorKind::Malformed,
        ErrorKind::Refused,
        ErrorKind::NotApi,
    ]
    .into_iter()
    .zip(kinds)
    {
        assert_eq!(kind.to_string(), name);
        assert_eq!(kind.as_str(), name);
    }
}

#[test]
fn what_is_wrong_with_a_reply_is_said() {
    let data = |data: &str| format!(r#"{{"code":0,"data":{data}}}"#);
    let token = |token: &str| {
        data(&format!(
            r#"{{"accessToken":{token},"expiredAt":"2025-03-23T15:48:37+08:00"}}"#
        ))
    };
    let expiry = |expiry: &str| data(&format!(r#"{{"accessToken":"a","expiredAt":{expiry}}}"#));
    for (status, body, says) in [
        (302, String::new(), "a redirect"),
        (404, " ".repeat(70_000), "a body too large to be one"),
        (200, "{}".to_owned(), "JSON without a code"),
        (200, "[]".to_owned(), "JSON that is no object"),
        (200, "1".to_owned(), "JSON that is no object"),
        (200, "<html>".to_owned(), "no JSON"),
        (200, r#"{"code":0"#.to_owned(), "no JSON"),
        (200, String::new(), "an empty body"),
        (
            200,
            r#"{"code":0,"code":0}"#.to_owned(),
            "a key stands in it twice",
        ),
        (
            404,
            GRANT.to_owned(),
            "code 0 under a status that is no success",
        ),
        (200, r#"{"code":0}"#.to_owned(), "`data` is missing"),
        (200, data("null"), "`data` is null"),
        (200, data("[]"), "`data` is no object"),
        (
            200,
            data(r#"{"accessToken":"a","accessToken":"a"}"#),
            "a key stands in `data` twice",
        ),
        (200, data("{}"), "`accessToken` is missing"),
        (200, token("null"), "`accessToken` is null"),
        (200, token("5"), "`accessToken` is no string"),
        (200, token(r#""""#), "`accessToken` is empty"),
        (
            200,
            token(r#""a b""#),
            "`accessToken` holds characters that no header can carry",
        ),
        (
            200,
            token(r#""my-secret""#),
            "`accessToken` is the client secret",
        ),
        (
            200,
            data(r#"{"accessToken":"a"}"#),
            "`expiredAt` is missing",
        ),
        (200, expiry("null"), "`expiredAt` is null"),
        (200, expiry("1742716117"), "`expiredAt` is no string"),
        (200, expiry(r#""soon""#), "`expiredAt` is no RFC 3339 time"),
        (
            200,
            expiry(r#""9999-12-31T23:59:59-01:00""#),
            "`expiredAt` lies outside the calendar",
        ),
    ] {
        let line = parse(status, &body).unwrap_err().to_string();
        assert!(line.contains(&format!(": {says} (HTTP")), "{line}");
    }
    let gzip = Response::builder()
        .header("content-encoding", "gzip")
        .body(&b"\x1f\x8b"[..]);
    let error = operation().parse_response(&gzip.unwrap()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("compressed, which was not asked for"),
        "{error}"
    );
}

#[test]
fn every_string_in_data_may_be_a_token_and_no_key_is() {
    let shown = |message: &str, data: &str| {
        let message = serde_json::Value::from(message);
        let body = format!(r#"{{"code":5,"message":{message},"data":{data}}}"#);
        parse(200, &body).unwrap_err().message().unwrap().to_owned()
    };
    for data in [
        r#""secret-token""#,
        r#"["x", "secret-token"]"#,
        r#"{"a": {"b": ["secret-token"]}}"#,
        r#"{"a" : "secret-token" }"#,
        r#"{"a": "secret\u002dtoken"}"#,
        r#"{"quote\"d": "secret-token"}"#,
        r#"{"a": "an escaped \\", "b": "secret-token"}"#,
    ] {
        assert_eq!(shown("issued secret-token", data), "issued ***", "{data}");
    }
    // Keys and short words are no tokens.
    assert_eq!(
        shown("secret-token", r#"{"secret-token": 1, "a": "secret"}"#),
        "secret-token"
    );
    assert_eq!(shown("eightish", r#""eightish""#), "***");
    assert_eq!(shown("sevenis", r#""sevenis""#), "sevenis");
    // Nor is what no header could carry: a sentence may repeat the message.
    assert_eq!(
        shown("no such file: x", r#""no such file: x""#),
        "no such file: x"
    );
    // An `accessToken` is one, however short, and wherever it stands.
    assert_eq!(
        shown("issued abc", r#"{"accessToken":"abc"}"#),
        "issued ***"
    );
}

#[test]
fn each_access_token_outside_of_data_is_hidden() {
    let body = r#"{"code":5,"message":"first-token second-token third-token","accessToken":"first-token","accessToken":["second-token"],"accessToken":"third-token"}"#;
    let error = parse(200, body).unwrap_err();
    assert_eq!(error.message(), Some("*** *** ***"));
}

#[test]
fn debug_shows_what_is_known() {
    let error = parse(200, r#"{"code":7,"message":"why","x-traceID":"t"}"#).unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        r#"ResponseError { kind: Refused, flaw: "", status: 200, code: Some(7), message: Some("why"), trace_id: Some("t"), retry_after: None }"#
    );
}

#[test]
fn a_grant_tells_its_lifetime_by_the_servers_clock() {
    let lifetime = |date: &str| {
        let response = Response::builder()
            .header("date", date)
            .body(GRANT)
            .unwrap();
        let grant = operation().parse_response(&response).unwrap();
        assert_eq!(grant.trace_id.as_deref(), Some("t"));
        grant.lifetime()
    };
    let day = Duration::from_secs(86_400);
    assert_eq!(
        lifetime("Sun, 23 Mar 2025 07:48:36 GMT"),
        Some(Duration::from_secs(1))
    );
    assert_eq!(lifetime("Sun, 23 Mar 2025 07:48:37 GMT"), None);
    assert_eq!(lifetime("Sun, 23 Mar 2025 07:48:38 GMT"), None);
    assert_eq!(lifetime("Sat, 17 Feb 2024 07:48:37 GMT"), Some(400 * day));
    assert_eq!(lifetime("Sat, 17 Feb 2024 07:48:36 GMT"), None);
    assert_eq!(lifetime("yesterday"), None);
    assert_eq!(parse(200, GRANT).unwrap().lifetime(), None);
}

#[test]
fn an_api_call_says_that_its_token_was_rejected() {
    let rejected = |status: u16, body: &str| {
        token_rejected(&Response::builder().status(status).body(body).unwrap())
    };
    assert!(rejected(
        200,
        r#"{"code":401,"message":"access_token无效"}"#
    ));
    assert!(rejected(401, r#"{"code":"401"}"#));
    assert!(rejected(401, ""));
    assert!(!rejected(200, ""));
    assert!(!rejected(401, "<html>"));
    assert!(!rejected(401, r#"{"code":1}"#));
    assert!(!rejected(200, r#"{"code":401,"code":401}"#));
}

#[test]
fn the_request_is_the_documented_one() {
    let request: Request<Vec<u8>> = operation().request();
    assert_eq!(request.method(), "POST");
    assert_eq!(
        request.uri(),
        "https://open-api.123pan.com/api/v1/access_token"
    );
    assert_eq!(request.headers().len(), 2);
    assert_eq!(request.headers()["platform"], "open_platform");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(
        request.body(),
        br#"{"clientID":"my-id","clientSecret":"my-secret"}"#
    );
    assert_eq!(operation().client_id(), "my-id");
    assert_eq!(
        operation().base_url().as_str(),
        "https://open-api.123pan.com"
    );
    let elsewhere = operation().with_base_url("https://example.com".parse().unwrap());
    assert_eq!(elsewhere.base_url().as_str(), "https://example.com");
}

#[test]
fn an_unknown_key_may_be_anything() {
    for key in [
        r"\ud83d",
        r"\udd11\ud83d",
        r"code\ud83d",
        r"\u0000",
        "",
        "密",
    ] {
        let body = |code: &str| format!(r#"{{"{key}":"\ud83d","code":{code},"message":"why"}}"#);
        let kind = |code: &str| parse(200, &body(code)).unwrap_err().kind();
        assert_eq!(kind("429"), ErrorKind::RateLimited, "{key}");
        assert_eq!(kind("5"), ErrorKind::Refused, "{key}");
        assert_eq!(kind("0"), ErrorKind::Malformed, "{key}");
        assert!(token_rejected(&Response::new(body("401"))), "{key}");
    }
    // It is no JSON all the same.
    for key in ["\n", "\t", "\u{0}", r"\x", r"\u12", r"\ud83"] {
        let body = format!(r#"{{"{key}":1,"code":5}}"#);
        let error = parse(200, &body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotApi, "{key:?}");
    }
}

#[test]
fn a_code_that_64_bits_do_not_hold_is_refused_without_its_number() {
    for code in [
        "9223372036854775808",
        "-9223372036854775809",
        r#""9223372036854775808""#,
        "100000000000000000000000000000000000000000000",
    ] {
        let error = parse(200, &format!(r#"{{"code":{code},"message":"why"}}"#)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{code}");
        assert_eq!((error.code(), error.message()), (None, Some("why")));
        // The status decides as it does for any code.
        let error = parse(503, &format!(r#"{{"code":{code}}}"#)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{code}");
    }
    for code in [
        "1e30",
        "9223372036854775808.0",
        r#""9223372036854775808x""#,
        r#""-""#,
        r#""""#,
    ] {
        let error = parse(200, &format!(r#"{{"code":{code}}}"#)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotApi, "{code}");
    }
}
