//! The steps that a full or failing disk breaks. The tests put one in between that breaks them.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;

use pan123_token_cache::StoreError;

use crate::system;

pub(crate) trait Disk: Send + Sync {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Puts the file in the place of what is at `to`.
    fn rename(&self, file: &Path, to: &Path) -> io::Result<()> {
        fs::rename(file, to)
    }

    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        file.try_lock()
    }
}

/// The operating system's.
pub(crate) struct RealDisk;

impl Disk for RealDisk {}

/// What to do where the place is wrong.
pub(crate) const CHOOSE_A_FOLDER: &str = "give the store a folder that you may write to";

/// Says what couldn't be done, where, why, and what to do about it.
pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    failed_with(what, path, error, CHOOSE_A_FOLDER)
}

/// The same, with what to do where the place is wrong.
pub(crate) fn failed_with(what: &str, path: &Path, error: &io::Error, advice: &str) -> StoreError {
    use io::ErrorKind as Kind;
    let advice = match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => "free some space",
        Kind::IsADirectory | Kind::DirectoryNotEmpty => "remove the directory",
        Kind::ResourceBusy => "close the program that has it open",
        _ if system::means_wrong_place(error) => advice,
        _ => "check the disk, or give the store another folder",
    };
    let line = format_args!("can't {what} {}: {error}; {advice}", path.display());
    if is_lasting(error) {
        StoreError::misconfigured(line)
    } else {
        StoreError::new(line)
    }
}

/// Whether it will be the same until a setting is changed. A full or failing disk, too many open files and the like are not.
pub(crate) fn is_lasting(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::IsADirectory | Kind::DirectoryNotEmpty)
        || system::means_wrong_place(error)
}
