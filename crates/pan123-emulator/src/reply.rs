//! What a reply consists of: the envelope, the status and headers, and the ways of sending a body.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use hyper::http::{self, Response, StatusCode};
use serde_json::{Map, Value, json};
use tokio::time::{Sleep, sleep};

/// The platform's JSON object. Its fields are written in the order of the documentation.
#[derive(Clone)]
pub(crate) struct Envelope(Vec<(&'static str, Value)>);

impl Envelope {
    pub(crate) fn granted(data: Value, trace_id: &str) -> Self {
        Self::new(json!(0), "ok", data, trace_id)
    }

    pub(crate) fn refused(code: i64, message: &str, trace_id: &str) -> Self {
        Self::new(json!(code), message, Value::Null, trace_id)
    }

    fn new(code: Value, message: &str, data: Value, trace_id: &str) -> Self {
        Self(vec![
            ("code", code),
            ("message", json!(message)),
            ("data", data),
            ("x-traceID", json!(trace_id)),
        ])
    }

    /// Replaces a field, or adds it at the end.
    pub(crate) fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| *key != name);
    }

    /// The fields of `data`, if that is an object.
    pub(crate) fn data(&mut self) -> Option<&mut Map<String, Value>> {
        let data = self.0.iter_mut().find(|(key, _)| *key == "data");
        data.and_then(|(_, value)| value.as_object_mut())
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let fields: Vec<String> = self
            .0
            .iter()
            .map(|(key, value)| format!("{}:{value}", json!(key)))
            .collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    }
}

/// How a body is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    Whole,
    /// One byte at a time, this far apart.
    Dripping(Duration),
    /// Half of it.
    HalfOnly,
    /// With this many bytes of filler before the closing `"}`.
    Padded(u64),
}

/// A reply, but for the `Date`, which is added unless `dated`.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) sending: Sending,
    pub(crate) dated: bool,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body,
            sending: Sending::Whole,
            dated: false,
        }
    }

    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        Self::new(status, "application/json", body)
    }

    /// A reply as a test gives it.
    pub(crate) fn raw(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self {
            status,
            dated: headers.iter().any(|(k, _)| k.eq_ignore_ascii_case("date")),
            headers,
            body,
            sending: Sending::Whole,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The reply as hyper sends it, or a 500 that says that the script's reply is not HTTP.
    pub(crate) fn into_response(self) -> Response<ReplyBody> {
        self.try_into_response().unwrap_or_else(|error| {
            let message = format!("the emulator's script has an impossible reply: {error}\n");
            let mut response = Response::new(ReplyBody::whole(message.into()));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }

    fn try_into_response(self) -> Result<Response<ReplyBody>, String> {
        if self.status < 200 {
            return Err("the status is below 200".to_owned());
        }
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        let length = self.body.len() as u64;
        // hyper knows the length of a whole body. The others are announced, and the truncated one not kept to.
        let length = match self.sending {
            Sending::Whole => None,
            Sending::Dripping(_) | Sending::HalfOnly => Some(length),
            Sending::Padded(filler) => Some(length + filler),
        };
        if let Some(length) = length {
            response = response.header(http::header::CONTENT_LENGTH, length);
        }
        let body = ReplyBody::new(self.body.into(), self.sending);
        response.body(body).map_err(|error| error.to_string())
    }
}

/// A body on its way. It holds no more than the JSON, however long it is.
pub(crate) struct ReplyBody {
    rest: Bytes,
    filler: u64,
    tail: Bytes,
    /// The pause between two bytes.
    drip: Option<Duration>,
    pause: Option<Pin<Box<Sleep>>>,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Proper,
    /// It breaks off once everything was handed to the socket.
    Broken,
    /// It breaks off now.
    BrokenNow,
}

/// The filler of padded replies.
static FILLER: [u8; 16 << 10] = [b'x'; 16 << 10];

impl ReplyBody {
    fn whole(body: Bytes) -> Self {
        Self::new(body, Sending::Whole)
    }

    fn new(mut body: Bytes, sending: Sending) -> Self {
        let mut tail = Bytes::new();
        let mut filler = 0;
        let mut end = End::Proper;
        let mut drip = None;
        match sending {
            Sending::Whole => {}
            Sending::Dripping(every) => drip = Some(every),
            Sending::HalfOnly => {
                body.truncate(body.len() / 2);
                end = End::Broken;
            }
            Sending::Padded(bytes) => {
                tail = body.split_off(body.len().saturating_sub(PAD_END.len()));
                filler = bytes;
            }
        }
        Self {
            rest: body,
            filler,
            tail,
            drip,
            pause: None,
            end,
        }
    }

    fn chunk(&mut self) -> Option<Bytes> {
        if !self.rest.is_empty() {
            let length = if self.drip.is_some() {
                1
            } else {
                self.rest.len()
            };
            return Some(self.rest.split_to(length));
        }
        if self.filler > 0 {
            let length = usize::try_from(self.filler)
                .unwrap_or(usize::MAX)
                .min(FILLER.len());
            self.filler -= length as u64;
            return Some(Bytes::from_static(&FILLER[..length]));
        }
        (!self.tail.is_empty()).then(|| std::mem::take(&mut self.tail))
    }
}

/// The field that padding goes into, and what stands behind the filler.
pub(crate) const PAD_FIELD: &str = "padding";
const PAD_END: &str = "\"}";

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(context));
            this.pause = None;
        }
        if let Some(chunk) = this.chunk() {
            this.pause = this.drip.map(|every| Box::pin(sleep(every)));
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match this.end {
            End::Proper => Poll::Ready(None),
            End::Broken => {
                // One turn for hyper to flush what it has; an error would make it drop that.
                this.end = End::BrokenNow;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            End::BrokenNow => Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.filler == 0 && self.tail.is_empty() && self.end == End::Proper
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        let mut hint = hyper::body::SizeHint::new();
        if self.end == End::Proper {
            hint.set_exact(self.rest.len() as u64 + self.filler + self.tail.len() as u64);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_written_in_the_documented_order() {
        let data = json!({"accessToken": "eyJ", "expiredAt": "2025-03-23T15:48:37+08:00"});
        let envelope = Envelope::granted(data, "trace");
        assert_eq!(
            String::from_utf8(envelope.to_json()).unwrap(),
            concat!(
                r#"{"code":0,"message":"ok","data":{"accessToken":"eyJ","#,
                r#""expiredAt":"2025-03-23T15:48:37+08:00"},"x-traceID":"trace"}"#
            )
        );
    }

    #[test]
    fn a_message_is_escaped() {
        let envelope = Envelope::refused(1, "say \"no\"\n", "t");
        assert_eq!(
            String::from_utf8(envelope.to_json()).unwrap(),
            r#"{"code":1,"message":"say \"no\"\n","data":null,"x-traceID":"t"}"#
        );
    }

    #[test]
    fn an_impossible_reply_is_a_500() {
        let broken = [
            Reply::json(99, Vec::new()),
            Reply::json(101, Vec::new()),
            Reply::json(200, Vec::new()).with("no name", "x"),
            Reply::json(200, Vec::new()).with("x", "line\nbreak"),
        ];
        for reply in broken {
            assert_eq!(reply.into_response().status(), 500);
        }
    }
}
