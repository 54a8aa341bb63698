//! What must hold of whatever a store holds: the file's record and lease record, and what Redis answers.
//!
//! An input begins with a line: `f` for files, `l`, `e`, `s`, `r`, `k` for what Redis answers to a load, a lease, a save, a
//! release, a look at the lease record, `a`, `d`, `n` to a login, a database's choice, the question for a master. For files, the next line is the lease record's (behind an `x`; without it there is
//! none), and the rest the record's. For Redis the rest is the answer. The byte 1 stands for a record's stored form, 2 for the
//! mark of the owner that asks; 3 and 4 for the same as strings of Redis.

mod files;
mod redis;

use std::time::Duration;

use pan123_token::BaseUrl;
use pan123_token_cache::{Owner, Record, RecordError, StoreError, StoreKey, Stored};

const OWNER: Owner = Owner(7);
const TERM: Duration = Duration::from_secs(45);
const HOUR: Duration = Duration::from_secs(3600);
const NOW: Duration = Duration::from_secs(1_740_124_117);
/// As the vectors of the stored form have it.
const FORM: &str = r#"{"version":1,"readableBy":1,"accessToken":"ISSUED-token-1","fingerprint":"722d271f3ad017f6","expiresAt":"2025-03-23T07:48:37Z","issuedAt":"2025-02-21T07:48:37Z","lifetimeMs":2592000000,"sentAtMs":1740124116750,"forced":0,"suspect":false}"#;
const TOKEN: &str = "ISSUED-token-1";

/// Panics where what is read breaks a rule.
pub fn check(input: &[u8]) {
    let (first, rest) = line(input);
    match first {
        b"f" => {
            let (lease, record) = line(rest);
            let lease = lease
                .strip_prefix(b"x")
                .map(|lease| [&put_in(lease), &b"\n"[..]].concat());
            files::check(&put_in(record), lease.as_deref());
        }
        [operation] if b"lesrkadn".contains(operation) => redis::check(*operation, &put_in(rest)),
        _ => {}
    }
}

fn line(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let end = end.unwrap_or(input.len());
    (&input[..end], input.get(end + 1..).unwrap_or_default())
}

fn put_in(input: &[u8]) -> Vec<u8> {
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    let (form, mark) = (record().encode(), format!("{:016x}", OWNER.0));
    let mut out = Vec::with_capacity(input.len());
    for byte in input {
        match byte {
            1 => out.extend_from_slice(form.as_bytes()),
            2 => out.extend_from_slice(mark.as_bytes()),
            3 => out.extend_from_slice(bulk(&form).as_bytes()),
            4 => out.extend_from_slice(bulk(&mark).as_bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

fn record() -> Record {
    Record::decode(FORM.as_bytes()).expect("a record")
}

fn key() -> StoreKey {
    StoreKey::new(&BaseUrl::default(), "id")
}

/// The record that a form is, if it can be read; an error where it is a newer version's. `stored` checks how that is read.
fn expected(form: &[u8], left: Option<Duration>) -> Result<Option<Stored>, ()> {
    match Record::decode(form) {
        Ok(record) => Ok(Some(Stored { record, left })),
        Err(RecordError::Newer) => Err(()),
        Err(_) => Ok(None),
    }
}

fn assert_short(error: &StoreError) {
    let line = format!("{error}");
    assert!(
        line.len() <= 1000 && !line.contains(char::is_control),
        "{line:?}"
    );
    for shown in [line, format!("{error:?}")] {
        assert!(!shown.contains(TOKEN), "the token is shown: {shown}");
    }
}
