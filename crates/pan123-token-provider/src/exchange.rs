//! The exchange that a job carries out.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use pan123_token::{FetchError, GetAccessToken, Grant};
use pan123_token_cache::{Action, FetchTicket, Moment};

use crate::jobs::Doing;
use crate::live::Live;
use crate::state::State;

/// One exchange with the platform. From [`Job::next`](crate::Job::next).
///
/// Take what to send ([`operation`](Self::operation)), then report how it went: [`run`](Self::run) or
/// [`run_blocking`](Self::run_blocking) do so and catch the client's panics, or [`finish`](Self::finish) does by hand. One
/// that is dropped counts as an exchange that may have cost a token, unless the operation was never taken.
///
/// Used in the [adapter](crate) on the crate's page.
#[must_use = "carry it out"]
#[derive(Debug)]
pub struct Exchange {
    live: Arc<Live>,
    job: u64,
    id: u64,
    ticket: Option<FetchTicket>,
    begun: Moment,
    /// The request may have been sent.
    taken: bool,
}

impl Exchange {
    pub(crate) fn new(
        live: &Arc<Live>,
        job: u64,
        id: u64,
        ticket: FetchTicket,
        begun: Moment,
    ) -> Self {
        Self {
            live: Arc::clone(live),
            job,
            id,
            ticket: Some(ticket),
            begun,
            taken: false,
        }
    }

    /// What to carry out. From now on it counts as begun.
    pub fn operation(&mut self) -> Arc<GetAccessToken> {
        self.taken = true;
        Arc::clone(&self.live.operation)
    }

    /// How long it may take, from now to the last byte of the reply.
    pub fn timeout(&self) -> Duration {
        self.live.exchange_timeout
    }

    /// Carries it out with a client that blocks.
    pub fn run_blocking(
        mut self,
        fetch: impl FnOnce(&GetAccessToken, Duration) -> Result<Grant, FetchError>,
    ) {
        let (operation, timeout) = (self.operation(), self.timeout());
        let result = catch_unwind(AssertUnwindSafe(|| fetch(&operation, timeout)));
        self.finish(result.unwrap_or_else(|payload| Err(panicked(&operation, &*payload))));
    }

    /// Carries it out: `fetch` is the exchange of the [operation](Self::operation), bounded by the
    /// [timeout](Self::timeout).
    ///
    /// While its future waits, callers may ask whether its runtime still polls it. Where nothing answers, they supersede
    /// it, and `fetch` is dropped without another poll.
    ///
    /// # Cancel safety
    ///
    /// An exchange whose future is dropped counts as one that may have cost a token, once its operation was taken.
    pub async fn run(self, fetch: impl Future<Output = Result<Grant, FetchError>>) {
        let mut fetch = pin!(fetch);
        let result = poll_fn(|context| {
            if !self.answer_ping(context.waker()) {
                return Poll::Ready(None);
            }
            match catch_unwind(AssertUnwindSafe(|| fetch.as_mut().poll(context))) {
                Ok(poll) => poll.map(Some),
                Err(payload) => Poll::Ready(Some(Err(panicked(&self.live.operation, &*payload)))),
            }
        });
        if let Some(result) = result.await {
            self.finish(result);
        }
    }

    /// False where it was superseded.
    fn answer_ping(&self, waker: &Waker) -> bool {
        let mut state = self.live.lock();
        let Some(slot) = state.exchange.as_mut().filter(|slot| slot.id == self.id) else {
            return false;
        };
        slot.polls += 1;
        match &mut slot.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        true
    }

    /// Reports how it went.
    pub fn finish(mut self, result: Result<Grant, FetchError>) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let ended = self.live.change(|state, now| {
            self.free(state);
            state.lost = 0;
            state.cache.fetched(ticket, result, now);
            state.note_token(true, now);
            now
        });
        let took = ended.monotonic.saturating_sub(self.begun.monotonic);
        self.live.metrics.exchange_took(took);
    }

    /// True where it was the one that is under way.
    fn free(&self, state: &mut State) -> bool {
        state.jobs.set(self.job, Doing::Nothing);
        state.exchange.take_if(|slot| slot.id == self.id).is_some()
    }
}

fn panicked(operation: &GetAccessToken, payload: &(dyn Any + Send)) -> FetchError {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    // The client may have put the request into it.
    let error = io::Error::other(text.unwrap_or("it didn't say why"));
    FetchError::Panicked(operation.cause(&error))
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        self.live.change(|state, now| {
            if !self.free(state) {
                // Superseded, and counted.
            } else if self.taken {
                state.lose_exchange(now);
            } else {
                state.cache.unbegun(Action::Fetch(ticket));
            }
        });
    }
}
