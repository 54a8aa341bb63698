//! What must hold of whatever the emulator is sent: one answer or none, and normal service afterwards.
//!
//! An input begins with a line: `r` for the raw bytes of a connection, `m` for a form (the next line is its
//! `Content-Type`), `f` for a fault's specification. In a request the byte 1 stands for the documented body, 2 for the headers
//! that go with it.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator, Fault, form_fields, parse_duration};

/// Panics where what comes of it breaks a rule.
pub fn check(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (first, rest) = input.split_at(end.unwrap_or(input.len()));
    let rest = rest.get(1..).unwrap_or_default();
    match first {
        b"r" => check_request(rest),
        b"m" => check_form(rest),
        b"f" => str::from_utf8(rest).into_iter().for_each(check_fault),
        _ => {}
    }
}

/// One for all checks, and for one at a time: it counts what it issues.
fn emulator() -> MutexGuard<'static, Emulator> {
    static EMULATOR: LazyLock<Mutex<Emulator>> =
        LazyLock::new(|| Mutex::new(Emulator::builder().rate(None).start().expect("started")));
    EMULATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

fn body() -> String {
    format!(r#"{{"clientID":"{CLIENT_ID}","clientSecret":"{CLIENT_SECRET}"}}"#)
}

fn headers() -> String {
    let length = body().len();
    format!(
        "Host: x\r\nPlatform: open_platform\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n"
    )
}

fn put_in(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len());
    for byte in input {
        match byte {
            1 => out.extend_from_slice(body().as_bytes()),
            2 => out.extend_from_slice(headers().as_bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

fn check_request(input: &[u8]) {
    let sent = put_in(input);
    let emulator = emulator();
    emulator.reset();
    let documented = format!(
        "POST /api/v1/access_token HTTP/1.1\r\n{}\r\n{}",
        headers(),
        body()
    );
    let good = sent == documented.as_bytes();
    let reply = exchange(&emulator, &sent, good);
    let issues = emulator.issued();
    if !reply.is_empty() {
        let status = reply.strip_prefix(b"HTTP/1.").and_then(|it| it.get(2..5));
        let status = status.filter(|it| it.iter().all(u8::is_ascii_digit) && it[0] >= b'1');
        assert!(status.is_some(), "{}", String::from_utf8_lossy(&reply));
    }
    assert!(
        !good || issues == 1,
        "the documented request brings a token"
    );
    // No token without what opens it: in JSON's escapes, too.
    let has = |part: &str| sent.windows(part.len()).any(|it| it == part.as_bytes());
    let opens = has("/__admin/") || has(CLIENT_SECRET) || sent.contains(&b'\\');
    assert!(issues == 0 || opens, "a token for nothing");
    // What the admin API was told ends here.
    emulator.reset();
    let reply = exchange(&emulator, documented.as_bytes(), true);
    assert!(
        reply.starts_with(b"HTTP/1.1 200 "),
        "no normal service any more"
    );
}

/// What comes back until the connection ends. What is reset is nothing.
fn exchange(emulator: &Emulator, sent: &[u8], ends: bool) -> Vec<u8> {
    let exchange = || -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(emulator.addr())?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(sent)?;
        // Where there is an end anyway, the server may take this for the client's.
        if !ends {
            stream.shutdown(Shutdown::Write)?;
        }
        let mut reply = Vec::new();
        match stream.read_to_end(&mut reply) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("no end of a reply"),
            _ => Ok(reply),
        }
    };
    exchange().unwrap_or_default()
}

/// The fields of a form, written anew, are the same fields.
fn check_form(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (content_type, body) = input.split_at(end.unwrap_or(input.len()));
    let body = body.get(1..).unwrap_or_default();
    let Ok(content_type) = str::from_utf8(content_type) else {
        return;
    };
    let Some(fields) = form_fields(content_type, body) else {
        return;
    };
    let lower = content_type.to_ascii_lowercase();
    assert!(lower.trim_start().starts_with("multipart/form-data") && lower.contains("boundary"));
    let mut rest = body;
    let mut form = Vec::new();
    let boundary = (0..=body.len())
        .map(|number| format!("={number}="))
        .find(|boundary| {
            let mark = boundary.as_bytes();
            !body.windows(mark.len()).any(|it| it == mark)
        });
    let boundary = boundary.expect("one of many");
    for (name, content) in &fields {
        // In order, and none within another.
        let at = rest
            .windows(content.len().max(1))
            .position(|it| it == *content);
        let at = if content.is_empty() {
            0
        } else {
            at.expect("it stands in the body")
        };
        rest = &rest[at + content.len()..];
        let name = name.replace('\\', r"\\").replace('"', "\\\"");
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{boundary}--").as_bytes());
    // A line break in a name ends its line.
    if !fields.iter().any(|(name, _)| name.contains("\r\n")) {
        let again = form_fields(
            &format!("multipart/form-data; boundary=\"{boundary}\""),
            &form,
        );
        assert_eq!(again.as_ref(), Some(&fields));
    }
}

/// A fault reads back as it is written; a duration is a number and a unit.
fn check_fault(text: &str) {
    match text.parse::<Fault>() {
        Ok(fault) => assert_eq!(fault.to_string().parse(), Ok(fault)),
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let nanos: Option<u128> = match unit {
        "ns" => Some(1),
        "us" => Some(1000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        "d" => Some(86_400_000_000_000),
        _ => None,
    };
    let nanos = nanos.and_then(|unit| number.parse::<u128>().ok()?.checked_mul(unit));
    let nanos = nanos.filter(|nanos| *nanos <= Duration::MAX.as_nanos());
    assert_eq!(parse_duration(text).ok().map(|it| it.as_nanos()), nanos);
}
