//! The reply to an API call: its body goes to stdout as it comes, and what it says of itself is read on the way.

use std::fmt;
use std::io::{self, BufReader, Read, Write};

use pan123_token_ureq::http::{Method, Response, StatusCode};
use pan123_token_ureq::ureq::Body;
use pan123_token_ureq::{AccessToken, GetAccessToken, ResponseError};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::failure::Failure;

/// A longer body is printed whole, and isn't judged: what stands behind this isn't looked at.
const MAX_ENVELOPE: u64 = 64 << 20;
/// What a page of HTML begins with, say.
const MAX_START: usize = 256;
/// A longer value says nothing in one line.
const MAX_VALUE: usize = 16 << 10;

/// Prints the body, and judges the reply as the core judges that to the request for a token.
pub(super) fn print(
    reply: Response<Body>,
    method: &Method,
    operation: &GetAccessToken,
    token: &AccessToken,
) -> Result<(), Failure> {
    let (head, body) = reply.into_parts();
    let mut body = Printing {
        body: body.into_reader(),
        written: Ok(()),
        start: Vec::new(),
    };
    let mut envelope = Envelope::default();
    let read = envelope.read(&mut body);
    let (written, start) = (body.written, body.start);
    written.map_err(|error| Failure::output(&error))?;

    let has_no_body = *method == Method::HEAD || head.status == StatusCode::NO_CONTENT;
    if has_no_body && head.status.is_success() {
        return Ok(());
    }
    if read.is_ok() && head.status.is_success() && envelope.is_success() {
        return Ok(());
    }
    if start.is_empty() && head.status == StatusCode::UNAUTHORIZED {
        return Err(Failure::refused(
            "the API refused the token (HTTP 401, no body)",
        ));
    }
    let judged = Response::from_parts(
        head,
        envelope
            .to_json(token)
            .unwrap_or_else(|| hidden(&start, token)),
    );
    // A status may say enough.
    let by_status = || operation.parse_broken_off(&judged);
    if let Err(error) = read {
        return Err(by_status().map_or_else(|| Failure::no_reply(&error), Failure::reply));
    }
    if envelope.cut {
        let by_status = by_status().filter(ResponseError::is_retryable);
        return Err(by_status.map_or_else(Failure::too_large, Failure::reply));
    }
    match operation.parse_response(&judged) {
        Err(error) => Err(Failure::reply(error)),
        // It holds no token.
        Ok(_) => Err(Failure::internal()),
    }
}

/// Without the token, whatever that looks like: the core hides what looks like one.
fn hidden(start: &[u8], token: &AccessToken) -> Vec<u8> {
    let text = String::from_utf8_lossy(start);
    text.replace(token.secret(), "***").into_bytes()
}

/// A body that is written to stdout as it is read.
struct Printing<R> {
    body: R,
    written: io::Result<()>,
    /// No more of it than tells what it is, if it is no envelope.
    start: Vec<u8>,
}

impl<R: Read> Read for Printing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer)?;
        let room = MAX_START.saturating_sub(self.start.len());
        self.start.extend_from_slice(&buffer[..read.min(room)]);
        let mut out = io::stdout().lock();
        let written = out.write_all(&buffer[..read]).and_then(|()| out.flush());
        if let Err(error) = written {
            self.written = Err(error);
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(read)
    }
}

/// The members of the envelope that say how it went, as they stand there; one that stands there twice comes twice.
#[derive(Default)]
struct Envelope {
    members: Vec<(&'static str, Box<RawValue>)>,
    whole: bool,
    /// It goes on behind the part that was looked at.
    cut: bool,
}

impl Envelope {
    const NAMES: [&'static str; 3] = ["code", "message", "x-traceID"];

    /// Reads all of it, whether or not it is JSON.
    fn read(&mut self, body: &mut impl Read) -> io::Result<()> {
        let reader = BufReader::new((&mut *body).take(MAX_ENVELOPE));
        let mut json = serde_json::Deserializer::from_reader(reader);
        let parsed = (&mut *self)
            .deserialize(&mut json)
            .and_then(|()| json.end());
        let (is_json, at_end) = match parsed {
            Ok(()) => (true, true),
            Err(error) if error.is_io() => return Err(error.into()),
            Err(error) => (false, error.is_eof()),
        };
        let rest = io::copy(body, &mut io::sink())?;
        self.cut = at_end && rest > 0;
        self.whole = is_json && !self.cut;
        Ok(())
    }

    /// Code 0, once.
    fn is_success(&self) -> bool {
        let codes = self.members.iter().filter(|(name, _)| *name == "code");
        let codes: Vec<&str> = codes.map(|(_, value)| value.get()).collect();
        self.whole && matches!(codes[..], ["0" | "\"0\""])
    }

    /// What the core needs of it, without the token. `None` if it is none.
    fn to_json(&self, token: &AccessToken) -> Option<Vec<u8>> {
        if !self.whole {
            return None;
        }
        let members = self.members.iter().map(|(name, value)| {
            let value = match serde_json::from_str::<String>(value.get()) {
                Ok(text) => {
                    serde_json::Value::from(text.replace(token.secret(), "***")).to_string()
                }
                Err(_) => value.get().to_owned(),
            };
            format!("\"{name}\":{value}")
        });
        Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Envelope {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Envelope {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let Some(name) = Envelope::NAMES.into_iter().find(|it| *it == name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value::<Box<RawValue>>()?;
            if value.get().len() <= MAX_VALUE {
                self.members.push((name, value));
            }
        }
        Ok(())
    }
}
