//! The stored token, as scripts use it: `get` out of a store, `status`, `reject`, and stores that don't work.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};

use super::{Said, command, folder, run, run_with_stdin};

/// An emulator, and a folder to keep its tokens in.
pub(crate) struct Scene {
    pub(crate) emulator: Emulator,
    pub(crate) store: String,
}

impl Scene {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, Emulator::builder().start().unwrap())
    }

    pub(crate) fn with(name: &str, emulator: Emulator) -> Self {
        let store = format!("file:{}", folder(name).join("tokens").display());
        Self { emulator, store }
    }

    /// Until the first request for a token has come.
    pub(crate) fn wait_for_request(&self) {
        let begun = std::time::Instant::now();
        while self.emulator.token_requests() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command
            .env("PAN123_BASE_URL", self.emulator.url())
            .env("PAN123_CLIENT_ID", CLIENT_ID)
            .env("PAN123_TOKEN_STORE", &self.store);
        if ["get", "api"].contains(&arguments[0]) {
            command.env("PAN123_CLIENT_SECRET", CLIENT_SECRET);
        }
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        run(&mut self.command(arguments))
    }

    /// A token, without a word on stderr.
    #[track_caller]
    pub(crate) fn token(&self, arguments: &[&str]) -> String {
        let said = self.run(&[&["get"], arguments].concat());
        assert_eq!((said.exit, &*said.stderr), (0, ""));
        said.stdout.trim_end().to_owned()
    }
}

#[test]
fn a_fresh_token_comes_from_the_store_without_a_request() {
    let scene = Scene::new("fresh");
    let first = scene.run(&["get", "--format", "json"]).json();
    let second = scene.run(&["get", "--format", "json"]).json();
    assert_eq!(first["source"], "server");
    assert_eq!(second["source"], "store");
    assert_eq!(first["accessToken"], second["accessToken"]);
    assert_eq!(first["expiresAt"], second["expiresAt"]);
    assert_eq!(scene.emulator.token_requests(), 1);
}

#[cfg(unix)]
#[test]
fn the_default_store_is_a_file_in_the_users_state_directory() {
    let scene = Scene::new("default");
    let home = folder("default-home");
    for variable in ["XDG_STATE_HOME", "HOME"] {
        let mut get = scene.command(&["get"]);
        let said = run(get
            .env_remove("PAN123_TOKEN_STORE")
            .env(variable, home.join(variable)));
        assert_eq!((said.exit, &*said.stderr), (0, ""), "{variable}");
    }
    assert_eq!(scene.emulator.token_requests(), 2);
    assert!(home.join("XDG_STATE_HOME/pan123-token").is_dir());
    assert!(home.join("HOME/.local/state/pan123-token").is_dir());
}

#[test]
fn another_client_id_and_another_address_have_tokens_of_their_own_and_a_rotated_secret_finds_the_old()
 {
    let scene = Scene::new("keys");
    let token = scene.token(&[]);
    let said = run(scene
        .command(&["get"])
        .env("PAN123_CLIENT_SECRET", "rotated"));
    assert_eq!(said.stdout.trim_end(), token);
    let said = run(scene.command(&["get"]).env("PAN123_CLIENT_ID", "another"));
    assert_eq!(said.exit, 77, "{}", said.stderr);
    let other = Emulator::builder().start().unwrap();
    let said = run(scene.command(&["get"]).env("PAN123_BASE_URL", other.url()));
    assert_ne!(said.stdout.trim_end(), token);
}

#[test]
fn refresh_renews_a_token_that_is_fresh_and_leaves_the_new_one_in_the_store() {
    let scene = Scene::new("refresh");
    let first = scene.token(&[]);
    let second = scene.token(&["--refresh"]);
    assert_ne!(first, second);
    assert_eq!(scene.token(&[]), second);
    assert_eq!(scene.emulator.token_requests(), 2);
}

