//! What a save removes from the folder: the files of keys whose tokens expired long ago, and nothing else.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use pan123_token_cache::pan123_token::BaseUrl;
use pan123_token_cache::{Lease, Owner, Saved, StoreKey, TokenStore as _};
use pan123_token_file::FileStore;

use crate::record::{LIFE, SECOND, key, record};
use crate::scene::{Scene, clock};

const DAY: i64 = 86_400;
/// What the token of `record(0)` has lived when it expires.
const EXPIRY: i64 = 30 * DAY;

/// Another key, such as an emulator on another port has.
fn other() -> StoreKey {
    StoreKey::new(&BaseUrl::default(), "another-client")
}

fn file(scene: &Scene, ending: &str) -> PathBuf {
    scene.dir().join(format!("{}.v1.{ending}", other()))
}

fn set_modified(path: &PathBuf, seconds: i64) {
    let time = SystemTime::from(record(seconds).issued_at);
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

/// All the files that the other key can have, as they were left when its token expired.
fn with_an_expired_token() -> Scene {
    let scene = Scene::new();
    let store = &scene.store;
    store.lease(other(), Owner(1), SECOND).unwrap();
    store.save(other(), &record(0), None, LIFE).unwrap();
    store.release(other(), Owner(1), SECOND).unwrap();
    for ending in ["damaged", "x.tmp"] {
        fs::write(file(&scene, ending), "SECRET").unwrap();
    }
    for ending in ENDINGS {
        set_modified(&file(&scene, ending), EXPIRY);
    }
    scene
}

const ENDINGS: [&str; 6] = ["damaged", "gate", "json", "lease", "save", "x.tmp"];

/// The endings of the other key's files.
fn left(scene: &Scene) -> Vec<&'static str> {
    ENDINGS
        .into_iter()
        .filter(|ending| file(scene, ending).symlink_metadata().is_ok())
        .collect()
}

/// Saves a token that was issued so long after the other key's.
fn save_after(scene: &Scene, seconds: i64) {
    assert_eq!(scene.save(seconds), Saved::Kept);
}

#[test]
fn a_week_after_a_token_expired_its_files_are_removed() {
    let scene = with_an_expired_token();
    save_after(&scene, EXPIRY + 7 * DAY - 1);
    // What was being written is no use to anyone.
    assert_eq!(left(&scene), ["damaged", "gate", "json", "lease", "save"]);
    save_after(&scene, EXPIRY + 7 * DAY);
    assert_eq!(left(&scene), [""; 0]);
    assert_eq!(scene.endings(), ["json", "save"]);
    assert_eq!(scene.load(), Some(record(EXPIRY + 7 * DAY)));
    assert_eq!(scene.problems(), [""; 0]);

    // And the key can be used again.
    let lease = scene.store.lease(other(), Owner(2), SECOND);
    assert_eq!(lease, Ok(Lease::Granted(None)));
}

#[test]
fn the_files_of_a_key_without_a_record_are_removed_after_a_week() {
    let scene = with_an_expired_token();
    fs::remove_file(file(&scene, "json")).unwrap();
    save_after(&scene, EXPIRY + 6 * DAY);
    assert_eq!(left(&scene), ["damaged", "gate", "lease", "save"]);
    save_after(&scene, EXPIRY + 7 * DAY);
    assert_eq!(left(&scene), [""; 0]);
}

/// Long after the other key's token expired.
const LATER: i64 = EXPIRY + 60 * DAY;

#[test]
fn a_key_that_is_in_use_keeps_its_files() {
    // It is asked for, and can't be had: a host that is refused.
    let scene = with_an_expired_token();
    set_modified(&file(&scene, "gate"), LATER - DAY);
    save_after(&scene, LATER);
    assert_eq!(left(&scene).len(), 5);

    for ending in ["lease", "save"] {
        let scene = with_an_expired_token();
        let holder = File::open(file(&scene, ending)).unwrap();
        holder.lock().unwrap();
        save_after(&scene, LATER);
        assert_eq!(left(&scene).len(), 5);
        drop(holder);
        save_after(&scene, LATER + 1);
        assert_eq!(left(&scene).len(), 0);
    }

    // A token that lives.
    let scene = with_an_expired_token();
    let token = record(LATER - DAY);
    scene.store.save(other(), &token, None, LIFE).unwrap();
    set_modified(&file(&scene, "json"), 0);
    save_after(&scene, LATER);
    assert_eq!(left(&scene).len(), 5);
}

