//! The flight: the task that does what the machine asks for, off the callers who wait for it, and ends when there is
//! nothing left to do.

use std::sync::Arc;

use pan123_token::{Cause, FetchError};
use pan123_token_cache::{Action, TokenCache};

use crate::runtime::{self, lock};
use crate::shared::{Machine, Shared};

/// Counted from the time it is made until it is dropped.
pub(crate) struct Flight {
    shared: Arc<Shared>,
    /// What is being done. The ticket of an exchange stays here until there is something to report.
    action: Option<Action>,
}

impl Flight {
    /// None where there is nothing to do but to wait.
    pub(crate) fn new(shared: &Arc<Shared>, machine: &mut Machine, action: Action) -> Option<Self> {
        if matches!(action, Action::Wait { .. }) {
            return None;
        }
        machine.flights += 1;
        Some(Self {
            shared: Arc::clone(shared),
            action: Some(action),
        })
    }

    pub(crate) async fn fly(mut self) {
        loop {
            match self.action {
                Some(Action::Fetch(_)) => self.fetch().await,
                Some(Action::Store(_)) => self.call_store().await,
                _ => return,
            }
            self.action = Some(self.shared.change(TokenCache::poll));
        }
    }

    async fn fetch(&mut self) {
        let means = &self.shared.means;
        let exchange = means.client.fetch(&means.operation, means.exchange_timeout);
        let result = exchange.await;
        if let Some(Action::Fetch(ticket)) = self.action.take() {
            self.shared
                .change(|cache, now| cache.fetched(ticket, result, now));
        }
    }

    /// Off the workers, since a store blocks. One that panics, or whose runtime ends, is given up at the step's deadline.
    /// So is one that hangs; as long as it does, no other thread is spent on it.
    async fn call_store(&mut self) {
        let store = self.shared.means.store.clone();
        let call = Arc::clone(&self.shared.store_calls).try_acquire_owned();
        let (Some(Action::Store(step)), Some(store), Ok(call)) = (self.action.take(), store, call)
        else {
            return;
        };
        let done = runtime::spawn_blocking(move || {
            let done = store.run(step);
            drop(call);
            done
        });
        if let Ok(done) = done.await {
            self.shared.change(|cache, now| cache.stored(done, now));
        }
    }
}

impl Drop for Flight {
    /// In the midst of an exchange, that is a report, too: nobody is to wait for it.
    fn drop(&mut self) {
        if let Some(Action::Fetch(ticket)) = self.action.take() {
            let cause = Cause::from("the client panicked, or its runtime was shut down");
            let error = FetchError::Body(cause);
            self.shared
                .change(|cache, now| cache.fetched(ticket, Err(error), now));
        }
        lock(&self.shared.machine).flights -= 1;
        self.shared.news.notify_waiters();
    }
}
