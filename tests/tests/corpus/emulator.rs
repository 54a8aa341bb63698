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
];

#[test]
fn the_corpus_holds() {
    replay("emulator", check);
}

#[test]
fn what_is_sent_holds() {
    for sent in SENT {
        println!("{sent:?}");
        check(sent.as_bytes());
    }
}

/// Writes them as inputs of the fuzz target. See `fuzz/README.md`.
#[test]
#[ignore = "writes fuzz/target/seeds/emulator"]
fn write_seeds() {
    let folder = seeds("emulator");
    for (at, sent) in SENT.iter().enumerate() {
        fs::write(folder.join(at.to_string()), sent).unwrap();
    }
}
