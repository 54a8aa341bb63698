//! A program that takes a token and ends at once: it is in the store. A program of its own, which runs itself as that short
//! program, 40 times.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_file::FileStore;
use pan123_token_hyper::store::{StoreKey, TokenStore};
use pan123_token_hyper::{BaseUrl, Credentials, TokenProvider, client};

const URL: &str = "SHORT_PROGRAM_URL";
const FOLDER: &str = "SHORT_PROGRAM_FOLDER";
/// Whether the program brings a client of its own.
const OWN_CLIENT: &str = "SHORT_PROGRAM_OWN_CLIENT";
const RUNS: usize = 40;

fn main() {
    if let (Ok(url), Ok(folder)) = (std::env::var(URL), std::env::var(FOLDER)) {
        return short_program(&url, Path::new(&folder));
    }
    for own_client in [false, true] {
        let saved = (0..RUNS).filter(|_| run(own_client)).count();
        println!("{saved} of {RUNS} saved (a client of its own: {own_client})");
        assert_eq!(saved, RUNS);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn short_program(url: &str, folder: &Path) {
    let builder = TokenProvider::builder(Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap())
        .base_url(url.parse().unwrap())
        .store(Arc::new(FileStore::in_dir(folder)));
    let provider = if std::env::var_os(OWN_CLIENT).is_some() {
        builder.client(client().unwrap()).build()
    } else {
        builder.build()
    };
    provider.unwrap().token().await.unwrap();
    std::process::exit(0);
}

/// Whether the token was saved.
fn run(own_client: bool) -> bool {
    let emulator = Emulator::builder().start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("tokens");
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.env(URL, emulator.url()).env(FOLDER, &folder);
    if own_client {
        program.env(OWN_CLIENT, "1");
    }
    assert!(program.status().unwrap().success());
    let base_url: BaseUrl = emulator.url().parse().unwrap();
    let key = StoreKey::new(&base_url, CLIENT_ID);
    FileStore::in_dir(&folder).load(key).unwrap().is_some()
}
