//! What must hold of the verdict on any response. The fuzz target runs it on what the fuzzer makes up, the ordinary
//! tests on the committed corpus and on the conformance vectors.
//!
//! An input is four parts with a line break between them: status, `Retry-After`, `Date`, body. So it can be read and
//! written by hand. In the body a few control characters, which no JSON holds as they are, stand for what a fuzzer would
//! not guess: see [`expand`].
//!
//! The verdict is compared with [`reading`], a second and slower way to it: a tree of the whole JSON text.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use http::header::{DATE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use pan123_token::{
    Credentials, ErrorKind, GetAccessToken, Grant, MAX_REJECTION_BYTES, MAX_RESPONSE_BYTES,
    RejectionWatch, ResponseError, token_rejected,
};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The client secret: as it is, JSON-escaped, the same twice, percent-encoded, the same in lower case. In the body of an
/// input the bytes 1 to 5 stand for them.
pub(crate) const SECRET_FORMS: [&str; 5] = [
    r#"SENTINEL-secret/with"quote\and+plus"#,
    r#"SENTINEL-secret/with\"quote\\and+plus"#,
    r#"SENTINEL-secret/with\\\"quote\\\\and+plus"#,
    "SENTINEL-secret%2Fwith%22quote%5Cand%2Bplus",
    "SENTINEL-secret%2fwith%22quote%5cand%2bplus",
];

/// Panics where the verdict on the input breaks a rule.
pub(crate) fn check(input: &[u8]) {
    let response = response(input);
    let credentials = Credentials::new("sentinel-client-id", SECRET_FORMS[0]).expect("valid");
    let operation = GetAccessToken::new(credentials);

    let verdict = operation.parse_response(&response);
    assert_eq!(
        verdict,
        operation.parse_response(&response),
        "equal input, equal verdict"
    );
    check_verdict(&verdict, &response);

    let rejected = token_rejected(&response);
    if let Some(expected) = is_rejected(&response) {
        assert_eq!(rejected, expected, "token_rejected");
    }
    check_watch(rejected, &response);
}

/// The verdict is the same where the body passes by, however it is cut; and a long body is no rejection.
fn check_watch(rejected: bool, response: &Response<Vec<u8>>) {
    let body = response.body();
    let expected = rejected && body.len() <= MAX_REJECTION_BYTES;
    let watch = |sizes: &mut dyn Iterator<Item = usize>, length: Option<usize>| {
        let mut watch = RejectionWatch::new(response, length.map(|length| length as u64));
        let mut rest = &body[..];
        for size in sizes {
            let (chunk, behind) = rest.split_at(size.min(rest.len()));
            watch.push(chunk);
            rest = behind;
        }
        watch.push(rest);
        watch.finish()
    };
    assert_eq!(watch(&mut std::iter::empty(), Some(body.len())), expected);
    assert_eq!(
        watch(&mut std::iter::repeat_n(1, body.len()), None),
        expected
    );
    // Its own bytes say where it is cut, so that a fuzzer can choose.
    let sizes = &mut body.iter().map(|byte| usize::from(byte % 64));
    assert_eq!(watch(sizes, None), expected);
}

/// Panics where the verdict on the response breaks a rule.
pub(crate) fn check_verdict(verdict: &Result<Grant, ResponseError>, response: &Response<Vec<u8>>) {
    match verdict {
        Ok(grant) => check_grant(grant, response),
        Err(error) => check_error(error, response),
    }
    check_reading(verdict, response);
}

