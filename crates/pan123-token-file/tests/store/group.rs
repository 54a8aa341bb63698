//! Two users of a host on one folder: what they share, which folders and files they are refused, and who is kept out.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::path::Path;

use pan123_token_cache::{Lease, Owner, Saved, TokenStore as _};
use pan123_token_file::FileStore;

use crate::process::Process;
use crate::record::{LIFE, SECOND, key, record};
use crate::scene::{Scene, mode_of, set_mode, skipped};
use crate::stopped::stop;
use crate::users::Users;

const GROUP: u32 = 12_345;

/// A folder of root's, shared by the group, with a mode.
fn shared_folder(mode: u32) -> Scene {
    let scene = Scene::new();
    chown(scene.dir(), Some(0), Some(GROUP)).unwrap();
    set_mode(scene.dir(), mode);
    scene
}

/// A user of that group, whose files are by default closed to it or open to all.
fn member(users: &Users, user: u32, umask: &str, dir: &Path) -> Process {
    let task = format!("store-shared-in {} {umask}", dir.display());
    Process::start(&mut users.command(user, GROUP, &task))
}

#[test]
fn two_users_share_a_token_and_take_turns() {
    let Some(users) = Users::try_new() else {
        return;
    };
    // With the group of the folder passed on to its files, and without.
    for mode in [0o2770, 0o770, 0o775] {
        let scene = shared_folder(mode);
        let mut one = member(&users, 12_001, "077", scene.dir());
        let mut other = member(&users, 12_002, "022", scene.dir());
        assert_eq!(one.ask("load"), "nothing");
        assert_eq!(one.ask("lease 45000"), "granted, nothing");
        assert_eq!(other.ask("lease 45000"), "held, nothing");
        assert_eq!(one.ask("save 1"), "kept");
        assert_eq!(other.ask("load"), "1");
        assert_eq!(one.ask("release 0"), "released");
        assert_eq!(other.ask("lease 45000"), "granted, 1");
        assert_eq!(one.ask("lease 45000"), "held, 1");
        assert_eq!(other.ask("save 2"), "kept");
        assert_eq!(one.ask("save 1"), "newer");
        assert_eq!(one.ask("load"), "2");
        other.kill();
        assert_eq!(one.ask("lease 45000"), "granted, 2");

        // Root is a third one.
        let roots = FileStore::shared_by_group(scene.dir());
        assert_eq!(roots.load(key()).unwrap().unwrap().record, record(2));
        let lease = roots.lease(key(), Owner(3), SECOND).unwrap();
        assert!(matches!(lease, Lease::Held(..)), "{lease:?}");
        let saved = roots.save(key(), &record(3), None, LIFE).unwrap();
        assert_eq!(saved, Saved::Kept);
        assert_eq!(one.ask("load"), "3");

        for ending in ["gate", "json", "lease", "save"] {
            let file = scene.file(ending);
            assert_eq!(mode_of(&file), 0o660, "{ending}");
            assert_eq!(fs::metadata(&file).unwrap().gid(), GROUP, "{ending}");
        }
        assert_eq!(scene.endings(), ["gate", "json", "lease", "save"]);
    }
}

#[test]
fn a_user_who_is_not_in_the_group_is_kept_out() {
    let Some(users) = Users::try_new() else {
        return;
    };
    let scene = shared_folder(0o2775);
    let mut one = member(&users, 12_001, "022", scene.dir());
    assert_eq!(one.ask("save 1"), "kept");
    let task = format!("store-shared-in {} 022", scene.dir().display());
    let mut stranger = Process::start(&mut users.command(12_003, 12_003, &task));
    for (call, said) in [
        (
            "load",
            "misconfigured: can't read DIR/KEY.v1.json: Permission denied (os error 13); give the store a folder that \
             you may write to",
        ),
        (
            "save 2",
            "misconfigured: can't write to DIR: Permission denied (os error 13); give the store a folder that you may \
             write to",
        ),
    ] {
        assert_eq!(scene.plain(&stranger.ask(call)), said);
    }
    assert_eq!(one.ask("load"), "1");
}

