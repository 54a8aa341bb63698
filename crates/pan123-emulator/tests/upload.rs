//! The upload, version 2: on two origins, both of which want the token.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Reply, Request};
use pan123_emulator::{ASSUMED_CODE_BAD_REQUEST, CLIENT_ID, Emulator, Rejection};
use serde_json::{Value, json};

const SLICE: &str = "POST /upload/v2/file/slice";
const SINGLE: &str = "POST /upload/v2/file/single/create";
const CREATE: &str = "POST /upload/v2/file/create";
const COMPLETE: &str = "POST /upload/v2/file/upload_complete";
const DOMAIN: &str = "GET /upload/v2/file/domain";

/// An emulator with slices of four bytes, and a live token of it.
fn emulator() -> (Emulator, String) {
    let emulator = Emulator::builder().slice_size(4).start().unwrap();
    let token = emulator.issue(CLIENT_ID).unwrap();
    (emulator, token)
}

fn data(reply: &Reply) -> Value {
    assert_eq!((reply.status, reply.code()), (200, 0), "{}", reply.text());
    reply.json()["data"].clone()
}

fn create(emulator: &Emulator, token: &str, name: &str, size: u64) -> Value {
    let body = json!({"parentFileID": 0, "filename": name, "etag": format!("md5 of {name}"), "size": size});
    data(&Request::api(CREATE, token).json(&body).send(emulator))
}

fn slice(token: &str, id: &Value, number: &str, content: &[u8]) -> Request {
    let id = id.as_str().unwrap();
    let values = [("preuploadID", id), ("sliceNo", number), ("sliceMD5", "m")];
    Request::api(SLICE, token).form(&values, ("slice", content))
}

fn complete(emulator: &Emulator, token: &str, id: &Value) -> Reply {
    let body = json!({ "preuploadID": id });
    Request::api(COMPLETE, token).json(&body).send(emulator)
}

#[test]
fn a_file_arrives_in_slices_on_the_upload_host() {
    let (emulator, token) = emulator();
    let created = create(&emulator, &token, "a.bin", 10);
    assert_eq!(created["reuse"], json!(false));
    assert_eq!(created["sliceSize"], json!(4));
    assert_eq!(created["servers"], json!([emulator.upload_url()]));
    let id = &created["preuploadID"];
    // In any order, and one of them twice.
    for (number, content) in [
        ("2", b"\r\n--".as_slice()),
        ("1", b"oops"),
        ("3", b"\0\xff"),
        ("1", b"abcd"),
    ] {
        let reply = slice(&token, id, number, content).send_to_upload_host(&emulator);
        assert_eq!(data(&reply), json!(null));
    }
    let completed = data(&complete(&emulator, &token, id));
    assert_eq!(completed, json!({"completed": true, "fileID": 1}));
    assert_eq!(data(&complete(&emulator, &token, id)), completed);

    let uploads = emulator.uploads();
    assert_eq!(uploads.len(), 1);
    assert_eq!(uploads[0].preupload_id, id.as_str().unwrap());
    assert_eq!(uploads[0].file_name, "a.bin");
    assert_eq!(uploads[0].etag, "md5 of a.bin");
    assert_eq!(uploads[0].file_id, Some(1));
    assert_eq!(uploads[0].slices[&3].md5, "m");
    let content = uploads[0].content().unwrap();
    assert_eq!(content, b"abcd\r\n--\0\xff");
}

#[test]
fn a_file_arrives_in_a_single_call_on_the_upload_host() {
    let (emulator, token) = emulator();
    let domains = data(&Request::api(DOMAIN, &token).send(&emulator));
    assert_eq!(domains, json!([emulator.upload_url()]));
    let values = [
        ("parentFileID", "0"),
        ("filename", "b.txt"),
        ("etag", "e"),
        ("size", "5"),
    ];
    let request = Request::api(SINGLE, &token).form(&values, ("file", b"hello"));
    let reply = data(&request.send_to_upload_host(&emulator));
    assert_eq!(reply, json!({"completed": true, "fileID": 1}));
    let upload = &emulator.uploads()[0];
    assert_eq!(
        (&*upload.file_name, upload.content().unwrap()),
        ("b.txt", b"hello".to_vec())
    );
}

