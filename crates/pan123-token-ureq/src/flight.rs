//! The flight: a thread that does what the machine asks for, off the callers who wait for it, and ends when there is
//! nothing left to do.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pan123_token::{Cause, FetchError};
use pan123_token_cache::{Action, FetchTicket, StoreStep};

use crate::shared::{Machine, Shared};
use crate::sync::{MutexGuard, Ordering, mpsc, thread};

impl Shared {
    /// Starts the flight. The machine has one action under way at a time, so that there is no other, unless its time is
    /// over: then it hangs in a store, which gets no second thread, while the platform is still asked.
    pub(crate) fn take_off(self: &Arc<Self>, mut machine: MutexGuard<'_, Machine>, action: Action) {
        let most = if matches!(action, Action::Store(_)) {
            1
        } else {
            2
        };
        if machine.flights >= most {
            // Given up at its deadline, as if it had been tried.
            return;
        }
        machine.flights += 1;
        drop(machine);

        // The thread comes first, and then gets its action: one that can't be started leaves it here.
        let (hand, take) = mpsc::channel();
        let shared = Arc::clone(self);
        let thread = thread::Builder::new()
            .name("pan123-token".to_owned())
            .spawn(move || {
                let flown = catch_unwind(AssertUnwindSafe(|| {
                    take.recv().map(|action| shared.fly(action))
                }));
                if !matches!(flown, Ok(Ok(()))) {
                    shared.land();
                }
            });
        match thread {
            Ok(_) => drop(hand.send(action)),
            Err(error) => self.stay(action, &error),
        }
    }

    fn fly(&self, action: Action) {
        let mut next = Some(action);
        while let Some(action) = next {
            next = match action {
                Action::Fetch(ticket) => self.fetch(ticket),
                Action::Store(step) => self.call_store(step),
                Action::Wait { .. } => self.report(|_, _| {}),
            };
        }
    }

    fn fetch(&self, ticket: FetchTicket) -> Option<Action> {
        let result = catch_unwind(AssertUnwindSafe(|| (self.exchange)())).unwrap_or_else(|_| {
            let cause = Cause::from("the HTTP client panicked");
            Err(FetchError::Body(cause))
        });
        self.report(|cache, now| cache.fetched(ticket, result, now))
    }

    /// A store that panics is given up at the step's deadline.
    fn call_store(&self, step: StoreStep) -> Option<Action> {
        if self.store_is_called.swap(true, Ordering::AcqRel) {
            // Another thread hangs in it. The step is given up at its deadline, as if this one hung there, too.
            return self.report(|_, _| {});
        }
        let store = self.store.as_ref();
        let done = catch_unwind(AssertUnwindSafe(|| store.map(|store| store.run(step))));
        self.store_is_called.store(false, Ordering::Release);
        self.report(|cache, now| {
            if let Ok(Some(done)) = done {
                cache.stored(done, now);
            }
        })
    }

    /// There is no thread to be had. Nothing was sent; a step for the store is given up at its deadline.
    fn stay(&self, action: Action, error: &io::Error) {
        let cause = format!("no thread can be started for it: {error}");
        self.change(|machine, now| {
            machine.flights -= 1;
            if let Action::Fetch(ticket) = action {
                let error = FetchError::Connect(Cause::from(&*cause));
                machine.cache.fetched(ticket, Err(error), now);
            }
        });
    }
}
