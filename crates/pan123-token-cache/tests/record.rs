//! The stored form: frozen vectors, read whole and in part, and what is written reads back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic is how a test reports, and vectors are files"
)]

use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use pan123_token::{AccessToken, OffsetDateTime};
use pan123_token_cache::{Record, RecordError};
use proptest::prelude::*;
use time::format_description::well_known::Rfc3339;

/// What version 1 writes, for ever.
const FROZEN: &str = r#"{"version":1,"readableBy":1,"accessToken":"ISSUED-token-1","fingerprint":"722d271f3ad017f6","expiresAt":"2025-03-23T07:48:37Z","issuedAt":"2025-02-21T07:48:37Z","lifetimeMs":2592000000,"sentAtMs":1740124116750,"forced":0,"suspect":false}"#;

/// A stored form, and what reading it must give. The format is described in `tests/vectors-stored/README.md`.
struct Vector {
    name: String,
    frozen: bool,
    expect: Expect,
    form: Vec<u8>,
}

#[derive(Debug)]
enum Expect {
    Record(Box<Record>),
    Newer,
    Damaged(String),
}

impl Vector {
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors-stored");
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|path| path.extension().is_some_and(|it| it == "stored"))
            .collect();
        files.sort();
        assert!(files.len() > 80, "{} vectors", files.len());
        files.iter().map(|path| Self::load(path)).collect()
    }

    fn load(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let file = fs::read(path).unwrap();
        let line = b"\n---\n";
        let at = file.windows(line.len()).position(|it| it == line);
        let at = at.unwrap_or_else(|| panic!("{name}: no ---"));
        let (head, mut form) = (&file[..at], file[at + line.len()..].to_vec());

        let mut lines: Vec<_> = str::from_utf8(head)
            .unwrap()
            .lines()
            .map(|line| line.split_once(": ").expect("key: value"))
            .collect();
        let mut take = |key| {
            let at = lines.iter().position(|(it, _)| *it == key)?;
            Some(lines.remove(at).1)
        };
        let source = take("source").expect("a source");
        if let Some(size) = take("fill") {
            fill(&mut form, number(size));
        }
        let expect = match take("expect").expect("a verdict") {
            "record" => Expect::Record(Box::new(record(&mut take))),
            "newer" => Expect::Newer,
            other => Expect::Damaged(other.strip_prefix("damaged ").expect("a verdict").into()),
        };
        assert_eq!(lines, [], "{name}");
        Self {
            frozen: source.contains("[frozen]"),
            name,
            expect,
            form,
        }
    }

    #[track_caller]
    fn assert(&self, form: &[u8], what: &str) {
        let read = Record::decode(form);
        let as_expected = match (&self.expect, &read) {
            (Expect::Record(expected), Ok(read)) => **expected == *read,
            (Expect::Newer, Err(error)) => *error == RecordError::Newer,
            (Expect::Damaged(part), Err(RecordError::Damaged(named))) => part == named,
            _ => false,
        };
        let (name, expect) = (&self.name, &self.expect);
        assert!(as_expected, "{name}, {what}: {read:?}, expected {expect:?}");
        assert_silent(&read);
    }
}

/// The record of the first vector, but for what these lines say.
fn record<'a>(take: &mut impl FnMut(&'static str) -> Option<&'a str>) -> Record {
    let mut record = Record::decode(FROZEN.as_bytes()).unwrap();
    let expires_at = take("expires_at").map_or(record.token.expires_at(), date);
    record.token = AccessToken::new(take("token").unwrap_or("ISSUED-token-1"), expires_at).unwrap();
    let issued_at = take("issued_at").unwrap_or("2025-02-21T07:48:37Z");
    record.issued_at = date(issued_at);
    record.lifetime = millis(take("lifetime_ms").unwrap_or("2592000000"));
    record.sent_at = millis(take("sent_at_ms").unwrap_or("1740124116750"));
    record.forced = number(take("forced").unwrap_or("0"));
    record.suspect = number(take("suspect").unwrap_or("false"));
    record.maybe_issued = number(take("maybe_issued").unwrap_or("0"));
    record
}