#[test]
fn a_lease_of_a_stopped_process_of_another_user_is_taken_over() {
    let Some(users) = Users::try_new() else {
        return;
    };
    let scene = shared_folder(0o2770);
    let mut one = member(&users, 12_001, "077", scene.dir());
    let mut other = member(&users, 12_002, "077", scene.dir());
    assert_eq!(one.ask("lease 1"), "granted, nothing");
    stop(&one);
    // For a millisecond it may be held.
    let mut answers = (0..100).map(|_| other.ask("lease 45000"));
    assert_eq!(
        answers.find(|it| it != "held, nothing").unwrap(),
        "granted, nothing"
    );
    assert_eq!(other.ask("save 1"), "kept");
}

#[test]
fn a_folder_that_its_group_cannot_share_is_misconfigured() {
    if !rustix::process::geteuid().is_root() {
        skipped("it takes root to give folders away");
        return;
    }
    let scene = Scene::new();
    let refusal = || {
        let store = FileStore::shared_by_group(scene.dir());
        let error = store.load(key()).unwrap_err();
        assert!(error.is_misconfigured(), "{error}");
        let lease = store.lease(key(), Owner(1), SECOND).unwrap_err();
        assert_eq!(lease, error);
        scene.plain(&error.to_string())
    };
    for (owner, mode, said) in [
        (
            12_001,
            0o770,
            "the folder DIR belongs to another user: run chown root on it, or give the store another",
        ),
        (
            0,
            0o750,
            "the group of the folder DIR may not write to it (mode 750): run chmod g+rwx on it, or give the store another",
        ),
        (
            0,
            0o777,
            "other users may write to the folder DIR (mode 777): run chmod o-w on it, or give the store another",
        ),
        (
            0,
            0o1770,
            "no user may replace another's files in the folder DIR (mode 1770): run chmod -t on it, or give the store \
             another",
        ),
    ] {
        chown(scene.dir(), Some(owner), Some(GROUP)).unwrap();
        set_mode(scene.dir(), mode);
        assert_eq!(refusal(), said);
    }
    fs::remove_dir(scene.dir()).unwrap();
    assert_eq!(
        refusal(),
        "there is no folder DIR: make it, run chgrp on it for the group that is to share it, and chmod 2770"
    );
}

#[test]
fn a_file_that_is_not_the_groups_alone_counts_as_absent_and_is_replaced() {
    let scene = Scene::new();
    let group = fs::metadata(scene.dir()).unwrap().gid();
    set_mode(scene.dir(), 0o770);
    let store = scene.shared_by_group();
    let file = scene.file("json");
    let save = |seconds| store.save(key(), &record(seconds), None, LIFE).unwrap();
    let is_replaced = |said: &str| {
        assert_eq!(store.load(key()).unwrap(), None);
        assert_eq!(scene.problems(), [said]);
        assert_eq!(save(-1000), Saved::Kept);
        assert_eq!(mode_of(&file), 0o660);
        assert_eq!(fs::metadata(&file).unwrap().gid(), group);
        fs::remove_file(&file).unwrap();
    };
    for mode in [0o664, 0o661] {
        save(0);
        set_mode(&file, mode);
        is_replaced(&format!(
            "DIR/KEY.v1.json is open to other users (mode {mode:o}): it counts as absent, and the next token replaces \
             it; when you copy such files, keep their modes"
        ));
    }
    for mode in [0o600, 0o640] {
        save(0);
        set_mode(&file, mode);
        is_replaced(&format!(
            "DIR/KEY.v1.json is closed to the folder's group (mode {mode:o}): it counts as absent, and the next token \
             replaces it; when you copy such files, keep their modes"
        ));
    }
    let elsewhere = scene.dir().join("elsewhere");
    fs::write(&elsewhere, record(0).encode()).unwrap();
    set_mode(&elsewhere, 0o660);
    symlink(elsewhere, &file).unwrap();
    is_replaced(
        "DIR/KEY.v1.json is a link: it counts as absent, and the next token replaces it; to keep tokens elsewhere, name \
         another folder",
    );
    if rustix::process::geteuid().is_root() {
        save(0);
        chown(&file, None, Some(GROUP)).unwrap();
        is_replaced(
            "DIR/KEY.v1.json is of another group than the folder: it counts as absent, and the next token replaces it; \
             give the folder's group the file (chgrp)",
        );
    }
}
