//! Tests: processes that meet in the middle of a step.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use pan123_token_cache::{Lease, Owner, Saved, TokenStore as _};
use tempfile::TempDir;

use crate::FileStore;
use crate::disk::Disk;
use crate::faults::record::{LIFE, SECOND, key, record};
use crate::faults::{TERM, store};

/// Stops before it renames a record, and says so, until it may go on.
struct Stopping {
    stopped: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Disk for Stopping {
    fn rename(&self, file: &Path, to: &Path) -> io::Result<()> {
        self.stopped.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        fs::rename(file, to)
    }
}

/// Says when it finds a lock taken.
struct Watching {
    busy: Sender<()>,
}

impl Disk for Watching {
    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        file.try_lock().inspect_err(|_| {
            // Once is enough: then the receiver is gone.
            let _ = self.busy.send(());
        })
    }
}

/// Sweeps a file from the folder after it was opened and before it is locked, once; another process makes it anew.
struct Sweeping {
    path: PathBuf,
    is_swept: Mutex<bool>,
}

impl Disk for Sweeping {
    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        let mut is_swept = self.is_swept.lock().unwrap();
        if !*is_swept && self.path.exists() {
            *is_swept = true;
            fs::remove_file(&self.path).unwrap();
            fs::write(&self.path, "").unwrap();
        }
        file.try_lock()
    }
}

#[test]
fn a_lock_on_a_file_that_was_swept_meanwhile_is_taken_anew() {
    for ending in ["lease", "save"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("{}.v1.{ending}", key()));
        let disk = Sweeping {
            path: path.clone(),
            is_swept: Mutex::new(false),
        };
        let one = store(&dir, disk);
        assert_eq!(one.lease(key(), Owner(1), TERM), Ok(Lease::Granted(None)));
        // Both processes see the same file, and so one lock.
        let there = File::options().write(true).open(&path).unwrap();
        let lock = there.try_lock();
        assert_eq!(lock.is_err(), ending == "lease", "{ending}: {lock:?}");
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
fn a_save_that_was_stopped_in_the_middle_is_waited_for_no_longer_than_two_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let (sleeper, go_on) = stopped_save(&dir, 0);
    let other = FileStore::in_dir(dir.path());
    let begun = Instant::now();
    assert_eq!(other.save(key(), &record(1), None, LIFE), Ok(Saved::Kept));
    let lease = other.lease(key(), Owner(1), TERM);
    assert!(matches!(lease, Ok(Lease::Granted(Some(_)))), "{lease:?}");
    let took = begun.elapsed();
    assert!((4 * SECOND..10 * SECOND).contains(&took), "{took:?}");
    // It had compared with what was there before: its token is good, and the newer one is offered again.
    go_on.send(()).unwrap();
    assert_eq!(sleeper.join().unwrap(), Saved::Kept);
    assert_eq!(other.save(key(), &record(1), None, LIFE), Ok(Saved::Kept));
}
