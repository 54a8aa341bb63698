//! What must hold of the answer to any reply of the token endpoint: what `judge` says of it, no panic, and
//! no secret in it.
//!
//! An input is four parts with a line break between them: status, `Retry-After`, `Date`, body. So it can be read and
//! written by hand. A letter behind the status chooses another of [`SECRETS`]. In the body a few control characters, which
//! no JSON holds as they are, stand for what a fuzzer would not guess: see [`expand`].

use std::error::Error as _;
use std::time::{Duration, Instant};

use http::header::{CONTENT_ENCODING, DATE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use pan123_token::{
    Credentials, GetAccessToken, Grant, MAX_RESPONSE_BYTES, OffsetDateTime, ResponseError,
};

use crate::judge::{Judgement, Reply, judge};
use crate::shown::{assert_hidden, assert_no_end_of_it, assert_no_jwt, assert_no_token, plainly};

/// Client secrets: that of the vectors, and others that begin with what gets encoded, are no ASCII, short, hold the mark for
/// what is redacted, or have no four bytes together that a form leaves as they are.
pub const SECRETS: [&str; 6] = [
    r#"SENTINEL-secret/with"quote\and+plus"#,
    r#""/+\% begins/with+what\gets"encoded"#,
    "密钥/\"+%\\🔑密é/钥",
    r#""/ +\%"#,
    "a***b",
    "ab cd ef gh ij",
];

/// How long a reply may take, whatever it says. Without optimization, or watched by a sanitizer, it is longer by what that
/// costs.
const LIMIT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 20 });

const MAX_MESSAGE: usize = 200;
const MAX_TRACE_ID: usize = 128;

/// A reply, and the client secret of the request.
#[derive(Clone, Debug)]
pub struct Input {
    /// What was asked with.
    pub secret: &'static str,
    /// What came.
    pub response: Response<Vec<u8>>,
}

/// Panics where the answer to the input breaks a rule.
pub fn check(input: &[u8]) {
    let input = Input::read(input);
    let operation = input.operation();
    let answer = operation.parse_response(&input.response);
    let again = || {
        let start = Instant::now();
        let again = operation.parse_response(&input.response);
        let elapsed = start.elapsed();
        assert_eq!(answer, again, "equal input, equal answer");
        elapsed
    };
    // Another process may take the core away for a moment; not each time.
    let quick = (0..5).any(|_| again() < LIMIT);
    assert!(quick, "{:?} for a reply", again());
    check_answer(&answer, &input);
}

/// Panics where this is no answer to the input.
pub fn check_answer(answer: &Result<Grant, ResponseError>, input: &Input) {
    let (headers, body) = (input.response.headers(), input.response.body());
    let judgement = judge(
        &Reply {
            status: input.response.status().as_u16(),
            retry_after: headers.get(RETRY_AFTER).map(HeaderValue::as_bytes),
            date: headers.get(DATE).map(HeaderValue::as_bytes),
            compressed: headers.contains_key(CONTENT_ENCODING),
            body,
        },
        input.secret,
    );
    match answer {
        Ok(grant) => check_grant(grant, &judgement, input.secret),
        Err(error) => check_error(error, &judgement, input),
    }
}

fn check_grant(grant: &Grant, judgement: &Judgement, client_secret: &str) {
    let (token, expiry) = judgement.grant.as_ref().expect("no grant");
    assert_eq!(grant.token.secret(), token);
    assert_eq!(grant.token.expires_at().unix_timestamp_nanos(), *expiry);
    assert!(grant.token.expires_at().offset().is_utc());
    let authorization = grant.token.authorization();
    assert_eq!(
        authorization.as_bytes(),
        format!("Bearer {token}").as_bytes()
    );
    assert!(authorization.is_sensitive());

    let server_time = grant.server_time.map(OffsetDateTime::unix_timestamp_nanos);
    let second = 1_000_000_000;
    let expected = judgement.server_time.map(|time| i128::from(time) * second);
    assert_eq!(server_time, expected, "the server's time");
    let lifetime = expected.map(|time| expiry - time);
    let lifetime = lifetime.filter(|it| (1..=400 * 86_400 * second).contains(it));
    let found = grant
        .lifetime()
        .map(|it| i128::try_from(it.as_nanos()).unwrap());
    assert_eq!(found, lifetime, "the lifetime");

    let tokens = judgement.tokens.iter().map(|token| &**token);
    let secrets: Vec<_> = [client_secret].into_iter().chain(tokens).collect();
    let trace_id = grant.trace_id.as_deref();
    check_text(
        trace_id,
        judgement.trace_id.as_deref(),
        MAX_TRACE_ID,
        &secrets,
    );
    let own_words = format!("{grant:?}").replace(&format!("{:?}", grant.trace_id), "");
    assert_hidden(client_secret, &own_words);
    // No word of `Debug` itself is this long.
    if token.len() >= 20 {
        assert!(!own_words.contains(&**token), "the token is shown");
    }
}

