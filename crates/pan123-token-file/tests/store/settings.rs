//! Places where no token can be kept: each is a wrong setting and no outage, and says what to set.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use pan123_token_cache::{Lease, Owner, TokenStore as _};
use pan123_token_file::FileStore;

use crate::process::{Process, command};
use crate::record::{LIFE, SECOND, key, record};
use crate::scene::{Scene, set_mode, skipped};
use crate::users::Users;

/// Both calls fail, as a wrong setting does, and say this.
fn is_refused(scene: &Scene, place: PathBuf, said: &str) {
    let store = FileStore::in_dir(place);
    let errors = [
        store.lease(key(), Owner(1), SECOND).unwrap_err(),
        store.save(key(), &record(0), None, LIFE).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(scene.plain(&error.to_string()), said);
        assert!(error.is_misconfigured(), "{error}");
    }
}

#[test]
fn a_place_that_can_be_no_folder_is_misconfigured() {
    let scene = Scene::new();
    let dir = scene.dir();
    fs::write(dir.join("file"), "").unwrap();
    symlink("nowhere", dir.join("dangling")).unwrap();
    symlink("loop", dir.join("loop")).unwrap();
    let table = [
        ("file", "DIR/file is no folder: give the store one"),
        (
            "file/below",
            "can't use the folder DIR/file/below: Not a directory (os error 20); give the store a folder that you may \
             write to",
        ),
        (
            "dangling",
            "can't make the folder DIR/dangling: File exists (os error 17); give the store a folder that you may write to",
        ),
        (
            "loop",
            "can't use the folder DIR/loop: Too many levels of symbolic links (os error 40); give the store a folder \
             that you may write to",
        ),
        (
            "nul\0",
            "can't use the folder DIR/nul\u{fffd}: file name contained an unexpected NUL byte; give the store a folder that \
             you may write to",
        ),
    ];
    for (name, said) in table {
        is_refused(&scene, dir.join(name), said);
    }
    let too_long = FileStore::in_dir(dir.join("x".repeat(300)));
    let error = too_long.lease(key(), Owner(1), SECOND).unwrap_err();
    assert!(error.is_misconfigured(), "{error}");
    is_refused(
        &scene,
        PathBuf::new(),
        "can't make the folder : entity not found; give the store a folder that you may write to",
    );
    is_refused(
        &scene,
        PathBuf::from("/proc/pan123-token"),
        "can't make the folder /proc/pan123-token: No such file or directory (os error 2); give the store a folder that \
         you may write to",
    );
}

#[test]
fn a_folder_with_a_wrong_owner_or_mode_is_misconfigured() {
    let scene = Scene::with_record(0);
    for mode in [0o770, 0o702, 0o1777] {
        set_mode(scene.dir(), mode);
        let said = format!(
            "other users may write to the folder DIR (mode {:o}): run chmod go-w on it, or give the store another",
            mode & 0o777
        );
        is_refused(&scene, scene.dir().to_owned(), &said);
        let error = scene.store.load(key()).unwrap_err();
        assert_eq!(scene.plain(&error.to_string()), said);
        assert!(error.is_misconfigured());
    }
    // Others may see what is in it; they can't read it.
    set_mode(scene.dir(), 0o755);
    assert_eq!(scene.load(), Some(record(0)));

    let dir = if rustix::process::geteuid().is_root() {
        chown(scene.dir(), Some(12_345), None).unwrap();
        scene.dir()
    } else {
        Path::new("/usr")
    };
    let said = format!(
        "the folder {} belongs to another user: give the store one of your own",
        dir.display()
    );
    is_refused(&scene, dir.to_owned(), &scene.plain(&said));
    let error = FileStore::in_dir(dir).load(key()).unwrap_err();
    assert!(error.is_misconfigured());
}

#[test]
fn what_stands_in_the_way_of_a_file_is_misconfigured() {
    let scene = Scene::new();
    fs::create_dir(scene.file("gate")).unwrap();
    let error = scene.store.lease(key(), Owner(1), SECOND).unwrap_err();
    assert_eq!(
        scene.plain(&error.to_string()),
        "can't write DIR/KEY.v1.gate: Is a directory (os error 21); remove the directory"
    );
    assert!(error.is_misconfigured());

    let newer = r#"{"version":9,"readableBy":2}"#;
    fs::write(scene.file("json"), newer).unwrap();
    set_mode(&scene.file("json"), 0o600);
    let error = scene.store.load(key()).unwrap_err();
    assert!(error.is_misconfigured(), "{error}");
}

