//! The admin API: all that the library can do, over HTTP.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, SystemTime};

use common::{Reply, Request};
use pan123_emulator::{CLIENT_ID, Emulator, Fault};
use serde_json::{Value, json};

/// 2025-03-23 07:48:37 UTC.
fn sunday() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_742_716_117)
}

fn send(emulator: &Emulator, line: &str, body: &Value) -> Reply {
    let request = Request::new(line);
    match body {
        Value::Null => request.send(emulator),
        body => request.body(body.to_string()).send(emulator),
    }
}

#[track_caller]
fn admin(emulator: &Emulator, line: &str, body: &Value) -> Value {
    let reply = send(emulator, line, body);
    assert_eq!(reply.status, 200, "{line}: {}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

fn get(emulator: &Emulator, path: &str) -> Value {
    admin(emulator, &format!("GET /__admin/{path}"), &Value::Null)
}

#[track_caller]
fn refused(emulator: &Emulator, line: &str, body: &Value) -> (u16, String) {
    let reply = send(emulator, line, body);
    let message = reply.json()["error"].as_str().unwrap().to_owned();
    (reply.status, message)
}

#[test]
fn counts_are_the_librarys() {
    let emulator = Emulator::builder()
        .faults([Fault::Code(1), Fault::Normal, Fault::Reset])
        .start()
        .unwrap();
    Request::token().send(&emulator);
    Request::token().send(&emulator);
    Request::new("GET /redirected").send(&emulator);
    let expected =
        json!({"tokenRequests": 2, "issued": 1, "redirectsFollowed": 1, "faultsLeft": 1});
    assert_eq!(get(&emulator, "counts"), expected);
}

#[test]
fn admin_requests_are_neither_recorded_nor_need_headers() {
    let emulator = Emulator::builder().start().unwrap();
    get(&emulator, "counts");
    admin(&emulator, "POST /__admin/reset", &Value::Null);
    assert_eq!(emulator.requests(), []);
}

#[test]
fn requests_are_shown_as_they_came() {
    let emulator = Emulator::builder().start().unwrap();
    let token = emulator.issue(CLIENT_ID).unwrap();
    Request::user_info(&token).send(&emulator);
    Request::new("POST /x?y=1").body("\u{e9}").send(&emulator);
    Request::new("POST /x").body(b"\0\xff").send(&emulator);
    let json = get(&emulator, "requests");
    let requests = json["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 3);
    let call = &requests[0];
    assert_eq!(call["method"], "GET");
    assert_eq!(call["target"], "/api/v1/user/info");
    assert_eq!(call["version"], "HTTP/1.1");
    assert_eq!(call["tls"], json!(false));
    assert_eq!(call["uploadHost"], json!(false));
    let headers = json!([
        ["host", "localhost"],
        ["connection", "close"],
        ["platform", "open_platform"],
        ["authorization", format!("Bearer {token}")],
    ]);
    assert_eq!(call["headers"], headers);
    assert_eq!(call["body"], "");
    assert_eq!(requests[1]["target"], "/x?y=1");
    assert_eq!(requests[1]["body"], "é");
    assert_eq!(requests[1]["bodyLength"], 2);
    assert_eq!(requests[2]["bodyBase64"], "AP8=");
    assert_eq!(requests[2].get("body"), None);
}

#[test]
fn no_secret_is_shown_that_was_not_made_up_here() {
    let emulator = Emulator::builder()
        .client("me", "SENTINEL-known")
        .start()
        .unwrap();
    let send = |request: Request| drop(request.try_send(&emulator));
    // A known secret and an unknown one, at the right place and at wrong ones.
    for secret in ["SENTINEL-known", "SENTINEL-unknown"] {
        let json =
            json!({"clientID": "me", "clientSecret": secret, "x": {"client_secret": secret}});
        send(Request::token().body(json.to_string()));
        send(Request::token().body(format!("client_secret={secret}")));
        send(Request::token().body(format!("\0\u{ff}{secret}").into_bytes()));
        let mut bytes = secret.as_bytes().to_vec();
        bytes.push(0xff);
        send(Request::token().body(bytes));
        send(Request::new(&format!("GET /x?client_secret={secret}")));
        send(Request::new(&format!("GET /x?access_Token={secret}")));
        send(Request::user_info(secret));
        send(Request::new("GET /").with("Authorization", &format!("Basic {secret}")));
        send(Request::new("GET /").with("Cookie", secret));
    }
    send(Request::new("POST /x/SENTINEL-known").body("SENTINEL-known"));
    send(Request::new("GET /").with("X-Odd", "SENTINEL-known"));
    send(Request::new("POST /x").body(b"\xffSENTINEL-known"));
    for path in ["requests", "counts", "tokens", "faults", "uploads", ""] {
        let shown = get(&emulator, path).to_string();
        assert!(!shown.contains("SENTINEL"), "{path}: {shown}");
        // "SENTINEL", behind one byte, in Base64.
        assert!(!shown.contains("1NFTlRJTkVM"), "{path}: {shown}");
    }
    let shown = get(&emulator, "requests");
    assert_eq!(shown["requests"].as_array().unwrap().len(), 21);
    let body: Value = serde_json::from_str(shown["requests"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({"clientID": "me", "clientSecret": "[redacted]", "x": {"client_secret": "[redacted]"}})
    );
}

#[test]
fn the_clock_is_read_set_moved_and_stopped() {
    let emulator = Emulator::builder()
        .clock(sunday())
        .frozen()
        .start()
        .unwrap();
    let expected = json!({"now": "2025-03-23T07:48:37Z", "unixMilliseconds": 1_742_716_117_000_u64, "frozen": true});
    assert_eq!(get(&emulator, "clock"), expected);
    let set = |body: Value| admin(&emulator, "POST /__admin/clock", &body);
    assert_eq!(
        set(json!({"advance": "90d"}))["now"],
        "2025-06-21T07:48:37Z"
    );
    // The zone counts, and a set comes before an advance.
    let moved = set(json!({"advance": "500ms", "set": "2026-01-01T08:00:00+08:00"}));
    assert_eq!(moved["now"], "2026-01-01T00:00:00.500Z");
    assert_eq!(
        emulator.now(),
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_500)
    );
    assert_eq!(set(json!({"frozen": false}))["frozen"], json!(false));
    for (body, says) in [
        (json!({"advance": "soon"}), "is not a duration"),
        (json!({"advance": 5}), "must be a string such as \"90d\""),
        (json!({"set": "now"}), "must be a time such as"),
        (json!({"frozen": "no"}), "must be true or false"),
        (json!({"advanse": "1s"}), "unknown field \"advanse\""),
    ] {
        let (status, message) = refused(&emulator, "POST /__admin/clock", &body);
        assert_eq!(status, 400);
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn faults_of_every_kind_are_added_and_cleared() {
    let emulator = Emulator::builder().start().unwrap();
    let added = admin(
        &emulator,
        "POST /__admin/faults",
        &json!({
            "faults": ["code:5066", {"status": 299, "headers": {"x-a": "1"}, "body": "hi"}, "reset"],
            "always": "status:503",
        }),
    );
    let left = json!({"left": ["code:5066", "raw:299", "reset"], "always": "status:503"});
    assert_eq!(added, left);
    assert_eq!(Request::token().send(&emulator).code(), 5_066);
    let raw = Request::token().send(&emulator);
    assert_eq!((raw.status, raw.text()), (299, "hi"));
    assert_eq!(raw.header("x-a"), Some("1"));
    assert!(Request::token().try_send(&emulator).is_err());
    assert_eq!(Request::token().send(&emulator).status, 503);

    // One that is wrong, and none is added.
    let wrong = json!({"faults": ["reset", "flood"]});
    let (status, message) = refused(&emulator, "POST /__admin/faults", &wrong);
    assert_eq!(status, 400);
    assert!(message.starts_with("\"flood\" is no fault; there are"));
    assert_eq!(emulator.faults_left(), 0);
    emulator.inject(Fault::Reset);
    let cleared = admin(&emulator, "DELETE /__admin/faults", &Value::Null);
    assert_eq!(cleared, json!({"left": [], "always": "normal"}));
    assert_eq!(Request::token().send(&emulator).code(), 0);
}

#[test]
fn tokens_are_listed_issued_and_evicted() {
    let emulator = Emulator::builder()
        .clock(sunday())
        .frozen()
        .client("a", "1")
        .client("b", "2")
        .start()
        .unwrap();
    let new_token = |id: &str| {
        let reply = admin(
            &emulator,
            "POST /__admin/tokens/issue",
            &json!({"clientID": id}),
        );
        reply["token"].as_str().unwrap().to_owned()
    };
    let (first, second, other) = (new_token("a"), new_token("a"), new_token("b"));
    let expired_at = "2025-06-21T15:48:37+08:00";
    let entry = |token: &str| json!({"token": token, "expiredAt": expired_at});
    let expected = json!({"clients": [
        {"clientID": "a", "live": [entry(&first), entry(&second)]},
        {"clientID": "b", "live": [entry(&other)]},
    ]});
    assert_eq!(get(&emulator, "tokens"), expected);

    let evict =
        |body: Value| admin(&emulator, "POST /__admin/tokens/evict", &body)["evicted"].clone();
    assert_eq!(evict(json!({"token": first})), 1);
    assert_eq!(
        Request::user_info(&first).send(&emulator).message(),
        "tokens number has exceeded the limit"
    );
    assert_eq!(evict(json!({"token": first})), 0);
    assert_eq!(evict(json!({"clientID": "b"})), 1);
    assert_eq!(emulator.live_tokens("a"), [second]);
    new_token("b");
    assert_eq!(evict(json!({})), 2);
    for (line, body, says) in [
        ("issue", json!({"clientID": "c"}), "unknown clientID"),
        (
            "issue",
            json!({}),
            "clientID is missing; there are several clients",
        ),
        ("evict", json!({"clientID": "c"}), "unknown clientID"),
        ("evict", json!({"token": 1}), "token must be a string"),
        ("evict", json!([]), "the body is not a JSON object"),
    ] {
        let line = format!("POST /__admin/tokens/{line}");
        assert_eq!(refused(&emulator, &line, &body), (400, says.to_owned()));
    }
}

#[test]
fn one_client_need_not_be_named() {
    let emulator = Emulator::builder().start().unwrap();
    let issued = admin(&emulator, "POST /__admin/tokens/issue", &Value::Null);
    assert_eq!(
        emulator.live_tokens(CLIENT_ID),
        [issued["token"].as_str().unwrap()]
    );
}

#[test]
fn uploads_are_shown_with_their_bytes() {
    let emulator = Emulator::builder().slice_size(3).start().unwrap();
    let token = emulator.issue(CLIENT_ID).unwrap();
    let body = json!({"filename": "a", "etag": "e", "size": 5});
    let request = Request::api("POST /upload/v2/file/create", &token).json(&body);
    let id = request.send(&emulator).json()["data"]["preuploadID"].clone();
    let id = id.as_str().unwrap();
    for (number, content) in [("1", b"\0\xffa".as_slice()), ("2", b"bc")] {
        let values = [("preuploadID", id), ("sliceNo", number), ("sliceMD5", "m")];
        let request = Request::api("POST /upload/v2/file/slice", &token);
        let reply = request
            .form(&values, ("slice", content))
            .send_to_upload_host(&emulator);
        assert_eq!(reply.code(), 0);
    }
    let expected = json!({"uploads": [{
        "preuploadID": id,
        "filename": "a",
        "etag": "e",
        "size": 5,
        "fileID": null,
        "slices": [
            {"sliceNo": 1, "sliceMD5": "m", "length": 3, "contentBase64": "AP9h"},
            {"sliceNo": 2, "sliceMD5": "m", "length": 2, "contentBase64": "YmM="},
        ],
    }]});
    assert_eq!(get(&emulator, "uploads"), expected);
    let reply = Request::new(&format!("GET /__admin/uploads/{id}")).send(&emulator);
    assert_eq!((reply.status, &*reply.body), (200, &b"\0\xffabc"[..]));
    let unknown = refused(&emulator, "GET /__admin/uploads/x", &Value::Null);
    assert_eq!(unknown, (404, "no such preuploadID".to_owned()));
}

#[test]
fn a_reset_is_a_new_start() {
    let emulator = Emulator::builder()
        .clock(sunday())
        .frozen()
        .rate(Some(1))
        .fault(Fault::Code(1))
        .start()
        .unwrap();
    Request::token().send(&emulator);
    let old = Request::token().send(&emulator).token();
    emulator.advance(Duration::from_secs(1));
    emulator.set_always(Fault::Reset);
    let reset = admin(&emulator, "POST /__admin/reset", &Value::Null);
    let expected =
        json!({"tokenRequests": 0, "issued": 0, "redirectsFollowed": 0, "faultsLeft": 1});
    assert_eq!(reset, expected);
    assert_eq!(emulator.now(), sunday());
    assert_eq!(emulator.requests(), []);
    assert_eq!(emulator.live_tokens(CLIENT_ID), Vec::<String>::new());
    assert_eq!(Request::token().send(&emulator).code(), 1);
    // Nothing of before counts, not even towards the rate limit, and no token comes back.
    let new = Request::token().send(&emulator).token();
    assert_ne!(new, old);
    assert_eq!(Request::user_info(&old).send(&emulator).code(), 401);
}

#[test]
fn the_index_names_every_path() {
    let emulator = Emulator::builder().start().unwrap();
    let index = get(&emulator, "");
    let paths = index["paths"].as_array().unwrap();
    assert_eq!(paths.len(), 14);
    for entry in paths {
        let (method, path) = (entry["method"].as_str(), entry["path"].as_str());
        let line = format!("{} {}", method.unwrap(), path.unwrap());
        let status = send(&emulator, &line, &Value::Null).status;
        // Its last word stands for an ID.
        let expected = if line.ends_with("PREUPLOAD_ID") {
            404
        } else {
            200
        };
        assert_eq!(status, expected, "{line}");
    }
}

#[test]
fn other_paths_and_methods_are_not_there() {
    let emulator = Emulator::builder().prefix("/pan").start().unwrap();
    let none = Value::Null;
    assert_eq!(refused(&emulator, "GET /__admin/x", &none).0, 404);
    assert_eq!(refused(&emulator, "PUT /__admin/clock", &none).0, 405);
    // Neither below the prefix, nor without the slash, nor on the upload host.
    for line in [
        "POST /pan/__admin/reset",
        "GET /__admin",
        "GET /__administrator",
        "GET //__admin/counts",
    ] {
        let reply = Request::new(line).send(&emulator);
        assert_eq!(
            (reply.status, reply.message()),
            (404, "no Route matched with those values".to_owned())
        );
    }
    let reply = Request::new("GET /__admin/counts").send_to_upload_host(&emulator);
    assert_eq!(reply.status, 404);
    let body = vec![b' '; (1 << 20) + 1];
    let reply = Request::new("POST /__admin/clock")
        .body(body)
        .send(&emulator);
    assert_eq!(reply.status, 413);
}

#[test]
fn the_library_can_do_the_same() {
    let emulator = Emulator::builder().start().unwrap();
    emulator.set_frozen(true);
    emulator.set_clock(sunday());
    assert_eq!(emulator.now(), sunday());
    emulator.inject(Fault::Reset);
    emulator.set_always(Fault::Code(1));
    emulator.clear_faults();
    let token = Request::token().send(&emulator).token();
    assert!(emulator.evict(&token));
    assert!(!emulator.evict(&token));
    emulator.reset();
    assert_eq!((emulator.issued(), emulator.token_requests()), (0, 0));
    assert!(emulator.now() > sunday());
}
