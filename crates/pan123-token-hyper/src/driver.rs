//! Where a provider's jobs run, and what they carry out.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use pan123_token_provider::{Job, Place, StoreCall, Work};
use tokio::runtime::{Builder, Handle};
use tokio::task::spawn_blocking;

use crate::exchange::Exchange;
use crate::store::Store;

pub(crate) struct Driver {
    pub(crate) client: Box<dyn Exchange>,
    pub(crate) store: Option<Store>,
    pub(crate) runs: Runs,
}

/// Where jobs run, as long as they run there.
pub(crate) enum Runs {
    /// On a thread of its own, with a runtime of its own.
    #[cfg_attr(
        not(feature = "rustls"),
        expect(dead_code, reason = "the bundled client's")
    )]
    OnThread,
    /// On the runtime of the caller who starts the job.
    WithCaller,
    /// On this one, always.
    On(Handle),
}

impl Driver {
    pub(crate) fn start(self: &Arc<Self>, job: Job, place: Place) {
        let handle = match (&self.runs, place) {
            (Runs::On(handle), _) => Some(handle.clone()),
            (Runs::WithCaller, Place::Usual) => Handle::try_current().ok(),
            (Runs::WithCaller, Place::Elsewhere) | (Runs::OnThread, _) => None,
        };
        match handle {
            Some(handle) => drop(handle.spawn(Arc::clone(self).carry_out(job, false))),
            None => self.start_thread(job),
        }
    }

    fn start_thread(self: &Arc<Self>, job: Job) {
        // The thread takes the job once it runs: one that can't be started leaves it here.
        let job = Arc::new(Mutex::new(Some(job)));
        let take = |job: &Mutex<Option<Job>>| {
            let mut job = job.lock().unwrap_or_else(PoisonError::into_inner);
            job.take()
        };
        let (driver, theirs) = (Arc::clone(self), Arc::clone(&job));
        let thread = thread::Builder::new()
            .name("pan123-token".to_owned())
            .spawn(move || {
                if let Some(job) = take(&theirs) {
                    driver.run(job);
                }
            });
        if let Err(error) = thread
            && let Some(job) = take(&job)
        {
            job.could_not_start(&format!(
                "no thread can be started for it: {error}; allow this process more threads"
            ));
        }
    }

    fn run(self: Arc<Self>, job: Job) {
        match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                runtime.block_on(self.carry_out(job, true));
                // A name that is still being resolved, say, holds no one up.
                runtime.shutdown_background();
            }
            Err(error) => job.could_not_start(&format!(
                "no runtime can be made for it: {error}; allow this process more open files"
            )),
        }
    }

    /// `alone` on its thread, it may block that.
    async fn carry_out(self: Arc<Self>, mut job: Job, alone: bool) {
        while let Some(work) = job.next() {
            match work {
                Work::Exchange(mut exchange) => {
                    let (operation, timeout) = (exchange.operation(), exchange.timeout());
                    let fetch = async { self.client.fetch(&operation, timeout).await };
                    exchange.run(fetch).await;
                }
                Work::Store(call) => self.call_store(call, alone).await,
            }
        }
    }

    async fn call_store(&self, call: StoreCall, alone: bool) {
        match &self.store {
            Some(Store::Async(store)) => store.call(call).await,
            Some(Store::Blocking(store)) if alone => call.run(&**store),
            Some(Store::Blocking(store)) => {
                let store = Arc::clone(store);
                // It reports from in there: its runtime may end meanwhile.
                let _ = spawn_blocking(move || call.run(&*store)).await;
            }
            // Dropped, it counts as the store's failure. There is no such call without a store.
            None => {}
        }
    }
}
