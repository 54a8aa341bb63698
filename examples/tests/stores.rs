//! The stores of one's own: the suite that every store must pass.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::thread;

use pan123_token_cache::testing::{conformance, conformance_async};
use pan123_token_examples::async_store::DatabaseThread;
use pan123_token_examples::sqlite_store::SqliteStore;

#[test]
fn a_store_in_sqlite_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("program.db")).unwrap();
    conformance(&store, &thread::sleep);
}

#[tokio::test]
async fn an_async_store_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("program.db")).unwrap();
    let store = DatabaseThread::start(store);
    conformance_async(&store, tokio::time::sleep).await;
}
