//! The token endpoint in normal service.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, SystemTime};

use common::{Request, credentials};
use pan123_emulator::{
    ASSUMED_CODE_BAD_CREDENTIALS, ASSUMED_CODE_BAD_REQUEST, CLIENT_ID, CLIENT_SECRET, Emulator,
    Throttling,
};
use serde_json::json;

const DAY: Duration = Duration::from_secs(86_400);

/// 2025-03-23 07:48:37 UTC.
fn sunday() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_742_716_117)
}

#[test]
fn the_documented_request_gets_the_documented_reply() {
    let builder = Emulator::builder().clock(sunday()).frozen();
    let emulator = builder.start().unwrap();
    let reply = Request::token().send(&emulator);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let date = reply.header("date").unwrap();
    assert_eq!(date, "Sun, 23 Mar 2025 07:48:37 GMT");

    let json = reply.json();
    assert_eq!(json["code"], json!(0));
    assert_eq!(json["message"], json!("ok"));
    // 90 days later, in China.
    assert_eq!(reply.expired_at(), "2025-06-21T15:48:37+08:00");
    let trace_id = json["x-traceID"].as_str().unwrap();
    assert_eq!(
        trace_id.len(),
        "16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts".len()
    );
    assert_eq!(emulator.live_tokens(CLIENT_ID), [reply.token()]);
    assert_eq!((emulator.token_requests(), emulator.issued()), (1, 1));
}

#[test]
fn the_fields_stand_in_the_documented_order() {
    let emulator = Emulator::builder().start().unwrap();
    let reply = Request::token().send(&emulator);
    let text = reply.text();
    let at = |field: &str| text.find(&format!("\"{field}\":")).unwrap();
    let fields = [
        "code",
        "message",
        "data",
        "accessToken",
        "expiredAt",
        "x-traceID",
    ];
    assert!(fields.map(at).is_sorted(), "{text}");
}

#[test]
fn a_token_is_a_jwt_without_the_secret() {
    let emulator = Emulator::builder().start().unwrap();
    let token = Request::token().send(&emulator).token();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[0], "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");
    assert!(!token.contains(CLIENT_SECRET));
}

#[test]
fn tokens_and_trace_ids_are_unique() {
    let emulators = [(); 2].map(|()| Emulator::builder().start().unwrap());
    let replies = [0, 0, 1, 1].map(|index| Request::token().send(&emulators[index]));
    for (index, reply) in replies.iter().enumerate() {
        for other in &replies[..index] {
            assert_ne!(reply.token(), other.token());
            assert_ne!(reply.json()["x-traceID"], other.json()["x-traceID"]);
        }
    }
}

