//! Tests: a disk that fails at one step.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pan123_token_cache::{Lease, Owner, Saved, TokenStore as _};
use rustix::io::Errno;
use tempfile::TempDir;

use crate::FileStore;
use crate::disk::{Disk, RealDisk};
use crate::folder::Folder;
use record::{LIFE, SECOND, key, record};

#[path = "../tests/store/record.rs"]
pub(crate) mod record;

pub(crate) const TERM: Duration = SECOND.saturating_mul(45);
const HOUR: Duration = SECOND.saturating_mul(3600);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Write,
    Sync,
    SyncFolder,
    Rename,
    Lock,
}

/// Fails at a step so many times, with this number.
#[derive(Clone, Default)]
struct Faults(Arc<Mutex<Option<(Step, Errno, usize)>>>);

impl Faults {
    fn set(&self, step: Step, errno: Errno, times: usize) {
        *self.0.lock().unwrap() = Some((step, errno, times));
    }

    fn at(&self, step: Step) -> io::Result<()> {
        match &mut *self.0.lock().unwrap() {
            Some((fails, errno, times)) if *fails == step && *times > 0 => {
                *times -= 1;
                Err((*errno).into())
            }
            _ => Ok(()),
        }
    }

    fn are_used_up(&self) -> bool {
        matches!(*self.0.lock().unwrap(), Some((.., 0)))
    }
}

impl Disk for Faults {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        // A part of it gets there.
        file.write_all(&bytes[..bytes.len() / 2])?;
        self.at(Step::Write)?;
        file.write_all(&bytes[bytes.len() / 2..])
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let is_folder = file.metadata()?.is_dir();
        self.at(if is_folder {
            Step::SyncFolder
        } else {
            Step::Sync
        })?;
        file.sync_all()
    }

    fn rename(&self, file: &Path, to: &Path) -> io::Result<()> {
        self.at(Step::Rename)?;
        fs::rename(file, to)
    }

    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        self.at(Step::Lock).map_err(TryLockError::Error)?;
        file.try_lock()
    }
}

pub(crate) fn store(dir: &TempDir, disk: impl Disk + 'static) -> FileStore {
    FileStore::on(Folder::at(dir.path().to_owned()).on(disk))
}

/// A folder, a store in it whose disk fails on demand, and a store in it whose disk never does.
fn scene() -> (TempDir, Faults, FileStore, FileStore) {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let failing = store(&dir, faults.clone());
    let sound = FileStore::in_dir(dir.path());
    (dir, faults, failing, sound)
}