fn check_grant(grant: &Grant, response: &Response<Vec<u8>>) {
    let token = grant.token.secret();
    assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(response.status().is_success());
    assert!(response.body().len() <= MAX_RESPONSE_BYTES);
    assert_eq!(
        grant.token.authorization().as_bytes(),
        format!("Bearer {token}").as_bytes()
    );
    assert!(grant.token.authorization().is_sensitive());

    let between = grant
        .server_time
        .map(|server_time| grant.token.expires_at() - server_time);
    let lifetime = between.filter(|span| span.is_positive() && *span <= time::Duration::days(400));
    assert_eq!(
        grant.lifetime().map(|it| time::Duration::try_from(it).ok()),
        lifetime.map(Some)
    );

    check_server_text(grant.trace_id.as_deref(), 128);
    let shown = format!("{grant:?}");
    assert_no_secret(&shown);
    // No word of `Debug` itself is this long.
    if token.len() >= 20 {
        let own_words = shown.replace(&format!("{:?}", grant.trace_id), "");
        assert!(!own_words.contains(token), "the token is shown");
    }
    // Longer than the mark for what was redacted.
    if token.len() > 3 {
        let trace_id = grant.trace_id.as_deref().unwrap_or_default();
        assert!(!trace_id.contains(token), "the trace id shows the token");
    }
}

fn check_error(error: &ResponseError, response: &Response<Vec<u8>>) {
    let (kind, status) = (error.kind(), response.status());
    assert_eq!(error.status(), status);
    let retryable = matches!(kind, ErrorKind::RateLimited | ErrorKind::Unavailable);
    assert_eq!(error.is_retryable(), retryable);
    check_retry_after(error.retry_after(), response);

    let line = error.to_string();
    assert!(line.len() <= 2048, "{} bytes", line.len());
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.contains(&format!("HTTP {}", status.as_u16())));
    assert!(error.source().is_none(), "said by Display already");
    check_server_text(error.message(), 200);
    check_server_text(error.trace_id(), 128);
    assert_no_secret(&line);
    assert_no_secret(&format!("{error:?}"));
}

/// What the server wrote is short, printable and free of the secret.
fn check_server_text(text: Option<&str>, max_chars: usize) {
    let text = text.unwrap_or_default();
    assert!(text.chars().count() <= max_chars);
    assert!(!text.contains(char::is_control), "{text:?}");
    assert_no_secret(text);
    for (at, _) in text.match_indices("eyJ") {
        let base64url = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let len = text[at..].bytes().take_while(base64url).count();
        assert!(len < 8, "a JWT is shown: {text}");
    }
}

fn assert_no_secret(shown: &str) {
    for form in SECRET_FORMS {
        assert!(!shown.contains(form), "the client secret is shown: {shown}");
    }
}

fn check_retry_after(wait: Option<Duration>, response: &Response<Vec<u8>>) {
    assert!(wait.is_none_or(|wait| wait <= Duration::from_secs(3600)));
    let text = response.headers().get(RETRY_AFTER);
    let Some(text) = text.and_then(|value| value.to_str().ok()).map(str::trim) else {
        assert_eq!(wait, None);
        return;
    };
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().unwrap_or(u64::MAX).min(3600);
        assert_eq!(wait, Some(Duration::from_secs(seconds)));
    } else if !response.headers().contains_key(DATE) {
        assert_eq!(wait, None, "a date says nothing without a date");
    }
}

