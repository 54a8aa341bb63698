//! Those who wait for a change: callers, and programs that are about to end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::live::Live;
use crate::state::State;

/// A place among those who wait, left when it is dropped.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) live: Arc<Live>,
    id: Option<u64>,
    waits: bool,
}

impl Waiter {
    pub(crate) fn new(live: &Arc<Live>) -> Self {
        Self {
            live: Arc::clone(live),
            id: None,
            waits: false,
        }
    }

    pub(crate) fn wait_if(&mut self, waits: bool, state: &mut State, waker: &Waker) {
        if waits {
            let id = *self.id.get_or_insert_with(|| state.new_id());
            state.waiters.insert(id, waker.clone());
        } else if let Some(id) = self.id {
            state.waiters.remove(&id);
        }
        self.waits = waits;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let (true, Some(id)) = (self.waits, self.id) {
            self.live.lock().waiters.remove(&id);
        }
    }
}

/// Waits until nothing is under way: a future, or [asked](Self::is_done) by hand. From
/// [`Provider::flush`](crate::Provider::flush).
///
/// ```
/// use std::task::Waker;
/// # use pan123_token::Credentials;
/// # use pan123_token_cache::SystemClock;
/// # use pan123_token_provider::Settings;
/// # let credentials = Credentials::new("my-client-id", "my-client-secret")?;
/// # let provider = Settings::new(credentials, SystemClock::new()).build()?;
///
/// // Nothing is under way. Async code writes `provider.flush().await`.
/// assert!(provider.flush().is_done(Waker::noop()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
///
/// It may be dropped at any time: what is under way goes on.
#[must_use = "wait for it"]
#[derive(Debug)]
pub struct Flush(pub(crate) Option<Waiter>);

impl Flush {
    /// True where what was under way is done and saved, and every event is delivered. If not, the waker is woken when
    /// another look is worth it.
    pub fn is_done(&mut self, waker: &Waker) -> bool {
        let Some(waiter) = &mut self.0 else {
            return true;
        };
        let live = Arc::clone(&waiter.live);
        let now = live.clock.now();
        let mut state = live.lock();
        let done = state.is_idle(now);
        waiter.wait_if(!done, &mut state, waker);
        live.unlock(state, false);
        done
    }
}

impl Future for Flush {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_done(context.waker()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
