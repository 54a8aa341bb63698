//! Every vector through the core: whole, at every prefix, with a trailer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fmt::Write as _;

use http::header::RETRY_AFTER;
use pan123_token::{ErrorKind, Grant, MAX_RESPONSE_BYTES, ResponseError};
use pan123_token_tests::vector::{
    self, CLIENT_SECRET_FORMS, Expectation, ExpectedError, Vector, operation,
};

/// The nouns that there are vectors for. A new folder is entered here.
const GROUPS: [&str; 17] = [
    "access-token",
    "code",
    "data",
    "date",
    "duplicates",
    "encoding",
    "envelope",
    "expired-at",
    "gateway",
    "message",
    "redirect",
    "retry-after",
    "secrets",
    "size",
    "status",
    "trace-id",
    "wild",
];

type Answer = Result<Grant, ResponseError>;

#[test]
fn every_group_has_vectors_and_every_file_is_one() {
    let groups: BTreeSet<_> = vector::all()
        .iter()
        .map(|vector| vector.group().to_owned())
        .collect();
    assert_eq!(groups, GROUPS.map(str::to_owned).into());

    let root = vector::root();
    let others: BTreeSet<_> = vector::files(&root)
        .into_iter()
        .filter(|path| path.extension().is_none_or(|extension| extension != "http"))
        .map(|path| path.strip_prefix(&root).unwrap().to_owned())
        .collect();
    assert_eq!(others, [".gitattributes".into(), "README.md".into()].into());
}

#[test]
fn every_kind_of_answer_has_vectors() {
    let kinds: BTreeSet<_> = vector::all()
        .iter()
        .map(|vector| vector.expectation.word())
        .collect();
    let all = [
        "grant",
        "malformed",
        "not_api",
        "rate_limited",
        "refused",
        "too_large",
        "unavailable",
    ];
    assert_eq!(kinds, all.into());
}

