//! Tests: a disk that fails at one step, or stops in the middle of one.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pan123_token_cache::testing::ManualClock;
use pan123_token_cache::{Lease, Moment, Owner, Saved, TokenStore as _};
use rustix::io::Errno;
use tempfile::{NamedTempFile, TempDir};

use crate::FileStore;
use crate::disk::{Disk, RealDisk};
use crate::folder::Folder;
use record::{LIFE, SECOND, key, record};

#[path = "../tests/store/record.rs"]
mod record;

const TERM: Duration = SECOND.saturating_mul(45);
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

    fn rename(&self, file: NamedTempFile, to: &Path) -> io::Result<()> {
        self.at(Step::Rename)?;
        file.persist(to)?;
        Ok(())
    }

    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        self.at(Step::Lock).map_err(TryLockError::Error)?;
        file.try_lock()
    }
}

/// Stops before it renames a record, and says so, until it is told to go on.
struct Stopping {
    stopped: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Disk for Stopping {
    fn rename(&self, file: NamedTempFile, to: &Path) -> io::Result<()> {
        self.stopped.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        file.persist(to)?;
        Ok(())
    }
}

/// Says when it finds a lock taken.
struct Watching {
    busy: Sender<()>,
}

impl Disk for Watching {
    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        file.try_lock().inspect_err(|_| {
            // Once is enough: nobody listens any more.
            let _ = self.busy.send(());
        })
    }
}

/// Someone else has every lock, and writes the gate when it is looked at for the third time.
struct Late {
    looks: Arc<AtomicU32>,
    gate: PathBuf,
    line: &'static str,
}

impl Disk for Late {
    fn try_lock(&self, _: &File) -> Result<(), TryLockError> {
        if self.looks.fetch_add(1, Ordering::Relaxed) == 2 {
            fs::write(&self.gate, self.line).unwrap();
        }
        Err(TryLockError::WouldBlock)
    }
}

fn store(dir: &TempDir, disk: impl Disk + 'static) -> FileStore {
    FileStore::on(Folder::at(dir.path().to_owned()).on(disk))
}

