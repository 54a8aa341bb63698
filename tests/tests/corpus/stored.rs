//! `stored`: over its committed corpus, and over every vector of the stored form.

use std::fs;
use std::path::Path;

use super::{replay, seeds, vector};

use pan123_token_oracle::stored;

/// Larger seeds slow the fuzzer down and teach it nothing.
const MAX_SEED_BYTES: usize = 2048;

#[test]
fn the_corpus_holds() {
    replay("stored", stored::check);
}

#[test]
fn the_vectors_hold() {
    for (name, form) in vectors() {
        println!("{name}");
        stored::check(&form);
    }
}

/// Writes the vectors as inputs of the fuzz target. See `fuzz/README.md`.
#[test]
#[ignore = "writes fuzz/target/seeds/stored"]
fn write_seeds() {
    let folder = seeds("stored");
    for (name, form) in vectors() {
        if form.len() <= MAX_SEED_BYTES {
            fs::write(folder.join(name), form).unwrap();
        }
    }
}

/// Name and form. The test beside the type reads what they expect.
fn vectors() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors-stored");
    let files = vector::files(&folder).into_iter();
    let files = files.filter(|path| path.extension().is_some_and(|it| it == "stored"));
    let vectors: Vec<_> = files
        .map(|path| {
            let file = fs::read(&path).unwrap();
            let line = b"\n---\n";
            let at = file.windows(line.len()).position(|it| it == line).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, file[at + line.len()..].to_vec())
        })
        .collect();
    assert!(vectors.len() > 80, "{} vectors", vectors.len());
    vectors
}
