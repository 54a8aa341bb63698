//! The steps that a full or failing disk breaks. The tests put one in between that breaks them.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;

use pan123_token_cache::StoreError;
use tempfile::NamedTempFile;

pub(crate) trait Disk: Send + Sync {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Puts the file in the place of what is at `to`. It is removed if that fails.
    fn rename(&self, file: NamedTempFile, to: &Path) -> io::Result<()> {
        file.persist(to)?;
        Ok(())
    }

    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        file.try_lock()
    }
}

/// The operating system's.
pub(crate) struct RealDisk;

impl Disk for RealDisk {}

/// Says what couldn't be done, where, why, and what to do about it.
pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    use io::ErrorKind as Kind;
    let advice = match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => "free some space",
        Kind::PermissionDenied
        | Kind::ReadOnlyFilesystem
        | Kind::NotADirectory
        | Kind::NotFound => "give the store a folder that you may write to",
        Kind::IsADirectory | Kind::DirectoryNotEmpty => "remove the directory",
        _ => "check the disk, or give the store another folder",
    };
    StoreError::new(format_args!(
        "can't {what} {}: {error}; {advice}",
        path.display()
    ))
}
