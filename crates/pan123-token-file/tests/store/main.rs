//! The store in a file, as its users see it: by its interface, by what is on the disk, and from other processes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

mod clocks;
#[cfg(target_os = "linux")]
mod full_disk;
#[cfg(target_os = "linux")]
mod group;
#[cfg(unix)]
mod layout;
#[cfg(unix)]
mod lease_record;
#[cfg(unix)]
mod problems;
mod process;
mod processes;
mod record;
mod scene;
#[cfg(target_os = "linux")]
mod settings;
#[cfg(target_os = "linux")]
mod stopped;
mod sweeping;
#[cfg(target_os = "linux")]
mod users;

use std::thread::sleep;

use pan123_token_cache::testing::conformance;
use pan123_token_file::FileStore;

#[test]
fn the_store_in_a_file_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::in_dir(folder.path().join("made/when/needed"));
    conformance(&store, &|time| sleep(time));
}

#[test]
#[ignore = "what the other processes of these tests run"]
fn in_another_process() {
    process::run_task();
}
