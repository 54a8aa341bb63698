//! The body of an API call's reply, on its way to the caller.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use pan123_token::{AccessToken, MAX_REJECTION_BYTES, RejectionWatch};
use pan123_token_provider::Provider;
use reqwest::Body;

type NextFrame = Option<Result<Frame<Bytes>, reqwest::Error>>;

/// The same frames at the same time, except that what may be a rejection was read before the reply was passed on. Once the
/// end has passed, a rejection is reported.
pub(crate) struct WatchedBody {
    /// What was read before the caller asked for it.
    ahead: VecDeque<Result<Frame<Bytes>, reqwest::Error>>,
    /// What is still to come; `None` after its end.
    rest: Option<Body>,
    /// While a rejection is possible.
    watch: Option<RejectionWatch>,
    /// That the call carried, and the provider that it came from.
    token: (AccessToken, Provider),
    rejected: bool,
}

impl WatchedBody {
    pub(crate) fn new(body: Body, watch: RejectionWatch, token: (AccessToken, Provider)) -> Self {
        Self {
            ahead: VecDeque::new(),
            rest: Some(body),
            watch: Some(watch),
            token,
            rejected: false,
        }
    }

    /// Reads the body now, as far as it may be a rejection; true if it is one, which was then reported.
    pub(crate) async fn read_ahead(&mut self) -> bool {
        let may_be = RejectionWatch::may_be_read_ahead;
        // A body of empty frames must end, too.
        while self.watch.as_ref().is_some_and(may_be) && self.ahead.len() <= MAX_REJECTION_BYTES {
            let frame = poll_fn(|context| self.poll_rest(context)).await;
            self.ahead.extend(frame);
        }
        self.rejected
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<NextFrame> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *rest).poll_frame(context));
        // A caller may stop where the body says that it ends.
        let ended = frame.is_none() || rest.is_end_stream();
        if ended {
            // Asked once more, it might say that the client's time is up.
            self.rest = None;
        }
        if let Some(mut watch) = self.watch.take() {
            if let Some(Ok(frame)) = &frame {
                watch.push(frame.data_ref().map_or(&[], Bytes::as_ref));
            }
            match &frame {
                // It doesn't come whole.
                Some(Err(_)) => {}
                _ if !ended => self.watch = Some(watch).filter(RejectionWatch::wants_more),
                _ => self.rejected = watch.finish(),
            }
            if self.rejected {
                let (token, provider) = &self.token;
                provider.reject(token);
            }
        }
        Poll::Ready(frame)
    }
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<NextFrame> {
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
        let rest = self.rest.as_ref().map(Body::size_hint);
        let exact = rest.map_or(Some(0), |rest| rest.exact());
        exact.map_or_else(SizeHint::new, |rest| SizeHint::with_exact(ahead + rest))
    }
}
