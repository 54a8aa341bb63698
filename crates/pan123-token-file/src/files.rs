//! The files in a folder that may be used.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pan123_token_cache::{Record, RecordError, StoreError, StoreKey};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::disk::{Disk, failed};
use crate::lease_record::LeaseRecord;
use crate::problem::{Defect, FileProblem, Unread, read};
use crate::system::{self, Users};

/// One byte more than the longest record, which is enough to see that a file is longer.
const RECORD_BYTES: usize = 64 * 1024 + 1;
const LEASE_RECORD_BYTES: usize = 256;
/// The age at which a temporary file isn't being written any more.
const LEFT_BEHIND: Duration = Duration::from_secs(600);

/// What is in a key's files.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Record,
    LeaseRecord,
    Lease,
    Change,
    Damaged,
}

impl Part {
    /// How the file's name ends.
    fn ending(self) -> &'static str {
        match self {
            Self::Record => "json",
            // As the first version calls it.
            Self::LeaseRecord => "gate",
            Self::Lease => "lease",
            // Called after its only use in the first version.
            Self::Change => "save",
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

/// The files in a folder that may be used, by these users.
#[derive(Clone, Copy)]
pub(crate) struct Files<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) disk: &'a dyn Disk,
    pub(crate) users: Users,
}

impl Files<'_> {
    pub(crate) fn file(&self, key: StoreKey, part: Part) -> PathBuf {
        self.folder.join(stem(key) + part.ending())
    }

    /// Reads the record. Needs no lock, since records are renamed into place.
    pub(crate) fn find(&self, key: StoreKey) -> Result<Found, StoreError> {
        let path = self.file(key, Part::Record);
        let defect = match read(&path, RECORD_BYTES, self.users) {
            Ok(bytes) => match Record::decode(&bytes) {
                Ok(record) => return Ok(Found::Record(record)),
                Err(RecordError::Damaged(part)) => Defect::Damaged(part),
                Err(error) => {
                    return Err(StoreError::misconfigured(format_args!(
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
        match File::open(self.folder).and_then(|folder| self.disk.sync(&folder)) {
            // How a file system says that its folders need none.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced.map_err(|error| failed("sync the folder", self.folder, &error)),
        }
    }

    /// The lease record, if it can be read.
    pub(crate) fn lease_record(&self, key: StoreKey) -> Option<LeaseRecord> {
        let bytes = read(
            &self.file(key, Part::LeaseRecord),
            LEASE_RECORD_BYTES,
            self.users,
        )
        .ok()?;
        LeaseRecord::parse(&bytes)
    }

    /// Writes the lease record. It isn't synced: what a crash of the host loses costs an extra request.
    pub(crate) fn write_lease_record(
        &self,
        key: StoreKey,
        record: &LeaseRecord,
    ) -> Result<(), StoreError> {
        let file = self.write(key, record.to_string().as_bytes())?;
        self.rename(file, &self.file(key, Part::LeaseRecord))
    }

    fn rename(&self, file: NamedTempFile, to: &Path) -> Result<(), StoreError> {
        self.disk
            .rename(file, to)
            .map_err(|error| failed("write", to, &error))
    }

    fn write(&self, key: StoreKey, bytes: &[u8]) -> Result<NamedTempFile, StoreError> {
        let mut file = self.create(key)?;
        match self.disk.write(file.as_file_mut(), bytes) {
            Ok(()) => Ok(file),
            Err(error) => Err(failed("write", file.path(), &error)),
        }
    }

    /// Creates an empty file, which is removed unless it is put in some place.
    pub(crate) fn create(&self, key: StoreKey) -> Result<NamedTempFile, StoreError> {
        let file = tempfile::Builder::new()
            .prefix(&stem(key))
            .suffix(".tmp")
            .make_in(self.folder, |path| {
                system::options().write(true).create_new(true).open(path)
            })
            .map_err(|error| failed("write to", self.folder, &error))?;
        match self.users.admit_to(file.as_file()) {
            Ok(()) => Ok(file),
            Err(error) => Err(failed("give its group a file in", self.folder, &error)),
        }
    }

    /// Removes what killed processes left. A writer that was stopped for so long fails when it goes on, and its token is
    /// offered again.
    pub(crate) fn sweep(&self, key: StoreKey) {
        let stem = stem(key);
        for entry in fs::read_dir(self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_ours = entry.file_name().to_string_lossy().starts_with(&stem);
            if is_ours
                && path.extension().is_some_and(|it| it == "tmp")
                && age(&entry).is_some_and(|age| age >= LEFT_BEHIND)
            {
                // What can't be removed is in no one's way.
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn age(entry: &fs::DirEntry) -> Option<Duration> {
    entry.metadata().ok()?.modified().ok()?.elapsed().ok()
}
