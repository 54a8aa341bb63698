//! The fuzz targets' checks on stable: each over its committed corpus, and over the inputs that its seeds are made of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

mod addresses;
mod emulator;
mod failures;
mod lifecycle;
mod rejection;
mod response;
mod stored;
mod stores;

use std::fs;
use std::path::{Path, PathBuf};

use pan123_token_tests::vector;

/// Runs a target's check on each file of its corpus.
fn replay(target: &str, check: fn(&[u8])) {
    let corpus = vector::files(&fuzz().join("corpus").join(target));
    assert!(corpus.len() > 20, "{} files", corpus.len());
    for path in corpus {
        let input = fs::read(&path).unwrap();
        // A panic names its line, not the input.
        println!("{}", path.display());
        check(&input);
    }
}

/// Where a target's seeds go.
fn seeds(target: &str) -> PathBuf {
    let folder = fuzz().join("target/seeds").join(target);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}