#[test]
fn whole() {
    let operation = operation();
    let mut differences = String::new();
    for vector in vector::all() {
        let answer = operation.parse_response(&vector.response());
        if let Err(more) = vector.compare(&answer) {
            let _ = writeln!(differences, "{more}");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn at_every_prefix_the_status_decides() {
    let operation = operation();
    for vector in vector::all() {
        for end in prefixes(&vector.body) {
            let body = &vector.body[..end];
            if is_object(body) {
                // No part of an object: all of it, and what follows is blank or was garbage.
                continue;
            }
            let answer = operation.parse_response(&vector.response_with(body));
            assert_by_status(&vector, end, &answer, &format!("{end} bytes of it"));
        }
    }
}

#[test]
fn with_garbage_behind_it_the_status_decides() {
    let operation = operation();
    for vector in vector::all() {
        for garbage in ["x", "\0", "]", "{}", "\u{feff}"] {
            let body = [&vector.body, garbage.as_bytes()].concat();
            let answer = operation.parse_response(&vector.response_with(&body));
            if is_object(&body) {
                // Only where there was nothing before it.
                assert!(vector.body.trim_ascii().is_empty());
                continue;
            }
            assert_by_status(
                &vector,
                body.len(),
                &answer,
                &format!("{garbage:?} behind it"),
            );
        }
    }
}

#[test]
fn with_blanks_behind_it_the_answer_is_the_same() {
    let operation = operation();
    for vector in vector::all() {
        for blanks in ["\n", "\r\n", " \t\r\n "] {
            let body = [&vector.body, blanks.as_bytes()].concat();
            let answer = operation.parse_response(&vector.response_with(&body));
            if body.len() > MAX_RESPONSE_BYTES && vector.body.len() <= MAX_RESPONSE_BYTES {
                let what = format!("{blanks:?} behind it");
                assert_by_status(&vector, body.len(), &answer, &what);
            } else if vector.body.is_empty() {
                // "An empty body" turns into "no JSON".
                assert_by_status(&vector, body.len(), &answer, "blanks alone");
            } else {
                vector.assert(&answer);
            }
        }
    }
}

#[test]
fn equal_responses_have_equal_answers() {
    let operation = operation();
    for vector in vector::all() {
        let answer = operation.parse_response(&vector.response());
        let again = operation.parse_response(&vector.response());
        assert_eq!(answer, again, "{}", vector.name);
        assert_eq!(
            format!("{answer:?}"),
            format!("{again:?}"),
            "{}",
            vector.name
        );
    }
}

#[test]
fn no_secret_is_shown() {
    let operation = operation();
    for vector in vector::all() {
        for end in prefixes(&vector.body) {
            let response = vector.response_with(&vector.body[..end]);
            let answer = operation.parse_response(&response);
            for shown in outputs(&answer) {
                assert_eq!(secret_in(&shown), None, "{}: {shown}", vector.name);
                if let Ok(grant) = &answer {
                    let token = grant.token.secret();
                    // Fewer characters than that may stand in any text.
                    assert!(
                        token.len() < 4 || !shown.contains(token),
                        "{}: {shown}",
                        vector.name
                    );
                }
            }
            if let Err(error) = &answer {
                let line = error.to_string();
                assert!(!line.contains(char::is_control), "{}", vector.name);
                assert!(line.len() <= 2048, "{}: {} bytes", vector.name, line.len());
                assert!(error.source().is_none(), "{}", vector.name);
            }
        }
    }
}

/// The harness itself: each wrong expectation of a right vector is reported, under its name.
mod a_wrong_expectation {
    use super::{Vector, operation};

    const GRANT: &str = "source: the harness\n\
        expect: grant\n\
        token: t\n\
        expires_at: 2025-03-23T07:48:37Z\n\
        server_time: 2025-03-23T07:48:30Z\n\
        lifetime: 7\n\
        trace_id: i\n\
        ---\n\
        HTTP/1.1 200 OK\n\
        Date: Sun, 23 Mar 2025 07:48:30 GMT\n\
        \n\
        {\"code\":0,\"data\":{\"accessToken\":\"t\",\"expiredAt\":\"2025-03-23T07:48:37Z\"},\"x-traceID\":\"i\"}";

    const ERROR: &str = "source: the harness\n\
        expect: rate_limited\n\
        code: 429\n\
        message: slow\n\
        trace_id: i\n\
        retry_after: 7\n\
        says: slow\n\
        ---\n\
        HTTP/1.1 503 Service Unavailable\n\
        Retry-After: 7\n\
        \n\
        {\"code\":429,\"message\":\"slow\",\"x-traceID\":\"i\"}";

    fn compare(file: &str) -> Result<(), String> {
        let vector = Vector::parse("group/name", file.as_bytes())?;
        vector.compare(&operation().parse_response(&vector.response()))
    }

    #[test]
    fn is_reported() {
        assert_eq!(compare(GRANT), Ok(()));
        assert_eq!(compare(ERROR), Ok(()));
        for (file, right, wrong, field) in [
            (GRANT, "token: t\n", "token: u\n", "token"),
            (GRANT, "37Z\nserver", "38Z\nserver", "expires_at"),
            (
                GRANT,
                "server_time: 2025-03-23T07:48:30Z\n",
                "server_time: none\n",
                "server_time",
            ),
            (GRANT, "lifetime: 7\n", "lifetime: 7.001\n", "lifetime"),
            (GRANT, "trace_id: i\n", "", "trace_id"),
            (GRANT, "200 OK", "404 Not Found", "expect"),
            (ERROR, "expect: rate_limited\n", "expect: refused\n", "kind"),
            (ERROR, "code: 429\n", "", "code"),
            (ERROR, "message: slow\n", "message: Slow\n", "message"),
            (ERROR, "trace_id: i\n", "trace_id:\n", "trace_id"),
            (ERROR, "retry_after: 7\n", "retry_after: 8\n", "retry_after"),
            (ERROR, "says: slow\n", "says: fast\n", "says"),
        ] {
            let file = file.replacen(right, wrong, 1);
            let report = compare(&file).unwrap_err();
            let named = format!("vector group/name:\n  {field}: expected ");
            assert!(report.starts_with(&named), "{field}: {report}");
        }
    }

    #[test]
    fn of_an_unknown_key_or_form_is_no_vector() {
        for (file, right, wrong) in [
            (GRANT, "source: the harness\n", ""),
            (GRANT, "source: the harness\n", "source:\n"),
            (GRANT, "expect: grant\n", "expect: granted\n"),
            (GRANT, "expires_at: 2025-03-23T07:48:37Z\n", ""),
            (GRANT, "Z\nserver", "+00:00\nserver"),
            (GRANT, "trace_id: i\n", "trace_id: i\ntrace_id: i\n"),
            (GRANT, "trace_id: i\n", "traceid: i\n"),
            (GRANT, "trace_id: i\n", "trace_id: \\n\n"),
            (GRANT, "trace_id: i\n", "trace_id: i\ncode: 0\n"),
            (GRANT, "trace_id: i\n", "trace_id: i\nfill: x 100\n"),
            (GRANT, "---\n", "--\n"),
            (GRANT, "HTTP/1.1", "HTTP/1.0"),
            (GRANT, "Date: ", "Date:"),
            (ERROR, "retry_after: 7\n", "retry_after: 7 s\n"),
        ] {
            let wrong_file = file.replacen(right, wrong, 1);
            assert_ne!(file, wrong_file);
            let parsed = Vector::parse("group/name", wrong_file.as_bytes());
            assert!(parsed.is_err(), "{wrong}");
        }
    }
}

#[test]
fn a_secret_that_is_shown_is_found() {
    for form in CLIENT_SECRET_FORMS {
        assert!(secret_in(&format!("message: {form}")).is_some());
        assert!(secret_in(&format!("{:?}", format!("message: {form}"))).is_some());
        assert!(secret_in(&form[..form.len() / 2]).is_some());
        assert!(secret_in(&form[form.len() / 2..]).is_some());
    }
    assert!(secret_in("ISSUED-token-1").is_some());
    assert_eq!(secret_in("client_id: sentinel-client-id"), None);
}

#[test]
fn wire_bytes_are_the_file_with_crlf_and_a_length() {
    let file = b"source: the harness\nexpect: not_api\n---\nHTTP/1.1 200 OK\nA: b\n\n\xff\n";
    let vector = Vector::parse("group/name", file).unwrap();
    assert_eq!(
        vector.wire(),
        b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\xff\n"
    );
}

#[test]
fn fill_makes_the_body_exactly_that_large() {
    let file = b"source: the harness\nexpect: not_api\nfill: [ ] 12\n---\nHTTP/1.1 200 OK\n\n{\"\":<FILL>1<FILL>}";
    let vector = Vector::parse("group/name", file).unwrap();
    assert_eq!(vector.body, b"{\"\":[[[1]]]}");
}

/// The answer that is left where the body isn't read: rule 1 of the classification, then the size, then nothing known.
fn by_status(status: u16, bytes: usize) -> ErrorKind {
    match status {
        429 => ErrorKind::RateLimited,
        408 | 500 | 502..=504 | 506..=599 => ErrorKind::Unavailable,
        ..400 if bytes > 65_536 => ErrorKind::TooLarge,
        _ => ErrorKind::NotApi,
    }
}

fn assert_by_status(vector: &Vector, bytes: usize, answer: &Answer, what: &str) {
    let Err(error) = answer else {
        panic!("vector {}, {what}: {answer:?}", vector.name);
    };
    let expectation = Expectation::Error(ExpectedError {
        kind: by_status(vector.status.as_u16(), bytes),
        code: None,
        message: None,
        trace_id: None,
        retry_after: match &vector.expectation {
            Expectation::Error(expected) => expected.retry_after,
            // A grant doesn't tell.
            Expectation::Grant(_) if vector.headers.contains_key(RETRY_AFTER) => {
                error.retry_after()
            }
            Expectation::Grant(_) => None,
        },
        says: Vec::new(),
    });
    if let Err(differences) = expectation.compare(vector.status, answer) {
        panic!("vector {}, {what}:{differences}", vector.name);
    }
}

/// Where to cut a body: everywhere, but for those that would take long, where something is likely to happen.
fn prefixes(body: &[u8]) -> Vec<usize> {
    let len = body.len();
    if len <= 4096 {
        return (0..=len).collect();
    }
    // No power of two, so that cuts fall anywhere in a pattern.
    let stride = (len / 50).max(997);
    let mut ends: BTreeSet<_> = (0..1024).chain(len - 64..=len).collect();
    ends.extend((1024..len).step_by(stride));
    ends.extend((65_530..65_545).filter(|end| *end < len));
    ends.into_iter().collect()
}

/// Whether the bytes are one pair of braces with blanks around it: where a cut leaves that, it left the whole object.
/// It looks at strings and brackets alone, so that it shares nothing with a parser.
fn is_object(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    if !body.starts_with(b"{") || !body.ends_with(b"}") {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (index, byte) in body.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1 == body.len();
        }
    }
    false
}

/// Every text that a program may write to its log.
fn outputs(answer: &Answer) -> Vec<String> {
    match answer {
        Ok(grant) => vec![
            format!("{grant:?}"),
            format!("{grant:#?}"),
            format!("{answer:?}"),
            grant.token.fingerprint().to_string(),
            grant.trace_id.clone().unwrap_or_default(),
        ],
        Err(error) => vec![
            format!("{error:?}"),
            format!("{error:#?}"),
            error.to_string(),
            error.message().unwrap_or_default().to_owned(),
            error.trace_id().unwrap_or_default().to_owned(),
        ],
    }
}

/// A part of the client secret, or of a token of the vectors (they all begin with `ISSUED`, or are JWTs).
fn secret_in(text: &str) -> Option<&'static str> {
    let parts = CLIENT_SECRET_FORMS
        .into_iter()
        .chain(["SENTINEL", "and+plus", "and%2Bplus", "and%2bplus"])
        .chain(["ISSUED", "eyJhbGci"]);
    parts.into_iter().find(|part| text.contains(part))
}
