//! Conformance vectors: one response per file, what it must be classified as, and how that shape is known.
//!
//! The format is described in `tests/vectors/README.md`. A vector holds every field of the answer, so a test that
//! replays one asserts all of them; a key that is absent asserts that there is no such value.
//!
//! A test that replays vectors on another path (an adapter, the command) asks as [`operation`] does, serves
//! [`Vector::wire`], and compares with [`Vector::assert`] or with the public fields of [`Expectation`].

use std::fmt::{Debug, Display, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use pan123_token::{Credentials, ErrorKind, GetAccessToken, Grant, OffsetDateTime, ResponseError};
use time::format_description::well_known::Rfc3339;

/// The client ID that every vector is asked with.
pub const CLIENT_ID: &str = "sentinel-client-id";

/// The client secret that every vector is asked with. It differs in each encoding in which a server may repeat it, and
/// no vector spells `SENTINEL` or `and+plus` but as part of it.
pub const CLIENT_SECRET: &str = r#"SENTINEL-secret/with"quote\and+plus"#;

/// The secret in all encodings that must not be shown either: as it is, JSON-escaped, percent-encoded.
pub const CLIENT_SECRET_FORMS: [&str; 5] = [
    CLIENT_SECRET,
    r#"SENTINEL-secret/with\"quote\\and+plus"#,
    r#"SENTINEL-secret\/with\"quote\\and+plus"#,
    "SENTINEL-secret%2Fwith%22quote%5Cand%2Bplus",
    "SENTINEL-secret%2fwith%22quote%5cand%2bplus",
];

/// The operation whose reply every vector is, at the official address.
pub fn operation() -> GetAccessToken {
    let credentials = Credentials::new(CLIENT_ID, CLIENT_SECRET).expect("sentinels are valid");
    GetAccessToken::new(credentials)
}

/// One response and its expected answer.
#[derive(Clone, Debug)]
pub struct Vector {
    /// `<group>/<behaviour>`, as the file is named.
    pub name: String,
    /// How the shape is known: a document, a report, or a thought.
    pub source: String,
    /// The answer.
    pub expectation: Expectation,
    /// Why no HTTP/1.1 connection carries the response unchanged. `None` where one does.
    pub unsendable: Option<String>,
    /// The status of the response.
    pub status: StatusCode,
    /// Its header fields, in order.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// The head as the file has it, with CRLF.
    head: Vec<u8>,
}

/// What a response must be classified as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// A token.
    Grant(ExpectedGrant),
    /// No token.
    Error(ExpectedError),
}

/// Every field of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedGrant {
    /// The token's secret.
    pub token: String,
    /// When it ends, in UTC.
    pub expires_at: OffsetDateTime,
    /// The server's clock, in UTC.
    pub server_time: Option<OffsetDateTime>,
    /// How long the token lives by that clock.
    pub lifetime: Option<Duration>,
    /// The trace id.
    pub trace_id: Option<String>,
}

/// Every field of an error, but for the status, which is the response's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedError {
    /// The kind of reply.
    pub kind: ErrorKind,
    /// The envelope's code.
    pub code: Option<i64>,
    /// The message, as it may be shown.
    pub message: Option<String>,
    /// The trace id, as it may be shown.
    pub trace_id: Option<String>,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// What `Display` must contain.
    pub says: Vec<String>,
}

/// Loads every vector, sorted by name.
///
/// # Panics
///
/// When a file is no vector, with its name and the reason.
pub fn all() -> Vec<Vector> {
    let root = root();
    let mut vectors: Vec<_> = files(&root)
        .into_iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "http")
        })
        .map(|path| {
            let name = path.strip_prefix(&root).expect("found below the root");
            let name = name.with_extension("");
            let name = name.to_str().expect("vectors have ASCII names");
            let file = fs::read(&path).unwrap_or_else(|error| panic!("vector {name}: {error}"));
            Vector::parse(name, &file).unwrap_or_else(|flaw| panic!("vector {name}: {flaw}"))
        })
        .collect();
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    vectors
}

/// Where the vectors are.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// Every file below `folder`.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder);
    for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

