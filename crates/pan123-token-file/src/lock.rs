//! An advisory lock on a file that is never removed.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use pan123_token_cache::StoreError;

use crate::disk::{Disk, failed};
use crate::problem::{Defect, inspect};
use crate::system;

/// How long a lock that is taken is left alone. A save has it for less.
const PAUSE: Duration = Duration::from_millis(2);

/// Held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock(File);

/// What became of trying to get one.
#[derive(Debug)]
pub(crate) enum Attempt {
    Taken(Lock),
    /// Another process has it, or another part of this one.
    Busy,
    /// This file system has none.
    NoLocks,
}

/// Tries to get the lock on a file, which is created where it isn't there.
pub(crate) fn attempt(disk: &dyn Disk, path: &Path) -> Result<Attempt, StoreError> {
    let file = open(path)?;
    match disk.try_lock(&file) {
        Ok(()) => Ok(Attempt::Taken(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(Attempt::Busy),
        Err(TryLockError::Error(error)) if system::means_no_locks(&error) => Ok(Attempt::NoLocks),
        Err(TryLockError::Error(error)) => Err(failed("lock", path, &error)),
    }
}

/// Waits for a lock that is held so shortly that it is had soon, unless its holder was stopped. `None` where there are no
/// locks.
pub(crate) fn within(
    patience: Duration,
    disk: &dyn Disk,
    path: &Path,
) -> Result<Option<Lock>, StoreError> {
    let begun = Instant::now();
    loop {
        match attempt(disk, path)? {
            Attempt::Taken(lock) => return Ok(Some(lock)),
            Attempt::NoLocks => return Ok(None),
            Attempt::Busy if begun.elapsed() < patience => thread::sleep(PAUSE),
            Attempt::Busy => {
                return Err(StoreError::new(format_args!(
                    "{} has been locked for {} s: a process that uses it was stopped in the middle of a save",
                    path.display(),
                    patience.as_secs()
                )));
            }
        }
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    if let Ok(metadata) = path.symlink_metadata()
        && let Err(defect) = inspect(&metadata)
        // Its mode doesn't matter: it is empty.
        && !matches!(defect, Defect::Open(_))
    {
        return Err(StoreError::new(format_args!(
            "{} {defect}, and can't be locked: remove it",
            path.display()
        )));
    }
    // For writing, too: without that, NFS gives no lock.
    let mut options = system::options();
    options
        .read(true)
        .write(true)
        .create(true)
        .open(path)
        .map_err(|error| failed("open", path, &error))
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave it to a child that was forked meanwhile. If it fails, closing is what there is.
        let _ = self.0.unlock();
    }
}
