//! The body of an API call's reply, on its way to the caller.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pan123_token::{AccessToken, MAX_REJECTION_BYTES, RejectionWatch};
use pin_project_lite::pin_project;

use crate::Provider;

type NextFrame<E> = Option<Result<Frame<Bytes>, E>>;

pin_project! {
    /// A reply's body as it comes: the same frames at the same time, except that what may be a rejection was read before the
    /// reply was passed on. Once its end has passed, a rejection is reported.
    ///
    /// ```
    /// use http_body::Body;
    /// use pan123_token::http::Response;
    /// use pan123_token::{AccessToken, OffsetDateTime, RejectionWatch};
    /// use pan123_token_provider::{Provider, WatchedBody};
    ///
    /// # let test = async {
    /// let token = AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?;
    /// let provider = Provider::fixed(token.clone());
    /// let reply = r#"{"code":401,"message":"token is expired","data":null}"#;
    /// let response =
    ///     Response::builder().header("content-type", "application/json").body(reply.to_owned())?;
    ///
    /// let watch = RejectionWatch::new(&response, None);
    /// let body = response.into_body();
    /// let (body, rejected) = WatchedBody::read_ahead(body, watch, &provider, token).await;
    /// assert!(rejected);
    /// // The caller still gets all of it.
    /// assert_eq!(body.size_hint().exact(), Some(reply.len() as u64));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # };
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert!(matches!(std::pin::pin!(test).poll(&mut context), std::task::Poll::Ready(Ok(()))));
    /// ```
    pub struct WatchedBody<B: Body> {
        #[pin]
        body: Kind<B>,
    }
}

pin_project! {
    #[project = Projection]
    enum Kind<B: Body> {
        Unwatched { #[pin] body: B },
        // In a box, since it is polled before it is passed on.
        Watched { body: Pin<Box<Watched<B>>> },
    }
}

pin_project! {
    struct Watched<B: Body> {
        // What was read before the caller asked for it: as a rule one frame, which takes no memory of its own.
        first: Option<Result<Frame<Bytes>, B::Error>>,
        ahead: VecDeque<Result<Frame<Bytes>, B::Error>>,
        // What is still to come; `None` after its end.
        #[pin]
        rest: Option<B>,
        // While a rejection is possible.
        watch: Option<RejectionWatch>,
        rejected: bool,
        provider: Provider,
        // That the call carried.
        token: AccessToken,
    }
}

impl<B: Body> WatchedBody<B> {
    /// Of a reply that says nothing about a token.
    pub fn unwatched(body: B) -> Self {
        let body = Kind::Unwatched { body };
        Self { body }
    }

    /// Reads the body now, as far as it may be a rejection of this token, which the call carried; true if it is one, which was
    /// then reported.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the body, and reports nothing unless a whole rejection was read.
    pub async fn read_ahead(
        body: B,
        watch: RejectionWatch,
        provider: &Provider,
        token: AccessToken,
    ) -> (Self, bool) {
        if !watch.wants_more() {
            return (Self::unwatched(body), false);
        }
        let mut body = Box::pin(Watched {
            first: None,
            ahead: VecDeque::new(),
            rest: Some(body),
            watch: Some(watch),
            rejected: false,
            provider: provider.clone(),
            token,
        });
        while body.as_ref().may_be_read_ahead() {
            let frame = poll_fn(|context| body.as_mut().poll_rest(context)).await;
            let read = body.as_mut().project();
            if read.first.is_none() {
                *read.first = frame;
            } else {
                read.ahead.extend(frame);
            }
        }
        let rejected = body.rejected;
        let body = Kind::Watched { body };
        (Self { body }, rejected)
    }
}

impl<B: Body> Watched<B> {
    fn may_be_read_ahead(&self) -> bool {
        let watch = self.watch.as_ref();
        // A body of empty frames must end, too.
        watch.is_some_and(RejectionWatch::may_be_read_ahead)
            && self.ahead.len() <= MAX_REJECTION_BYTES
    }

    fn poll_rest(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<NextFrame<B::Error>> {
        let mut this = self.project();
        let Some(rest) = this.rest.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(rest.poll_frame(context));
        let frame = frame.map(|frame| frame.map(|frame| frame.map_data(bytes)));
        // A caller may stop where the body says that it ends.
        let ended = frame.is_none() || this.rest.as_ref().as_pin_ref().is_none_or(ends);
        if ended {
            // Asked once more, it might say that the client's time is up.
            this.rest.set(None);
        }
        let Some(mut watch) = this.watch.take() else {
            return Poll::Ready(frame);
        };
        match &frame {
            // It doesn't come whole.
            Some(Err(_)) => return Poll::Ready(frame),
            Some(Ok(frame)) => watch.push(frame.data_ref().map_or(&[], Bytes::as_ref)),
            None => {}
        }
        if !ended {
            *this.watch = Some(watch).filter(RejectionWatch::wants_more);
        } else if watch.finish() {
            this.provider.reject(this.token);
            *this.rejected = true;
        }
        Poll::Ready(frame)
    }

    fn next_ahead(self: Pin<&mut Self>) -> NextFrame<B::Error> {
        let read = self.project();
        read.first.take().or_else(|| read.ahead.pop_front())
    }

    /// In their order.
    fn frames_ahead(&self) -> impl Iterator<Item = &Result<Frame<Bytes>, B::Error>> {
        self.first.iter().chain(&self.ahead)
    }

    fn is_end_stream(&self) -> bool {
        self.frames_ahead().next().is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.frames_ahead().flatten().filter_map(Frame::data_ref);
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

fn ends<B: Body>(body: Pin<&B>) -> bool {
    body.is_end_stream()
}

/// Costs nothing where it is `Bytes` already.
fn bytes(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}

impl<B: Body> Body for WatchedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<NextFrame<B::Error>> {
        match self.project().body.project() {
            Projection::Unwatched { body } => body
                .poll_frame(context)
                .map_ok(|frame| frame.map_data(bytes)),
            Projection::Watched { body } => match body.as_mut().next_ahead() {
                Some(frame) => Poll::Ready(Some(frame)),
                None => body.as_mut().poll_rest(context),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Kind::Unwatched { body } => body.is_end_stream(),
            Kind::Watched { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Kind::Unwatched { body } => body.size_hint(),
            Kind::Watched { body } => body.size_hint(),
        }
    }
}

impl<B: Body> fmt::Debug for WatchedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedBody")
            .field("watched", &matches!(self.body, Kind::Watched { .. }))
            .finish_non_exhaustive()
    }
}
