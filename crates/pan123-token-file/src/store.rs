//! The store.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pan123_token_cache::pan123_token::Fingerprint;
use pan123_token_cache::{
    Clock, Lease, LeaseRecord, Owner, Record, Saved, StoreError, StoreKey, Stored, SystemClock,
    TokenStore,
};

use crate::files::{Files, Found};
use crate::folder::Folder;
use crate::lease::{Leases, Turn};
use crate::problem::FileProblem;

/// A token store in a folder. See the [crate's documentation](crate) for what is in it, and what holds.
///
/// ```
/// use pan123_token_cache::{StoreKey, TokenStore};
/// use pan123_token_file::FileStore;
///
/// # let parent = tempfile::tempdir()?;
/// # let folder = parent.path().join("tokens");
/// // `folder` isn't there yet: it is made when something is first kept in it.
/// let store = FileStore::in_dir(&folder).on_problem(|problem| {
///     eprintln!("{problem}: {}", problem.path().display());
/// });
/// assert_eq!(store.dir(), folder);
///
/// // A provider does this by itself.
/// let key = StoreKey::new(&"https://open-api.123pan.com".parse()?, "my-client-id");
/// assert_eq!(store.load(key)?, None);
/// assert!(!folder.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping it ends its leases.
pub struct FileStore {
    folder: Folder,
    leases: Leases,
    on_problem: Box<dyn Fn(&FileProblem) + Send + Sync>,
    /// The problem of a key's file that was reported last. Each is reported once.
    reported: Mutex<HashMap<StoreKey, FileProblem>>,
}

impl FileStore {
    /// Keeps tokens in the user's state directory: `$XDG_STATE_HOME/pan123-token`, or `~/.local/state/pan123-token`; on
    /// Windows `%LOCALAPPDATA%\pan123-token`. It is created when something is first kept there.
    ///
    /// # Errors
    ///
    /// When the user has no home directory: a relative path in `HOME` is none.
    pub fn new() -> Result<Self, StoreError> {
        Folder::of_user().map(Self::on)
    }

    /// Keeps tokens in this folder, which is created when something is first kept there.
    pub fn in_dir(path: impl Into<PathBuf>) -> Self {
        Self::on(Folder::at(path.into()))
    }

    /// Keeps tokens in this folder, for all users of its group: a service and an operator, say.
    ///
    /// The folder must be there, and be root's or this user's; its group, and no other users, may write to it
    /// (`install -d -g GROUP -m 2770 FOLDER`, as root). The files are given to that group, with mode 0660, whatever the umask
    /// says. A member of the group can read the token and can replace it. Where these things are not so, each call says what
    /// to set. On Unix alone: elsewhere each call fails.
    pub fn shared_by_group(path: impl Into<PathBuf>) -> Self {
        Self::on(Folder::shared_by_group(path.into()))
    }

    pub(crate) fn on(folder: Folder) -> Self {
        Self {
            folder,
            leases: Leases::new(SystemClock::new()),
            on_problem: Box::new(|_| {}),
            reported: Mutex::default(),
        }
    }

    /// Calls this for each file that is passed over because of what is wrong with it: once, until that changes. It is
    /// called outside any lock.
    #[must_use]
    pub fn on_problem(self, report: impl Fn(&FileProblem) + Send + Sync + 'static) -> Self {
        Self {
            on_problem: Box::new(report),
            ..self
        }
    }

    /// Takes the time from this clock.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use pan123_token_cache::testing::ManualClock;
    /// use pan123_token_file::FileStore;
    ///
    /// // In a test: a clock that is moved by hand. Its clones are one clock.
    /// let clock = ManualClock::default();
    /// let store = FileStore::in_dir("tokens").with_clock(clock.clone());
    /// clock.advance(Duration::from_secs(30 * 86_400));
    /// ```
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.leases.clock = Box::new(clock);
        self
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    fn load_from(&self, files: &Files<'_>, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        let (record, problem) = match files.find(key)? {
            Found::Record(record) => (Some(record), None),
            Found::Bad(problem) => (None, Some(problem)),
            Found::Nothing => (None, None),
        };
        self.report(key, problem.as_ref());
        Ok(record.map(stored))
    }

    /// Reports a problem that is new, and forgets one that is gone.
    fn report(&self, key: StoreKey, problem: Option<&FileProblem>) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match problem {
            Some(problem) => reported.insert(key, problem.clone()),
            None => reported.remove(&key),
        };
        drop(reported);
        if let Some(problem) = problem.filter(|problem| before.as_ref() != Some(problem)) {
            (self.on_problem)(problem);
        }
    }
}

impl TokenStore for FileStore {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        match self.folder.files()? {
            Some(files) => self.load_from(&files, key),
            None => Ok(None),
        }
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        let files = self.folder.make()?;
        let turn = self.leases.take(&files, key, owner, term)?;
        match (turn, self.load_from(&files, key)) {
            (Turn::Granted, Ok(stored)) => Ok(Lease::Granted(stored)),
            (Turn::Held(wait), Ok(stored)) => Ok(Lease::Held(wait, stored)),
            (Turn::CoolingDown(wait), Ok(stored)) => Ok(Lease::CoolingDown(wait, stored)),
            (turn, Err(error)) => {
                if matches!(turn, Turn::Granted) {
                    // The asker doesn't know that it has the lease.
                    self.release(key, owner, Duration::ZERO)?;
                }
                Err(error)
            }
        }
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        _left: Duration,
    ) -> Result<Saved, StoreError> {
        let files = self.folder.make()?;
        let issued_at = record.issued_at.unix_timestamp();
        let issued_at = Duration::from_secs(issued_at.try_into().unwrap_or_default());
        files.sweep(key, self.leases.clock.now().wall, issued_at);
        // All that takes time comes before the lock.
        let draft = files.draft(key, record)?;
        let alone = files.lock_for_change(key)?;
        let problem = match files.find(key)? {
            Found::Record(there) if !record.may_replace(&there, replaces) => {
                return Ok(Saved::Newer(stored(there)));
            }
            Found::Record(_) | Found::Nothing => None,
            Found::Bad(problem) => Some(problem),
        };
        if let Some(problem) = &problem {
            problem.make_way(&files)?;
        }
        files.publish(key, draft)?;
        drop(alone);
        // Even where no load came before: what was set aside may be found.
        self.report(key, problem.as_ref());
        self.report(key, None);
        files.sync()?;
        Ok(Saved::Kept)
    }

    fn release(&self, key: StoreKey, owner: Owner, cooldown: Duration) -> Result<(), StoreError> {
        self.leases.release(&self.folder, key, owner, cooldown)
    }

    fn lease_record(&self, key: StoreKey) -> Result<Option<LeaseRecord>, StoreError> {
        match self.folder.files()? {
            Some(files) => self.leases.look(&files, key),
            None => Ok(None),
        }
    }
}

/// As a file has it: without a clock of its own.
fn stored(record: Record) -> Stored {
    Stored { record, left: None }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("dir", &self.folder.path())
            .finish_non_exhaustive()
    }
}
