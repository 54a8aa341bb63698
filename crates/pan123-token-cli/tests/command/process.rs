//! What the process leaves behind, and what others see of it.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::command;

/// One that waits for the client secret.
fn waiting(prepare: impl FnOnce(&mut std::process::Command)) -> Child {
    let mut get = command(&["get", "--client-id", "x", "--client-secret-file", "-"]);
    get.stdin(Stdio::piped());
    prepare(&mut get);
    let child = get.spawn().unwrap();
    let begun = Instant::now();
    // Then it is past its start.
    while core_limits(&child) != ["0", "0"] {
        assert!(begun.elapsed() < Duration::from_secs(5));
        thread::sleep(Duration::from_millis(5));
    }
    child
}

/// The soft and the hard one.
fn core_limits(child: &Child) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let fields = line.unwrap().split_whitespace().take(2);
    fields.map(str::to_owned).collect()
}

fn end(mut child: Child) {
    // A secret that is none.
    let _ = child.stdin.take().unwrap().write_all(b"\0");
    assert_eq!(child.wait().unwrap().code(), Some(64));
}

#[test]
fn a_crash_leaves_no_core_dump() {
    // Waits until both limits are zero.
    let child = waiting(|_| {});
    end(child);
}

#[test]
fn another_process_of_the_user_can_not_read_its_memory() {
    // As another user than root, who may do anything. The kernel gives root what belongs to a process that isn't dumpable.
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let child = waiting(|get| {
        if is_root {
            get.uid(65_534);
        }
    });
    let owner = || {
        fs::metadata(format!("/proc/{}/environ", child.id()))
            .unwrap()
            .uid()
    };
    let begun = Instant::now();
    while owner() != 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "dumpable");
        thread::sleep(Duration::from_millis(5));
    }
    end(child);
}
