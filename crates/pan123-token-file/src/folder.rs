//! The folder, and what is done in it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy as _;
use pan123_token_cache::{Record, RecordError, StoreError, StoreKey};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::disk::{Disk, RealDisk, failed};
use crate::lease_record::LeaseRecord;
use crate::lock::{self, Attempt, Lock};
use crate::problem::{Defect, FileProblem, Unread, read};
use crate::system;

/// The folder's name in the user's state directory.
const NAME: &str = "pan123-token";
/// One byte more than the longest record, which is enough to see that a file is longer.
const RECORD_BYTES: usize = 64 * 1024 + 1;
const LEASE_RECORD_BYTES: usize = 256;
/// How long the lock of another save is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// The age at which a temporary file isn't being written any more.
const LEFT_BEHIND: Duration = Duration::from_secs(600);

/// What is in a key's files.
#[derive(Clone, Copy)]
enum Part {
    Record,
    LeaseRecord,
    Lease,
    Save,
    Damaged,
}

impl Part {
    /// How the file's name ends.
    fn ending(self) -> &'static str {
        match self {
            Self::Record => "json",
            Self::LeaseRecord => "gate",
            Self::Lease => "lease",
            Self::Save => "save",
            Self::Damaged => "damaged",
        }
    }
}

/// How the names of a key's files begin: with the key and the version of the format.
fn stem(key: StoreKey) -> String {
    format!("{key}.v1.")
}

/// What there is of a record.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    Record(Record),
    Bad(FileProblem),
}

pub(crate) struct Folder {
    path: PathBuf,
    disk: Box<dyn Disk>,
}

impl Folder {
    /// In the user's state directory.
    pub(crate) fn of_user() -> Result<Self, StoreError> {
        let user = etcetera::choose_base_strategy().map_err(|_| {
            StoreError::new("there is no home directory: give the store a folder to keep tokens in")
        })?;
        // Windows has no such directory; its strategy's cache is the local application data, which isn't cleared.
        let state = user.state_dir().unwrap_or_else(|| user.cache_dir());
        Ok(Self::at(state.join(NAME)))
    }

    pub(crate) fn at(path: PathBuf) -> Self {
        Self {
            // A process that changes its working directory stays with its folder. An empty path fails when it is used.
            path: std::path::absolute(&path).unwrap_or(path),
            disk: Box::new(RealDisk),
        }
    }

    #[cfg(test)]
    #[cfg(unix)]
    pub(crate) fn on(mut self, disk: impl Disk + 'static) -> Self {
        self.disk = Box::new(disk);
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, key: StoreKey, part: Part) -> PathBuf {
        self.path.join(stem(key) + part.ending())
    }