#[test]
fn the_upload_host_is_another_origin() {
    let (emulator, token) = emulator();
    assert_ne!(emulator.upload_addr(), emulator.addr());
    assert_eq!(emulator.upload_addr().ip(), emulator.addr().ip());
    let url = format!("http://{}", emulator.upload_addr());
    assert_eq!(emulator.upload_url(), url);
    // What is on one is not on the other.
    for line in [SLICE, SINGLE] {
        assert_eq!(Request::api(line, &token).send(&emulator).status, 404);
    }
    for line in [CREATE, COMPLETE, DOMAIN, "GET /api/v1/user/info"] {
        let reply = Request::api(line, &token).send_to_upload_host(&emulator);
        assert_eq!(reply.status, 404, "{line}");
    }
    let reply = Request::token().send_to_upload_host(&emulator);
    assert_eq!((reply.status, emulator.token_requests()), (404, 0));
    let marks: Vec<bool> = emulator
        .requests()
        .iter()
        .map(|request| request.upload_host)
        .collect();
    assert_eq!(marks, [false, false, true, true, true, true, true]);
}

#[test]
fn every_call_of_the_upload_wants_both_headers() {
    let builder = Emulator::builder().rejection(Rejection::Http401);
    let emulator = builder.start().unwrap();
    let token = emulator.issue(CLIENT_ID).unwrap();
    let stale = emulator.issue(CLIENT_ID).unwrap();
    emulator.evict(&stale);
    let send = |line: &str, change: fn(Request) -> Request, token: &str| {
        let request = change(Request::api(line, token));
        if line == SLICE || line == SINGLE {
            request.send_to_upload_host(&emulator)
        } else {
            request.send(&emulator)
        }
    };
    for line in [SLICE, SINGLE, CREATE, COMPLETE, DOMAIN] {
        let reply = send(line, |it| it.without("Platform"), &token);
        assert_eq!(
            reply.text(),
            r#"{"code":1,"message":"Please include the platform field in the request header"}"#
        );
        let reply = send(line, |it| it.without("Authorization"), &token);
        assert_eq!(
            (reply.status, reply.code(), &*reply.message()),
            (401, 401, "access Token Invalid")
        );
        let reply = send(line, |it| it, &stale);
        assert_eq!(
            (reply.status, reply.code(), &*reply.message()),
            (401, 401, "tokens number has exceeded the limit")
        );
    }
    assert_eq!(emulator.uploads(), []);
}

#[test]
fn an_upload_that_is_not_whole_is_not_completed() {
    let (emulator, token) = emulator();
    let id = &create(&emulator, &token, "a", 6)["preuploadID"];
    let sent = slice(&token, id, "1", b"abcd").send_to_upload_host(&emulator);
    assert_eq!(sent.code(), 0);
    let reply = complete(&emulator, &token, id);
    assert_eq!(reply.code(), ASSUMED_CODE_BAD_REQUEST);
    assert!(reply.message().starts_with("4 of 6 bytes have come ("));
    assert_eq!(emulator.uploads()[0].file_id, None);
    let sent = slice(&token, id, "2", b"ef").send_to_upload_host(&emulator);
    assert_eq!(sent.code(), 0);
    assert_eq!(complete(&emulator, &token, id).code(), 0);
    // It stays what it is.
    let late = slice(&token, id, "2", b"xx").send_to_upload_host(&emulator);
    assert!(late.message().starts_with("the upload is complete ("));
    assert_eq!(emulator.uploads()[0].content().unwrap(), b"abcdef");
}

