//! What is on the disk, where, and with which permissions.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use pan123_token_cache::{Lease, Owner, Saved, TokenStore as _};
use pan123_token_file::FileStore;

use crate::process::{Process, command};
use crate::record::{LIFE, SECOND, key, record};
use crate::scene::{self, Scene, mode_of};

#[test]
fn the_default_folder_is_in_the_users_state_directory() {
    let folder_with = |environment: [(&str, &str); 2]| {
        Process::start(command("store-at-home").envs(environment)).ask("dir")
    };
    assert_eq!(
        folder_with([("HOME", "/home/me"), ("XDG_STATE_HOME", "/state")]),
        "/state/pan123-token"
    );
    for unusable in ["", "relative/state"] {
        assert_eq!(
            folder_with([("HOME", "/home/me"), ("XDG_STATE_HOME", unusable)]),
            "/home/me/.local/state/pan123-token"
        );
    }
    assert_eq!(
        folder_with([("HOME", "relative/home"), ("XDG_STATE_HOME", "/state")]),
        "/state/pan123-token"
    );
}

#[cfg(unix)]
#[test]
fn a_relative_home_is_none() {
    for state in ["", "relative/state"] {
        let mut command = command("store-at-home");
        let environment = [("HOME", "relative/home"), ("XDG_STATE_HOME", state)];
        assert_eq!(
            Process::start(command.envs(environment)).answer(),
            "misconfigured: there is no home directory: set HOME or XDG_STATE_HOME to an absolute path, or give the store a \
             folder to keep tokens in"
        );
    }
}

#[test]
fn a_relative_folder_stays_where_it_was() {
    let store = FileStore::in_dir("some/folder");
    let here = std::env::current_dir().unwrap();
    assert_eq!(store.dir(), here.join("some/folder"));
    assert_eq!(
        format!("{store:?}"),
        format!("FileStore {{ dir: {:?}, .. }}", here.join("some/folder"))
    );
}

#[test]
fn nothing_is_made_by_looking() {
    let scene = Scene::new();
    let store = FileStore::in_dir(scene.dir().join("not/there"));
    assert_eq!(store.load(key()).unwrap(), None);
    store.release(key(), Owner(1), SECOND).unwrap();
    assert!(!scene.dir().join("not").exists());
}

#[test]
fn the_folder_and_its_files_are_the_users_alone() {
    let scene = Scene::new();
    let dir = scene.dir().join("new/folder");
    let store = FileStore::in_dir(&dir);
    let lease = store.lease(key(), Owner(7), 45 * SECOND).unwrap();
    assert_eq!(lease, Lease::Granted(None));
    let saved = store.save(key(), &record(0), None, LIFE).unwrap();
    assert_eq!(saved, Saved::Kept);

    for made in [scene.dir().join("new"), dir.clone()] {
        assert_eq!(mode_of(&made), 0o700, "{}", made.display());
    }
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .inspect(|entry| assert_eq!(mode_of(&entry.path()), 0o600, "{entry:?}"))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    let stem = format!("{}.v1", key());
    assert_eq!(
        names,
        ["gate", "json", "lease", "save"].map(|ending| format!("{stem}.{ending}"))
    );
    let json = fs::read_to_string(dir.join(format!("{stem}.json"))).unwrap();
    assert_eq!(json, record(0).encode());
    for empty in ["lease", "save"] {
        assert_eq!(fs::read(dir.join(format!("{stem}.{empty}"))).unwrap(), b"");
    }
}

#[test]
fn the_lease_record_says_in_one_line_which_owner_has_the_lease_or_since_when_it_is_cooling_down() {
    let scene = Scene::new();
    let clock = scene::clock();
    clock.set_wall(Duration::from_secs(1_740_124_117));
    let store = FileStore::in_dir(scene.dir()).with_clock(clock);
    store.lease(key(), Owner(7), 45 * SECOND).unwrap();
    assert_eq!(
        fs::read_to_string(scene.file("gate")).unwrap(),
        "held 7 1740124117000000000 45000000000\n"
    );
    store.release(key(), Owner(7), 2 * SECOND).unwrap();
    assert_eq!(
        fs::read_to_string(scene.file("gate")).unwrap(),
        "cool 1740124117000000000 2000000000\n"
    );
}

#[test]
fn what_killed_processes_left_is_removed_once_it_is_not_written_any_more() {
    let scene = Scene::new();
    let drafts = ["old.tmp", "fresh.tmp"].map(|ending| scene.file(ending));
    let others = [
        scene.file("old.bak"),
        scene.dir().join("another-key.v1.old.tmp"),
    ];
    for path in drafts.iter().chain(&others) {
        fs::write(path, "half a tok").unwrap();
        let minutes = if path.ends_with(drafts[1].file_name().unwrap()) {
            9
        } else {
            11
        };
        age(path, minutes * 60 * SECOND);
    }
    assert_eq!(scene.save(0), Saved::Kept);
    assert_eq!(scene.endings(), ["fresh.tmp", "json", "old.bak", "save"]);
    assert!(others[1].exists(), "another key's was removed");
}

fn age(path: &Path, by: Duration) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}