fn fill(form: &mut Vec<u8>, size: usize) {
    let mark = b"<FILL>";
    let at = form.windows(mark.len()).position(|it| it == mark).unwrap();
    let blanks = vec![b' '; size + mark.len() - form.len()];
    form.splice(at..at + mark.len(), blanks);
    assert_eq!(form.len(), size);
}

fn date(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).unwrap()
}

fn millis(text: &str) -> Duration {
    Duration::from_millis(number(text))
}

fn number<T: FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("not a number or a flag: {text}"))
}

/// Nothing that could be printed holds a part of the token.
#[track_caller]
fn assert_silent(read: &Result<Record, RecordError>) {
    let mut shown = format!("{read:?} {read:#?}");
    if let Err(error) = read {
        shown += &error.to_string();
        assert!(std::error::Error::source(error).is_none());
    }
    assert!(!shown.contains("ISSUED"), "{shown}");
}

#[test]
fn every_vector_is_read_as_it_says() {
    for vector in Vector::all() {
        vector.assert(&vector.form, "whole");
    }
}

#[test]
fn blanks_behind_a_form_change_nothing() {
    for vector in Vector::all() {
        if vector.form.len() < 65_000 {
            vector.assert(&[&vector.form[..], b" \t\r\n"].concat(), "with blanks");
        }
    }
}

#[test]
fn anything_else_behind_a_form_damages_it() {
    for vector in Vector::all() {
        for garbage in ["}", ",", "0", "{}", "\0", "\u{85}", "\n\n#"] {
            let form = [&vector.form, garbage.as_bytes()].concat();
            let read = Record::decode(&form);
            let damaged = matches!(read, Err(RecordError::Damaged(_)));
            assert!(damaged, "{}, with {garbage:?}: {read:?}", vector.name);
            assert_silent(&read);
        }
    }
    // Two writers at once.
    let twice = Record::decode(FROZEN.repeat(2).as_bytes());
    assert_eq!(twice, Err(RecordError::Damaged("its JSON")));
}

#[test]
fn every_part_of_a_form_that_broke_off_is_damaged() {
    for vector in Vector::all() {
        // A large one is made of blanks and brackets; of those a few will do.
        let form = vector.form.trim_ascii_end();
        let step = if form.len() > 1000 { 97 } else { 1 };
        for len in (0..form.len()).step_by(step) {
            let read = Record::decode(&form[..len]);
            let damaged = matches!(read, Err(RecordError::Damaged(_)));
            assert!(damaged, "{}, {len} bytes: {read:?}", vector.name);
            assert_silent(&read);
        }
    }
}

#[test]
fn what_version_1_writes_is_frozen_byte_by_byte() {
    let mut frozen = 0;
    for vector in Vector::all() {
        if let (true, Expect::Record(record)) = (vector.frozen, &vector.expect) {
            let form = String::from_utf8(vector.form).unwrap();
            assert_eq!(record.encode(), form, "{}", vector.name);
            frozen += 1;
        }
    }
    assert_eq!(frozen, 6);
    assert_eq!(
        Record::decode(FROZEN.as_bytes()).unwrap().encode(),
        FROZEN,
        "the literal of this test"
    );
}

/// A field that is public may be set to what the form can't hold.
#[test]
fn a_date_is_written_in_utc_or_not_at_all() {
    let mut record = Record::decode(FROZEN.as_bytes()).unwrap();
    let china = time::UtcOffset::from_hms(8, 0, 1).unwrap();
    record.issued_at = record.issued_at.to_offset(china);
    assert_eq!(record.encode(), FROZEN);
    record.issued_at = time::Date::MIN.midnight().assume_utc();
    assert_eq!(
        Record::decode(record.encode().as_bytes()),
        Err(RecordError::Damaged("issuedAt"))
    );
}

#[test]
fn debug_shows_all_but_the_token() {
    let record = Record::decode(FROZEN.as_bytes()).unwrap();
    assert_eq!(
        format!("{record:?}"),
        "Record { token: AccessToken { fingerprint: 722d271f3ad017f6, expires_at: 2025-03-23 7:48:37.0 +00:00:00, .. }, \
         issued_at: 2025-02-21 7:48:37.0 +00:00:00, lifetime: 2592000s, sent_at: 1740124116.75s, forced: 0, suspect: false, maybe_issued: 0 }"
    );
}