impl Vector {
    /// Reads a vector file.
    ///
    /// # Errors
    ///
    /// When it isn't one: what is wrong with it.
    pub fn parse(name: &str, file: &[u8]) -> Result<Self, String> {
        let (keys, rest) = split_once(file, b"\n---\n").ok_or("no line `---`")?;
        let mut keys = Keys::parse(keys)?;
        let (head, template) = split_once(rest, b"\n\n").ok_or("no empty line after the head")?;

        let mut lines = head.split(|byte| *byte == b'\n');
        let status = status(lines.next().unwrap_or_default())?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = header(line)?;
            headers.append(name, value);
        }
        let mut wire_head = Vec::new();
        for line in head.split(|byte| *byte == b'\n') {
            wire_head.extend_from_slice(line);
            wire_head.extend_from_slice(b"\r\n");
        }

        let source = keys.take("source")?.ok_or("no `source`")?;
        if source.is_empty() {
            return Err("an empty `source`".to_owned());
        }
        let vector = Self {
            name: name.to_owned(),
            source,
            expectation: keys.expectation()?,
            unsendable: keys.unsendable()?,
            status,
            headers,
            body: keys.fill(template)?,
            head: wire_head,
        };
        keys.end()?;
        Ok(vector)
    }

    /// The folder that the vector lies in: the noun that it is about.
    pub fn group(&self) -> &str {
        self.name.split_once('/').map_or("", |(group, _)| group)
    }

    /// The response as the core takes it.
    pub fn response(&self) -> Response<Vec<u8>> {
        self.response_with(self.body.clone())
    }

    /// The same head with another body.
    pub fn response_with<B>(&self, body: B) -> Response<B> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }

    /// The bytes that an HTTP/1.1 server sends. Where the vector doesn't frame its body itself, `Content-Length` does,
    /// and the connection ends after it.
    ///
    /// Meaningless where the response can't be sent ([`unsendable`](Self::unsendable)).
    pub fn wire(&self) -> Vec<u8> {
        let mut wire = self.head.clone();
        let framed = self.headers.contains_key(http::header::CONTENT_LENGTH)
            || self.headers.contains_key(http::header::TRANSFER_ENCODING);
        // These two end with their head.
        let bodiless = matches!(self.status.as_u16(), 204 | 304);
        if !framed && !bodiless {
            let length = format!("Content-Length: {}\r\n", self.body.len());
            wire.extend_from_slice(length.as_bytes());
        }
        wire.extend_from_slice(b"Connection: close\r\n\r\n");
        wire.extend_from_slice(&self.body);
        wire
    }

    /// Compares every field of an answer.
    ///
    /// # Panics
    ///
    /// When it isn't the expected one, with every field that differs.
    pub fn assert(&self, answer: &Result<Grant, ResponseError>) {
        if let Err(differences) = self.compare(answer) {
            panic!("{differences}");
        }
    }

    /// Compares every field of an answer.
    ///
    /// # Errors
    ///
    /// When it isn't the expected one: the vector's name, and a line for every field that differs.
    pub fn compare(&self, answer: &Result<Grant, ResponseError>) -> Result<(), String> {
        self.expectation
            .compare(self.status, answer)
            .map_err(|differences| format!("vector {}:{differences}", self.name))
    }
}

impl Expectation {
    /// `grant`, or the kind of the error: the word under `expect`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Grant(_) => "grant",
            Self::Error(expected) => expected.kind.as_str(),
        }
    }

    /// Compares every field of an answer to a response of that status.
    ///
    /// # Errors
    ///
    /// When it isn't the expected one: a line for every field that differs, with a line break before each.
    pub fn compare(
        &self,
        status: StatusCode,
        answer: &Result<Grant, ResponseError>,
    ) -> Result<(), String> {
        let mut differences = Differences::default();
        match (self, answer) {
            (Self::Grant(expected), Ok(grant)) => {
                differences.field("token", expected.token.as_str(), grant.token.secret());
                differences.field("expires_at", expected.expires_at, grant.token.expires_at());
                differences.field("server_time", expected.server_time, grant.server_time);
                differences.field("lifetime", expected.lifetime, grant.lifetime());
                differences.field("trace_id", &expected.trace_id, &grant.trace_id);
            }
            (Self::Error(expected), Err(error)) => {
                let retryable = matches!(
                    expected.kind,
                    ErrorKind::RateLimited | ErrorKind::Unavailable
                );
                differences.field("kind", expected.kind, error.kind());
                differences.field("status", status, error.status());
                differences.field("code", expected.code, error.code());
                differences.field("message", expected.message.as_deref(), error.message());
                differences.field("trace_id", expected.trace_id.as_deref(), error.trace_id());
                differences.field("retry_after", expected.retry_after, error.retry_after());
                differences.field("is_retryable", retryable, error.is_retryable());
                let shown = error.to_string();
                for says in &expected.says {
                    if !shown.contains(says) {
                        differences.add("says", says, &shown);
                    }
                }
            }
            (Self::Grant(expected), Err(error)) => differences.add("expect", expected, error),
            (Self::Error(expected), Ok(grant)) => differences.add("expect", expected, grant),
        }
        if differences.0.is_empty() {
            return Ok(());
        }
        Err(differences.0)
    }
}

