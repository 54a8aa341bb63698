//! A folder that is removed at the end, with a store in it, and what it says.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use pan123_token_cache::testing::ManualClock;
use pan123_token_cache::{Moment, Record, Saved, TokenStore as _};
use pan123_token_file::FileStore;
use tempfile::TempDir;

use crate::record::{LIFE, SECOND, key, record};

/// A folder of its own, and a store in it that writes down what it says of files.
pub(crate) struct Scene {
    pub(crate) store: FileStore,
    problems: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let problems = Arc::default();
        Self {
            store: listening(FileStore::in_dir(folder.path()), &problems),
            problems,
            folder,
        }
    }

    #[cfg(unix)]
    /// Another store in the folder, which its group shares, and whose problems are written down, too.
    pub(crate) fn shared_by_group(&self) -> FileStore {
        listening(FileStore::shared_by_group(self.dir()), &self.problems)
    }

    /// With a record.
    pub(crate) fn with_record(seconds: i64) -> Self {
        let scene = Self::new();
        assert_eq!(scene.save(seconds), Saved::Kept);
        scene
    }

    pub(crate) fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The key's file with this ending.
    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        self.dir().join(format!("{}.v1.{ending}", key()))
    }

    /// What the store said since this was last asked, with the folder as `DIR` and the key as `KEY`.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.problems.lock().unwrap();
        problems.drain(..).map(|it| self.plain(&it)).collect()
    }

    /// With the folder as `DIR` and the key as `KEY`.
    pub(crate) fn plain(&self, text: &str) -> String {
        text.replace(self.dir().to_str().unwrap(), "DIR")
            .replace(&key().to_string(), "KEY")
    }

    /// The endings of the key's files.
    pub(crate) fn endings(&self) -> Vec<String> {
        let stem = format!("{}.v1.", key());
        let mut endings: Vec<_> = fs::read_dir(self.dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_prefix(&stem).map(str::to_owned))
            .collect();
        endings.sort();
        endings
    }

    pub(crate) fn load(&self) -> Option<Record> {
        let stored = self.store.load(key()).unwrap()?;
        assert_eq!(stored.left, None);
        Some(stored.record)
    }

    pub(crate) fn save(&self, seconds: i64) -> Saved {
        self.store
            .save(key(), &record(seconds), None, LIFE)
            .unwrap()
    }

    #[cfg(unix)]
    /// What a call that must fail says.
    pub(crate) fn save_fails(&self, seconds: i64) -> String {
        let error = self.store.save(key(), &record(seconds), None, LIFE);
        self.plain(&error.unwrap_err().to_string())
    }
}

fn listening(store: FileStore, problems: &Arc<Mutex<Vec<String>>>) -> FileStore {
    let list = Arc::clone(problems);
    store.on_problem(move |problem| list.lock().unwrap().push(problem.to_string()))
}

#[cfg(unix)]
pub(crate) fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A clock that starts with the host's wall clock.
pub(crate) fn clock() -> ManualClock {
    ManualClock::new(Moment {
        wall: SystemTime::UNIX_EPOCH.elapsed().unwrap(),
        monotonic: SECOND,
    })
}

#[cfg(unix)]
/// Says on the terminal itself, past the harness, that a test could not be run.
pub(crate) fn skipped(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}
