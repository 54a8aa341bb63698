//! The body of an API call's reply, on its way to the caller.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pan123_token::{AccessToken, MAX_REJECTION_BYTES, RejectionWatch};

use crate::provider::TokenProvider;

/// A reply's body as the service underneath sends it: the same frames at the same time, except that a short one in JSON
/// was read before the reply was passed on. Once its end has passed, a verdict on the token is reported.
pub struct WatchedBody<R: Body> {
    /// What was read before anyone asked for it.
    ahead: VecDeque<Result<Frame<Bytes>, R::Error>>,
    /// What is still to come; `None` after its end.
    rest: Option<Pin<Box<R>>>,
    /// While a rejection is possible.
    watch: Option<Watch>,
    rejected: bool,
}

/// The rest is pinned in its box, and nothing else is.
impl<R: Body> Unpin for WatchedBody<R> {}

struct Watch {
    verdict: RejectionWatch,
    provider: TokenProvider,
    token: AccessToken,
}

impl<R: Body> WatchedBody<R> {
    pub(crate) fn unwatched(body: R) -> Self {
        Self {
            ahead: VecDeque::new(),
            rest: Some(Box::pin(body)),
            watch: None,
            rejected: false,
        }
    }

    /// `token` is the one that the call carried.
    pub(crate) fn watched(
        body: R,
        verdict: RejectionWatch,
        provider: TokenProvider,
        token: AccessToken,
    ) -> Self {
        let watch = Watch {
            verdict,
            provider,
            token,
        };
        Self {
            watch: Some(watch),
            ..Self::unwatched(body)
        }
    }

    /// Reads the body now, if it is one that may be; true if it rejects the token, which was then reported.
    pub(crate) async fn read_ahead(&mut self) -> bool {
        // A body of empty frames must end, too.
        while self.may_be_read_ahead() && self.ahead.len() <= MAX_REJECTION_BYTES {
            let frame = poll_fn(|context| self.poll_rest(context)).await;
            self.ahead.extend(frame);
        }
        self.rejected
    }

    fn may_be_read_ahead(&self) -> bool {
        self.watch
            .as_ref()
            .is_some_and(|watch| watch.verdict.may_be_read_ahead())
    }

    fn poll_rest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let frame = ready!(rest.as_mut().poll_frame(context));
        let frame = frame.map(|frame| frame.map(|frame| frame.map_data(bytes)));
        match &frame {
            Some(Ok(frame)) => {
                // The reader of the body may stop where it says that it ends.
                let ended = rest.is_end_stream();
                self.pass(frame.data_ref(), ended);
            }
            Some(Err(_)) => self.watch = None,
            None => {
                self.rest = None;
                self.pass(None, true);
            }
        }
        Poll::Ready(frame)
    }

    /// Takes note of what passes, and reports a rejection once all has.
    fn pass(&mut self, data: Option<&Bytes>, ended: bool) {
        let Some(watch) = &mut self.watch else {
            return;
        };
        if let Some(data) = data {
            watch.verdict.push(data);
        }
        if !ended && watch.verdict.wants_more() {
            return;
        }
        let watch = self.watch.take();
        if let Some(watch) = watch.filter(|_| ended)
            && watch.verdict.finish()
        {
            watch.provider.reject(&watch.token);
            self.rejected = true;
        }
    }
}

/// Costs nothing where it is `Bytes` already.
fn bytes(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}

impl<R: Body> Body for WatchedBody<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        if let Some(frame) = self.ahead.pop_front() {
            return Poll::Ready(Some(frame));
        }
        self.poll_rest(context)
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

impl<R: Body> fmt::Debug for WatchedBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedBody")
            .field("watched", &self.watch.is_some())
            .finish_non_exhaustive()
    }
}
