//! SIGTERM, SIGINT, SIGHUP and SIGKILL while a token is fetched, and the runs that come after.
#![cfg(unix)]

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator, Fault};
use pan123_token_support::redis_server::RedisServer;

use super::{Said, command, folder, kill, run, said};
#[cfg(target_os = "linux")]
use super::{as_pid_1, child_of};

struct Scene {
    emulator: Emulator,
    store: String,
    home: std::path::PathBuf,
}

impl Scene {
    /// The first reply comes after so long.
    fn new(name: &str, store: Option<String>, delay: Duration) -> Self {
        let emulator = Emulator::builder()
            .fault(Fault::Delay(delay))
            .start()
            .unwrap();
        let home = folder(name);
        let store = store.unwrap_or_else(|| format!("file:{}", home.join("tokens").display()));
        Self {
            emulator,
            store,
            home,
        }
    }

    fn get(&self, arguments: &[&str]) -> Command {
        let mut command = command(&[&["get"], arguments].concat());
        command
            .env("HOME", &self.home)
            .env("PAN123_BASE_URL", self.emulator.url())
            .env("PAN123_CLIENT_ID", CLIENT_ID)
            .env("PAN123_CLIENT_SECRET", CLIENT_SECRET)
            .env("PAN123_TOKEN_STORE", &self.store);
        command
    }

    /// One whose request has come.
    fn fetching(&self, arguments: &[&str]) -> Child {
        self.once_asked(self.get(arguments).spawn().unwrap())
    }

    /// The same, begun by a program that puts it in its own place.
    fn fetching_through(&self, launcher: &[&str], arguments: &[&str]) -> Child {
        self.once_asked(through(launcher, &self.get(arguments)).spawn().unwrap())
    }

    fn once_asked(&self, child: Child) -> Child {
        let begun = Instant::now();
        while self.emulator.token_requests() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(10));
            thread::sleep(Duration::from_millis(5));
        }
        child
    }
}

