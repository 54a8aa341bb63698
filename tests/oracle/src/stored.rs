//! What must hold of reading any stored form. The fuzz target runs it on what the fuzzer makes up, the ordinary tests on
//! the committed corpus and on the vectors. An input is the form as it is.

use std::error::Error as _;

use pan123_token_cache::{Record, RecordError};

/// The parts that an error may name: no other text can come from the form.
const PARTS: [&str; 13] = [
    "its size",
    "its JSON",
    "version",
    "readableBy",
    "accessToken",
    "fingerprint",
    "expiresAt",
    "issuedAt",
    "lifetimeMs",
    "sentAtMs",
    "forced",
    "suspect",
    "maybeIssued",
];

/// Panics where what is read of the form breaks a rule.
///
/// # Panics
///
/// That is how it says so.
pub fn check(form: &[u8]) {
    match Record::decode(form) {
        Ok(record) => check_record(&record, form),
        Err(error) => {
            let named = match error {
                RecordError::Damaged(part) => PARTS.contains(&part),
                other => other == RecordError::Newer,
            };
            assert!(named, "{error:?}");
            let line = error.to_string();
            assert!(line.len() <= 100 && !line.contains(char::is_control));
            assert!(error.source().is_none());
        }
    }
}

#[expect(clippy::expect_used, reason = "what a fuzzer looks for")]
fn check_record(record: &Record, form: &[u8]) {
    assert!(form.len() <= 64 * 1024);
    let text = str::from_utf8(form).expect("JSON is UTF-8");
    let secret = record.token.secret();
    assert!(!secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic()));
    // It stands in the form, unless it is written with escapes.
    assert!(text.contains(secret) || text.contains('\\'));
    assert!(text.contains(&record.fingerprint().to_string()) || text.contains('\\'));

    let written = record.encode();
    assert_eq!(
        Record::decode(written.as_bytes()).as_ref(),
        Ok(record),
        "what was read, written and read again"
    );
    assert!(record.may_replace(record, Some(record.fingerprint())));
    assert!(
        record.may_replace(record, None),
        "a record that says as much may stand in its place"
    );

    // No form is complete before its last bracket, and none goes on after it.
    let whole = written.len();
    for len in [1, whole / 3, whole / 2, whole - 2, whole - 1] {
        assert!(Record::decode(&written.as_bytes()[..len]).is_err());
    }
    assert!(Record::decode(format!("{written}{written}").as_bytes()).is_err());

    // No word of `Debug` itself is this long.
    if secret.len() >= 20 {
        assert!(
            !format!("{record:?}").contains(secret),
            "the token is shown"
        );
    }
}