#[test]
fn a_refresh_that_fails_says_so_and_leaves_the_old_token() {
    let scene = Scene::new("refresh-fails");
    let first = scene.token(&[]);
    scene.emulator.inject(pan123_emulator::Fault::Code(5066));
    let said = scene.run(&["get", "--refresh"]);
    assert_eq!(said.exit, 77);
    assert!(said.one_line().contains("code 5066"), "{}", said.stderr);
    assert_eq!(scene.token(&[]), first);
}

#[test]
fn a_refresh_that_runs_out_of_time_is_no_success_with_the_old_token() {
    let scene = Scene::new("refresh-slow");
    let first = scene.token(&[]);
    spacing();
    let slow = pan123_emulator::Fault::Delay(Duration::from_secs(10));
    scene.emulator.inject(slow);
    let said = scene.run(&["get", "--refresh", "--timeout", "1"]);
    assert_eq!((said.exit, &*said.stdout), (69, ""), "{}", said.stderr);
    assert_eq!(scene.token(&[]), first);
}

#[test]
fn while_renewal_is_due_it_is_tried_for_a_moment_and_else_the_old_token_is_printed() {
    let scene = Scene::new("window");
    let first = scene.token(&[]);
    // Of its 90 days an hour is left.
    age(&scene.store, Duration::from_secs((90 * 24 - 1) * 3600));
    spacing();
    scene.emulator.inject(pan123_emulator::Fault::Status(503));
    let said = scene.run(&["get"]);
    assert_eq!((said.exit, said.stdout.trim_end()), (0, &*first));
    assert!(
        said.stderr
            .contains("warning: the token isn't renewed yet: ")
            && said.stderr.lines().count() == 1,
        "{}",
        said.stderr
    );
    // The backoff ended with the process.
    spacing();
    assert_ne!(scene.token(&[]), first);
}

/// Between two requests lies a second, whichever process makes them.
pub(crate) fn spacing() {
    std::thread::sleep(Duration::from_millis(1100));
}

/// Has the stored token been asked for so much earlier.
pub(crate) fn age(store: &str, by: Duration) {
    let folder = store.strip_prefix("file:").unwrap();
    let path = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "json"))
        .unwrap();
    let mut form: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let sent = form["sentAtMs"].as_u64().unwrap();
    form["sentAtMs"] = (sent - u64::try_from(by.as_millis()).unwrap()).into();
    std::fs::write(&path, form.to_string()).unwrap();
}

#[test]
fn status_says_what_is_stored_and_never_the_token() {
    let scene = Scene::new("status");
    let said = scene.run(&["status"]);
    assert_eq!(
        (said.exit, &*said.stdout, &*said.stderr),
        (1, "nothing is stored\n", "")
    );
    let said = scene.run(&["status", "--format", "json"]);
    assert_eq!(said.exit, 1);
    assert_eq!(
        said.json(),
        serde_json::json!({ "stored": false, "usable": false })
    );

    let token = scene.token(&[]);
    let said = scene.run(&["status"]);
    assert_eq!(said.exit, 0);
    assert!(!said.stdout.contains(&token));
    let names: Vec<_> = said
        .stdout
        .lines()
        .map(|line| line.split("  ").next().unwrap())
        .collect();
    assert_eq!(
        names,
        ["fingerprint", "issued", "expires", "renewal due", "suspect"]
    );
    let json = scene.run(&["status", "--format", "json"]).json();
    assert_eq!(json["stored"], true);
    assert_eq!(json["usable"], true);
    assert_eq!(json["suspect"], false);
    assert_eq!(json["forcedRenewals"], 0);
    let left = json["secondsLeft"].as_u64().unwrap();
    assert!((90 * 86_400 - 60..=90 * 86_400).contains(&left), "{left}");
    assert!(!json.to_string().contains(&token));
    assert_eq!(scene.emulator.token_requests(), 1);
}