fn names(dir: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_step_of_a_save_that_fails_once_costs_that_save_alone() {
    for (step, errno, said) in [
        (Step::Write, Errno::NOSPC, "free some space"),
        (Step::Write, Errno::DQUOT, "free some space"),
        (
            Step::Sync,
            Errno::IO,
            "check the disk, or give the store another folder",
        ),
        (
            Step::Rename,
            Errno::ROFS,
            "give the store a folder that you may write to",
        ),
        (
            Step::Lock,
            Errno::IO,
            "check the disk, or give the store another folder",
        ),
    ] {
        let (dir, faults, failing, sound) = scene();
        assert_eq!(failing.save(key(), &record(0), None, LIFE), Ok(Saved::Kept));
        let before = names(&dir);

        faults.set(step, errno, 1);
        let error = failing.save(key(), &record(1), None, LIFE).unwrap_err();
        let error = error.to_string();
        assert!(faults.are_used_up(), "{step:?} was never done");
        assert!(error.contains(dir.path().to_str().unwrap()), "{error}");
        assert!(error.ends_with(said), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
        let stored = sound.load(key()).unwrap().unwrap();
        assert_eq!(stored.record, record(0), "after {step:?} failed");
        assert_eq!(names(&dir), before, "after {step:?} failed");

        assert_eq!(failing.save(key(), &record(1), None, LIFE), Ok(Saved::Kept));
    }
}

#[test]
fn what_heals_by_itself_is_an_outage_and_what_does_not_is_misconfigured() {
    let outages = [
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::IO,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::STALE,
        Errno::TIMEDOUT,
        Errno::INTR,
        Errno::BUSY,
        // The folder was removed meanwhile; the next call makes it again.
        Errno::NOENT,
    ];
    let settings = [
        Errno::ACCESS,
        Errno::PERM,
        Errno::ROFS,
        Errno::NOTDIR,
        Errno::LOOP,
        Errno::NAMETOOLONG,
    ];
    let errnos = outages.map(|it| (it, false)).into_iter();
    for (errno, misconfigured) in errnos.chain(settings.map(|it| (it, true))) {
        for step in [
            Step::Write,
            Step::Sync,
            Step::SyncFolder,
            Step::Rename,
            Step::Lock,
        ] {
            let (_dir, faults, failing, _) = scene();
            faults.set(step, errno, 1);
            let error = failing.save(key(), &record(0), None, LIFE).unwrap_err();
            assert_eq!(error.is_misconfigured(), misconfigured, "{step:?}: {error}");
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}

#[test]
fn a_folder_that_cannot_be_synced_fails_the_save_unless_it_needs_none() {
    let (_dir, faults, failing, sound) = scene();
    faults.set(Step::SyncFolder, Errno::IO, 1);
    let error = failing.save(key(), &record(0), None, LIFE).unwrap_err();
    assert!(
        error.to_string().starts_with("can't sync the folder /"),
        "{error}"
    );
    // It is there all the same, and saving it again does no harm.
    let stored = sound.load(key()).unwrap().unwrap();
    assert_eq!(stored.record, record(0));
    assert_eq!(failing.save(key(), &record(0), None, LIFE), Ok(Saved::Kept));

    faults.set(Step::SyncFolder, Errno::INVAL, 1);
    assert_eq!(failing.save(key(), &record(1), None, LIFE), Ok(Saved::Kept));
    assert!(faults.are_used_up());
}

#[test]
fn a_lease_that_cannot_be_written_down_is_not_kept() {
    for step in [Step::Write, Step::Rename, Step::Lock] {
        let (_dir, faults, failing, sound) = scene();
        faults.set(step, Errno::IO, 1);
        failing.lease(key(), Owner(1), TERM).unwrap_err();
        assert!(faults.are_used_up(), "{step:?} was never done");
        let other = sound.lease(key(), Owner(2), TERM);
        assert_eq!(other, Ok(Lease::Granted(None)), "after {step:?} failed");
    }
}

#[test]
fn a_lease_ends_though_the_cooldown_cannot_be_written() {
    let (_dir, faults, failing, sound) = scene();
    failing.lease(key(), Owner(1), TERM).unwrap();
    faults.set(Step::Write, Errno::NOSPC, 1);
    failing.release(key(), Owner(1), HOUR).unwrap_err();
    assert_eq!(sound.lease(key(), Owner(2), TERM), Ok(Lease::Granted(None)));
    // The lease record can't be written on a full disk; without a cooldown it needn't be.
    let (_dir, faults, failing, _) = scene();
    failing.lease(key(), Owner(1), TERM).unwrap();
    faults.set(Step::Write, Errno::NOSPC, 1);
    assert_eq!(failing.release(key(), Owner(1), Duration::ZERO), Ok(()));
}

#[test]
fn on_a_file_system_without_locks_the_lease_record_alone_decides() {
    for errno in [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP] {
        let (dir, faults, one, _) = scene();
        faults.set(Step::Lock, errno, usize::MAX);
        let other = store(&dir, faults.clone());
        assert_eq!(one.lease(key(), Owner(1), TERM), Ok(Lease::Granted(None)));
        for store in [&one, &other] {
            let lease = store.lease(key(), Owner(2), TERM);
            assert!(matches!(lease, Ok(Lease::Held(..))), "{lease:?}");
        }

        assert_eq!(one.save(key(), &record(0), None, LIFE), Ok(Saved::Kept));
        let older = other.save(key(), &record(-1), None, LIFE);
        assert!(matches!(older, Ok(Saved::Newer(_))), "{older:?}");
        one.release(key(), Owner(1), Duration::ZERO).unwrap();
        let lease = other.lease(key(), Owner(2), TERM);
        assert!(matches!(lease, Ok(Lease::Granted(Some(_)))), "{lease:?}");
        other.release(key(), Owner(2), HOUR).unwrap();
        let lease = store(&dir, faults.clone()).lease(key(), Owner(3), TERM);
        assert!(matches!(lease, Ok(Lease::CoolingDown(..))), "{lease:?}");
    }
}

#[test]
fn the_real_disk_does_sync() {
    // What needs no syncing says so.
    let null = File::open("/dev/null").unwrap();
    assert!(RealDisk.sync(&null).is_err());
}
