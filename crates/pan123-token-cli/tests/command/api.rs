//! `api`: the call, its one repetition, the body on stdout, and the exit code.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pan123_emulator::{ApiReply, CLIENT_ID, Emulator, Received, Rejection};
use pan123_token_tests::scripted::{Script, ScriptedServer};

use super::store::{Scene, age, spacing};
use super::{file, run, run_with_stdin};

const ECHO: &str = "/api/v1/echo";

/// Its data says what was sent.
fn echo(request: &Received) -> ApiReply {
    ApiReply::data(
        serde_json::json!({
            "method": request.method,
            "target": request.target,
            "type": request.header("content-type"),
            "platform": request.header("platform"),
            "body": String::from_utf8_lossy(&request.body),
        })
        .to_string(),
    )
}

fn scene(name: &str) -> Scene {
    let emulator = Emulator::builder().route(ECHO, echo).start().unwrap();
    Scene::with(name, emulator)
}

/// What a call sent.
#[track_caller]
fn sent(scene: &Scene, arguments: &[&str]) -> serde_json::Value {
    let said = scene.run(&[&["api"], arguments].concat());
    assert_eq!((said.exit, &*said.stderr), (0, ""));
    let reply: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    reply["data"].clone()
}

#[test]
fn a_call_carries_the_token_and_its_body_is_printed_as_it_came() {
    let scene = Scene::new("api-call");
    let said = scene.run(&["api", "/api/v1/user/info"]);
    assert_eq!((said.exit, &*said.stderr), (0, ""));
    assert!(
        said.stdout
            .starts_with(r#"{"code":0,"message":"ok","data":{"nickname":"emulator","#),
        "{}",
        said.stdout
    );
    // The next one has the stored token, and so has a whole URL of the same origin.
    let url = format!("{}/api/v1/user/info", scene.emulator.url());
    assert_eq!(scene.run(&["api", "GET", &url]).exit, 0);
    assert_eq!(scene.emulator.token_requests(), 1);
}

#[test]
fn method_path_and_data_are_sent_as_they_were_given() {
    let scene = scene("api-data");
    let plain = sent(&scene, &[&format!("{ECHO}?parentFileId=0&name=文件")]);
    assert_eq!(plain["method"], "GET");
    assert_eq!(
        plain["target"],
        "/api/v1/echo?parentFileId=0&name=%E6%96%87%E4%BB%B6"
    );
    assert_eq!(plain["platform"], "open_platform");
    assert_eq!(plain["type"], serde_json::Value::Null);

    // Data is posted, unless another method is named. JSON says that it is.
    let json = file("api-data.json", br#"{"a": [1, 2]}"#);
    let at_json = format!("@{}", json.display());
    let posted = sent(&scene, &[ECHO, "--data", &at_json]);
    assert_eq!(posted["method"], "POST");
    assert_eq!(posted["body"], r#"{"a": [1, 2]}"#);
    assert_eq!(posted["type"], "application/json");
    let put = sent(&scene, &["put", ECHO, "--data", &at_json]);
    assert_eq!(put["method"], "PUT");
    let deleted = sent(&scene, &["DELETE", ECHO, "--data", r#"{"ids":[1]}"#]);
    assert_eq!(deleted["body"], r#"{"ids":[1]}"#);

    let form = file("api-data.txt", b"a=1&b=2");
    let at_form = format!("@{}", form.display());
    let posted = sent(&scene, &["POST", ECHO, "--data", &at_form]);
    assert_eq!(posted["body"], "a=1&b=2");
    assert_ne!(posted["type"], "application/json");

    let mut command = scene.command(&["api", "POST", ECHO, "--data", "@-"]);
    let said = run_with_stdin(&mut command, br#"{"from":"stdin"}"#);
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert!(said.stdout.contains("stdin"), "{}", said.stdout);
}

#[test]
fn a_token_that_was_refused_is_replaced_and_the_call_repeated_once() {
    for (name, rejection) in [("200", Rejection::Http200), ("401", Rejection::Http401)] {
        let emulator = Emulator::builder().rejection(rejection).start().unwrap();
        let scene = Scene::with(&format!("api-rejected-{name}"), emulator);
        let first = scene.token(&[]);
        // Old enough to be replaced.
        age(&scene.store, Duration::from_secs(61));
        spacing();
        scene.emulator.evict(&first);
        let said = scene.run(&["api", "/api/v1/user/info"]);
        assert_eq!((said.exit, &*said.stderr), (0, ""));
        assert!(said.stdout.contains(r#""code":0"#), "{}", said.stdout);
        assert_ne!(scene.token(&[]), first);
        assert_eq!(scene.emulator.token_requests(), 2);
    }
}

#[test]
fn one_that_is_too_young_to_be_replaced_is_77_and_the_store_knows() {
    let scene = Scene::new("api-young");
    let first = scene.token(&[]);
    scene.emulator.evict(&first);
    let said = scene.run(&["api", "/api/v1/user/info"]);
    assert_eq!(said.exit, 77);
    assert!(said.stdout.contains(r#""code":401"#), "{}", said.stdout);
    assert!(
        said.stderr
            .starts_with("pan123-token: the platform refused (HTTP 200, code 401, message \""),
        "{}",
        said.stderr
    );
    let when = said.stderr.trim_end().strip_suffix(" s at the earliest)");
    let (_, seconds) = when
        .unwrap()
        .rsplit_once(" (the token: `get` replaces it in ")
        .unwrap();
    assert!((50..=60).contains(&seconds.parse::<u32>().unwrap()));
    assert_eq!(said.stderr.lines().count(), 1);
    let status = scene.run(&["status", "--format", "json"]).json();
    assert_eq!(status["suspect"], true);
    assert_eq!(scene.emulator.token_requests(), 1);
}

/// What comes out of a reply with this status and body.
#[track_caller]
fn ends_with(status: u16, body: &str, exit: i32, says: &str) {
    let reply = body.to_owned();
    let emulator = Emulator::builder()
        .route("/x", move |_| {
            ApiReply::raw(status, Vec::new(), reply.clone())
        })
        .start()
        .unwrap();
    let scene = Scene::with("api-exit", emulator);
    let said = scene.run(&["api", "/x"]);
    assert_eq!(said.exit, exit, "{status} {body}: {}", said.stderr);
    assert_eq!(said.stdout, body);
    if exit == 0 {
        assert_eq!(said.stderr, "");
    } else {
        assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    }
    assert!(said.stderr.contains(says), "{body}: {}", said.stderr);
}

#[test]
fn the_code_in_the_body_decides_how_it_ends() {
    ends_with(200, r#"{"code":0,"data":null}"#, 0, "");
    ends_with(200, r#"{"data":{"code":7},"code":"0"}"#, 0, "");
    let refused = r#"{"code":5066,"message":"文件不存在","x-traceID":"16f6-kong"}"#;
    let says = "(HTTP 200, code 5066, message \"文件不存在\", trace id 16f6-kong)";
    ends_with(200, refused, 77, says);
    ends_with(
        200,
        r#"{"code":"403","message":"forbidden"}"#,
        77,
        "code 403",
    );
    ends_with(
        200,
        r#"{"code":429,"message":"请求太频繁"}"#,
        75,
        "rate limited",
    );
    ends_with(429, "slow down", 75, "rate limited");
    ends_with(503, "<html>", 69, "unavailable (HTTP 503)");
    let no_reply = "not a reply of the platform's API: no JSON";
    ends_with(200, "<html>", 76, no_reply);
    ends_with(501, &format!("<html>{}", "x".repeat(70_000)), 76, no_reply);
    ends_with(200, "[0]", 76, "not a reply of the platform's API");
    ends_with(200, "", 76, "an empty body");
    ends_with(404, r#"{"message":"no Route"}"#, 76, "HTTP 404");
    ends_with(200, r#"{"code":0,"code":1}"#, 76, "unusable");
    ends_with(500, r#"{"code":0}"#, 69, "HTTP 500");
    ends_with(404, r#"{"code":0}"#, 76, "unusable");
    // A redirect is a reply like any other.
    ends_with(302, "", 76, "HTTP 302");
    ends_with(401, "", 77, "refused the token");
}

#[test]
fn a_message_that_repeats_the_token_is_printed_without_it() {
    let emulator = Emulator::builder()
        .route("/x", |request| {
            let token = request.header("authorization").unwrap_or_default();
            ApiReply::refused(7, format!("no: {token}"))
        })
        .start()
        .unwrap();
    let scene = Scene::with("api-echo", emulator);
    let said = scene.run(&["api", "/x"]);
    let token = &scene.emulator.live_tokens(CLIENT_ID)[0];
    assert_eq!(said.exit, 77);
    assert!(
        said.stderr.contains("no: Bearer ***") && !said.stderr.contains(token),
        "{}",
        said.stderr
    );
}

#[test]
fn a_large_body_is_whole_and_its_code_counts() {
    let data = "x".repeat(5 << 20);
    let emulator = Emulator::builder()
        .route("/x", move |_| ApiReply::data(format!("\"{data}\"")))
        .start()
        .unwrap();
    let scene = Scene::with("api-large", emulator);
    let said = scene.run(&["api", "/x"]);
    assert_eq!((said.exit, &*said.stderr), (0, ""));
    let reply: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(reply["data"].as_str().unwrap().len(), 5 << 20);
}

#[test]
fn a_body_of_more_than_64_mib_is_whole_and_is_not_judged() {
    let long = |start: &str| format!("{start}{}", " ".repeat((64 << 20) - start.len() + 1));
    for (status, start, exit, says) in [
        (
            200,
            r#"{"code":0}"#,
            76,
            "the reply has more than 64 MiB: all of it was printed, and its code was not looked at",
        ),
        (
            200,
            r#"{"code":0,"data":"#,
            76,
            "its code was not looked at",
        ),
        (503, "{", 69, "unavailable (HTTP 503"),
        (200, "<html>", 76, "no JSON"),
    ] {
        let body = long(start);
        let emulator = Emulator::builder()
            .route("/x", move |_| {
                ApiReply::raw(status, Vec::new(), body.clone())
            })
            .start()
            .unwrap();
        let said = Scene::with("api-larger", emulator).run(&["api", "/x"]);
        assert_eq!(said.exit, exit, "{start}: {}", said.stderr);
        assert_eq!(said.stdout.len(), (64 << 20) + 1, "{start}");
        assert!(said.stderr.contains(says), "{start}: {}", said.stderr);
    }
}

const TOKEN: &[u8] = b"HTTP/1.1 200 OK\r\ndate: Sun, 23 Feb 2025 07:48:37 GMT\r\n\r\n\
    {\"code\":0,\"data\":{\"accessToken\":\"a.b.c\",\"expiredAt\":\"2025-03-23T15:48:37+08:00\"}}";

fn after_the_token(script: Script) -> ScriptedServer {
    ScriptedServer::start([Script::Reply(TOKEN.to_vec()), script])
}

#[test]
fn a_body_is_printed_as_it_comes() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1100\r\n\r\n{\"code\":0,\"data\":\"".to_vec();
    let rest = [&[b'x'; 1080][..], b"\"}"].concat();
    let server = after_the_token(Script::Drip(head, rest, Duration::from_millis(20)));
    let mut child = super::with_credentials(&["api", "/x", "--base-url", &server.url()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 8];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"{\"code\":");
    // It takes 20 seconds to its end.
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_call_without_a_whole_reply_is_69_and_bounded() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"code\":0".to_vec();
    let late = "no whole reply to the call: its time ran out; ";
    for (script, says) in [
        (Script::Silence, late),
        (Script::Reply(half.clone()), "no whole reply to the call: "),
        (
            Script::Drip(half, vec![b' '; 100], Duration::from_millis(200)),
            late,
        ),
        (Script::Reset(Vec::new()), "no whole reply to the call: "),
    ] {
        let server = after_the_token(script);
        let begun = Instant::now();
        let api = ["api", "/x", "--timeout", "2", "--base-url", &server.url()];
        let said = run(&mut super::with_credentials(&api));
        assert!(begun.elapsed() < Duration::from_secs(6));
        assert_eq!(said.exit, 69, "{}", said.stderr);
        assert!(said.stderr.contains(says), "{}", said.stderr);
        assert_eq!(said.stderr.lines().count(), 1);
    }
}

#[test]
fn without_a_token_the_call_is_not_made_and_ends_as_get_does() {
    let emulator = Emulator::builder()
        .fault(pan123_emulator::Fault::Code(5066))
        .start()
        .unwrap();
    let scene = Scene::with("api-no-token", emulator);
    let said = scene.run(&["api", "/api/v1/user/info"]);
    assert_eq!((said.exit, &*said.stdout), (77, ""));
    assert_eq!(scene.emulator.requests().len(), 1);
}

#[test]
fn what_can_not_be_called_is_64_and_nothing_is_sent() {
    let server = ScriptedServer::start([]);
    let url = server.url();
    let evil = url.replace("127.0.0.1", "127.0.0.2");
    let user = url.replace("http://", "http://evil@");
    for (arguments, says) in [
        (&["api"][..], "METHOD|PATH"),
        (&["api", "GET"], "a method and a path"),
        (&["api", "/x", "/y"], "a method and a path"),
        (&["api", "x"], "a path that begins with one slash"),
        (&["api", "//evil.example/x"], "begins with one slash"),
        (&["api", "/x#y"], "no fragment"),
        (&["api", "/x y"], "percent-encoded"),
        (&["api", &format!("{evil}/x")], "the token goes to"),
        (&["api", &format!("{user}/x")], "the token goes to"),
        (&["api", "GET", "/x", "--data", "{}"], "takes no --data"),
        (&["api", "/x", "--data", "file.json"], "@FILE, @- for stdin"),
        (&["api", "/x", "--data", "@"], "the name of a file"),
        (&["api", "/x", "--data", "@/no/such/file"], "can't read"),
    ] {
        let mut command = super::with_credentials(arguments);
        let said = run(command.env("PAN123_BASE_URL", &url));
        assert_eq!(said.exit, 64, "{arguments:?}: {}", said.stderr);
        assert!(
            said.one_line().contains(says),
            "{arguments:?}: {}",
            said.stderr
        );
    }
    let mut command = super::command(&["api", "/x", "--data", "@-", "--client-secret-file", "-"]);
    let said = run(command.env("PAN123_CLIENT_ID", "x"));
    assert_eq!(said.exit, 64);
    assert!(said.one_line().contains("both"), "{}", said.stderr);
    assert_eq!(server.received().len(), 0);
}

#[test]
fn a_closed_pipe_is_74() {
    let data = "x".repeat(1 << 20);
    let emulator = Emulator::builder()
        .route("/x", move |_| ApiReply::data(format!("\"{data}\"")))
        .start()
        .unwrap();
    let scene = Scene::with("api-pipe", emulator);
    let mut child = scene.command(&["api", "/x"]).spawn().unwrap();
    drop(child.stdout.take());
    let said = super::said(child.wait_with_output().unwrap());
    assert_eq!(said.exit, 74);
    assert!(said.stderr.contains("can't write to stdout"));
}

#[test]
fn a_token_that_only_this_hosts_clock_says_has_expired_is_used() {
    let no_date = String::from_utf8(TOKEN.to_vec()).unwrap();
    let no_date = no_date.replace("date: Sun, 23 Feb 2025 07:48:37 GMT\r\n", "");
    let reply = b"HTTP/1.1 200 OK\r\n\r\n{\"code\":0}".to_vec();
    let server = ScriptedServer::start([Script::Reply(no_date.into_bytes()), Script::Reply(reply)]);
    let api = ["api", "/x", "--base-url", &server.url()];
    let said = run(&mut super::with_credentials(&api));
    assert_eq!((said.exit, &*said.stdout), (0, "{\"code\":0}"));
    assert!(
        said.stderr.contains("set the clock right"),
        "{}",
        said.stderr
    );
    assert_eq!(
        server.received()[1].header("authorization"),
        ["Bearer a.b.c"]
    );
}