#[test]
fn what_is_not_as_documented_is_refused_in_words() {
    let (emulator, token) = emulator();
    let id = &create(&emulator, &token, "a", 6)["preuploadID"];
    let unknown = json!("unknown");
    let slices = [
        (
            slice(&token, &unknown, "1", b"abcd"),
            "unknown preuploadID (",
        ),
        (
            slice(&token, id, "0", b"abcd"),
            "sliceNo must be from 1 to 2 (",
        ),
        (
            slice(&token, id, "3", b"abcd"),
            "sliceNo must be from 1 to 2 (",
        ),
        (
            slice(&token, id, "x", b"abcd"),
            "sliceNo must be a whole number (",
        ),
        (
            slice(&token, id, "1", b"abc"),
            "slice 1 must have 4 bytes (",
        ),
        (
            slice(&token, id, "2", b"efg"),
            "slice 2 must have 2 bytes (",
        ),
        (
            Request::api(SLICE, &token).form(&[], ("slice", b"")),
            "the field preuploadID is missing (",
        ),
        (
            Request::api(SLICE, &token).json(&json!({})),
            "the body is not multipart/form-data (",
        ),
        (
            Request::api(SINGLE, &token).form(
                &[("filename", "x"), ("etag", "e"), ("size", "6")],
                ("file", b"hello"),
            ),
            "5 of 6 bytes have come (",
        ),
    ];
    for (request, message) in slices {
        let reply = request.send_to_upload_host(&emulator);
        assert_eq!(reply.code(), ASSUMED_CODE_BAD_REQUEST);
        assert!(reply.message().starts_with(message), "{}", reply.message());
    }
    for (body, message) in [
        (
            json!({"etag": "e", "size": 1}),
            "filename must be a string (",
        ),
        (
            json!({"filename": "a", "etag": "e", "size": "1"}),
            "size must be a number of bytes (",
        ),
        (json!([]), "the body is not a JSON object ("),
    ] {
        let reply = Request::api(CREATE, &token).json(&body).send(&emulator);
        assert_eq!(reply.code(), ASSUMED_CODE_BAD_REQUEST);
        assert!(reply.message().starts_with(message), "{}", reply.message());
    }
    let reply = complete(&emulator, &token, &unknown);
    assert!(reply.message().starts_with("unknown preuploadID ("));
}

#[test]
fn a_file_that_is_there_is_reused() {
    let (emulator, token) = emulator();
    let id = &create(&emulator, &token, "a", 2)["preuploadID"];
    // It isn't there before it is complete.
    assert_eq!(create(&emulator, &token, "a", 2)["reuse"], json!(false));
    slice(&token, id, "1", b"ab").send_to_upload_host(&emulator);
    let file_id = data(&complete(&emulator, &token, id))["fileID"].clone();
    let again = create(&emulator, &token, "a", 2);
    assert_eq!(
        (&again["reuse"], &again["fileID"]),
        (&json!(true), &file_id)
    );
    assert_eq!(create(&emulator, &token, "a", 3)["reuse"], json!(false));
}

#[test]
fn an_empty_file_needs_no_slice() {
    let (emulator, token) = emulator();
    let id = &create(&emulator, &token, "empty", 0)["preuploadID"];
    assert_eq!(complete(&emulator, &token, id).code(), 0);
}

#[test]
fn slices_of_16_mib_are_taken_and_larger_bodies_refused() {
    let emulator = Emulator::builder().start().unwrap();
    let token = emulator.issue(CLIENT_ID).unwrap();
    let created = create(&emulator, &token, "large", 16 << 20);
    assert_eq!(created["sliceSize"], json!(16 << 20));
    let content: Vec<u8> = (0..16 << 20).map(|at: u32| at.to_be_bytes()[2]).collect();
    let request = slice(&token, &created["preuploadID"], "1", &content);
    assert_eq!(request.send_to_upload_host(&emulator).code(), 0);
    assert!(emulator.uploads()[0].content() == Some(content));
    // The bytes are kept once.
    let received = emulator.requests().pop().unwrap();
    assert_eq!(received.body, b"");

    let larger = vec![0; (16 << 20) + (64 << 10)];
    let request = slice(&token, &created["preuploadID"], "1", &larger);
    assert_eq!(request.send_to_upload_host(&emulator).status, 413);
}

#[test]
fn the_hosts_name_is_in_both_urls() {
    let builder = Emulator::builder().host("emulator").prefix("/pan");
    let emulator = builder.start().unwrap();
    let [port, upload_port] = [emulator.addr(), emulator.upload_addr()].map(|it| it.port());
    assert_eq!(emulator.url(), format!("http://emulator:{port}/pan"));
    let upload_url = format!("http://emulator:{upload_port}");
    assert_eq!(emulator.upload_url(), upload_url);
    let token = emulator.issue(CLIENT_ID).unwrap();
    let request = Request::api("GET /pan/upload/v2/file/domain", &token);
    assert_eq!(data(&request.send(&emulator)), json!([upload_url]));
    let error = Emulator::builder().host("a:1").start().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