    /// Whether it is there. One that others could change is refused.
    fn is_there(&self) -> Result<bool, StoreError> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("use the folder", &self.path, &error)),
        };
        let path = self.path.display();
        if !metadata.is_dir() {
            Err(StoreError::new(format_args!(
                "{path} is no folder: give the store one"
            )))
        } else if system::is_foreign(&metadata) {
            Err(StoreError::new(format_args!(
                "the folder {path} belongs to another user: give the store one of your own"
            )))
        } else if let Some(mode) = system::writable_by_others(&metadata) {
            Err(StoreError::new(format_args!(
                "other users may write to the folder {path} (mode {mode:o}): run chmod go-w on it, or give the store another"
            )))
        } else {
            Ok(true)
        }
    }

    /// Makes it, where it isn't there.
    pub(crate) fn make(&self) -> Result<(), StoreError> {
        if !self.is_there()? {
            system::folder_builder()
                .recursive(true)
                .create(&self.path)
                .map_err(|error| failed("make the folder", &self.path, &error))?;
            // Perhaps by another process meanwhile; and nothing is made of an empty path.
            if !self.is_there()? {
                let error = io::ErrorKind::NotFound.into();
                return Err(failed("make the folder", &self.path, &error));
            }
        }
        Ok(())
    }

    /// Reads the record. Needs no lock, since records are renamed into place.
    pub(crate) fn find(&self, key: StoreKey) -> Result<Found, StoreError> {
        if !self.is_there()? {
            return Ok(Found::Nothing);
        }
        let path = self.file(key, Part::Record);
        let defect = match read(&path, RECORD_BYTES) {
            Ok(bytes) => match Record::decode(&bytes) {
                Ok(record) => return Ok(Found::Record(record)),
                Err(RecordError::Damaged(part)) => Defect::Damaged(part),
                Err(error) => {
                    return Err(StoreError::new(format_args!(
                        "{}: {error}; it was left as it is: update this program, or give the store another folder",
                        path.display()
                    )));
                }
            },
            Err(Unread::Absent) => return Ok(Found::Nothing),
            Err(Unread::Bad(defect)) => defect,
            Err(Unread::Failed(error)) => return Err(failed("read", &path, &error)),
        };
        Ok(Found::Bad(FileProblem {
            path,
            defect,
            aside: self.file(key, Part::Damaged),
        }))
    }

    /// Writes the record's stored form to a file of its own.
    pub(crate) fn draft(
        &self,
        key: StoreKey,
        record: &Record,
    ) -> Result<NamedTempFile, StoreError> {
        let form = Zeroizing::new(record.encode());
        let file = self.write(key, form.as_bytes())?;
        match self.disk.sync(file.as_file()) {
            Ok(()) => Ok(file),
            Err(error) => Err(failed("sync", file.path(), &error)),
        }
    }

    /// Puts the record in its place.
    pub(crate) fn publish(&self, key: StoreKey, draft: NamedTempFile) -> Result<(), StoreError> {
        self.rename(draft, &self.file(key, Part::Record))
    }

    /// Makes the last renames last.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        if cfg!(not(unix)) {
            // A folder can't be opened there.
            return Ok(());
        }
        match File::open(&self.path).and_then(|folder| self.disk.sync(&folder)) {
            // How a file system says that its folders need none.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced.map_err(|error| failed("sync the folder", &self.path, &error)),
        }
    }

    /// The gate, if it can be read: without one it is open.
    pub(crate) fn lease_record(&self, key: StoreKey) -> Option<LeaseRecord> {
        let bytes = read(&self.file(key, Part::LeaseRecord), LEASE_RECORD_BYTES).ok()?;
        LeaseRecord::parse(&bytes)
    }

    /// Writes the gate. It isn't synced: what a crash of the host loses costs an extra request.
    pub(crate) fn write_lease_record(
        &self,
        key: StoreKey,
        gate: &LeaseRecord,
    ) -> Result<(), StoreError> {
        let file = self.write(key, gate.to_string().as_bytes())?;
        self.rename(file, &self.file(key, Part::LeaseRecord))
    }

    fn rename(&self, file: NamedTempFile, to: &Path) -> Result<(), StoreError> {
        self.disk
            .rename(file, to)
            .map_err(|error| failed("write", to, &error))
    }

    fn write(&self, key: StoreKey, bytes: &[u8]) -> Result<NamedTempFile, StoreError> {
        let mut file = tempfile::Builder::new()
            .prefix(&stem(key))
            .suffix(".tmp")
            .make_in(&self.path, |path| {
                system::options().write(true).create_new(true).open(path)
            })
            .map_err(|error| failed("write to", &self.path, &error))?;
        match self.disk.write(file.as_file_mut(), bytes) {
            Ok(()) => Ok(file),
            Err(error) => Err(failed("write", file.path(), &error)),
        }
    }

    /// Tries to get the lease's lock.
    pub(crate) fn lock_for_lease(&self, key: StoreKey) -> Result<Attempt, StoreError> {
        lock::attempt(&*self.disk, &self.file(key, Part::Lease))
    }

    /// The lock for comparing and renaming; `None` where there are no locks.
    pub(crate) fn lock_for_save(&self, key: StoreKey) -> Result<Option<Lock>, StoreError> {
        lock::within(PATIENCE, &*self.disk, &self.file(key, Part::Save))
    }

    /// Removes what killed processes left. A writer that was stopped for so long fails when it goes on, and its token is
    /// offered again.
    pub(crate) fn sweep(&self, key: StoreKey) {
        let stem = stem(key);
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_ours = entry.file_name().to_string_lossy().starts_with(&stem);
            if is_ours
                && path.extension().is_some_and(|it| it == "tmp")
                && age(&entry).is_some_and(|age| age >= LEFT_BEHIND)
            {
                // What can't be removed is in nobody's way.
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn age(entry: &fs::DirEntry) -> Option<Duration> {
    entry.metadata().ok()?.modified().ok()?.elapsed().ok()
}
