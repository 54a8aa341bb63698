//! Several processes on one folder: those that save or ask at once, and holders of the lease that crash or are stopped.

use std::env;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use pan123_token_cache::{Lease, Owner, Saved, TokenStore as _};
use pan123_token_file::FileStore;
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Signal, kill_process, pidfd_getfd, pidfd_open,
};

use crate::record::{LIFE, SECOND, key, record};
use crate::scene::{Scene, clock, set_mode};
use crate::settings::say_lease;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn of_many_savers_the_newest_token_stays_and_no_reader_sees_a_torn_or_older_one() {
    let scene = Scene::with_record(-1);
    // Four processes and four threads, of which each saves its own share of 0 to 79.
    let dir = scene.dir();
    let mut processes: Vec<_> = (0..4)
        .map(|first| Process::start(&format!("save {} {first}", dir.display())))
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

/// Every eighth of 0 to 79, from this one on.
fn save_share(dir: &Path, first: i64) {
    let store = FileStore::in_dir(dir);
    for nth in 0..10 {
        let record = record(first + 8 * nth);
        store.save(key(), &record, None, LIFE).unwrap();
    }
}

#[test]
fn one_of_many_processes_is_granted_the_lease() {
    let scene = Scene::with_record(0);
    let mut processes: Vec<_> = (1..=6)
        .map(|owner| Process::lease(scene.dir(), owner, HOUR))
        .collect();
    for process in &mut processes {
        process.go_on();
    }
    let mut answers: Vec<_> = processes.iter_mut().map(Process::answer).collect();
    answers.sort();
    assert_eq!(answers, ["Granted", "Held", "Held", "Held", "Held", "Held"]);
}

#[test]
fn what_one_process_releases_the_next_one_gets() {
    let scene = Scene::new();
    let mut holder = Process::holder(scene.dir(), HOUR);
    assert!(matches!(asks(&scene.store), Lease::Held(..)));
    holder.go_on();
    assert_eq!(holder.answer(), "released");
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
fn the_lease_of_a_stopped_process_is_taken_over_after_its_term() {
    let scene = Scene::new();
    let mut holder = Process::holder(scene.dir(), HOUR);
    holder.stop();
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
    holder.signal(Signal::CONT);
    holder.go_on();
    assert_eq!(holder.answer(), "released");
    let other = FileStore::in_dir(scene.dir()).with_clock(clock);
    let lease = other.lease(key(), Owner(2), SECOND).unwrap();
    assert_eq!(lease, Lease::Held(SECOND, None));
    assert_eq!(
        store.save(key(), &record(1), None, LIFE).unwrap(),
        Saved::Kept
    );
    // The token that it comes with is older.
    holder.go_on();
    assert_eq!(holder.answer(), "Newer");
    store.release(key(), Owner(u64::MAX), SECOND).unwrap();
    let lease = other.lease(key(), Owner(2), SECOND).unwrap();
    assert!(matches!(lease, Lease::CoolingDown(..)), "{lease:?}");
}

#[test]
fn of_many_processes_behind_a_stopped_one_one_takes_the_lease_over() {
    let scene = Scene::with_record(0);
    let holder = Process::holder(scene.dir(), Duration::from_millis(1));
    holder.stop();
    let mut processes: Vec<_> = (2..=11)
        .map(|owner| Process::lease(scene.dir(), owner, HOUR))
        .collect();
    for process in &mut processes {
        process.go_on();
    }
    let mut answers: Vec<_> = processes.iter_mut().map(Process::answer).collect();
    answers.sort();
    assert_eq!(answers[0], "Granted");
    assert_eq!(answers[1..], ["Held"; 9]);
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
    let childs = holder.open_file(&scene.file("lease"));
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
    let childs = holder.open_file(&scene.file("lease"));
    holder.go_on();
    assert_eq!(holder.answer(), "released");
    assert_eq!(asks(&scene.store), Lease::Granted(None));
    drop(childs);
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
fn asks(store: &FileStore) -> Lease {
    store.lease(key(), Owner(u64::MAX), SECOND).unwrap()
}

/// What a [`Process`] does. Run as a test like any other, it does nothing.
pub(crate) fn run_task() {
    let Ok(task) = env::var("PAN123_TEST_TASK") else {
        return;
    };
    // It ends with the test that started it, even if it was stopped.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let words: Vec<_> = task.split(' ').collect();
    match words[..] {
        ["default-folder"] => say(FileStore::new().unwrap().dir().display()),
        ["full-disk"] => crate::full_disk::on_a_full_disk(),
        ["read-only"] => crate::full_disk::on_a_read_only_file_system(),
        ["shared", owner, umask, dir] => {
            let umask = u32::from_str_radix(umask, 8).unwrap();
            rustix::process::umask(rustix::fs::Mode::from(umask));
            let store = FileStore::shared_by_group(dir);
            let owner = owner.parse().unwrap();
            for call in std::io::stdin().lines() {
                say(crate::group::answer(&store, owner, &call.unwrap()));
            }
        }
        ["lease-at-home"] => say(say_lease(FileStore::new())),
        ["lease-in", dir] => say(say_lease(Ok(FileStore::in_dir(dir)))),
        ["save", dir, first] => {
            save_share(Path::new(dir), first.parse().unwrap());
            say("saved");
        }
        ["lease", dir, owner, millis] => {
            let store = FileStore::in_dir(dir);
            let owner = Owner(owner.parse().unwrap());
            let term = Duration::from_millis(millis.parse().unwrap());
            wait();
            say(match store.lease(key(), owner, term).unwrap() {
                Lease::Granted(_) => "Granted",
                Lease::Held(..) => "Held",
                other => panic!("{other:?}"),
            });
            wait();
            store.release(key(), owner, Duration::ZERO).unwrap();
            say("released");
            wait();
            say(match store.save(key(), &record(0), None, LIFE).unwrap() {
                Saved::Kept => "Kept",
                Saved::Newer(_) => "Newer",
            });
            wait();
        }
        _ => panic!("no such task: {task}"),
    }
}

fn say(what: impl Display) {
    // The harness left its line open.
    println!("\n> {what}");
}

/// Until the test says so, or is gone.
fn wait() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// Another process with a task. It is killed in the end.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// A command line that carries out a task.
pub(crate) fn command(program: &[&str], task: &str) -> Command {
    command_of(&env::current_exe().unwrap(), program, task)
}

/// A command line by which a copy of this program carries out a task.
pub(crate) fn command_of(this: &Path, program: &[&str], task: &str) -> Command {
    let mut words = program.iter().map(AsRef::as_ref).chain([this.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .args(["--exact", "in_another_process", "--ignored", "--nocapture"])
        .env("PAN123_TEST_TASK", task);
    command
}

impl Process {
    pub(crate) fn start(task: &str) -> Self {
        Self::of(&mut command(&[], task))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// One that asks for the lease when it is told to go on, and then releases it.
    fn lease(dir: &Path, owner: u64, term: Duration) -> Self {
        let dir = dir.display();
        Self::start(&format!("lease {dir} {owner} {}", term.as_millis()))
    }

    /// One that has been granted the lease.
    fn holder(dir: &Path, term: Duration) -> Self {
        let mut holder = Self::lease(dir, 1, term);
        holder.go_on();
        assert_eq!(holder.answer(), "Granted");
        holder
    }

    /// What it answers to a line.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").unwrap();
        self.answer()
    }

    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    fn go_on(&mut self) {
        writeln!(self.input).unwrap();
    }

    /// What it says next.
    pub(crate) fn answer(&mut self) -> String {
        (&mut self.output)
            .lines()
            .find_map(|line| Some(line.ok()?.strip_prefix("> ")?.to_owned()))
            .unwrap_or_else(|| "(it ended)".to_owned())
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The file that it has open at this path, shared with it.
    fn open_file(&self, path: &Path) -> OwnedFd {
        let files = format!("/proc/{}/fd", self.child.id());
        let entry = fs::read_dir(files)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|entry| fs::read_link(entry).is_ok_and(|it| it == path))
            .unwrap();
        let number = entry.file_name().unwrap().to_str().unwrap();
        let process = pidfd_open(self.pid(), PidfdFlags::empty()).unwrap();
        pidfd_getfd(&process, number.parse().unwrap(), PidfdGetfdFlags::empty()).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
