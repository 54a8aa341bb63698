//! Advisory locks on files beside the record.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use pan123_token_cache::{StoreError, StoreKey};

use crate::disk::failed;
use crate::files::{Files, Part};
use crate::problem::{Defect, inspect};
use crate::system::{self, Users};

/// How long the lock on changes is waited for. It is held for a few file operations, none of which syncs.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before trying it again.
const PAUSE: Duration = Duration::from_millis(2);

/// How often to open the file again if it was swept from the folder meanwhile.
const TRIES: u32 = 10;

/// Held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock(File);

/// What became of trying to get one.
#[derive(Debug)]
pub(crate) enum Attempt {
    Taken(Lock),
    /// Another process has it, or another part of this one.
    Busy,
    /// There is none to be had: this file system has no locks, or what is in the file's place can't be locked.
    Unusable,
}

impl Files<'_> {
    /// Tries to get the lock that the holder of the lease has.
    pub(crate) fn lock_for_lease(&self, key: StoreKey) -> Result<Attempt, StoreError> {
        self.try_lock(&self.file(key, Part::Lease))
    }

    /// Waits for the lock under which the record and the lease record are compared and replaced.
    ///
    /// After 2 seconds its holder was stopped in the middle of that. Then there is none, as on a file system without locks:
    /// two changes may meet, which costs an extra request at the worst. To fail would cost the token.
    pub(crate) fn lock_for_change(&self, key: StoreKey) -> Result<Option<Lock>, StoreError> {
        let path = self.file(key, Part::Change);
        let begun = Instant::now();
        loop {
            match self.try_lock(&path)? {
                Attempt::Taken(lock) => return Ok(Some(lock)),
                Attempt::Busy if begun.elapsed() < PATIENCE => thread::sleep(PAUSE),
                Attempt::Busy | Attempt::Unusable => return Ok(None),
            }
        }
    }

    /// Tries to get the lock on a file, which is created where it isn't there.
    pub(crate) fn try_lock(&self, path: &Path) -> Result<Attempt, StoreError> {
        for _ in 0..TRIES {
            let Some(file) = self.open_lock(path)? else {
                return Ok(Attempt::Unusable);
            };
            match self.disk.try_lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(Attempt::Busy),
                Err(TryLockError::Error(error)) if system::means_no_locks(&error) => {
                    return Ok(Attempt::Unusable);
                }
                Err(TryLockError::Error(error)) => return Err(failed("lock", path, &error)),
            }
            let lock = Lock(file);
            // Not if it was swept from the folder between opening and locking: then others have a new one.
            if system::is_at(&lock.0, path) {
                return Ok(Attempt::Taken(lock));
            }
        }
        Ok(Attempt::Unusable)
    }

    /// `None` where there is something that can't be locked.
    fn open_lock(&self, path: &Path) -> Result<Option<File>, StoreError> {
        // For writing, too: without that, NFS gives no lock.
        let mut options = system::options();
        options.read(true).write(true);
        if let Ok(metadata) = path.symlink_metadata() {
            match inspect(&metadata, self.users) {
                // Who may read it doesn't matter: it is empty.
                Ok(()) | Err(Defect::Open(_) | Defect::Closed(_)) => {}
                Err(_) => return Ok(None),
            }
        } else if self.users != Users::One {
            // Put there with its mode: before, the others couldn't open it.
            match self.create(path)?.persist_noclobber(path) {
                Ok(file) => return Ok(Some(file)),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("write", path, &error.error)),
            }
        }
        match options.create(self.users == Users::One).open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && path.exists() => {
                Ok(None)
            }
            Err(error) => Err(failed("open", path, &error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave it to a child that was forked meanwhile. If it fails, closing is what there is.
        let _ = self.0.unlock();
    }
}
