//! The store in a file, as its users see it: by its interface, by what is on the disk, and from other processes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]
// Error numbers, mounts and signals are Linux'.
#![cfg(target_os = "linux")]

mod clocks;
mod full_disk;
mod group;
mod layout;
mod problems;
mod processes;
mod record;
mod scene;
mod settings;
mod sweeping;
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
    processes::run_task();
}
