//! The files in a folder that may be used.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use pan123_token_cache::{Record, RecordError, StoreError, StoreKey};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::disk::{Disk, failed};
use crate::lease_record::LeaseRecord;
use crate::problem::{Defect, FileProblem, Unread, read};
use crate::system::{self, Users};

/// For how long, and how often, a rename over a file that is open is tried again, where the system refuses it.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(2);
/// One byte more than the longest record, which is enough to see that a file is longer.
const RECORD_BYTES: usize = 64 * 1024 + 1;
const LEASE_RECORD_BYTES: usize = 256;

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
    /// Those that others are changed under come last.
    pub(crate) const ALL: [Self; 5] = [
        Self::Record,
        Self::Damaged,
        Self::LeaseRecord,
        Self::Lease,
        Self::Change,
    ];

    pub(crate) fn with_ending(ending: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.ending() == ending)
    }

    /// How the file's name ends.
    pub(crate) fn ending(self) -> &'static str {
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
pub(crate) fn stem(key: StoreKey) -> String {
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
        self.find_at(self.file(key, Part::Record))
    }

    pub(crate) fn find_at(&self, path: PathBuf) -> Result<Found, StoreError> {
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
            aside: path.with_extension(Part::Damaged.ending()),
            path,
            defect,
        }))
    }

    /// Writes the record's stored form to a file of its own.
    pub(crate) fn draft(
        &self,
        key: StoreKey,
        record: &Record,
    ) -> Result<NamedTempFile, StoreError> {
        let form = Zeroizing::new(record.encode());
        let file = self.write(&self.file(key, Part::Record), form.as_bytes())?;
        match self.disk.sync(file.as_file()) {
            Ok(()) => Ok(file),
            Err(error) => Err(failed("sync", file.path(), &error)),
        }
    }

    /// Puts the record in its place.
    pub(crate) fn publish(&self, key: StoreKey, draft: NamedTempFile) -> Result<(), StoreError> {
        self.put(draft, &self.file(key, Part::Record))
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
        let path = self.file(key, Part::LeaseRecord);
        let file = self.write(&path, record.to_string().as_bytes())?;
        self.put(file, &path)
    }

    /// Puts a draft in its place.
    fn put(&self, draft: NamedTempFile, place: &Path) -> Result<(), StoreError> {
        // Closed first: not every system renames an open file.
        let mut draft = draft.into_temp_path();
        self.rename(&draft, place)
            .map_err(|error| failed("write", place, &error))?;
        draft.disable_cleanup(true);
        Ok(())
    }

    /// Renames a file over another, also where it takes some tries while that one is open.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            match self.disk.rename(from, to) {
                Err(error) if !system::may_be_open_elsewhere(&error) => return Err(error),
                Err(error) if begun.elapsed() >= PATIENCE => {
                    return Err(io::Error::new(io::ErrorKind::ResourceBusy, error));
                }
                Err(_) => thread::sleep(PAUSE),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Writes a file that is to be put in this place.
    fn write(&self, place: &Path, bytes: &[u8]) -> Result<NamedTempFile, StoreError> {
        let mut file = self.create(place)?;
        match self.disk.write(file.as_file_mut(), bytes) {
            Ok(()) => Ok(file),
            Err(error) => Err(failed("write", file.path(), &error)),
        }
    }

    /// Creates an empty file that is to be put in this place; it is removed if it isn't.
    pub(crate) fn create(&self, place: &Path) -> Result<NamedTempFile, StoreError> {
        let mut prefix = place.file_stem().unwrap_or_default().to_owned();
        prefix.push(".");
        let file = tempfile::Builder::new()
            .prefix(&prefix)
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
}