#[test]
fn a_clock_that_is_wrong_removes_nothing() {
    let scene = with_an_expired_token();
    // The host's clock is far ahead; the platform's date of the new token is not.
    let ahead = clock();
    ahead.set_wall(Duration::from_secs(10_000_000_000));
    let store = FileStore::in_dir(scene.dir()).with_clock(ahead);
    let saved = store.save(key(), &record(EXPIRY - DAY), None, LIFE);
    assert_eq!(saved, Ok(Saved::Kept));
    assert_eq!(left(&scene).len(), 5);
    // The platform's date is far ahead, and the host's clock is not.
    let behind = clock();
    behind.set_wall(record(0).sent_at);
    let store = FileStore::in_dir(scene.dir()).with_clock(behind);
    let saved = store.save(key(), &record(LATER), None, LIFE);
    assert_eq!(saved, Ok(Saved::Kept));
    assert_eq!(left(&scene).len(), 5);
}

#[test]
fn what_may_be_of_use_to_another_program_stays() {
    type Make = fn(&Scene);
    let table: &[(&str, Make)] = &[
        ("a newer version's record", |scene| {
            let newer = r#"{"version":9,"readableBy":2}"#;
            fs::write(file(scene, "json"), newer).unwrap();
            set_modified(&file(scene, "json"), 0);
        }),
        #[cfg(unix)]
        ("a record that others can read", |scene| {
            crate::scene::set_mode(&file(scene, "json"), 0o644);
        }),
        ("a directory", |scene| {
            fs::remove_file(file(scene, "damaged")).unwrap();
            fs::create_dir(file(scene, "damaged")).unwrap();
        }),
        ("a file that this version doesn't know", |scene| {
            fs::write(file(scene, "more"), "").unwrap();
            set_modified(&file(scene, "more"), 0);
        }),
    ];
    for (what, make) in table {
        let scene = with_an_expired_token();
        make(&scene);
        save_after(&scene, LATER);
        assert_eq!(left(&scene).len(), 5, "{what}");
    }

    let scene = Scene::new();
    let names = [
        format!("{}.v2.json", other()),
        format!("{}.v1.json", &other().to_string()[1..]),
        format!(
            "{}.v1.json",
            other().to_string().replace('a', "A").replace('0', "G")
        ),
        "notes.v1.json".to_owned(),
        "notes".to_owned(),
    ];
    for name in &names {
        let path = scene.dir().join(name);
        fs::write(&path, "").unwrap();
        set_modified(&path, 0);
    }
    save_after(&scene, LATER);
    for name in names {
        assert!(scene.dir().join(&name).exists(), "{name}");
    }
}

#[test]
fn an_emulators_leavings_do_not_pile_up() {
    let scene = Scene::new();
    let keys: Vec<_> = (0..50)
        .map(|port| StoreKey::new(&BaseUrl::default(), &format!("client at {port}")))
        .collect();
    for key in &keys {
        let lease = scene.store.lease(*key, Owner(1), SECOND).unwrap();
        assert_eq!(lease, Lease::Granted(None));
        scene.store.save(*key, &record(0), None, LIFE).unwrap();
        scene.store.release(*key, Owner(1), SECOND).unwrap();
    }
    let count = || fs::read_dir(scene.dir()).unwrap().count();
    assert_eq!(count(), 200);
    for entry in fs::read_dir(scene.dir()).unwrap() {
        set_modified(&entry.unwrap().path(), EXPIRY);
    }
    save_after(&scene, LATER);
    assert_eq!(count(), 2);
}