/// The kind of the verdict, and what is kept of the body, by a second reading.
fn check_reading(verdict: &Result<Grant, ResponseError>, response: &Response<Vec<u8>>) {
    let (status, body) = (response.status().as_u16(), response.body());
    let too_large = body.len() > MAX_RESPONSE_BYTES;
    let by_status = match status {
        429 => Some(ErrorKind::RateLimited),
        408 | 500 | 502..=504 | 506..=599 => Some(ErrorKind::Unavailable),
        ..400 if too_large => Some(ErrorKind::TooLarge),
        _ => None,
    };
    let reading = if too_large {
        Reading::NoObject
    } else {
        reading(body)
    };
    let ambiguous = matches!(reading, Reading::Ambiguous);
    let (code, out_of_range, message, trace_id, data) = match reading {
        Reading::Object {
            code,
            out_of_range,
            message,
            trace_id,
            data,
        } => (code, out_of_range, message, trace_id, data),
        Reading::NoObject | Reading::Ambiguous => (None, false, false, false, None),
        // A limit of this reading, not of the one that is checked.
        Reading::Unknown => {
            let kind = verdict.as_ref().err().map(ResponseError::kind);
            let limited = kind == Some(ErrorKind::RateLimited);
            assert!(limited || by_status.is_none() || kind == by_status);
            return;
        }
    };

    // `None` stands for a grant.
    let kind = match (by_status, code) {
        (_, Some(429)) => Some(ErrorKind::RateLimited),
        (Some(kind), _) => Some(kind),
        _ if ambiguous => Some(ErrorKind::Malformed),
        (None, Some(0)) if response.status().is_success() && data.is_some() => None,
        (None, Some(0)) => Some(ErrorKind::Malformed),
        (None, Some(_)) => Some(ErrorKind::Refused),
        (None, None) if out_of_range => Some(ErrorKind::Refused),
        (None, None) => Some(ErrorKind::NotApi),
    };
    match verdict {
        Ok(grant) => {
            let (token, expires_at) = data.expect("a grant needs a token");
            assert_eq!(kind, None);
            assert_eq!(grant.token.secret(), token);
            assert_eq!(grant.trace_id.is_some(), trace_id);
            if let Some(expires_at) = expires_at {
                assert_eq!(grant.token.expires_at().unix_timestamp(), expires_at);
            }
        }
        Err(error) => {
            // Whether the time is one is read here in the documented form only.
            let no_time = matches!(&data, Some((_, None))) && error.kind() == ErrorKind::Malformed;
            assert!(
                kind == Some(error.kind()) || kind.is_none() && no_time,
                "{error:?}"
            );
            assert_eq!(error.code(), code);
            assert_eq!(error.message().is_some(), message);
            assert_eq!(error.trace_id().is_some(), trace_id);
            // Longer than the mark for what was redacted.
            if let Some((token, _)) = data.filter(|(token, _)| token.len() > 3) {
                let texts = [error.message(), error.trace_id()];
                let shown = texts.iter().flatten().any(|text| text.contains(&token));
                assert!(!shown, "the token is shown: {error}");
            }
        }
    }
}

/// An API call's answer that says so: code 401, or HTTP 401 and nothing else. `None` where this reading can't tell.
fn is_rejected(response: &Response<Vec<u8>>) -> Option<bool> {
    if response.body().is_empty() {
        return Some(response.status() == StatusCode::UNAUTHORIZED);
    }
    match reading(response.body()) {
        Reading::Object { code, .. } => Some(code == Some(401)),
        Reading::NoObject | Reading::Ambiguous => Some(false),
        Reading::Unknown => None,
    }
}

/// What a body says.
enum Reading {
    /// No JSON, or no object.
    NoObject,
    /// A known key stands twice at the top.
    Ambiguous,
    Object {
        code: Option<i64>,
        /// Whether the code is an integer that 64 bits don't hold.
        out_of_range: bool,
        /// Whether it is a string.
        message: bool,
        /// Whether it is a string.
        trace_id: bool,
        /// A token that a header can carry and that isn't the client secret, and its expiry in Unix time where that has the documented form.
        data: Option<(String, Option<i64>)>,
    },
    /// Nested deeper than a tree can hold, or with a text or a number that a tree can't hold.
    Unknown,
}

