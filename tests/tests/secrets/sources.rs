//! Finds the public types in the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The types that the sources of these crates call public.
pub(super) fn public_types() -> BTreeSet<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut files = Vec::new();
    for entry in fs::read_dir(crates).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap();
        // The command has no library, and the emulator is the other side.
        if name.starts_with("pan123-token") && name != "pan123-token-cli" {
            rust_files(&folder.join("src"), &mut files);
        }
    }
    let mut types = BTreeSet::new();
    for file in files {
        for line in fs::read_to_string(file).unwrap().lines() {
            let line = line.trim_start();
            let name = ["pub struct ", "pub enum "]
                .iter()
                .find_map(|it| line.strip_prefix(it));
            let name = name.and_then(|rest| rest.split(|c: char| !c.is_alphanumeric()).next());
            types.extend(name.map(str::to_owned));
        }
    }
    types
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