#[test]
fn a_rejected_token_is_replaced_once_it_is_old_enough() {
    let scene = Scene::new("reject");
    let first = scene.token(&[]);
    let said = run_with_stdin(&mut scene.command(&["reject"]), b"another.token.x\n");
    assert_eq!((said.exit, &*said.stdout), (0, ""));
    assert!(
        said.stderr.contains("isn't the stored token"),
        "{}",
        said.stderr
    );
    assert_eq!(
        scene.run(&["status", "--format", "json"]).json()["suspect"],
        false
    );

    let said = run_with_stdin(&mut scene.command(&["reject"]), first.as_bytes());
    assert_eq!((said.exit, &*said.stdout), (0, ""));
    replaced_in(&said.stderr, "marked as refused: ");
    assert!(!said.stderr.contains(&first));
    assert_eq!(
        scene.run(&["status", "--format", "json"]).json()["suspect"],
        true
    );
    // It is a few seconds old, and so there is no other yet.
    let said = scene.run(&["get"]);
    assert_eq!((said.exit, said.stdout.trim_end()), (0, &*first));
    replaced_in(&said.stderr, "warning: the platform refused this token: ");
    let status = scene.run(&["status"]).stdout;
    replaced_in(&status, "yes: an API call was refused with it; ");
    age(&scene.store, Duration::from_secs(61));
    spacing();
    let second = scene.token(&[]);
    assert_ne!(second, first);
    assert_eq!(
        scene.run(&["status", "--format", "json"]).json()["forcedRenewals"],
        1
    );
}

/// What this says of it, of a token of a few seconds.
#[track_caller]
fn replaced_in(said: &str, before: &str) {
    let when = said
        .split_once(&format!("{before}`get` replaces it in "))
        .and_then(|(_, after)| after.split_once(" s at the earliest\n"));
    let seconds: u64 = when.unwrap_or_else(|| panic!("{said}")).0.parse().unwrap();
    assert!((50..=60).contains(&seconds), "{said}");
}

#[test]
fn reject_takes_each_form_in_which_get_prints_a_token() {
    let scene = Scene::new("reject-forms");
    let token = scene.token(&[]);
    let mut forms = vec![
        format!("  {token} "),
        format!("bearer {token}"),
        format!("AUTHORIZATION:bearer {token}\r\n"),
        format!("authorization: Bearer {token}"),
    ];
    for format in ["raw", "header", "json", "env"] {
        forms.push(scene.run(&["get", "--format", format]).stdout);
    }
    for form in forms {
        let said = run_with_stdin(&mut scene.command(&["reject"]), form.as_bytes());
        assert_eq!(said.exit, 0);
        assert!(
            said.stderr.contains("marked as refused"),
            "{form}: {}",
            said.stderr
        );
    }
}

#[test]
fn what_is_no_token_is_not_rejected() {
    let scene = Scene::new("no-token");
    for stdin in [
        &b""[..],
        b"\n",
        b"Bearer ",
        b"Authorization:\n",
        b"Authorization: Bearer\nPlatform: open_platform",
        b"{}",
        b"{\"accessToken\":7}",
        b"a\nb",
        b"\xff",
        &vec![b'x'; 70_000],
    ] {
        let said = run_with_stdin(&mut scene.command(&["reject"]), stdin);
        assert_eq!(said.exit, 64, "{}", said.stderr);
        said.one_line();
    }
}

#[test]
fn status_and_reject_need_no_secret_but_a_client_id() {
    for name in ["status", "reject"] {
        let said = run_with_stdin(
            command(&[name]).env("PAN123_TOKEN_STORE", "file:x"),
            b"a.b.c",
        );
        assert_eq!(said.exit, 64);
        assert!(
            said.one_line().starts_with("no client ID"),
            "{}",
            said.stderr
        );
    }
}

