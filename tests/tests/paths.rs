//! Paths of the repository that every system can check out.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;
use std::process::Command;

/// Why Windows refuses a path. The rules are those of "Naming Files, Paths, and Namespaces" in Microsoft's documentation.
fn refused_by_windows(path: &str) -> Option<&'static str> {
    path.split('/').find_map(|name| {
        // A device keeps its name whatever extension follows.
        let stem = name.split('.').next().unwrap_or_default().trim_end();
        if is_device(&stem.to_ascii_lowercase()) {
            Some("the name of a device")
        } else if name.contains(['<', '>', ':', '"', '\\', '|', '?', '*']) {
            Some("a reserved character")
        } else if name.contains(char::is_control) {
            Some("a control character")
        } else if name.ends_with(['.', ' ']) {
            Some("a dot or a blank at the end")
        } else {
            None
        }
    })
}

fn is_device(stem: &str) -> bool {
    let numbered = |name| {
        let number = stem.strip_prefix(name);
        number.is_some_and(|number| matches!(number, "¹" | "²" | "³") || is_digit(number))
    };
    ["con", "prn", "aux", "nul", "conin$", "conout$"].contains(&stem)
        || numbered("com")
        || numbered("lpt")
}

fn is_digit(text: &str) -> bool {
    matches!(text.as_bytes(), [b'0'..=b'9'])
}

#[test]
fn what_windows_refuses_is_known() {
    for path in [
        "nul",
        "a/NUL.http",
        "nul.tar.gz",
        "Con /a",
        "aux.h/b",
        "com1",
        "lpt9.txt",
        "COM².x",
        "a:b",
        "a/b?",
        "a\\b",
        "a/b.",
        "a /b",
        "a\tb",
    ] {
        assert!(refused_by_windows(path).is_some(), "{path:?}");
    }
    for path in [
        "null.http",
        "a/console",
        "com",
        "com10",
        "lpt.1",
        ".gitignore",
        "a b/c-d_e+f,g;h=i.rs",
    ] {
        assert_eq!(refused_by_windows(path), None, "{path:?}");
    }
}

#[test]
fn every_path_of_the_repository_can_be_checked_out_on_windows() {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--full-name", ":/"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let listed = match listed {
        Ok(listed) if listed.status.success() => listed.stdout,
        _ => {
            eprintln!("SKIPPED: this is no git checkout, or there is no git");
            return;
        }
    };
    let listed = String::from_utf8(listed).unwrap();
    let paths: Vec<_> = listed.split_terminator('\0').collect();
    assert!(!paths.is_empty());

    for path in &paths {
        assert_eq!(refused_by_windows(path), None, "{path}");
    }
    // Windows doesn't tell letters by their case; a folder counts as its files do.
    let mut seen = BTreeMap::new();
    for path in &paths {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        for path in folders.chain([*path]) {
            let other = seen.entry(path.to_lowercase()).or_insert(path);
            assert_eq!(*other, path, "two paths that differ in case only");
        }
    }
}