fn check_error(error: &ResponseError, judgement: &Judgement, input: &Input) {
    let status = input.response.status();
    assert_eq!(error.kind().as_str(), judgement.kind, "{error:?}");
    assert_eq!(error.status(), status);
    assert_eq!(error.code(), judgement.code, "the code");
    let retryable = ["rate_limited", "unavailable"].contains(&judgement.kind);
    assert_eq!(error.is_retryable(), retryable);
    let wait = judgement.retry_after.map(Duration::from_secs);
    assert_eq!(error.retry_after(), wait, "Retry-After");

    let tokens = judgement.tokens.iter().map(|token| &**token);
    let secrets: Vec<_> = [input.secret].into_iter().chain(tokens).collect();
    check_text(
        error.message(),
        judgement.message.as_deref(),
        MAX_MESSAGE,
        &secrets,
    );
    check_text(
        error.trace_id(),
        judgement.trace_id.as_deref(),
        MAX_TRACE_ID,
        &secrets,
    );

    let line = error.to_string();
    let debug = format!("{error:?}");
    // Our own words; quotes around a text may complete what the text alone doesn't say.
    let (mut own_line, mut own_debug) = (line.clone(), debug);
    for text in [error.message(), error.trace_id()].into_iter().flatten() {
        // With a gap: what stands on both sides of a short one says nothing together.
        own_line = own_line.replace(text, "\u{0}");
        own_debug = own_debug.replace(&format!("{text:?}"), "");
    }
    assert_hidden(input.secret, &own_line);
    assert_hidden(input.secret, &own_debug);
    assert!(line.len() <= 2048, "{} bytes", line.len());
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(error.source().is_none(), "said by Display already");
    let facts = [
        Some(format!("(HTTP {}", status.as_u16())),
        Some(judgement.flaw.to_owned()),
        judgement.code.map(|code| format!(", code {code}")),
        error
            .message()
            .filter(|it| !it.is_empty())
            .map(|it| format!(", message \"{it}\"")),
        error
            .trace_id()
            .filter(|it| !it.is_empty())
            .map(|it| format!(", trace id {it})")),
        judgement
            .retry_after
            .map(|wait| format!("; try again in {wait} s")),
    ];
    for fact in facts.into_iter().flatten() {
        assert!(line.contains(&fact), "{line:?} lacks {fact:?}");
    }
}

/// What the server wrote is shown short, printable, and without a secret; and where nothing speaks against it, as it is.
fn check_text(shown: Option<&str>, written: Option<&str>, max_chars: usize, secrets: &[&str]) {
    assert_eq!(
        shown.is_some(),
        written.is_some(),
        "{shown:?} of {written:?}"
    );
    let (Some(shown), Some(written)) = (shown, written) else {
        return;
    };
    if let Some(expected) = plainly(written, max_chars, secrets) {
        assert_eq!(shown, expected);
    }
    assert!(shown.chars().count() <= max_chars);
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let (client_secret, tokens) = secrets.split_first().expect("the client secret");
    assert_hidden(client_secret, shown);
    for token in tokens {
        assert_no_token(token, shown);
    }
    if !shown.ends_with('…') {
        for secret in secrets {
            assert_no_end_of_it(secret, shown);
        }
        assert_no_jwt(shown);
    }
}

impl Input {
    /// What is no status is 200, and what no header can hold is left out.
    pub fn read(input: &[u8]) -> Self {
        let mut parts = input.splitn(4, |byte| *byte == b'\n');
        let mut part = || parts.next().unwrap_or_default();
        let (mut status, retry_after, date, body) = (part(), part(), part(), part());
        let mut secret = SECRETS[0];
        if let [before @ .., letter @ b'a'..=b'f'] = status {
            secret = SECRETS[usize::from(letter - b'a')];
            status = before;
        }
        let mut response = Response::new(expand(body, secret));
        // The fourth digit says that it is compressed.
        if let [three @ .., b'0'] = status
            && three.len() == 3
        {
            let gzip = HeaderValue::from_static("gzip");
            response.headers_mut().insert(CONTENT_ENCODING, gzip);
            status = three;
        }
        *response.status_mut() = StatusCode::from_bytes(status).unwrap_or_default();
        insert(&mut response, RETRY_AFTER, retry_after);
        insert(&mut response, DATE, date);
        Self { secret, response }
    }

