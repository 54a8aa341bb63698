//! Sealed tokens in real stores: what lies there, what a wrong secret costs, and a host that doesn't seal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_cache::testing::conformance;
use pan123_token_cache::{StoreKey, StoreSession, TokenStore};
use pan123_token_file::FileStore;
use pan123_token_redis::RedisStore;
use pan123_token_sealed::{Seal, SealedStore};
use pan123_token_support::redis_server::RedisServer;
use pan123_token_tests::pieces::Pieces;
use pan123_token_ureq::{AccessToken, BaseUrl, Credentials, TokenError, TokenProvider};

/// A token by way of this store, as a program gets it that starts and ends.
fn token(emulator: &Emulator, store: Arc<dyn TokenStore>) -> Result<AccessToken, TokenError> {
    let credentials = Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap();
    let provider = TokenProvider::builder(credentials)
        .base_url(emulator.url().parse().unwrap())
        .store(store)
        .build()
        .unwrap();
    let token = provider.token();
    assert!(provider.flush(Duration::from_secs(20)));
    token
}

fn sealed(store: impl TokenStore + 'static, seal: Seal) -> Arc<dyn TokenStore> {
    Arc::new(SealedStore::new(Arc::new(store), seal))
}

/// No piece of the token of 8 bytes is there, however it is written.
#[track_caller]
fn assert_absent(token: &AccessToken, place: &[u8]) {
    let found = Pieces::of([token.secret()]).find(place);
    assert_eq!(found, None, "a piece of the token is there");
}

fn files(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let names_and_bytes = files.flat_map(|entry| {
        let mut bytes = entry.file_name().into_encoded_bytes();
        bytes.push(b'\n');
        bytes.extend(fs::read(entry.path()).unwrap());
        bytes
    });
    names_and_bytes.collect()
}

#[test]
fn no_piece_of_the_token_is_in_the_folder() {
    let emulator = Emulator::builder().start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plain = token(&emulator, Arc::new(FileStore::in_dir(folder.path()))).unwrap();
    let found = std::panic::catch_unwind(|| assert_absent(&plain, &files(folder.path())));
    assert!(found.is_err(), "the check sees a token in plain text");

    let folder = tempfile::tempdir().unwrap();
    let store = sealed(FileStore::in_dir(folder.path()), Seal::new(CLIENT_SECRET));
    let fetched = token(&emulator, Arc::clone(&store)).unwrap();
    assert_absent(&fetched, &files(folder.path()));
    // It is what the next program gets.
    assert_eq!(token(&emulator, store).unwrap(), fetched);
    assert_eq!(emulator.issued(), 2);
}

#[test]
fn a_wrong_secret_costs_one_token() {
    let emulator = Emulator::builder().start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let with = |seal| token(&emulator, sealed(FileStore::in_dir(folder.path()), seal)).unwrap();
    let first = with(Seal::new("one"));
    assert_eq!(with(Seal::new("one")), first);
    assert_eq!(emulator.issued(), 1);
    // The platform's dates are whole seconds, and of two tokens of one second the stored one stays.
    emulator.advance(Duration::from_secs(2));
    let second = with(Seal::new("two"));
    for _ in 0..3 {
        assert_eq!(with(Seal::new("two")), second);
    }
    assert_eq!(emulator.issued(), 2);
    for _ in 0..3 {
        assert_eq!(with(Seal::new("three").also_opens("two")), second);
    }
    assert_eq!(emulator.issued(), 2);
}

#[test]
fn a_host_that_does_not_seal_fails_at_once_and_leaves_the_token() {
    let emulator = Emulator::builder().start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = || FileStore::in_dir(folder.path());
    let fetched = token(&emulator, sealed(store(), Seal::new("secret"))).unwrap();
    let error = token(&emulator, Arc::new(store())).unwrap_err();
    assert!(
        error.to_string().contains("the stored token is sealed"),
        "{error}"
    );
    assert_eq!(emulator.issued(), 1);
    assert_eq!(
        token(&emulator, sealed(store(), Seal::new("secret"))).unwrap(),
        fetched
    );

    // What an operator sees without the secret.
    let base_url: BaseUrl = emulator.url().parse().unwrap();
    let session = StoreSession::new(Arc::new(store()), StoreKey::new(&base_url, CLIENT_ID));
    let stored = session.load().unwrap().unwrap();
    assert_eq!(stored.record.fingerprint(), fetched.fingerprint());
    assert_eq!(stored.record.token.expires_at(), fetched.expires_at());
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn no_piece_of_the_token_is_in_redis_nor_in_its_slow_log() {
    let emulator = Emulator::builder().start().unwrap();
    let server = RedisServer::start();
    let () = server.run(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    let store = sealed(RedisStore::new(&server.url()).unwrap(), Seal::new("secret"));
    let fetched = token(&emulator, Arc::clone(&store)).unwrap();
    let keys: Vec<String> = server.run(&["KEYS", "*"]);
    let mut all = Vec::new();
    for key in &keys {
        all.extend(key.as_bytes());
        all.extend(server.run::<Vec<u8>>(&["GET", key]));
    }
    let log: redis::Value = server.run(&["SLOWLOG", "GET", "128"]);
    all.extend(format!("{log:?}").into_bytes());
    let text = String::from_utf8_lossy(&all);
    assert!(
        text.contains("sealed:") && text.contains("EVAL"),
        "nothing was looked at"
    );
    assert_absent(&fetched, &all);
    assert_eq!(token(&emulator, store).unwrap(), fetched);
}

#[test]
#[ignore = "needs redis-server; tests/run provides it"]
fn on_a_real_server_it_does_what_every_store_must() {
    let server = RedisServer::start();
    let redis = RedisStore::new(&server.url()).unwrap();
    let store = SealedStore::new(Arc::new(redis), Seal::new("secret"));
    conformance(&store, &|time| std::thread::sleep(time));
}
