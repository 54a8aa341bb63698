//! `status`: all that an operator looks for.

use std::fs;
use std::time::Duration;

use pan123_emulator::{Emulator, Fault};

use super::said;
use super::store::{Scene, age};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_token_that_has_expired_is_as_good_as_none() {
    let scene = Scene::new("status-expired");
    scene.token(&[]);
    age(&scene.store, 91 * DAY);
    let text = scene.run(&["status"]);
    assert_eq!(text.exit, 1, "{}", text.stdout);
    assert!(text.stdout.contains("(expired)"), "{}", text.stdout);
    let json = scene.run(&["status", "--format", "json"]);
    assert_eq!(json.exit, 1);
    let json = json.json();
    assert_eq!(
        (&json["stored"], &json["usable"], &json["secondsLeft"]),
        (&true.into(), &false.into(), &0.into())
    );
}

#[test]
fn the_last_minute_of_a_life_counts_as_expired() {
    let scene = Scene::new("status-last-minute");
    scene.token(&[]);
    age(&scene.store, 89 * DAY + Duration::from_secs(86_370));
    let text = scene.run(&["status"]);
    assert_eq!(text.exit, 1, "{}", text.stdout);
    assert!(
        text.stdout.contains(" s, and counts as expired)"),
        "{}",
        text.stdout
    );
}

#[test]
fn a_process_that_fetches_is_seen() {
    let emulator = Emulator::builder()
        .fault(Fault::Delay(Duration::from_secs(3)))
        .start()
        .unwrap();
    let scene = Scene::with("status-lease", emulator);
    let get = scene.command(&["get"]).spawn().unwrap();
    scene.wait_for_request();
    let text = scene.run(&["status"]);
    assert_eq!(text.exit, 1);
    assert!(
        text.stdout
            .starts_with("nothing is stored\nlease        a process has it, and fetches, for "),
        "{}",
        text.stdout
    );
    let json = scene.run(&["status", "--format", "json"]).json();
    let left = json["leaseSecondsLeft"].as_u64().unwrap();
    assert!((15..=28).contains(&left), "{json}");
    assert_eq!(said(get.wait_with_output().unwrap()).exit, 0);
    let json = scene.run(&["status", "--format", "json"]).json();
    assert_eq!(json.get("leaseSecondsLeft"), None, "{json}");
}

#[test]
fn a_cooldown_and_its_end_are_seen() {
    let emulator = Emulator::builder()
        .fault(Fault::RetryAfter("120".into()))
        .start()
        .unwrap();
    let scene = Scene::with("status-cooldown", emulator);
    assert_eq!(scene.run(&["get"]).exit, 75);
    let text = scene.run(&["status"]);
    assert_eq!(text.exit, 1);
    assert!(
        text.stdout
            .starts_with("nothing is stored\ncooldown     no process may fetch until 20"),
        "{}",
        text.stdout
    );
    let json = scene.run(&["status", "--format", "json"]).json();
    let left = json["cooldownSecondsLeft"].as_u64().unwrap();
    assert!((100..=120).contains(&left), "{json}");
    assert!(json["cooldownUntil"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn what_another_process_was_told_is_the_same_in_the_line_and_in_the_json() {
    let emulator = Emulator::builder()
        .fault(Fault::RetryAfter("120".into()))
        .start()
        .unwrap();
    let scene = Scene::with("status-same", emulator);
    assert_eq!(scene.run(&["get"]).exit, 75);
    for _ in 0..3 {
        let said = scene.run(&["get", "--format", "json"]);
        let json = said.json();
        let seconds = json["error"]["retryAfterSeconds"].as_u64().unwrap();
        let says = format!(" in {seconds} s");
        assert!(said.stderr.contains(&says), "{json}: {}", said.stderr);
        std::thread::sleep(Duration::from_millis(330));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_can_not_be_written_to_is_trouble() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    use super::{folder, run};

    let scene = Scene::new("status-trouble");
    let closed = folder("status-closed");
    fs::set_permissions(&closed, PermissionsExt::from_mode(0o500)).unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    for format in ["text", "json"] {
        let mut status = scene.command(&["status", "--format", format]);
        status.env("PAN123_TOKEN_STORE", format!("file:{}/x", closed.display()));
        if is_root {
            // Nothing is closed to root, but what is read-only.
            status.env("PAN123_TOKEN_STORE", "file:/proc/self/x");
            status.uid(65_534);
        }
        let said = run(&mut status);
        assert_eq!(said.exit, 1, "{}", said.stderr);
        assert!(
            said.stdout.contains("no token can be kept"),
            "{}",
            said.stdout
        );
    }
}

#[test]
fn a_file_that_is_passed_over_is_trouble_too() {
    let scene = Scene::new("status-damaged");
    scene.token(&[]);
    let tokens = scene.store.strip_prefix("file:").unwrap();
    let record = fs::read_dir(tokens)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "json"))
        .unwrap();
    fs::write(&record, "#").unwrap();
    let text = scene.run(&["status"]);
    assert_eq!((text.exit, &*text.stdout), (1, "nothing is stored\n"));
    assert!(text.stderr.contains("is damaged"), "{}", text.stderr);
    let json = scene.run(&["status", "--format", "json"]);
    assert_eq!(json.stderr, "");
    let trouble = json.json()["trouble"][0].as_str().unwrap().to_owned();
    assert!(trouble.contains("is damaged"), "{trouble}");
}