/// What differs between an answer and the expected one, a line for each field.
#[derive(Default)]
struct Differences(String);

impl Differences {
    fn field<T: Debug + PartialEq>(&mut self, name: &str, expected: T, found: T) {
        if expected != found {
            self.add(name, expected, found);
        }
    }

    fn add(&mut self, name: &str, expected: impl Debug, found: impl Debug) {
        let _ = write!(self.0, "\n  {name}: expected {expected:?}, found {found:?}");
    }
}

/// The lines `key: value` that a file begins with.
struct Keys<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Keys<'a> {
    fn parse(text: &'a [u8]) -> Result<Self, String> {
        let text = str::from_utf8(text).map_err(say)?;
        let keys = text.lines().map(|line| {
            let (key, value) = line.split_once(':').ok_or(format!("no key: {line}"))?;
            Ok((key, value.strip_prefix(' ').unwrap_or(value)))
        });
        Ok(Self(keys.collect::<Result<_, String>>()?))
    }

    /// Every value of a key, out of the list.
    fn take_all(&mut self, key: &str) -> Result<Vec<String>, String> {
        let (taken, left) = self.0.drain(..).partition(|(name, _)| *name == key);
        self.0 = left;
        let taken: Vec<(&str, &str)> = taken;
        taken.iter().map(|(_, value)| unescape(value)).collect()
    }

    /// The one value of a key. `none` says in so many words that there is none.
    fn take(&mut self, key: &str) -> Result<Option<String>, String> {
        let literal_none = self.0.contains(&(key, "none"));
        let mut values = self.take_all(key)?;
        match values.len() {
            0 => Ok(None),
            1 if literal_none => Ok(None),
            1 => Ok(values.pop()),
            _ => Err(format!("`{key}` twice")),
        }
    }

    fn take_with<T>(
        &mut self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let value = self.take(key)?;
        let read = value.map(|text| read(&text).map_err(|flaw| format!("`{key}: {text}`: {flaw}")));
        read.transpose()
    }

    fn expectation(&mut self) -> Result<Expectation, String> {
        let expect = self.take("expect")?.ok_or("no `expect`")?;
        if expect == "grant" {
            return Ok(Expectation::Grant(ExpectedGrant {
                token: self.take("token")?.ok_or("a grant without `token`")?,
                expires_at: self
                    .take_with("expires_at", utc)?
                    .ok_or("a grant without `expires_at`")?,
                server_time: self.take_with("server_time", utc)?,
                lifetime: self.take_with("lifetime", seconds)?,
                trace_id: self.take("trace_id")?,
            }));
        }
        let kind = match expect.as_str() {
            "rate_limited" => ErrorKind::RateLimited,
            "unavailable" => ErrorKind::Unavailable,
            "too_large" => ErrorKind::TooLarge,
            "malformed" => ErrorKind::Malformed,
            "refused" => ErrorKind::Refused,
            "not_api" => ErrorKind::NotApi,
            _ => return Err(format!("`expect: {expect}`")),
        };
        Ok(Expectation::Error(ExpectedError {
            kind,
            code: self.take_with("code", |text| text.parse().map_err(say))?,
            message: self.take("message")?,
            trace_id: self.take("trace_id")?,
            retry_after: self.take_with("retry_after", seconds)?,
            says: self.take_all("says")?,
        }))
    }

    fn unsendable(&mut self) -> Result<Option<String>, String> {
        self.take_with("wire", |text| match text.strip_prefix("no ") {
            Some(reason) => Ok(reason.to_owned()),
            None => Err("expected `no` and a reason".to_owned()),
        })
    }

    /// The body, with what stands for its long parts filled in.
    fn fill(&mut self, template: &[u8]) -> Result<Vec<u8>, String> {
        const MARK: &[u8] = b"<FILL>";
        // Not unescaped yet: a blank divides the parts, so a blank that is one is written as an escape.
        let fill = self.0.iter().find(|(key, _)| *key == "fill");
        let Some(&(_, fill)) = fill else {
            return Ok(template.to_vec());
        };
        self.take("fill")?;
        let mut parts: Vec<_> = fill.split(' ').collect();
        let size: usize = parts.pop().unwrap_or_default().parse().map_err(say)?;
        let parts: Vec<_> = parts
            .into_iter()
            .map(unescape)
            .collect::<Result<_, String>>()?;

        let mut fixed = vec![Vec::new()];
        let mut rest = template;
        while let Some((before, after)) = split_once(rest, MARK) {
            if let Some(last) = fixed.last_mut() {
                last.extend_from_slice(before);
            }
            fixed.push(Vec::new());
            rest = after;
        }
        if let Some(last) = fixed.last_mut() {
            last.extend_from_slice(rest);
        }
        if fixed.len() != parts.len() + 1 || parts.is_empty() {
            return Err("as many strings in `fill` as marks in the body".to_owned());
        }
        let free = size.checked_sub(fixed.iter().map(Vec::len).sum());
        let once: usize = parts.iter().map(String::len).sum();
        let times = match free {
            Some(free) if once > 0 && free % once == 0 => free / once,
            _ => return Err(format!("`fill` can't make it {size} bytes")),
        };
        let mut body = Vec::with_capacity(size);
        for (index, fixed) in fixed.iter().enumerate() {
            body.extend_from_slice(fixed);
            if let Some(part) = parts.get(index) {
                body.extend_from_slice(part.repeat(times).as_bytes());
            }
        }
        Ok(body)
    }

    fn end(mut self) -> Result<(), String> {
        self.take_all("note")?;
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => Err(format!("`{key}` has no meaning here")),
        }
    }
}