    /// What was asked.
    pub fn operation(&self) -> GetAccessToken {
        GetAccessToken::new(Credentials::new("sentinel-client-id", self.secret).expect("valid"))
    }
}

fn insert(response: &mut Response<Vec<u8>>, name: HeaderName, value: &[u8]) {
    if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value)) {
        response.headers_mut().insert(name, value);
    }
}

/// The client secret in the encodings that a server may put it into, and the byte that stands for each in the body of an
/// input: as it is, JSON-escaped, the same twice, percent-encoded, the same in lower case, as in a form, and with a JSON
/// escape for each character.
pub fn forms(secret: &str) -> [(u8, String); 7] {
    let json = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"");
    let (upper, lower) = (percent(secret, "%20", true), percent(secret, "%20", false));
    [
        (1, secret.to_owned()),
        (2, json(secret)),
        (3, json(&json(secret))),
        (4, upper),
        (5, lower),
        (8, percent(secret, "+", true)),
        (11, escapes(secret)),
    ]
}

fn escapes(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| format!(r"\\u{unit:04x}"));
    units.collect::<Vec<_>>().concat()
}

fn percent(text: &str, blank: &str, upper: bool) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        b' ' => blank.to_owned(),
        byte if upper => format!("%{byte:02X}"),
        byte => format!("%{byte:02x}"),
    };
    text.bytes().map(encode).collect()
}

/// Puts in what the control characters of an input's body stand for: the client secret in [`forms`]; 31 for what a cut
/// leaves of it, 5 bytes; 14 to 30 for 8 bytes from within it in one of three forms; a 6 as the first byte for 64 KiB of
/// blanks; and what stands between two 7s is repeated until the body has 64 KiB.
pub fn expand(body: &[u8], secret: &str) -> Vec<u8> {
    // At the front only: a fuzzer strews bytes, and a large body is slow to check.
    let (bulk, body) = match body.strip_prefix(&[6]) {
        Some(rest) => (MAX_RESPONSE_BYTES, rest),
        None => (0, body),
    };
    let mut parts = body
        .splitn(3, |byte| *byte == 7)
        .map(|part| put_in(part, secret));
    let mut part = || parts.next();
    let mut expanded = vec![b' '; bulk];
    match (part(), part(), part()) {
        (Some(before), Some(repeated), Some(behind)) if !repeated.is_empty() => {
            let room = MAX_RESPONSE_BYTES.saturating_sub(bulk + before.len() + behind.len());
            expanded.extend_from_slice(&before);
            expanded.extend_from_slice(&repeated.repeat(room / repeated.len()));
            expanded.extend_from_slice(&behind);
        }
        _ => expanded.extend_from_slice(&put_in(body, secret)),
    }
    expanded
}

fn put_in(body: &[u8], secret: &str) -> Vec<u8> {
    let mut expanded = Vec::with_capacity(body.len());
    for byte in body {
        let index = usize::from(*byte);
        match byte {
            1..=5 | 8 | 11 => {
                let form = forms(secret).into_iter().find(|(mark, _)| mark == byte);
                expanded.extend_from_slice(form.unwrap_or_default().1.as_bytes());
            }
            31 => expanded.extend_from_slice(forms(piece(secret, 0, 5))[1].1.as_bytes()),
            14..=30 => {
                let start = secret.len() * ((index - 14) / 3) / 6;
                let form = &forms(piece(secret, start, 8))[1 + index % 3].1;
                expanded.extend_from_slice(form.as_bytes());
            }
            _ => expanded.push(*byte),
        }
    }
    expanded
}

/// So many bytes of the secret, or some more: whole characters.
fn piece(secret: &str, start: usize, bytes: usize) -> &str {
    let boundary = |at: usize| (at..=secret.len()).find(|at| secret.is_char_boundary(*at));
    let start = boundary(start).unwrap_or_default();
    &secret[start..boundary(start + bytes).unwrap_or(secret.len())]
}