/// `get` prints a token, with one warning; `status` can't do anything.
#[track_caller]
fn costs_sharing_alone(scene: &Scene, store: &str, warning: &str, options: &[&str]) {
    let said = run(scene
        .command(&["get"])
        .args(options)
        .env("PAN123_TOKEN_STORE", store));
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert_eq!(
        Some(said.stdout.trim_end()),
        scene.emulator.live_tokens(CLIENT_ID).last().map(|it| &**it)
    );
    assert!(
        said.stderr.starts_with("pan123-token: warning: ") && said.stderr.contains(warning),
        "{}",
        said.stderr
    );
    let said = run(scene.command(&["status"]).env("PAN123_TOKEN_STORE", store));
    assert_eq!(said.exit, 74, "{}", said.stderr);
    assert!(said.one_line().contains(warning), "{}", said.stderr);
    let mut status = scene.command(&["status", "--format", "json"]);
    let said = run(status.env("PAN123_TOKEN_STORE", store));
    assert_eq!(said.json()["error"]["kind"], "store");
}

#[test]
fn a_store_that_does_not_answer_costs_sharing_alone() {
    let scene = Scene::new("no-store");
    costs_sharing_alone(
        &scene,
        "redis://127.0.0.1:1",
        "Connection refused",
        &["--timeout", "6"],
    );
}

/// `get` ends at once and says what to set; with `--store-optional` it goes on.
#[track_caller]
fn is_misconfigured(scene: &Scene, store: &str, warning: &str) {
    let requests = scene.emulator.token_requests();
    let said = run(scene.command(&["get"]).env("PAN123_TOKEN_STORE", store));
    assert_eq!((said.exit, &*said.stdout), (74, ""), "{}", said.stderr);
    let line = said.one_line();
    assert!(
        line.contains(warning) && line.contains("--store-optional"),
        "{line}"
    );
    assert_eq!(scene.emulator.token_requests(), requests);
    spacing();
    costs_sharing_alone(scene, store, warning, &["--store-optional"]);
    spacing();
}

#[test]
fn a_home_is_no_part_of_a_path_and_a_url_is_none() {
    let scene = Scene::new("tilde");
    for store in ["file:~/tokens", "file://tokens", "file-group:~/tokens"] {
        let said = run(scene.command(&["get"]).env("PAN123_TOKEN_STORE", store));
        assert_eq!(said.exit, 64, "{store}: {}", said.stderr);
    }
    assert_eq!(scene.emulator.token_requests(), 0);
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_write_to_is_a_wrong_setting() {
    use std::os::unix::fs::PermissionsExt;

    let scene = Scene::new("open-folder");
    let open = folder("open");
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    is_misconfigured(&scene, &format!("file:{}", open.display()), "open");
}

#[test]
fn a_place_that_is_no_folder_is_a_wrong_setting() {
    let scene = Scene::new("no-folder");
    let file = folder("in-the-way").join("file");
    std::fs::write(&file, "").unwrap();
    is_misconfigured(&scene, &format!("file:{}", file.display()), "in-the-way");
    // To Windows there simply is no such path, so that `status` says that nothing is stored.
    if cfg!(unix) {
        let below = Path::new(&file).join("below");
        is_misconfigured(&scene, &format!("file:{}", below.display()), "in-the-way");
    }
}

#[test]
fn a_damaged_file_is_replaced_with_a_warning() {
    let scene = Scene::new("damaged");
    let first = scene.token(&[]);
    let folder = scene.store.strip_prefix("file:").unwrap();
    let record = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "json"))
        .unwrap();
    std::fs::write(&record, vec![b'#'; 10 << 20]).unwrap();
    let said = scene.run(&["get"]);
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert_ne!(said.stdout.trim_end(), first);
    assert!(
        said.stderr.contains("warning: ") && said.stderr.contains("is damaged"),
        "{}",
        said.stderr
    );
    assert_eq!(scene.token(&[]), said.stdout.trim_end());
    assert_eq!(scene.emulator.token_requests(), 2);
}
