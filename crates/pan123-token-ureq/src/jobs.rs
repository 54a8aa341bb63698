//! Jobs on threads, and what wakes the threads that wait for them.

use std::sync::{Arc, mpsc};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use pan123_token_cache::TokenStore;
use pan123_token_provider::{Job, Work};
use ureq::Agent;

use crate::fetch::fetch;

/// What jobs are carried out with.
pub(crate) struct Jobs {
    pub(crate) agent: Agent,
    pub(crate) store: Option<Arc<dyn TokenStore>>,
}

impl Jobs {
    /// Each job has a thread of its own, which ends with it.
    pub(crate) fn start(self: &Arc<Self>, job: Job) {
        // The thread comes first, and then gets its job: where it can't be started, the job is still here.
        let (hand_over, take) = mpsc::sync_channel(1);
        let jobs = Arc::clone(self);
        let thread = thread::Builder::new()
            .name("pan123-token".to_owned())
            .spawn(move || take.into_iter().for_each(|job| jobs.run(job)));
        match thread {
            Ok(_) => drop(hand_over.send(job)),
            Err(error) => job.could_not_start(&format!(
                "no thread can be started for it: {error}; raise the process's limits of threads and memory"
            )),
        }
    }

    fn run(&self, mut job: Job) {
        while let Some(work) = job.next() {
            match (work, &self.store) {
                (Work::Exchange(exchange), _) => {
                    exchange
                        .run_blocking(|operation, timeout| fetch(&self.agent, operation, timeout));
                }
                (Work::Store(call), Some(store)) => call.run(&**store),
                // Without a store there are no such calls.
                (Work::Store(call), None) => drop(call),
            }
        }
    }
}

/// Wakes the calling thread, where that is [parked](thread::park_timeout).
pub(crate) fn wakes_this_thread() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
