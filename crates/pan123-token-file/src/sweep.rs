//! Removing what no process needs any more: drafts that killed processes left, and all files of keys whose tokens expired
//! long ago.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pan123_token_cache::StoreKey;

use crate::files::{Files, Found, Part, stem};
use crate::lock::Attempt;

/// The age at which a temporary file isn't being written any more.
const LEFT_BEHIND: Duration = Duration::from_secs(600);
/// How long a key's token must have been expired, and its files untouched.
const LONG: Duration = Duration::from_secs(7 * 86_400);
/// How many keys one save removes at the most, so that it ends in time.
const MOST: usize = 100;

impl Files<'_> {
    /// Sweeps the folder, on the occasion of saving a token that was issued at `issued_at`.
    ///
    /// A token counts as expired only if that is so by both times, the platform's and this host's: one of them may be wrong.
    /// A writer that was stopped for so long that its draft is gone fails when it goes on, and its token is offered again.
    pub(crate) fn sweep(&self, own: StoreKey, now: Duration, issued_at: Duration) {
        let Some(long_ago) = now.min(issued_at).checked_sub(LONG) else {
            return;
        };
        let own = stem(own);
        let mut idle = HashMap::new();
        for entry in fs::read_dir(self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some((stem, ending)) = name.to_str().and_then(split) else {
                continue;
            };
            let path = entry.path();
            let modified = modified(&path);
            if ending.ends_with("tmp") {
                if modified.is_some_and(|then| now.saturating_sub(then) >= LEFT_BEHIND) {
                    // What can't be removed does no harm.
                    let _ = fs::remove_file(path);
                }
            } else if stem != own {
                let is_idle = Part::with_ending(ending).is_some()
                    && modified.is_some_and(|then| then <= long_ago);
                *idle.entry(stem.to_owned()).or_insert(true) &= is_idle;
            }
        }
        let idle = idle.into_iter().filter_map(|(stem, it)| it.then_some(stem));
        for stem in idle.filter(|stem| self.is_dead(stem, long_ago)).take(MOST) {
            self.remove(&stem, long_ago);
        }
    }

    /// Whether there is no record that any version could use, and nothing was written lately.
    fn is_dead(&self, stem: &str, long_ago: Duration) -> bool {
        let is_idle = [Part::Record, Part::LeaseRecord, Part::Damaged]
            .into_iter()
            .filter_map(|part| modified(&self.part(stem, part)))
            .all(|then| then <= long_ago);
        is_idle
            && match self.find_at(self.part(stem, Part::Record)) {
                Ok(Found::Nothing) => true,
                Ok(Found::Record(record)) => {
                    let expiry = record.token.expires_at().unix_timestamp();
                    u64::try_from(expiry).is_ok_and(|it| Duration::from_secs(it) <= long_ago)
                }
                Ok(Found::Bad(problem)) => problem.is_damaged(),
                Err(_) => false,
            }
    }

    /// Removes a key's files, if it isn't in use.
    fn remove(&self, stem: &str, long_ago: Duration) {
        let try_lock = |part| self.try_lock(&self.part(stem, part));
        let Ok(Attempt::Taken(_alone)) = try_lock(Part::Change) else {
            return;
        };
        let Ok(Attempt::Taken(_lease)) = try_lock(Part::Lease) else {
            return;
        };
        if self.is_dead(stem, long_ago) {
            for part in Part::ALL {
                let _ = fs::remove_file(self.part(stem, part));
            }
        }
    }

    fn part(&self, stem: &str, part: Part) -> PathBuf {
        self.folder.join(format!("{stem}{}", part.ending()))
    }
}

/// The stem and the ending of a file's name, if it is one of this format's.
fn split(name: &str) -> Option<(&str, &str)> {
    let (key, rest) = name.split_at_checked(32)?;
    let is_key = key
        .bytes()
        .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    let ending = rest.strip_prefix(".v1.")?;
    is_key.then(|| (&name[..name.len() - ending.len()], ending))
}

/// When a file was last written, since 1970. `None` for what is no file.
fn modified(path: &Path) -> Option<Duration> {
    let metadata = path.symlink_metadata().ok().filter(fs::Metadata::is_file)?;
    let modified = metadata.modified().ok()?;
    modified.duration_since(std::time::UNIX_EPOCH).ok()
}
