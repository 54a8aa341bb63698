//! Disks with no room, and disks that can't be written to. Each is a file system of its own in memory, in a process with
//! mounts of its own, so that nothing of it stays.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pan123_token_cache::{Lease, Owner, Saved, StoreError, TokenStore as _};
use pan123_token_file::FileStore;

use crate::process::command_of;
use crate::record::{LIFE, SECOND, key, record};
use crate::scene::skipped;

/// Where the file system is mounted, in the other process alone.
const DISK: &str = "/mnt";

#[test]
fn a_full_disk_costs_the_save_and_not_the_record() {
    on_a_disk_of_its_own("full-disk");
}

#[test]
fn a_read_only_disk_costs_the_save_and_not_the_record() {
    on_a_disk_of_its_own("read-only");
}

fn on_a_disk_of_its_own(task: &str) {
    let mount = format!("mount -t tmpfs -o size=64k,mode=700 tmpfs {DISK}");
    let with_mount = |then: &str| {
        [
            "unshare",
            "-rm",
            "sh",
            "-c",
            &format!("{mount} && {then}"),
            "sh",
        ]
        .map(str::to_owned)
    };
    let can_mount = Command::new("unshare")
        .args(&with_mount("true")[1..])
        .output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        skipped("it takes root, or namespaces for everyone");
        return;
    }
    let program = with_mount(r#"exec "$@""#);
    let program: Vec<_> = program.iter().map(String::as_str).collect();
    let output = command_of(&env::current_exe().unwrap(), &program, task)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("> the whole task"), "{said}");
}

pub(crate) fn on_a_full_disk() {
    let disk = Path::new(DISK);
    let store = FileStore::in_dir(disk.join("folder"));
    let save = |seconds| store.save(key(), &record(seconds), None, LIFE);
    let lease = |owner| store.lease(key(), Owner(owner), 45 * SECOND);
    assert_eq!(save(0).unwrap(), Saved::Kept);
    assert!(matches!(lease(1).unwrap(), Lease::Granted(Some(_))));
    let files = || fs::read_dir(store.dir()).unwrap().count();
    assert_eq!(files(), 4);

    let filler = disk.join("filler");
    let full = fs::write(&filler, vec![0; 1024 * 1024]).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    for _ in 0..3 {
        let error = save(1).unwrap_err();
        assert!(!error.is_misconfigured(), "{error}");
        says(
            Err::<(), _>(error),
            "can't write /mnt/folder/",
            "No space left on device (os error 28); free some space",
        );
    }
    assert_eq!(files(), 4, "a draft was left");
    assert_eq!(store.load(key()).unwrap().unwrap().record, record(0));

    // What must be written to end the lease can't be, but it ends.
    says(
        store.release(key(), Owner(1), SECOND),
        "can't write /mnt/folder/",
        "free some space",
    );
    says(lease(2), "can't write /mnt/folder/", "free some space");
    fs::remove_file(filler).unwrap();
    assert!(matches!(lease(2).unwrap(), Lease::Granted(Some(_))));
    assert_eq!(save(1).unwrap(), Saved::Kept);
    store.release(key(), Owner(2), Duration::ZERO).unwrap();
    println!("\n> the whole task");
}

pub(crate) fn on_a_read_only_file_system() {
    let store = FileStore::in_dir(DISK);
    let save = |seconds| store.save(key(), &record(seconds), None, LIFE);
    assert_eq!(save(0).unwrap(), Saved::Kept);
    let remount = Command::new("mount")
        .args(["-o", "remount,bind,ro", DISK])
        .status();
    assert!(remount.unwrap().success());

    assert!(save(1).unwrap_err().is_misconfigured());
    let read_only = "give the store a folder that you may write to";
    says(
        save(1),
        "can't write to /mnt: Read-only file system (os error 30); give",
        read_only,
    );
    says(
        store.lease(key(), Owner(1), SECOND),
        "can't open /mnt/",
        read_only,
    );
    let below = FileStore::in_dir(Path::new(DISK).join("below"));
    says(
        below.lease(key(), Owner(1), SECOND),
        "can't make the folder /mnt/below: Read-only file system (os error 30)",
        read_only,
    );
    assert_eq!(store.load(key()).unwrap().unwrap().record, record(0));
    println!("\n> the whole task");
}

#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T, StoreError>, start: &str, end: &str) {
    let said = result.unwrap_err().to_string();
    assert!(said.starts_with(start) && said.ends_with(end), "{said}");
}
