//! `emulator`: over its committed corpus, and over what is sent by hand.

use std::fs;

use pan123_token_checks::emulator::check;

use super::{replay, seeds};

/// A request, a form, or a fault's specification.
const SENT: &[&str] = &[
    "r\nPOST /api/v1/access_token HTTP/1.1\r\n\u{2}\r\n\u{1}",
    "r\nPOST /api/v1/access_token HTTP/1.0\r\n\u{2}\r\n\u{1}",
    "r\nPOST /api/v1/access_token HTTP/1.1\r\n\u{2}\r\n\u{1}POST /api/v1/access_token HTTP/1.1\r\n\u{2}\r\n\u{1}",
    "r\nGET /api/v1/user/info HTTP/1.1\r\nHost: x\r\nPlatform: open_platform\r\nAuthorization: Bearer x\r\n\r\n",
    "r\nPOST /api/v1/access_token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n0\r\n\r\n",
    "r\nPOST /api/v1/access_token HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
    "r\nGET /__admin/requests HTTP/1.1\r\nHost: x\r\n\r\n",
    "r\nPOST /__admin/faults HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]",
    "r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "r\n\u{16}\u{3}\u{1}",
    "m\nmultipart/form-data; boundary=XX\n--XX\r\nContent-Disposition: form-data; name=\"a\\\"b\"\r\n\r\n1\r\n--XX\r\nContent-Disposition: form-data; filename=\"a;name=b\"; name=c\r\n\r\n\r\n--XX--",
    "m\nmultipart/form-data; charset=x; boundary=\"X\"\nx\r\n--X \r\n\r\n\r\n--X--",
    "m\nmultipart/form-data\n--XX--",
    "f\ndelay:500ms",
    "f\ndate:+1d",
    "f\nredirect:302:http://x/",
    "f\nredirect:/x",
    "f\nstatus:600",
    "f\ncode:-9223372036854775808",
    "f\nretry-after:Sun, 23 Mar 2025 07:49:07 GMT",
    "f\nnormal:",
    "f\n340282366920938463463374607431768211455d",
    // Other requests for a token.
    "r\nPOST /api/v1/access_token HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "r\nPOST /api/v1/access_token HTTP/1.1\r\nHost: x\r\nPlatform: open_platform\r\nContent-Length: 0\r\n\r\n",
    "r\nPOST /api/v1/access_token HTTP/1.1\r\n\u{2}\r\n{\"clientID\":\"id\",\"clientSecret\":\"x\"}\u{1}",
    "r\nPOST /api/v1/access_token HTTP/1.1\r\n\u{2}\r\n[\u{1}",
    // Other calls, and paths that aren't there.
    "r\nPOST /redirected HTTP/1.1\r\nHost: x\r\n\r\n",
    "r\nGET /upload/v2/file/domain HTTP/1.1\r\n\u{2}\r\n",
    "r\nPOST /upload/v2/file/create HTTP/1.1\r\n\u{2}\r\n\u{1}",
    "r\nGET http://x/api/v1/user/info?a HTTP/1.1\r\nHost: x\r\nPlatform: open_platform\r\nAuthorization: Basic x\r\n\r\n",
    // The admin API.
    "r\nGET /__admin/ HTTP/1.1\r\nHost: x\r\n\r\nGET /__admin/counts HTTP/1.1\r\nHost: x\r\n\r\nGET /__admin/tokens HTTP/1.1\r\nHost: x\r\n\r\nGET /__admin/uploads HTTP/1.1\r\nHost: x\r\n\r\n",
    "r\nPOST /__admin/tokens/issue HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nPOST /__admin/tokens/evict HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nPOST /__admin/reset HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "r\nGET /__admin/uploads/x HTTP/1.1\r\nHost: x\r\n\r\nDELETE /__admin/faults HTTP/1.1\r\nHost: x\r\n\r\nDELETE /__admin/clock HTTP/1.1\r\nHost: x\r\n\r\nGET /__admin/x HTTP/1.1\r\nHost: x\r\n\r\n",
];

/// Specifications of faults, each of which is also put into the emulator before a token is asked for.
const FAULTS: &[&str] = &[
    "normal",
    "truncate",
    "gzip",
    "reset",
    "close",
    "echo",
    "no-platform",
    "string-code",
    "realc",
    "empty-token",
    "null-token",
    "no-token",
    "null-data",
    "no-expiry",
    "bad-expiry",
    "zoneless-expiry",
    "utc-expiry",
    "expired",
    "same-token",
    "extended-token",
    "string-zero",
    "bare",
    "nulls",
    "delay:1ms",
    "delay:x",
    "drip:1us",
    "drip:1",
    "oversize:5",
    "oversize:1073741825",
    "date:+1d",
    "date:-1d",
    "date:none",
    "date:garbage",
    "date:*1d",
    "status:503",
    "gateway:429",
    "gateway:502",
    "gateway:503",
    "gateway:504",
    "gateway:399",
    "code:429",
    "code:401",
    "code:x",
    "retry-after:1",
    "retry-after:",
    "redirect:http://127.0.0.1:1/",
    "redirect:301",
    "redirect:304:x",
    "redirect:307:a b",
    "reset:1",
    "x",
];

/// What the emulator's clock is told before a token is asked for.
const TIMES: &[&str] = &[
    r#"{"set":"9999-12-31T23:59:59Z","advance":"1d","frozen":true}"#,
    r#"{"set":"9999-12-31T23:59:59-23:59"}"#,
    r#"{"set":"0000-01-01T00:00:00Z"}"#,
    r#"{"set":1}"#,
    r#"{"advance":"18446744073709551615s"}"#,
    r#"{"advance":"9999999999999999999999d"}"#,
    r#"{"advance":1}"#,
    r#"{"frozen":1}"#,
    r#"{"frosen":true}"#,
    "[]",
];

fn inputs() -> impl Iterator<Item = String> {
    let sent = SENT.iter().map(|sent| (*sent).to_owned());
    let faults = FAULTS.iter().flat_map(|fault| {
        let body = format!(r#"{{"faults":["{fault}"]}}"#);
        [format!("f\n{fault}"), ask_after("faults", &body)]
    });
    let times = TIMES.iter().map(|time| ask_after("clock", time));
    sent.chain(faults).chain(times)
}

/// A request for a token behind one to the admin API.
fn ask_after(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "r\nPOST /__admin/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}\
         POST /api/v1/access_token HTTP/1.1\r\n\u{2}\r\n\u{1}"
    )
}

#[test]
fn the_corpus_holds() {
    replay("emulator", check);
}

#[test]
fn what_is_sent_holds() {
    for sent in inputs() {
        println!("{sent:?}");
        check(sent.as_bytes());
    }
}

/// Writes them as inputs of the fuzz target. See `fuzz/README.md`.
#[test]
#[ignore = "writes fuzz/target/seeds/emulator"]
fn write_seeds() {
    let folder = seeds("emulator");
    for (at, sent) in inputs().enumerate() {
        fs::write(folder.join(at.to_string()), sent).unwrap();
    }
}
