//! Files and folders with something wrong: what is done about each, and what is said.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::time::Duration;

use pan123_token_cache::{Lease, Owner, Saved, TokenStore as _};
use pan123_token_file::FileStore;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::record::{SECOND, key, record};
use crate::scene::{Scene, mode_of, set_mode, skipped};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The file counts as absent, that is said once, and the next save puts a good one in its place.
fn is_replaced(scene: &Scene, said: &str) {
    let file = scene.file("json");
    assert_eq!(scene.load(), None);
    assert_eq!(scene.problems(), [said]);
    assert_eq!(scene.load(), None);
    match scene.store.lease(key(), Owner(1), SECOND).unwrap() {
        Lease::Granted(None) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(scene.problems(), [""; 0], "said twice");

    // Older than any other: there is nothing that it would have to be newer than.
    assert_eq!(scene.save(-1000), Saved::Kept);
    let metadata = file.symlink_metadata().unwrap();
    assert!(metadata.is_file());
    assert_eq!(mode_of(&file), 0o600);
    assert_eq!(scene.load(), Some(record(-1000)));
    assert_eq!(scene.problems(), [""; 0]);
}

#[test]
fn a_file_that_others_can_read_is_replaced() {
    for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
        let scene = Scene::with_record(0);
        set_mode(&scene.file("json"), mode);
        is_replaced(
            &scene,
            &format!(
                "DIR/KEY.v1.json is open to other users (mode {mode:o}): it counts as absent, and the next token \
                 replaces it; when you copy such files, keep their modes"
            ),
        );
    }
}

#[test]
fn a_link_is_replaced_and_what_it_leads_to_is_left() {
    let scene = Scene::new();
    let elsewhere = scene.dir().join("elsewhere");
    fs::write(&elsewhere, record(0).encode()).unwrap();
    set_mode(&elsewhere, 0o600);
    symlink(&elsewhere, scene.file("json")).unwrap();
    is_replaced(
        &scene,
        "DIR/KEY.v1.json is a link: it counts as absent, and the next token replaces it; to keep tokens elsewhere, \
         name another folder",
    );
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), record(0).encode());
}

#[test]
fn a_fifo_is_replaced_without_waiting_for_a_writer() {
    let scene = Scene::new();
    make_fifo(&scene.file("json"));
    is_replaced(
        &scene,
        "DIR/KEY.v1.json is no regular file: it counts as absent, and the next token replaces it",
    );
}

#[test]
fn another_users_file_is_replaced() {
    if !is_root() {
        skipped("it takes root to give a file away");
        return;
    }
    let scene = Scene::with_record(0);
    chown(scene.file("json"), Some(12_345), None).unwrap();
    is_replaced(
        &scene,
        "DIR/KEY.v1.json belongs to another user: it counts as absent, and the next token replaces it; give each user \
         a folder of their own",
    );
}

#[test]
fn a_directory_is_set_aside() {
    let scene = Scene::new();
    fs::create_dir(scene.file("json")).unwrap();
    fs::write(scene.file("json").join("precious"), "work").unwrap();
    is_replaced(
        &scene,
        "DIR/KEY.v1.json is a directory: it counts as absent, and the next token moves it to DIR/KEY.v1.damaged",
    );
    let precious = fs::read(scene.file("damaged").join("precious")).unwrap();
    assert_eq!(precious, b"work");
}

#[test]
fn a_damaged_file_is_set_aside() {
    let noise: Vec<u8> = (0..10 * 1024 * 1024_u32)
        .map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        .collect();
    let whole = record(0).encode().into_bytes();
    let torn = whole[..whole.len() / 2].to_vec();
    for (content, part) in [
        (noise, "its size"),
        (torn, "its JSON"),
        (Vec::new(), "its JSON"),
    ] {
        let scene = Scene::new();
        fs::write(scene.file("json"), &content).unwrap();
        set_mode(&scene.file("json"), 0o600);
        is_replaced(
            &scene,
            &format!(
                "DIR/KEY.v1.json is damaged ({part}): it counts as absent, and the next token moves it to \
                 DIR/KEY.v1.damaged"
            ),
        );
        assert_eq!(fs::read(scene.file("damaged")).unwrap(), content);
    }
}

