//! What is the runtime's: locks, tasks, timers. In the tests of `schedules.rs` it is shuttle's.

use std::sync::PoisonError;

#[cfg(all(test, shuttle))]
pub(crate) use crate::schedules::{Mutex, MutexGuard, spawn, spawn_blocking, timeout};
#[cfg(not(all(test, shuttle)))]
pub(crate) use {
    std::sync::{Mutex, MutexGuard},
    tokio::{spawn, task::spawn_blocking, time::timeout},
};

/// What panicked under a lock did so before it changed anything.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