fn reading(body: &[u8]) -> Reading {
    let Ok(text) = str::from_utf8(body) else {
        return Reading::NoObject;
    };
    // Skips values without looking at them, so it knows no limit.
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Reading::NoObject;
    }
    let members = match serde_json::from_str(text) {
        Ok(Json::Object(members)) => members,
        Ok(_) => return Reading::NoObject,
        Err(_) => return Reading::Unknown,
    };
    let known = ["code", "message", "x-traceID", "data"];
    if known.iter().any(|key| count(&members, key) > 1) {
        return Reading::Ambiguous;
    }
    let digits = match get(&members, "code") {
        // It may have been an integer.
        Some(Json::Float) => return Reading::Unknown,
        Some(Json::Number(digits) | Json::Text(digits)) if is_integer(digits) => Some(digits),
        _ => None,
    };
    let code = digits.and_then(|digits| digits.parse().ok());
    let is_text = |key| matches!(get(&members, key), Some(Json::Text(_)));
    Reading::Object {
        code,
        out_of_range: digits.is_some() && code.is_none(),
        message: is_text("message"),
        trace_id: is_text("x-traceID"),
        data: get(&members, "data").and_then(token),
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn token(data: &Json) -> Option<(String, Option<i64>)> {
    let Json::Object(members) = data else {
        return None;
    };
    if count(members, "accessToken") > 1 || count(members, "expiredAt") > 1 {
        return None;
    }
    match (get(members, "accessToken")?, get(members, "expiredAt")?) {
        (Json::Text(token), Json::Text(expired_at)) => {
            let visible = token.bytes().all(|byte| (0x21..0x7f).contains(&byte));
            let usable = visible && !token.is_empty() && token != SECRET_FORMS[0];
            usable.then(|| (token.clone(), documented_time(expired_at)))
        }
        _ => None,
    }
}

/// Unix time of `YYYY-MM-DDThh:mm:ss+08:00` in the years that matter, counted by hand.
fn documented_time(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let marks = [4, 7, 10, 13, 16].map(|at| text.as_bytes()[at]);
    let sound = (1970..9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=28).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if marks != *b"--T::" || text.get(19..) != Some("+08:00") || !sound {
        return None;
    }
    let before_month = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_year = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let leap_days = (1970..year).filter(|year| leap_year(*year)).count();
    let this_leap_day = i64::from(month > 2 && leap_year(year));
    let days = (year - 1970) * 365
        + i64::try_from(leap_days).ok()?
        + before_month[usize::try_from(month - 1).ok()?]
        + this_leap_day
        + day
        - 1;
    Some(days * 86_400 + (hour - 8) * 3600 + minute * 60 + second)
}

fn get<'a>(members: &'a [(String, Json)], key: &str) -> Option<&'a Json> {
    members
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, json)| json)
}

fn count(members: &[(String, Json)], key: &str) -> usize {
    members.iter().filter(|(name, _)| name == key).count()
}

/// A JSON text as a tree that keeps every member, doubles too.
enum Json {
    Object(Vec<(String, Json)>),
    Text(String),
    /// An integer's digits.
    Number(String),
    /// No integer, or one beyond 64 bits.
    Float,
    Other,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        while seq.next_element::<Json>()?.is_some() {}
        Ok(Json::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Json, E> {
        if number == 0.0 && number.is_sign_negative() {
            // `-0` is an integer and `-0.0` is none; a tree holds both as this.
            return Err(E::custom("negative zero"));
        }
        Ok(Json::Float)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }
}

/// The response that an input stands for. What is no status is 200, and what no header can hold is left out.
pub(crate) fn response(input: &[u8]) -> Response<Vec<u8>> {
    let mut parts = input.splitn(4, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (status, retry_after, date, body) = (part(), part(), part(), part());

    let mut response = Response::new(expand(body));
    *response.status_mut() = StatusCode::from_bytes(status).unwrap_or_default();
    for (name, value) in [(RETRY_AFTER, retry_after), (DATE, date)] {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Puts in the client secret in each of its encodings, and a bulk beyond the limit of a body.
fn expand(body: &[u8]) -> Vec<u8> {
    let mut expanded = Vec::with_capacity(body.len());
    // At the front only: a fuzzer strews bytes, and a large body is slow to check.
    let (bulk, body) = match body.strip_prefix(&[6]) {
        Some(rest) => (MAX_RESPONSE_BYTES, rest),
        None => (0, body),
    };
    expanded.resize(bulk, b' ');
    for byte in body {
        match byte {
            1..=5 => expanded.extend_from_slice(SECRET_FORMS[usize::from(*byte) - 1].as_bytes()),
            _ => expanded.push(*byte),
        }
    }
    expanded
}