/// A folder, a store in it whose disk fails when it is told to, and a store in it whose disk never does.
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
fn a_lease_that_cannot_be_written_down_is_nobodys() {
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
fn a_lease_ends_though_the_cool_down_cannot_be_written() {
    let (_dir, faults, failing, sound) = scene();
    failing.lease(key(), Owner(1), TERM).unwrap();
    faults.set(Step::Write, Errno::NOSPC, 1);
    failing.release(key(), Owner(1), HOUR).unwrap_err();
    assert_eq!(sound.lease(key(), Owner(2), TERM), Ok(Lease::Granted(None)));
    // The gate can't be written on a full disk; without a cool-down it needn't be.
    let (_dir, faults, failing, _) = scene();
    failing.lease(key(), Owner(1), TERM).unwrap();
    faults.set(Step::Write, Errno::NOSPC, 1);
    assert_eq!(failing.release(key(), Owner(1), Duration::ZERO), Ok(()));
}

#[test]
fn on_a_file_system_without_locks_every_process_is_granted_the_lease() {
    for errno in [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP] {
        let (dir, faults, one, _) = scene();
        faults.set(Step::Lock, errno, usize::MAX);
        let other = store(&dir, faults.clone());
        assert_eq!(one.lease(key(), Owner(1), TERM), Ok(Lease::Granted(None)));
        assert_eq!(other.lease(key(), Owner(2), TERM), Ok(Lease::Granted(None)));
        // Within a process there is still one owner at a time.
        let lease = one.lease(key(), Owner(3), TERM);
        assert!(matches!(lease, Ok(Lease::Held(..))), "{lease:?}");

        assert_eq!(one.save(key(), &record(0), None, LIFE), Ok(Saved::Kept));
        let older = other.save(key(), &record(-1), None, LIFE);
        assert!(matches!(older, Ok(Saved::Newer(_))), "{older:?}");
        one.release(key(), Owner(1), HOUR).unwrap();
        let lease = store(&dir, faults.clone()).lease(key(), Owner(4), TERM);
        assert!(matches!(lease, Ok(Lease::CoolingDown(..))), "{lease:?}");
    }
}

/// A thread that has stopped in the middle of saving this record, and what it waits for.
fn stopped_save(dir: &TempDir, seconds: i64) -> (JoinHandle<Saved>, Sender<()>) {
    let (stopped, has_stopped) = channel();
    let (goes_on, go_on) = channel();
    let disk = Stopping {
        stopped,
        go_on: Mutex::new(go_on),
    };
    let sleeper = store(dir, disk);
    let save = thread::spawn(move || {
        let saved = sleeper.save(key(), &record(seconds), None, LIFE);
        saved.unwrap()
    });
    has_stopped.recv().unwrap();
    (save, goes_on)
}

#[test]
fn one_who_sleeps_between_comparing_and_renaming_replaces_no_newer_token() {
    for (sleepers, others) in [(0, 1), (1, 0)] {
        let dir = tempfile::tempdir().unwrap();
        let (sleeper, go_on) = stopped_save(&dir, sleepers);
        let (busy, is_busy) = channel();
        let other = store(&dir, Watching { busy });
        let save = thread::spawn(move || other.save(key(), &record(others), None, LIFE));

        is_busy.recv().unwrap();
        go_on.send(()).unwrap();
        assert_eq!(sleeper.join().unwrap(), Saved::Kept);
        match save.join().unwrap().unwrap() {
            Saved::Kept => assert_eq!(others, 1),
            Saved::Newer(stored) => assert_eq!((others, stored.record), (0, record(1))),
        }
        let stored = FileStore::in_dir(dir.path()).load(key()).unwrap().unwrap();
        assert_eq!(stored.record, record(1));
    }
}

#[test]
fn a_save_that_was_stopped_in_the_middle_is_not_waited_for_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let (sleeper, go_on) = stopped_save(&dir, 0);
    let other = FileStore::in_dir(dir.path());
    let error = other.save(key(), &record(1), None, LIFE).unwrap_err();
    assert!(
        error.to_string().ends_with(
            ".save has been locked for 2 s: a process that uses it was stopped in the middle of a save"
        ),
        "{error}"
    );
    assert_eq!(names(&dir).len(), 2, "its draft was left");
    go_on.send(()).unwrap();
    assert_eq!(sleeper.join().unwrap(), Saved::Kept);
    assert_eq!(other.save(key(), &record(1), None, LIFE), Ok(Saved::Kept));
}

/// What one is told who asks while another one has just taken the lease of a third, who crashed; and after how many looks.
fn asks_beside_a_late_writer(line: &'static str) -> (Lease, u32) {
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join(format!("{}.v1.gate", key()));
    // Over at 4 s.
    let old = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&gate);
    old.unwrap().write_all(b"held 1 0 4000000000\n").unwrap();
    let looks = Arc::<AtomicU32>::default();
    let disk = Late {
        looks: Arc::clone(&looks),
        gate,
        line,
    };
    let ten = Moment::default().after(10 * SECOND);
    let store = store(&dir, disk).with_clock(ManualClock::new(ten));
    let lease = store.lease(key(), Owner(3), TERM).unwrap();
    (lease, looks.load(Ordering::Relaxed))
}

#[test]
fn one_who_has_just_taken_the_lease_is_not_taken_for_the_one_before() {
    let (lease, looks) = asks_beside_a_late_writer("held 2 9000000000 45000000000\n");
    assert_eq!((lease, looks), (Lease::Held(44 * SECOND, None), 3));
    let (lease, looks) = asks_beside_a_late_writer("cool 9000000000 60000000000\n");
    assert_eq!((lease, looks), (Lease::CoolingDown(59 * SECOND, None), 3));
    // One that can't be read says nothing against a whole term.
    let (lease, looks) = asks_beside_a_late_writer("noise");
    assert_eq!((lease, looks), (Lease::Held(TERM, None), 3));
    // But not for ever.
    let (lease, looks) = asks_beside_a_late_writer("held 1 0 4000000000\n");
    assert_eq!((lease, looks), (Lease::Stuck(None), 5));
}

#[test]
fn the_real_disk_does_sync() {
    // What needs no syncing says so.
    let null = File::open("/dev/null").unwrap();
    assert!(RealDisk.sync(&null).is_err());
}
