//! Stores that several runs share, in trouble: what it costs in tokens, and whether the healthy ones keep theirs.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::process::Child;
use std::time::{Duration, Instant};

use pan123_emulator::{CLIENT_ID, Emulator, Fault};
use pan123_token_support::redis_server::RedisServer;

use super::store::Scene;
use super::{folder, kill, run, said};

/// What each of them printed; all ended well.
#[track_caller]
fn tokens(children: Vec<Child>) -> BTreeSet<String> {
    let tokens = children.into_iter().map(|child| {
        let said = said(child.wait_with_output().unwrap());
        assert_eq!(said.exit, 0, "{}", said.stderr);
        said.stdout
    });
    tokens.collect()
}

#[test]
#[ignore = "half a minute; tests/run runs it"]
fn twenty_runs_behind_a_stopped_one_cost_at_most_two_tokens_and_the_record_is_written() {
    let emulator = Emulator::builder()
        .fault(Fault::Delay(Duration::from_secs(300)))
        .start()
        .unwrap();
    let scene = Scene::with("behind-a-stopped", emulator);
    let mut stopped = scene.command(&["get"]).spawn().unwrap();
    scene.wait_for_request();
    kill(stopped.id(), "STOP");
    let begun = Instant::now();
    let get = || scene.command(&["get"]).spawn().unwrap();
    let tokens = tokens((0..20).map(|_| get()).collect());
    let requests = scene.emulator.token_requests() - 1;
    eprintln!(
        "{} tokens, {requests} requests, {:.1?}",
        tokens.len(),
        begun.elapsed()
    );
    assert!((1..=2).contains(&tokens.len()) && requests <= 2);
    assert!(tokens.contains(&format!("{}\n", scene.token(&[]))));
    assert_eq!(scene.run(&["status"]).exit, 0);
    assert_eq!(scene.emulator.token_requests() - 1, requests);
    stopped.kill().unwrap();
    stopped.wait().unwrap();
}

#[test]
#[ignore = "needs redis-server; tests/run runs it"]
fn a_host_with_a_wrong_password_ends_at_once_and_costs_the_fleet_nothing() {
    let server = RedisServer::with(&["--requirepass", "right"]);
    let scene = Scene::new("wrong-password");
    let host = |password: &str| {
        let mut get = scene.command(&["get"]);
        let store = format!("redis://:{password}@127.0.0.1:{}", server.port);
        get.env("PAN123_TOKEN_STORE", store)
            .env("HOME", folder(&format!("password-{password}")));
        run(&mut get)
    };
    let fleet = host("right");
    assert_eq!((fleet.exit, &*fleet.stderr), (0, ""));
    for _ in 0..4 {
        let begun = Instant::now();
        let wrong = host("wrong");
        eprintln!("{:.2?}: {}", begun.elapsed(), wrong.stderr);
        assert!(begun.elapsed() < Duration::from_secs(2));
        assert_eq!(wrong.exit, 74);
        let line = wrong.one_line();
        assert!(
            line.contains("password") && line.contains("--store-optional"),
            "{line}"
        );
    }
    assert_eq!(
        scene.emulator.live_tokens(CLIENT_ID),
        [fleet.stdout.trim_end()]
    );
    assert_eq!(host("right").stdout, fleet.stdout);
    assert_eq!(scene.emulator.token_requests(), 1);
}

#[test]
fn while_redis_is_down_four_runs_of_a_host_print_one_token() {
    for at_once in [false, true] {
        let scene = Scene::new("redis-down");
        let home = folder("redis-down-home");
        let get = || {
            let mut get = scene.command(&["get", "--timeout", "8"]);
            get.env("PAN123_TOKEN_STORE", "redis://127.0.0.1:1")
                .env("HOME", &home);
            get.spawn().unwrap()
        };
        let begun = Instant::now();
        let tokens = if at_once {
            tokens((0..4).map(|_| get()).collect())
        } else {
            (0..4).flat_map(|_| tokens(vec![get()])).collect()
        };
        eprintln!("at once: {at_once}; {:.1?}", begun.elapsed());
        assert_eq!(tokens.len(), 1);
        assert_eq!(scene.emulator.token_requests(), 1);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn two_users_of_a_host_share_a_token_in_a_groups_folder() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::os::unix::process::CommandExt;

    const GROUP: u32 = 12_000;

    let scene = Scene::new("group");
    let shared = folder("group-shared");
    std::fs::set_permissions(&shared, PermissionsExt::from_mode(0o770)).unwrap();
    // Root alone can become another user.
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root {
        chown(&shared, None, Some(GROUP)).unwrap();
    } else {
        eprintln!("SKIPPED: it takes root to become another user, so one user shares with itself");
    }
    let store = format!("file-group:{}", shared.display());
    let by = |user: u32, arguments: &[&str]| {
        let mut command = scene.command(arguments);
        command.env("PAN123_TOKEN_STORE", &store);
        if is_root {
            command.uid(user).gid(GROUP);
        }
        run(&mut command)
    };
    let token = by(12_001, &["get"]);
    assert_eq!((token.exit, &*token.stderr), (0, ""));
    for user in [12_002, 12_001] {
        let same = by(user, &["get"]);
        assert_eq!((same.exit, &*same.stderr), (0, ""));
        assert_eq!(same.stdout, token.stdout);
        assert_eq!(by(user, &["status"]).exit, 0);
    }
    assert_eq!(scene.emulator.token_requests(), 1);
}
