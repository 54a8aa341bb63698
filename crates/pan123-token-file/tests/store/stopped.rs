//! Holders of the lease that are stopped, and locks that outlive their process or are a stranger's.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use pan123_token_cache::{Lease, Owner, Saved, TokenStore as _};
use pan123_token_file::FileStore;
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Signal, kill_process, pidfd_getfd, pidfd_open,
};

use crate::process::Process;
use crate::processes::{HOUR, ask_at_once, asks};
use crate::record::{LIFE, SECOND, key, record};
use crate::scene::{Scene, clock, set_mode};

#[test]
fn the_lease_of_a_stopped_process_is_taken_over_after_its_term() {
    let scene = Scene::new();
    let mut holder = Process::holder(scene.dir(), HOUR);
    stop(&holder);
    let clock = clock();
    let store = FileStore::in_dir(scene.dir()).with_clock(clock.clone());

    clock.advance(59 * 60 * SECOND);
    match asks(&store) {
        // It began a little before this clock.
        Lease::Held(wait, None) => assert!(wait <= 60 * SECOND && !wait.is_zero(), "{wait:?}"),
        other => panic!("{other:?}"),
    }
    clock.advance(60 * SECOND);
    assert_eq!(asks(&store), Lease::Granted(None));

    // It wakes up, and releases what isn't its own any more.
    signal(&holder, Signal::CONT);
    assert_eq!(holder.ask("release 60000"), "released");
    let other = FileStore::in_dir(scene.dir()).with_clock(clock);
    let lease = other.lease(key(), Owner(2), SECOND).unwrap();
    assert_eq!(lease, Lease::Held(SECOND, None));
    assert_eq!(
        store.save(key(), &record(1), None, LIFE).unwrap(),
        Saved::Kept
    );
    // The token that it comes with is older.
    assert_eq!(holder.ask("save 0"), "newer");
    store.release(key(), Owner(u64::MAX), SECOND).unwrap();
    let lease = other.lease(key(), Owner(2), SECOND).unwrap();
    assert!(matches!(lease, Lease::CoolingDown(..)), "{lease:?}");
}

#[test]
fn of_many_processes_behind_a_stopped_one_one_takes_the_lease_over() {
    let scene = Scene::with_record(0);
    let holder = Process::holder(scene.dir(), Duration::from_millis(1));
    stop(&holder);
    let answers = ask_at_once(scene.dir(), 20);
    assert_eq!(answers[0], "granted, 0");
    assert_eq!(answers[1..], ["held, 0"; 19]);
}

#[test]
fn a_lock_that_a_stranger_keeps_is_waited_for_once_and_then_costs_nothing() {
    let scene = Scene::new();
    let clock = clock();
    let store = FileStore::in_dir(scene.dir()).with_clock(clock.clone());
    fs::write(scene.file("lease"), "").unwrap();
    set_mode(&scene.file("lease"), 0o600);
    let strangers = File::open(scene.file("lease")).unwrap();
    strangers.lock().unwrap();

    assert_eq!(asks(&store), Lease::Held(SECOND, None));
    clock.advance(SECOND);
    for _ in 0..3 {
        assert_eq!(asks(&store), Lease::Granted(None));
        store
            .release(key(), Owner(u64::MAX), Duration::ZERO)
            .unwrap();
    }
}

#[test]
fn a_lock_that_a_forked_child_keeps_alive_is_waited_for_until_its_term_ends() {
    let scene = Scene::new();
    let clock = clock();
    let store = FileStore::in_dir(scene.dir()).with_clock(clock.clone());
    let holder = Process::holder(scene.dir(), 45 * SECOND);
    // As a forked child would have it: the same open file.
    let childs = open_file(&holder, &scene.file("lease"));
    holder.kill();

    assert!(matches!(asks(&store), Lease::Held(wait, None) if !wait.is_zero()));
    clock.advance(46 * SECOND);
    assert_eq!(asks(&store), Lease::Granted(None));
    drop(childs);
}

#[test]
fn a_lease_that_is_released_is_free_though_a_forked_child_has_the_file() {
    let scene = Scene::new();
    let mut holder = Process::holder(scene.dir(), HOUR);
    let childs = open_file(&holder, &scene.file("lease"));
    assert_eq!(holder.ask("release 0"), "released");
    assert_eq!(asks(&scene.store), Lease::Granted(None));
    drop(childs);
}

pub(crate) fn stop(process: &Process) {
    signal(process, Signal::STOP);
}

fn signal(process: &Process, signal: Signal) {
    kill_process(Pid::from_child(&process.child), signal).unwrap();
}

/// The file that a process has open at this path, shared with it.
fn open_file(process: &Process, path: &Path) -> OwnedFd {
    let files = format!("/proc/{}/fd", process.child.id());
    let entry = fs::read_dir(files)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|entry| fs::read_link(entry).is_ok_and(|it| it == path))
        .unwrap();
    let number = entry.file_name().unwrap().to_str().unwrap();
    let process = pidfd_open(Pid::from_child(&process.child), PidfdFlags::empty()).unwrap();
    pidfd_getfd(&process, number.parse().unwrap(), PidfdGetfdFlags::empty()).unwrap()
}
