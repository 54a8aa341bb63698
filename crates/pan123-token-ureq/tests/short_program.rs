//! A program that ends right after `token()`: the token it has got is in the store. A program of its own, which runs itself.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::process::{Command, exit};
use std::sync::Arc;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_cache::{StoreKey, TokenStore};
use pan123_token_file::FileStore;
use pan123_token_ureq::{BaseUrl, Credentials, TokenProvider, ureq::Agent};

const BASE_URL: &str = "PAN123_TEST_BASE_URL";
const FOLDER: &str = "PAN123_TEST_FOLDER";
const RUNS: usize = 40;

fn main() {
    match (std::env::var(BASE_URL), std::env::var(FOLDER)) {
        (Ok(base_url), Ok(folder)) => short_program(&base_url, &folder),
        _ => no_run_loses_its_token(),
    }
}

fn short_program(base_url: &str, folder: &str) {
    let credentials = Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap();
    let agent: Agent = Agent::config_builder().proxy(None).build().into();
    let provider = TokenProvider::builder(credentials)
        .base_url(base_url.parse().unwrap())
        .store(Arc::new(FileStore::in_dir(folder)))
        .agent(agent)
        .build()
        .unwrap();
    provider.token().unwrap();
    exit(0);
}

fn no_run_loses_its_token() {
    let emulator = Emulator::builder().rate(None).start().unwrap();
    let base_url: BaseUrl = emulator.url().parse().unwrap();
    let key = StoreKey::new(&base_url, CLIENT_ID);
    let lost = (0..RUNS)
        .filter(|_| {
            let folder = tempfile::tempdir().unwrap();
            let status = Command::new(std::env::current_exe().unwrap())
                .env(BASE_URL, emulator.url())
                .env(FOLDER, folder.path())
                .status()
                .unwrap();
            assert!(status.success(), "{status}");
            let store = FileStore::in_dir(folder.path());
            store.load(key).unwrap().is_none()
        })
        .count();
    println!("{lost} of {RUNS} runs lost their token");
    assert_eq!(emulator.token_requests(), RUNS);
    assert_eq!(lost, 0);
}