/// What another user's process is answered that asks for the lease.
fn as_another_user(task: &str, home: &str) -> Option<String> {
    let users = Users::try_new()?;
    let mut command = users.command(12_001, 12_001, task);
    command.env("HOME", home);
    Some(Process::start(&mut command).ask("lease 1000"))
}

#[test]
fn a_folder_that_one_may_not_write_to_is_misconfigured() {
    let scene = Scene::new();
    chown(scene.dir(), Some(12_001), None).unwrap_or_default();
    for (mode, said) in [
        (
            0o500,
            "misconfigured: can't open DIR/KEY.v1.save: Permission denied (os error 13); give the store a folder that \
             you may write to",
        ),
        (
            0o600,
            "misconfigured: can't open DIR/KEY.v1.save: Permission denied (os error 13); give the store a folder that \
             you may write to",
        ),
    ] {
        set_mode(scene.dir(), mode);
        let task = format!("store-in {}", scene.dir().display());
        if let Some(answer) = as_another_user(&task, "/") {
            assert_eq!(scene.plain(&answer), said);
        }
    }
}

#[test]
fn a_home_that_cannot_be_written_is_misconfigured() {
    for (home, why) in [
        (
            "/nonexistent",
            "make the folder /nonexistent/.local/state/pan123-token: Permission denied (os error 13)",
        ),
        (
            "/dev/null",
            "use the folder /dev/null/.local/state/pan123-token: Not a directory (os error 20)",
        ),
    ] {
        let Some(answer) = as_another_user("store-at-home", home) else {
            return;
        };
        assert_eq!(
            answer,
            format!(
                "misconfigured: can't {why}; set HOME or XDG_STATE_HOME to a folder that you may write to, or give the \
                 store another"
            )
        );
    }
}

#[test]
fn a_user_without_a_home_is_misconfigured() {
    let Some(users) = Users::try_new() else {
        return;
    };
    let mut command = users.command(12_001, 12_001, "store-at-home");
    let answer = Process::start(command.env_remove("HOME")).answer();
    assert_eq!(
        answer,
        "misconfigured: there is no home directory: set HOME or XDG_STATE_HOME to an absolute path, or give the store a \
         folder to keep tokens in"
    );
}

#[test]
fn root_makes_no_folder_that_would_shut_the_owner_of_the_place_out() {
    if !rustix::process::geteuid().is_root() {
        skipped("it takes root");
        return;
    }
    let scene = Scene::new();
    let home = scene.dir().join("home");
    fs::create_dir_all(home.join(".local")).unwrap();
    for owned in [&home, &home.join(".local")] {
        chown(owned, Some(12_001), Some(12_001)).unwrap();
    }
    let said = "root would shut user 12001 out by making the folder DIR/home/.local/state/pan123-token in DIR/home/.local: \
                run as that user, or with a home of root's own (sudo -H), or make the folder first";
    is_refused(&scene, home.join(".local/state/pan123-token"), said);
    // As with sudo -E.
    let mut command = command("store-at-home");
    command.env("HOME", &home).env_remove("XDG_STATE_HOME");
    let answer = Process::start(&mut command).ask("lease 1000");
    assert_eq!(scene.plain(&answer), format!("misconfigured: {said}"));
    assert!(!home.join(".local/state").exists());

    // One that was made on purpose is used, and one of the owner's makes its own.
    let store = FileStore::in_dir(home.join("roots"));
    fs::create_dir(store.dir()).unwrap();
    let lease = store.lease(key(), Owner(1), SECOND).unwrap();
    assert_eq!(lease, Lease::Granted(None));
    set_mode(scene.dir(), 0o755);
    let answer = as_another_user("store-at-home", home.to_str().unwrap());
    assert_eq!(answer.as_deref(), Some("granted, nothing"));
}