/// The two escapes of values: `\\` and `\u{…}`.
fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        if let Some(after) = escape.strip_prefix('\\') {
            plain.push('\\');
            rest = after;
            continue;
        }
        let code = escape
            .strip_prefix("u{")
            .and_then(|code| code.split_once('}'));
        let (code, after) = code.ok_or(format!("an escape in `{text}`"))?;
        let code = u32::from_str_radix(code, 16).map_err(say)?;
        plain.push(char::from_u32(code).ok_or(format!("no character {code:x}"))?);
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}

fn status(line: &[u8]) -> Result<StatusCode, String> {
    let line = str::from_utf8(line).map_err(say)?;
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .ok_or(format!("`{line}` is no status line"))?;
    let status = status.split(' ').next().unwrap_or_default();
    status.parse().map_err(say)
}

fn header(line: &[u8]) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = split_once(line, b": ").ok_or("a header line without `: `")?;
    let name = HeaderName::from_bytes(name).map_err(say)?;
    Ok((name, HeaderValue::from_bytes(value).map_err(say)?))
}

fn utc(text: &str) -> Result<OffsetDateTime, String> {
    if !text.ends_with('Z') {
        return Err("not in UTC".to_owned());
    }
    OffsetDateTime::parse(text, &Rfc3339).map_err(say)
}

fn seconds(text: &str) -> Result<Duration, String> {
    // Whole seconds, or with three decimals.
    let (whole, millis) = text.split_once('.').unwrap_or((text, "000"));
    if millis.len() != 3 {
        return Err("three decimals or none".to_owned());
    }
    let whole: u64 = whole.parse().map_err(say)?;
    let millis: u64 = millis.parse().map_err(say)?;
    Ok(Duration::from_secs(whole) + Duration::from_millis(millis))
}

fn split_once<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn say(error: impl Display) -> String {
    error.to_string()
}
