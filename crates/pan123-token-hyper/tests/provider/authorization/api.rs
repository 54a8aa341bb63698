//! An API whose replies are written down beforehand.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pan123_token_hyper::http::{HeaderMap, Request, Response, Uri};
use pan123_token_hyper::service::Service;
use pan123_token_hyper::{Bytes, Full};

pub(crate) const REJECTION: &str =
    r#"{"code":401,"message":"tokens number has exceeded the limit","data":null,"x-traceID":"t"}"#;
pub(crate) const SUCCESS: &str = r#"{"code":0,"message":"ok","data":{"username":"me"}}"#;

pub(crate) const URI: &str = "https://open-api.123pan.com/api/v1/user/info";

/// Clones are the same API, but each must be asked whether it is ready before it is called.
pub(crate) struct Api {
    replies: Arc<Mutex<VecDeque<Response<Frames>>>>,
    calls: Arc<Mutex<Vec<Call>>>,
    ready: bool,
}

/// A call as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Whether the request was the caller's own, extensions included.
    pub(crate) marked: bool,
}

/// What a caller puts into his request's extensions.
#[derive(Clone)]
pub(crate) struct Mark;

impl Call {
    /// The token that it carried.
    pub(crate) fn token(&self) -> Option<&str> {
        let value = self.headers.get("authorization")?.to_str().unwrap();
        Some(value.strip_prefix("Bearer ").unwrap_or(value))
    }
}

impl Api {
    pub(crate) fn new(replies: impl IntoIterator<Item = Response<Frames>>) -> Self {
        Self {
            replies: Arc::new(Mutex::new(replies.into_iter().collect())),
            calls: Arc::default(),
            ready: false,
        }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The token that each call carried.
    pub(crate) fn tokens(&self) -> Vec<Option<String>> {
        let calls = self.calls();
        calls
            .iter()
            .map(|call| call.token().map(str::to_owned))
            .collect()
    }

    pub(crate) fn replies_left(&self) -> usize {
        self.replies.lock().unwrap().len()
    }
}

impl Clone for Api {
    fn clone(&self) -> Self {
        Self {
            replies: Arc::clone(&self.replies),
            calls: Arc::clone(&self.calls),
            ready: false,
        }
    }
}

impl<B> Service<Request<B>> for Api {
    type Response = Response<Frames>;
    type Error = io::Error;
    type Future = Ready<io::Result<Response<Frames>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(self.ready, "called before it was ready");
        self.ready = false;
        self.calls.lock().unwrap().push(Call {
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            marked: request.extensions().get::<Mark>().is_some(),
        });
        let reply = self.replies.lock().unwrap().pop_front();
        ready(reply.ok_or_else(|| io::ErrorKind::ConnectionReset.into()))
    }
}

/// A body of these frames, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    queue: VecDeque<io::Result<Frame<Bytes>>>,
    /// As the head announced it.
    length: Option<u64>,
    /// Says itself when it has ended.
    ends_early: bool,
}

impl Frames {
    pub(crate) fn new(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Self {
        Self {
            queue: frames.into_iter().map(Ok).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn of_length(self, length: usize) -> Self {
        Self {
            length: Some(length as u64),
            ..self
        }
    }

    pub(crate) fn ending_early(self) -> Self {
        Self {
            ends_early: true,
            ..self
        }
    }

    pub(crate) fn then_fails(mut self) -> Self {
        self.queue
            .push_back(Err(io::ErrorKind::ConnectionReset.into()));
        self
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = self.queue.pop_front();
        if let (Some(length), Some(Ok(frame))) = (&mut self.length, &frame) {
            *length = length.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ends_early && self.queue.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

pub(crate) fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

/// A reply with this body, as a server sends it at once: JSON, of known length.
pub(crate) fn json(status: u16, body: &'static str) -> Response<Frames> {
    let frames = Frames::new([data(body)]).of_length(body.len());
    reply(status, frames.ending_early())
}

/// A reply in JSON.
pub(crate) fn reply(status: u16, body: Frames) -> Response<Frames> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json; charset=utf-8")
        .body(body)
        .unwrap()
}

pub(crate) fn get(uri: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = uri.parse().unwrap();
    request
}
