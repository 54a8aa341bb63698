//! The body of an API call's reply, on its way to the caller.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pan123_token::{AccessToken, MAX_REJECTION_BYTES, RejectionWatch};

use crate::Provider;

type NextFrame<E> = Option<Result<Frame<Bytes>, E>>;

/// A reply's body as it comes: the same frames at the same time, except that what may be a rejection was read before the
/// reply was passed on. Once its end has passed, a rejection is reported.
pub struct WatchedBody<B: Body> {
    /// What was read before the caller asked for it.
    ahead: VecDeque<Result<Frame<Bytes>, B::Error>>,
    /// What is still to come; `None` after its end.
    rest: Option<Pin<Box<B>>>,
    /// While a rejection is possible.
    watch: Option<Box<Watch>>,
    rejected: bool,
}

/// The rest is pinned in its box, and nothing else is.
impl<B: Body> Unpin for WatchedBody<B> {}

struct Watch {
    rejection: RejectionWatch,
    provider: Provider,
    /// That the call carried.
    token: AccessToken,
}

impl<B: Body> WatchedBody<B> {
    /// Of a reply that says nothing about a token.
    pub fn unwatched(body: B) -> Self {
        Self {
            ahead: VecDeque::new(),
            rest: Some(Box::pin(body)),
            watch: None,
            rejected: false,
        }
    }

    /// `token` is the one of this provider that the call carried.
    pub fn watched(
        body: B,
        rejection: RejectionWatch,
        provider: Provider,
        token: AccessToken,
    ) -> Self {
        let watch = Watch {
            rejection,
            provider,
            token,
        };
        Self {
            watch: Some(Box::new(watch)),
            ..Self::unwatched(body)
        }
    }

    /// Reads the body now, as far as it may be a rejection; true if it is one, which was then reported.
    pub async fn read_ahead(&mut self) -> bool {
        let may_be = |watch: &Watch| watch.rejection.may_be_read_ahead();
        // A body of empty frames must end, too.
        while self.watch.as_deref().is_some_and(may_be) && self.ahead.len() <= MAX_REJECTION_BYTES {
            let frame = poll_fn(|context| self.poll_rest(context)).await;
            self.ahead.extend(frame);
        }
        self.rejected
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<NextFrame<B::Error>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let frame = ready!(rest.as_mut().poll_frame(context));
        let frame = frame.map(|frame| frame.map(|frame| frame.map_data(bytes)));
        // A caller may stop where the body says that it ends.
        let ended = frame.is_none() || rest.is_end_stream();
        if ended {
            // Asked once more, it might say that the client's time is up.
            self.rest = None;
        }
        match &frame {
            // It doesn't come whole.
            Some(Err(_)) => self.watch = None,
            Some(Ok(frame)) => self.pass(frame.data_ref(), ended),
            None => self.pass(None, true),
        }
        Poll::Ready(frame)
    }

    /// Takes note of what passes, and reports a rejection once all has.
    fn pass(&mut self, data: Option<&Bytes>, ended: bool) {
        let Some(mut watch) = self.watch.take() else {
            return;
        };
        watch.rejection.push(data.map_or(&[], Bytes::as_ref));
        if !ended {
            self.watch = Some(watch).filter(|watch| watch.rejection.wants_more());
        } else if watch.rejection.finish() {
            watch.provider.reject(&watch.token);
            self.rejected = true;
        }
    }
}

/// Costs nothing where it is `Bytes` already.
fn bytes(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}

impl<B: Body> Body for WatchedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<NextFrame<B::Error>> {
        match self.ahead.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => self.poll_rest(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead.iter().flatten().filter_map(Frame::data_ref);
        let ahead: u64 = ahead.map(|data| data.len() as u64).sum();
        let rest = self.rest.as_ref();
        let rest = rest.map_or(SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
    }
}

impl<B: Body> fmt::Debug for WatchedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedBody")
            .field("watched", &self.watch.is_some())
            .finish_non_exhaustive()
    }
}
