//! Calls that end when nothing moves any more, and else last as long as bytes come or go.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use crate::service::BoxError;

/// The body of a request, whatever it was.
pub(super) type Upload = UnsyncBoxBody<Bytes, BoxError>;

/// A large frame is sent in pieces, so that it shows whether they go.
const PIECE: usize = 64 << 10;
/// For a limit that no clock reaches.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// When a call moved last.
#[derive(Clone)]
pub(super) struct Activity {
    /// None while the caller's own body has nothing to send.
    last: Arc<Mutex<Option<Instant>>>,
    limit: Duration,
}

impl Activity {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            last: Arc::new(Mutex::new(Some(Instant::now()))),
            limit: limit.min(FAR),
        }
    }

    fn set(&self, last: Option<Instant>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    fn moved(&self) {
        self.set(Some(Instant::now()));
    }

    fn deadline(&self) -> Instant {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.unwrap_or_else(Instant::now) + self.limit
    }

    fn idle(&self) -> io::Error {
        let text = format!("nothing came or went for {:?}", self.limit);
        io::Error::new(io::ErrorKind::TimedOut, text)
    }

    /// The request's body, whose progress counts.
    pub(super) fn upload<B>(&self, body: B) -> Upload
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let pieces = Pieces {
            body: Box::pin(body),
            rest: Bytes::new(),
            activity: self.clone(),
        };
        pieces.boxed_unsync()
    }

    /// Waits for the reply's head.
    pub(super) async fn bound<F: Future>(&self, future: F) -> io::Result<F::Output> {
        let mut future = pin!(future);
        loop {
            let waited = timeout_at(self.deadline(), future.as_mut()).await;
            match waited {
                Ok(done) => return Ok(done),
                Err(_) if self.deadline() <= Instant::now() => return Err(self.idle()),
                Err(_) => {}
            }
        }
    }
}

struct Pieces<B> {
    body: Pin<Box<B>>,
    /// Of a large frame.
    rest: Bytes,
    activity: Activity,
}

impl<B> Body for Pieces<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.rest.is_empty() {
            let Poll::Ready(frame) = self.body.as_mut().poll_frame(context) else {
                self.activity.set(None);
                return Poll::Pending;
            };
            let Some(frame) = frame.transpose().map_err(Into::into)? else {
                self.activity.moved();
                return Poll::Ready(None);
            };
            match frame.into_data() {
                Ok(mut data) => self.rest = data.copy_to_bytes(data.remaining()),
                Err(other) => {
                    self.activity.moved();
                    // It holds no data.
                    return Poll::Ready(Some(Ok(other.map_data(|_| Bytes::new()))));
                }
            }
        }
        self.activity.moved();
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

impl<B> Drop for Pieces<B> {
    fn drop(&mut self) {
        // From here on it isn't the caller's turn any more.
        self.activity.moved();
    }
}

/// The body of a reply to a call of a [`Client`](crate::Client): as it comes, or an error once nothing has come for the
/// client's [idle timeout](crate::service::ClientBuilder::idle_timeout) (of the kind `TimedOut`), or once the connection is lost.
/// An example is with [`client()`](crate::client()).
pub struct ClientBody {
    body: Incoming,
    activity: Activity,
    /// Set while the reader waits.
    waiting: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl ClientBody {
    pub(super) fn new(body: Incoming, activity: Activity) -> Self {
        Self {
            body,
            activity,
            waiting: false,
            timer: None,
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        if !this.waiting {
            this.waiting = true;
            this.activity.moved();
        }
        let activity = &this.activity;
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(activity.deadline())));
        loop {
            ready!(timer.as_mut().poll(context));
            let deadline = activity.deadline();
            if deadline <= Instant::now() {
                return Poll::Ready(Some(Err(activity.idle())));
            }
            timer.as_mut().reset(deadline);
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for ClientBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientBody").field(&self.body).finish()
    }
}