/// The life comes out shorter, the sending earlier, never the other way.
#[test]
fn fractions_of_a_millisecond_are_cut_off() {
    let mut record = Record::decode(FROZEN.as_bytes()).unwrap();
    record.lifetime += Duration::from_nanos(999_999);
    record.sent_at += Duration::from_nanos(999_999);
    assert_eq!(record.encode(), FROZEN);
    record.lifetime = Duration::MAX;
    let read = Record::decode(record.encode().as_bytes()).unwrap();
    assert_eq!(read.lifetime, Duration::from_millis(u64::MAX));
}

#[test]
fn errors_say_in_one_line_what_is_wrong() {
    assert_eq!(
        RecordError::Damaged("its JSON").to_string(),
        "the stored token is damaged: its JSON"
    );
    assert_eq!(
        Record::decode(b"{}").unwrap_err().to_string(),
        "the stored token is damaged: readableBy"
    );
    assert_eq!(
        RecordError::Newer.to_string(),
        "the stored token was written by a newer version that this one can't read"
    );
}

#[test]
fn a_record_replaces_an_older_one_or_the_one_that_was_read_under_the_lease() {
    let record = |secret: &str, issued: &str| {
        let mut record = Record::decode(FROZEN.as_bytes()).unwrap();
        record.token = AccessToken::new(secret, record.token.expires_at()).unwrap();
        record.issued_at = date(issued);
        record
    };
    let (early, late) = ("2025-02-21T07:48:37Z", "2025-02-21T07:48:38Z");
    let another = Some(record("ISSUED-another", early).fingerprint());
    let stored = Some(record("ISSUED-stored", early).fingerprint());
    let table = [
        // own issue, stored issue, read under the lease, replaces
        (late, early, None, true),
        (late, early, another, true),
        (late, early, stored, true),
        (early, early, None, false),
        (early, early, another, false),
        (early, early, stored, true),
        (early, late, None, false),
        (early, late, another, false),
        (early, late, stored, true),
    ];
    for (own_issue, stored_issue, replaces, expected) in table {
        let own = record("ISSUED-own", own_issue);
        let there = record("ISSUED-stored", stored_issue);
        assert_eq!(
            own.may_replace(&there, replaces),
            expected,
            "{own_issue} over {stored_issue}, {replaces:?}"
        );
    }
}

/// Any moment that RFC 3339 can write.
fn any_date() -> impl Strategy<Value = OffsetDateTime> {
    let seconds = -62_167_219_200_i64..=253_402_300_799;
    (seconds, 0_u32..1_000_000_000).prop_map(|(seconds, nanos)| {
        let whole = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        whole.replace_nanosecond(nanos).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_reads_back(
        secret in "[!-~]{1,300}",
        expires_at in any_date(),
        issued_at in any_date(),
        lifetime in any::<u64>(),
        sent_at in any::<u64>(),
        forced in any::<u32>(),
        suspect in any::<bool>(),
        maybe_issued in any::<u32>(),
    ) {
        let mut record = Record::decode(FROZEN.as_bytes()).unwrap();
        record.token = AccessToken::new(secret, expires_at).unwrap();
        record.issued_at = issued_at;
        record.lifetime = Duration::from_millis(lifetime);
        record.sent_at = Duration::from_millis(sent_at);
        record.forced = forced;
        record.suspect = suspect;
        record.maybe_issued = maybe_issued;
        let form = record.encode();
        prop_assert_eq!(Record::decode(form.as_bytes()), Ok(record));
        prop_assert!(form.is_ascii() && !form.contains(char::is_control));
    }

    #[test]
    fn one_changed_byte_never_gives_another_token(at in 0..FROZEN.len(), byte in any::<u8>()) {
        let mut form = FROZEN.as_bytes().to_vec();
        form[at] = byte;
        let read = Record::decode(&form);
        assert_silent(&read);
        if let Ok(read) = read {
            prop_assert_eq!(read.token.secret(), "ISSUED-token-1");
        }
    }
}