#[test]
fn one_damaged_file_is_kept_and_a_new_problem_is_reported() {
    let scene = Scene::new();
    for content in ["first", "second"] {
        fs::write(scene.file("json"), content).unwrap();
        set_mode(&scene.file("json"), 0o600);
        // A save reports what it finds, too.
        assert_eq!(scene.save(0), Saved::Kept);
        assert_eq!(scene.problems().len(), 1);
        assert_eq!(fs::read(scene.file("damaged")).unwrap(), content.as_bytes());
    }
    assert_eq!(scene.endings(), ["damaged", "json", "save"]);

    fs::write(scene.file("json"), "third").unwrap();
    assert_eq!(scene.load(), None);
    set_mode(&scene.file("json"), 0o644);
    assert_eq!(scene.load(), None);
    assert_eq!(scene.problems().len(), 2);
}

#[test]
fn what_cannot_be_set_aside_stays_and_the_save_says_so() {
    let scene = Scene::new();
    for place in ["json", "damaged"] {
        fs::create_dir(scene.file(place)).unwrap();
        fs::write(scene.file(place).join("precious"), "work").unwrap();
    }
    assert_eq!(
        scene.save_fails(0),
        "DIR/KEY.v1.json is a directory, and can't be moved to DIR/KEY.v1.damaged: Directory not empty (os error 39); \
         remove one of them"
    );
    for place in ["json", "damaged"] {
        assert_eq!(
            fs::read(scene.file(place).join("precious")).unwrap(),
            b"work"
        );
    }
}

#[test]
fn a_problem_names_its_file_and_shows_no_secret() {
    let scene = Scene::with_record(0);
    let path = scene.file("json");
    let mut damaged = record(0).encode();
    damaged.push_str("SECRET");
    fs::write(&path, damaged).unwrap();
    let store = FileStore::in_dir(scene.dir()).on_problem(move |problem| {
        assert_eq!(problem.path(), path);
        assert!(!format!("{problem} {problem:?}").contains("SECRET"));
    });
    assert_eq!(store.load(key()).unwrap(), None);
    assert_eq!(scene.load(), None);
    assert_eq!(scene.problems().len(), 1);
}

#[test]
fn a_newer_versions_record_is_left_where_it_is() {
    let scene = Scene::new();
    let newer = r#"{"version":9,"readableBy":2,"inAFormWeDoNotKnow":"SECRET"}"#;
    fs::write(scene.file("json"), newer).unwrap();
    set_mode(&scene.file("json"), 0o600);

    let said = "DIR/KEY.v1.json: the stored token was written by a newer version that this one can't read; it was left \
                as it is: update this program, or give the store another folder";
    let plain = |error: pan123_token_cache::StoreError| scene.plain(&error.to_string());
    assert_eq!(plain(scene.store.load(key()).unwrap_err()), said);
    assert_eq!(scene.save_fails(1_000_000), said);
    let lease = scene.store.lease(key(), Owner(1), SECOND);
    assert_eq!(plain(lease.unwrap_err()), said);

    assert_eq!(fs::read_to_string(scene.file("json")).unwrap(), newer);
    // The lease wasn't kept: a process that can read the record has it at once.
    fs::remove_file(scene.file("json")).unwrap();
    let lease = FileStore::in_dir(scene.dir()).lease(key(), Owner(2), SECOND);
    assert_eq!(lease.unwrap(), Lease::Granted(None));
}