/// The same command, begun by a program that puts it in its own place.
fn through(launcher: &[&str], plain: &Command) -> Command {
    let mut command = Command::new(launcher[0]);
    let variables = plain.get_envs();
    command
        .args(&launcher[1..])
        .arg(plain.get_program())
        .args(plain.get_args())
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The tests themselves may run under nohup.
const HANG_UP_ENDS_IT: [&str; 2] = ["env", "--default-signal=HUP"];

fn ended(child: Child) -> Said {
    said(child.wait_with_output().unwrap())
}

/// What was sent comes to its end and is saved, and the next run finds it.
#[track_caller]
fn nothing_is_lost(scene: &Scene, signal: &str, exit: i32) {
    let first = scene.fetching(&[]);
    kill(first.id(), signal);
    let first = ended(first);
    assert_eq!((first.exit, &*first.stdout), (exit, ""), "{}", first.stderr);
    assert_eq!(first.one_line(), format!("ended by SIG{signal}"));
    let begun = Instant::now();
    let next = run(&mut scene.get(&[]));
    assert_eq!((next.exit, &*next.stderr), (0, ""));
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(scene.emulator.token_requests(), 1);
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_signal_lets_an_exchange_end_and_be_saved() {
    for (signal, exit) in [("INT", 130), ("TERM", 143)] {
        let scene = Scene::new(&format!("signal-{signal}"), None, SECOND);
        nothing_is_lost(&scene, signal, exit);
    }
}

/// As where a terminal is closed: the shell sends one, and the kernel another when the shell has ended.
#[cfg(target_os = "linux")]
#[test]
fn hangups_let_an_exchange_end_and_be_saved() {
    for (arguments, count) in [(&[][..], 1), (&["--format", "header"], 2)] {
        let scene = Scene::new(&format!("hangup-{count}"), None, SECOND);
        let get = scene.fetching_through(&HANG_UP_ENDS_IT, arguments);
        for _ in 0..count {
            kill(get.id(), "HUP");
            thread::sleep(Duration::from_millis(200));
        }
        let get = ended(get);
        assert_eq!((get.exit, &*get.stdout), (129, ""), "{}", get.stderr);
        assert_eq!(get.one_line(), "ended by SIGHUP");
        let next = run(&mut scene.get(&[]));
        assert_eq!((next.exit, &*next.stderr), (0, ""));
        assert_eq!(scene.emulator.token_requests(), 1);
    }
}

/// As under nohup.
#[cfg(target_os = "linux")]
#[test]
fn a_hangup_that_is_ignored_at_the_start_stays_ignored() {
    let scene = Scene::new("nohup", None, SECOND);
    let ignores = ["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""];
    let get = scene.fetching_through(&ignores, &[]);
    kill(get.id(), "HUP");
    let get = ended(get);
    assert_eq!((get.exit, &*get.stderr), (0, ""));
    assert_eq!(get.stdout, run(&mut scene.get(&[])).stdout);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut pairs = vec![("TERM", "INT", 130)];
    if cfg!(target_os = "linux") {
        pairs.push(("HUP", "TERM", 143));
    }
    for (first, second, exit) in pairs {
        let scene = Scene::new(&format!("second-{second}"), None, 20 * SECOND);
        let get = if first == "HUP" {
            scene.fetching_through(&HANG_UP_ENDS_IT, &[])
        } else {
            scene.fetching(&[])
        };
        let begun = Instant::now();
        kill(get.id(), first);
        thread::sleep(Duration::from_millis(300));
        kill(get.id(), second);
        let get = ended(get);
        assert_eq!((get.exit, &*get.stdout), (exit, ""));
        assert!(begun.elapsed() < 10 * SECOND);
    }
}

#[test]
fn one_that_waits_for_another_ends_at_once_and_takes_no_lease() {
    let scene = Scene::new("waiting-signal", None, 3 * SECOND);
    let fetching = scene.fetching(&[]);
    let waiting = scene.get(&[]).spawn().unwrap();
    thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    kill(waiting.id(), "TERM");
    let waiting = ended(waiting);
    assert_eq!((waiting.exit, &*waiting.stdout), (143, ""));
    assert!(begun.elapsed() < SECOND);
    assert_eq!(ended(fetching).exit, 0);
    assert_eq!(scene.emulator.token_requests(), 1);
}

#[test]
fn a_timeout_names_the_lease_and_what_is_left_of_it() {
    let scene = Scene::new("lease-line", None, 8 * SECOND);
    let fetching = scene.fetching(&[]);
    let waiting = run(&mut scene.get(&["--timeout", "2"]));
    assert_eq!((waiting.exit, &*waiting.stdout), (69, ""));
    let line = waiting.one_line();
    let left = line
        .strip_prefix(
            "no token within 2 s; try again later, or allow more time (another process has the lease on fetching, for ",
        )
        .and_then(|rest| rest.strip_suffix(" s more at the most)"))
        .unwrap_or_else(|| panic!("{line}"));
    // Of its 27 s, less what has passed.
    let left: u64 = left.parse().unwrap();
    assert!((10..=26).contains(&left), "{line}");
    assert_eq!(ended(fetching).exit, 0);
}

#[test]
#[ignore = "needs redis-server; tests/run runs it"]
fn on_redis_a_signal_lets_an_exchange_end_and_be_saved() {
    for (signal, exit) in [("INT", 130), ("TERM", 143)] {
        let server = RedisServer::start();
        let name = format!("redis-signal-{signal}");
        let scene = Scene::new(&name, Some(server.url()), SECOND);
        nothing_is_lost(&scene, signal, exit);
    }
}

#[test]
#[ignore = "needs redis-server and half a minute; tests/run runs it"]
fn on_redis_the_run_after_one_that_was_killed_outlives_its_lease() {
    for (arguments, limit) in [(&[][..], 30), (&["--timeout", "5"], 5)] {
        let server = RedisServer::start();
        let name = format!("redis-kill-{limit}");
        let scene = Scene::new(&name, Some(server.url()), 60 * SECOND);
        let mut killed = scene.fetching(arguments);
        killed.kill().unwrap();
        killed.wait().unwrap();
        let begun = Instant::now();
        let next = run(&mut scene.get(arguments));
        assert_eq!((next.exit, &*next.stderr), (0, ""));
        assert!(begun.elapsed() < Duration::from_secs(limit));
        assert_eq!(scene.emulator.token_requests(), 2);
    }
}

/// Whether it has a handler for both signals.
#[cfg(target_os = "linux")]
fn handles_signals(pid: u32) -> bool {
    // SIGINT is 2, SIGTERM 15; the first bit is of signal 1.
    const BOTH: u64 = 1 << 1 | 1 << 14;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & BOTH == BOTH
}

#[cfg(target_os = "linux")]
#[test]
fn as_pid_1_each_command_ends_at_a_signal() {
    // It takes connections, and never says a word.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let store = format!("redis://{}", deaf.local_addr().unwrap());
    let home = folder("pid-1");
    let commands: [&[&str]; 4] = [
        &["get", "--client-secret-file", "-"],
        &["api", "/x", "--client-secret-file", "-"],
        &["reject", "--store", "file"],
        &["status", "--timeout", "60"],
    ];
    for arguments in commands {
        for (signal, exit) in [("INT", 130), ("TERM", 143)] {
            let mut command = command(arguments);
            command
                .env("HOME", &home)
                .env("PAN123_CLIENT_ID", CLIENT_ID)
                .env("PAN123_TOKEN_STORE", &store);
            let Some(mut unshare) = as_pid_1(&command) else {
                return;
            };
            let mut unshare = unshare.stdin(Stdio::piped()).spawn().unwrap();
            // Nothing comes on it.
            let _stdin = unshare.stdin.take();
            let begun = Instant::now();
            while !handles_signals(child_of(&unshare)) {
                assert!(begun.elapsed() < 5 * SECOND, "{arguments:?}");
                thread::sleep(Duration::from_millis(5));
            }
            kill(child_of(&unshare), signal);
            let ended = ended(unshare);
            assert_eq!((ended.exit, &*ended.stdout), (exit, ""), "{arguments:?}");
            assert_eq!(ended.one_line(), format!("ended by SIG{signal}"));
            assert!(begun.elapsed() < 2 * SECOND, "{arguments:?}");
        }
    }
}
