//! The lock, and what is read without it. In the tests of `interleavings.rs` these are shuttle's, which explores the orders in
//! which tasks may run.

use std::sync::PoisonError;

#[cfg(not(all(test, shuttle)))]
pub(crate) use arc_swap::ArcSwap;
#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard};

/// What panicked under a lock did so before it changed anything.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Other tasks may run before it is replaced.
#[cfg(all(test, shuttle))]
#[derive(Default)]
pub(crate) struct ArcSwap<T>(arc_swap::ArcSwap<T>);

#[cfg(all(test, shuttle))]
impl<T> ArcSwap<T> {
    pub(crate) fn load(&self) -> arc_swap::Guard<std::sync::Arc<T>> {
        self.0.load()
    }

    pub(crate) fn store(&self, value: std::sync::Arc<T>) {
        shuttle::thread::yield_now();
        self.0.store(value);
    }
}
