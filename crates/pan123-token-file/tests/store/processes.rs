//! Several processes on one folder: those that save or ask at once, and holders of the lease that crash.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use pan123_token_cache::{Lease, Owner, TokenStore as _};
use pan123_token_file::FileStore;

use crate::process::{Process, command, save_share};
use crate::record::{SECOND, key, record};
use crate::scene::Scene;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn of_many_savers_the_newest_token_stays_and_no_reader_sees_a_torn_or_older_one() {
    let scene = Scene::with_record(-1);
    // Four processes and four threads, of which each saves its own share of 0 to 79.
    let dir = scene.dir();
    let mut processes: Vec<_> = (0..4)
        .map(|first| Process::start(&mut command(&format!("save {} {first}", dir.display()))))
        .collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let savers: Vec<_> = (4..8)
            .map(|first| scope.spawn(move || save_share(dir, first)))
            .collect();
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut latest = record(-1).issued_at;
                    while !done.load(Ordering::Relaxed) {
                        let issued_at = scene.load().unwrap().issued_at;
                        assert!(issued_at >= latest, "{issued_at} came after {latest}");
                        latest = issued_at;
                    }
                })
            })
            .collect();
        let savers: Vec<_> = savers.into_iter().map(ScopedJoinHandle::join).collect();
        let answers: Vec<_> = processes.iter_mut().map(Process::answer).collect();
        // Before anything is said of how it went: the readers would go on for ever.
        done.store(true, Ordering::Relaxed);
        assert_eq!(answers, ["saved"; 4]);
        for saver in savers {
            saver.unwrap();
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_eq!(scene.load(), Some(record(79)));
    assert_eq!(scene.problems(), [""; 0]);
    assert_eq!(scene.endings(), ["json", "save"], "a draft was left");
}

/// What so many processes are answered that ask for the lease at once.
pub(crate) fn ask_at_once(dir: &Path, count: usize) -> Vec<String> {
    let mut processes: Vec<_> = (0..count).map(|_| Process::with_store_in(dir)).collect();
    for process in &mut processes {
        // It has begun.
        assert_eq!(process.ask("load"), "0");
    }
    for process in &mut processes {
        process.send("lease 3600000");
    }
    let mut answers: Vec<_> = processes.iter_mut().map(Process::answer).collect();
    answers.sort();
    answers
}

#[test]
fn one_of_many_processes_is_granted_the_lease() {
    let scene = Scene::with_record(0);
    let answers = ask_at_once(scene.dir(), 25);
    assert_eq!(answers[0], "granted, 0");
    assert_eq!(answers[1..], ["held, 0"; 24]);
}

#[test]
fn of_many_processes_that_renew_by_turns_none_fails() {
    let scene = Scene::with_record(0);
    let mut processes: Vec<_> = (0..25)
        .map(|_| Process::with_store_in(scene.dir()))
        .collect();
    for round in 1..=5 {
        for process in &mut processes {
            process.send("load");
            process.send("lease 0");
            process.send(&format!("save {round}"));
            process.send("release 0");
        }
        for process in &mut processes {
            let answers = [(); 4].map(|()| process.answer());
            for failed in ["outage", "misconfigured", "it ended"] {
                assert!(!answers.iter().any(|it| it.contains(failed)), "{answers:?}");
            }
        }
    }
    assert_eq!(scene.load(), Some(record(5)));
    assert_eq!(scene.endings(), ["gate", "json", "lease", "save"]);
}

#[test]
fn what_one_process_releases_the_next_one_gets() {
    let scene = Scene::new();
    let mut holder = Process::holder(scene.dir(), HOUR);
    assert!(matches!(asks(&scene.store), Lease::Held(..)));
    assert_eq!(holder.ask("release 0"), "released");
    assert_eq!(asks(&scene.store), Lease::Granted(None));
}

#[test]
fn a_process_that_is_killed_leaves_the_lease_at_once() {
    let scene = Scene::new();
    let holder = Process::holder(scene.dir(), HOUR);
    match asks(&scene.store) {
        Lease::Held(wait, None) => assert!(wait > HOUR / 2, "{wait:?}"),
        other => panic!("{other:?}"),
    }
    holder.kill();
    assert_eq!(asks(&scene.store), Lease::Granted(None));
}

#[test]
fn a_store_that_is_dropped_ends_its_leases() {
    let scene = Scene::new();
    let other = FileStore::in_dir(scene.dir());
    let lease = other.lease(key(), Owner(1), HOUR).unwrap();
    assert_eq!(lease, Lease::Granted(None));
    assert!(matches!(asks(&scene.store), Lease::Held(..)));
    drop(other);
    assert_eq!(asks(&scene.store), Lease::Granted(None));
}

/// Asks for the lease as an owner that no [`Process`] is.
pub(crate) fn asks(store: &FileStore) -> Lease {
    store.lease(key(), Owner(u64::MAX), SECOND).unwrap()
}