#[test]
fn a_newer_version_that_can_be_read_is_read_and_replaced() {
    let scene = Scene::new();
    let newer = record(0)
        .encode()
        .replace(r#""version":1,"#, r#""version":9,"more":[],"#);
    fs::write(scene.file("json"), newer).unwrap();
    set_mode(&scene.file("json"), 0o600);
    assert_eq!(scene.load(), Some(record(0)));
    assert_eq!(scene.save(1), Saved::Kept);
}

#[test]
fn what_cannot_be_locked_is_left_and_the_lease_record_alone_decides() {
    type Make = fn(&Path);
    let in_its_place: [(&str, Make); 4] = [
        ("a link", |path| {
            symlink(path.with_file_name("elsewhere"), path).unwrap();
        }),
        ("a fifo", make_fifo),
        ("a directory", |path| fs::create_dir(path).unwrap()),
        ("another user's file", |path| {
            fs::write(path, "").unwrap();
            if is_root() {
                chown(path, Some(12_345), None).unwrap();
            }
        }),
    ];
    for (what, make) in in_its_place {
        let scene = Scene::with_record(0);
        fs::remove_file(scene.file("save")).unwrap();
        for ending in ["lease", "save"] {
            make(&scene.file(ending));
        }
        let other = FileStore::in_dir(scene.dir());
        let lease = |store: &FileStore, owner| store.lease(key(), Owner(owner), 45 * SECOND);
        let granted = lease(&scene.store, 1).unwrap();
        assert!(matches!(granted, Lease::Granted(Some(_))), "{what}");
        let held = lease(&other, 2).unwrap();
        assert!(matches!(held, Lease::Held(..)), "{what}: {held:?}");
        assert_eq!(scene.save(1), Saved::Kept, "{what}");
        let release = scene.store.release(key(), Owner(1), Duration::ZERO);
        assert_eq!(release, Ok(()), "{what}");
        let granted = lease(&other, 2).unwrap();
        assert!(matches!(granted, Lease::Granted(Some(_))), "{what}");
        let elsewhere = scene.dir().join("elsewhere");
        assert!(!elsewhere.exists(), "a link was followed");
        assert_eq!(scene.endings(), ["gate", "json", "lease", "save"], "{what}");
    }
}

#[test]
fn the_mode_of_what_is_locked_does_not_matter() {
    let scene = Scene::new();
    for ending in ["lease", "save"] {
        fs::write(scene.file(ending), "").unwrap();
        set_mode(&scene.file(ending), 0o644);
    }
    let lease = scene.store.lease(key(), Owner(1), SECOND).unwrap();
    assert_eq!(lease, Lease::Granted(None));
    let record = fs::read_to_string(scene.file("gate")).unwrap();
    assert!(record.starts_with("held 1 "), "{record}");
}

#[test]
fn a_lease_record_that_cannot_be_read_counts_as_absent_and_is_replaced() {
    // In the future, so that it would last for an hour.
    let good = "cool 18446744073709551615 18446744073709551615\n";
    let noise = good.repeat(200_000);
    let scene = Scene::new();
    fs::write(scene.file("gate"), good).unwrap();
    set_mode(&scene.file("gate"), 0o600);
    let lease = scene.store.lease(key(), Owner(1), SECOND).unwrap();
    assert!(matches!(lease, Lease::CoolingDown(..)), "{lease:?}");
    fs::remove_file(scene.file("gate")).unwrap();

    let elsewhere = scene.dir().join("elsewhere");
    fs::write(&elsewhere, good).unwrap();
    set_mode(&elsewhere, 0o600);
    let path = scene.file("gate");
    let is_replaced = || {
        let lease = scene.store.lease(key(), Owner(1), SECOND).unwrap();
        assert_eq!(lease, Lease::Granted(None));
        assert!(fs::read_to_string(&path).unwrap().starts_with("held 1 "));
        assert!(path.symlink_metadata().unwrap().is_file());
        scene
            .store
            .release(key(), Owner(1), Duration::ZERO)
            .unwrap();
        fs::remove_file(&path).unwrap();
    };
    symlink(&elsewhere, &path).unwrap();
    is_replaced();
    make_fifo(&path);
    is_replaced();
    for (line, mode) in [(good, 0o644), ("cool SECRET\n", 0o600), (&noise, 0o600)] {
        fs::write(&path, line).unwrap();
        set_mode(&path, mode);
        is_replaced();
    }
}

#[test]
fn a_folder_may_be_reached_through_a_link() {
    let scene = Scene::with_record(0);
    let link = scene.dir().join("link");
    symlink(scene.dir(), &link).unwrap();
    let stored = FileStore::in_dir(link).load(key()).unwrap().unwrap();
    assert_eq!(stored.record, record(0));
}

fn make_fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}
