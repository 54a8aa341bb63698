//! Many processes at once, on one store.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator, Fault};
use pan123_token_support::redis_server::RedisServer;

use super::{command, folder, said};

const MANY: usize = 200;

fn get(emulator: &Emulator, store: &str) -> Command {
    let mut command = command(&["get"]);
    command
        .env("PAN123_BASE_URL", emulator.url())
        .env("PAN123_CLIENT_ID", CLIENT_ID)
        .env("PAN123_CLIENT_SECRET", CLIENT_SECRET)
        .env("PAN123_TOKEN_STORE", store);
    command
}

/// Starts them all, and then sees what they printed.
#[track_caller]
fn one_token_for_all(name: &str, emulator: &Emulator, store: &str) {
    let homes = [0, 1, 2].map(|home| folder(&format!("{name}-home-{home}")));
    let children: Vec<_> = (0..MANY)
        .map(|number| {
            let home = &homes[number % 3];
            get(emulator, store).env("HOME", home).spawn().unwrap()
        })
        .collect();
    let tokens: BTreeSet<String> = children
        .into_iter()
        .map(|child| {
            let said = said(child.wait_with_output().unwrap());
            assert_eq!((said.exit, &*said.stderr), (0, ""));
            said.stdout
        })
        .collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(emulator.token_requests(), 1);
}

#[test]
fn two_hundred_processes_on_an_empty_store_ask_once_and_print_the_same_token() {
    // Slow enough that all of them are there before it answers.
    let emulator = Emulator::builder()
        .fault(Fault::Delay(Duration::from_secs(1)))
        .start()
        .unwrap();
    let folder = folder("two-hundred");
    let store = format!("file:{}", folder.join("tokens").display());
    one_token_for_all("file", &emulator, &store);
}

#[test]
#[ignore = "needs redis-server; tests/run runs it"]
fn two_hundred_processes_of_three_homes_on_one_redis_ask_once_and_print_the_same_token() {
    let server = RedisServer::start();
    let emulator = Emulator::builder()
        .fault(Fault::Delay(Duration::from_secs(1)))
        .start()
        .unwrap();
    one_token_for_all("redis", &emulator, &server.url());
}

#[test]
fn what_the_platform_said_to_one_process_holds_for_all() {
    let emulator = Emulator::builder()
        .fault(Fault::RetryAfter("60".into()))
        .start()
        .unwrap();
    let store = format!("file:{}", folder("rate-limited").join("tokens").display());
    for _ in 0..3 {
        let said = said(get(&emulator, &store).output().unwrap());
        assert_eq!(said.exit, 75, "{}", said.stderr);
        assert!(said.one_line().contains("rate limited"), "{}", said.stderr);
    }
    assert_eq!(emulator.token_requests(), 1);
}
