//! What the core answers to replies, for a judge in another language: see `tests/naive/judge.py`.
//!
//! Each reply on stdin is four numbers of 32 bits (little end first) and three texts: the status, then the length of each
//! text, or all ones where there is none: `Retry-After`, `Date`, body. Each answer on stdout is a line of fields with tabs
//! between them, texts in hexadecimal, `-` for what there isn't.
#![allow(clippy::expect_used, reason = "a panic is how it says so")]

use std::fmt::Write as _;
use std::io::{self, BufWriter, Read, Write as _};

use http::header::{DATE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use pan123_token::{Credentials, GetAccessToken, Grant, OffsetDateTime, ResponseError};
use pan123_token_checks::response::SECRETS;

const NONE: u32 = u32::MAX;

fn main() -> io::Result<()> {
    let credentials = Credentials::new("sentinel-client-id", SECRETS[0]).expect("valid");
    let operation = GetAccessToken::new(credentials);
    let mut input = io::stdin().lock();
    let mut output = BufWriter::new(io::stdout().lock());
    let mut head = [0; 16];
    while input.read_exact(&mut head).is_ok() {
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let mut text = |length: u32| -> io::Result<Vec<u8>> {
            let mut text = vec![0; if length == NONE { 0 } else { length as usize }];
            input.read_exact(&mut text)?;
            Ok(text)
        };
        let (retry_after, date, body) = (text(number(4))?, text(number(8))?, text(number(12))?);
        let mut response = Response::new(body);
        let status = u16::try_from(number(0)).unwrap_or_default();
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        let mut insert = |name: HeaderName, length: u32, value: Vec<u8>| {
            if length != NONE {
                let value = HeaderValue::from_bytes(&value).expect("a value of a header");
                response.headers_mut().insert(name, value);
            }
        };
        insert(RETRY_AFTER, number(4), retry_after);
        insert(DATE, number(8), date);
        writeln!(output, "{}", line(&operation.parse_response(&response)))?;
    }
    output.flush()
}

/// Kind, code, message, trace id, token, expiry in nanoseconds, the server's time and the wait in seconds.
fn line(answer: &Result<Grant, ResponseError>) -> String {
    match answer {
        Ok(grant) => format!(
            "grant\t-\t-\t{}\t{}\t{}\t{}\t-",
            hex(grant.trace_id.as_deref()),
            hex(Some(grant.token.secret())),
            grant.token.expires_at().unix_timestamp_nanos(),
            or_none(grant.server_time.map(OffsetDateTime::unix_timestamp)),
        ),
        Err(error) => format!(
            "{}\t{}\t{}\t{}\t-\t-\t-\t{}",
            error.kind(),
            or_none(error.code()),
            hex(error.message()),
            hex(error.trace_id()),
            or_none(error.retry_after().map(|wait| wait.as_secs())),
        ),
    }
}

fn or_none(number: Option<impl ToString>) -> String {
    number.map_or("-".to_owned(), |number| number.to_string())
}

fn hex(text: Option<&str>) -> String {
    let Some(text) = text else {
        return "-".to_owned();
    };
    text.bytes().fold("=".to_owned(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