#[test]
fn equal_seeds_and_times_give_equal_replies() {
    let run = |seed| {
        let builder = Emulator::builder().clock(sunday()).frozen().seed(seed);
        let emulator = builder.start().unwrap();
        [(); 2].map(|()| Request::token().send(&emulator).json())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn without_the_platform_header_the_seen_refusal_comes() {
    let emulator = Emulator::builder().start().unwrap();
    let requests = [
        Request::token().without("Platform"),
        Request::token().without("Platform").with("Platform", "web"),
        Request::token().with("Platform", "open_platform"),
    ];
    for request in requests {
        let reply = request.send(&emulator);
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.text(),
            r#"{"code":1,"message":"Please include the platform field in the request header"}"#
        );
    }
    assert_eq!((emulator.token_requests(), emulator.issued()), (3, 0));
}

#[test]
fn the_platform_header_is_found_in_any_case() {
    let emulator = Emulator::builder().start().unwrap();
    let request = Request::token().without("Platform");
    let reply = request.with("pLATFORM", "open_platform").send(&emulator);
    assert_eq!(reply.code(), 0);
}

#[test]
fn other_methods_and_paths_are_no_route() {
    let emulator = Emulator::builder().start().unwrap();
    let lines = [
        "GET /api/v1/access_token",
        "PUT /api/v1/access_token",
        "POST /api/v1/access_token/",
        "POST /api/v1/ACCESS_TOKEN",
        "POST /api/v1/user/info",
        "POST /",
        "OPTIONS *",
    ];
    for line in lines {
        let reply = Request::new(line)
            .with("Platform", "open_platform")
            .send(&emulator);
        assert_eq!(reply.status, 404, "{line}");
        assert_eq!(
            reply.text(),
            r#"{"message":"no Route matched with those values"}"#
        );
    }
    assert_eq!(emulator.token_requests(), 0);
}

#[test]
fn a_query_changes_nothing() {
    let emulator = Emulator::builder().start().unwrap();
    let reply = Request::new("POST /api/v1/access_token?x=1")
        .with("Platform", "open_platform")
        .with("Content-Type", "application/json")
        .body(credentials())
        .send(&emulator);
    assert_eq!(reply.code(), 0);
}

#[test]
fn bodies_that_are_not_as_documented_are_refused() {
    let emulator = Emulator::builder().rate(None).start().unwrap();
    let bodies = [
        String::new(),
        "clientID=a&clientSecret=b".to_owned(),
        "[]".to_owned(),
        format!("[{}]", credentials()),
        "null".to_owned(),
        "{}".to_owned(),
        format!(r#"{{"clientID":"{CLIENT_ID}"}}"#),
        format!(r#"{{"clientID":"{CLIENT_ID}","clientSecret":null}}"#),
        format!(r#"{{"clientID":1,"clientSecret":"{CLIENT_SECRET}"}}"#),
        format!(r#"{{"clientId":"{CLIENT_ID}","clientSecret":"{CLIENT_SECRET}"}}"#),
        format!("{},", credentials()),
        "[".repeat(60_000),
    ];
    for body in bodies {
        let reply = Request::token().body(body.clone()).send(&emulator);
        assert_eq!(reply.status, 200, "{body}");
        assert_eq!(reply.code(), ASSUMED_CODE_BAD_REQUEST, "{body}");
        assert!(reply.message().contains("assumed"), "{body}");
        assert_eq!(reply.json()["data"], json!(null));
    }
    assert_eq!(emulator.issued(), 0);
}

#[test]
fn more_fields_and_blanks_are_accepted() {
    let emulator = Emulator::builder().start().unwrap();
    let body = format!(
        "\n{{ \"x\": [1], \"clientSecret\" : \"{CLIENT_SECRET}\",\r\n\t\"clientID\": \"{CLIENT_ID}\" }} "
    );
    assert_eq!(Request::token().body(body).send(&emulator).code(), 0);
}

#[test]
fn a_body_must_be_announced_as_json() {
    let emulator = Emulator::builder().start().unwrap();
    let typed = |value| {
        Request::token()
            .without("Content-Type")
            .with("Content-Type", value)
    };
    let missing = Request::token().without("Content-Type");
    assert_eq!(missing.send(&emulator).code(), ASSUMED_CODE_BAD_REQUEST);
    let twice = Request::token().with("Content-Type", "application/json");
    assert_eq!(twice.send(&emulator).code(), ASSUMED_CODE_BAD_REQUEST);
    let wrong = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
    ];
    for value in wrong {
        let code = typed(value).send(&emulator).code();
        assert_eq!(code, ASSUMED_CODE_BAD_REQUEST, "{value}");
    }
    for value in [
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
    ] {
        assert_eq!(typed(value).send(&emulator).code(), 0, "{value}");
    }
}

#[test]
fn wrong_credentials_get_an_assumed_code_and_no_hint_which_is_wrong() {
    let emulator = Emulator::builder().start().unwrap();
    let body = |id: &str, secret: &str| {
        let body = json!({"clientID": id, "clientSecret": secret}).to_string();
        Request::token().body(body).send(&emulator)
    };
    let wrong_secret = body(CLIENT_ID, "wrong");
    let wrong_id = body("wrong", CLIENT_SECRET);
    for reply in [&wrong_secret, &wrong_id] {
        assert_eq!(reply.status, 200);
        assert_eq!(reply.code(), ASSUMED_CODE_BAD_CREDENTIALS);
        assert!(reply.message().contains("assumed"));
        assert!(!reply.text().contains(CLIENT_SECRET));
    }
    assert_eq!(wrong_id.message(), wrong_secret.message());
}

#[test]
fn named_clients_replace_the_default_one() {
    let emulator = Emulator::builder()
        .client("a", "1")
        .client("b", "2")
        .client("b", "3")
        .start()
        .unwrap();
    let code = |body: &str| Request::token().body(body).send(&emulator).code();
    assert_eq!(code(r#"{"clientID":"a","clientSecret":"1"}"#), 0);
    assert_eq!(code(r#"{"clientID":"b","clientSecret":"3"}"#), 0);
    let refused = ASSUMED_CODE_BAD_CREDENTIALS;
    assert_eq!(code(r#"{"clientID":"a","clientSecret":"3"}"#), refused);
    assert_eq!(code(r#"{"clientID":"b","clientSecret":"2"}"#), refused);
    assert_eq!(code(&credentials()), refused);
}

#[test]
fn too_many_requests_in_a_second_get_the_documented_code() {
    let emulator = Emulator::builder().rate(Some(1)).frozen().start().unwrap();
    assert_eq!(Request::token().send(&emulator).code(), 0);
    let reply = Request::token().send(&emulator);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.code(), 429);
    assert_eq!(reply.message(), "请求太频繁");
    assert_eq!(reply.header("retry-after"), None);
    emulator.advance(Duration::from_secs(1));
    assert_eq!(Request::token().send(&emulator).code(), 0);
    assert_eq!((emulator.token_requests(), emulator.issued()), (3, 2));
}

#[test]
fn ten_requests_a_second_are_allowed_unless_set() {
    let emulator = Emulator::builder().frozen().start().unwrap();
    let codes: Vec<i64> = (0..11)
        .map(|_| Request::token().send(&emulator).code())
        .collect();
    assert_eq!(codes, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 429]);
}

#[test]
fn throttling_can_show_in_the_status() {
    let builder = Emulator::builder().rate(Some(0));
    let emulator = builder.throttling(Throttling::Http429).start().unwrap();
    let reply = Request::token().send(&emulator);
    assert_eq!((reply.status, reply.code()), (429, 429));
}

#[test]
fn a_short_life_has_milliseconds() {
    let builder = Emulator::builder().clock(sunday()).frozen();
    let emulator = builder
        .lifetime(Duration::from_millis(9_500))
        .start()
        .unwrap();
    let expired_at = Request::token().send(&emulator).expired_at();
    assert_eq!(expired_at, "2025-03-23T15:48:46.500+08:00");
}

#[test]
fn any_lifetime_can_be_set() {
    let lives = [
        Duration::ZERO,
        Duration::from_millis(1),
        400 * DAY,
        Duration::MAX,
    ];
    for life in lives {
        let emulator = Emulator::builder().lifetime(life).start().unwrap();
        assert_eq!(Request::token().send(&emulator).code(), 0, "{life:?}");
    }
}

#[test]
fn bodies_of_up_to_64_kib_are_read_and_larger_ones_refused() {
    let emulator = Emulator::builder().start().unwrap();
    let padded = |length: usize| {
        let mut body = credentials();
        body.push_str(&" ".repeat(length - body.len()));
        Request::token().body(body).send(&emulator)
    };
    assert_eq!(padded(64 << 10).code(), 0);
    let reply = padded((64 << 10) + 1);
    assert_eq!(reply.status, 413);
    assert_eq!(reply.text(), r#"{"message":"Request size limit exceeded"}"#);
    assert_eq!(emulator.requests()[1].body, b"");
    assert_eq!((emulator.token_requests(), emulator.issued()), (2, 1));
}

#[test]
fn everything_can_lie_below_a_prefix() {
    let emulator = Emulator::builder().prefix("/pan/").start().unwrap();
    assert!(emulator.url().ends_with("/pan"), "{}", emulator.url());
    assert_eq!(Request::token().send(&emulator).status, 404);
    let below = Request::new("POST /pan/api/v1/access_token")
        .with("Platform", "open_platform")
        .with("Content-Type", "application/json")
        .body(credentials());
    assert_eq!(below.send(&emulator).code(), 0);
}
