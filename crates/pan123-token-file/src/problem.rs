//! What is wrong with a file, and reading one that has nothing wrong with it.

use std::fmt;
use std::fs::Metadata;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use pan123_token_cache::StoreError;
use zeroize::Zeroizing;

use crate::disk::is_lasting;
use crate::files::Files;
use crate::system::{self, Users};

/// A stored token that was passed over, because of what is wrong with its file. It counts as absent. An example is with
/// [`FileStore`](crate::FileStore).
///
/// Displays as one line that names the path and says what becomes of it; it never repeats the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    pub(crate) path: PathBuf,
    pub(crate) defect: Defect,
    /// Where the next save sets it aside.
    pub(crate) aside: PathBuf,
}

impl FileProblem {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_damaged(&self) -> bool {
        matches!(self.defect, Defect::Damaged(_))
    }

    /// Moves a damaged file, or a directory, out of the record's place. Whatever else is there, a rename replaces.
    pub(crate) fn make_way(&self, files: &Files<'_>) -> Result<(), StoreError> {
        if !self.defect.is_set_aside() {
            return Ok(());
        }
        files.rename(&self.path, &self.aside).map_err(|error| {
            let line = format_args!(
                "{} {}, and can't be moved to {}: {error}; remove one of them",
                self.path.display(),
                self.defect,
                self.aside.display()
            );
            if is_lasting(&error) {
                StoreError::misconfigured(line)
            } else {
                StoreError::new(line)
            }
        })
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(f, "{path} {}: it counts as absent, ", self.defect)?;
        if self.defect.is_set_aside() {
            let aside = self.aside.display();
            return write!(f, "and the next token moves it to {aside}");
        }
        f.write_str("and the next token replaces it")?;
        f.write_str(match self.defect {
            Defect::Link => "; to keep tokens elsewhere, name another folder",
            Defect::Foreign => "; give each user a folder of their own",
            Defect::Open(_) | Defect::Closed(_) => "; when you copy such files, keep their modes",
            Defect::OtherGroup => "; give the folder's group the file (chgrp)",
            _ => "",
        })
    }
}

/// Why a file isn't used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "there is less to check"))]
pub(crate) enum Defect {
    Link,
    Directory,
    /// A fifo, a socket, a device.
    Special,
    Foreign,
    OtherGroup,
    /// With these permissions.
    Open(u32),
    /// To the group that shares the folder, with these permissions.
    Closed(u32),
    /// This part of it.
    Damaged(&'static str),
}

impl Defect {
    /// Someone may want to look at it.
    pub(crate) fn is_set_aside(self) -> bool {
        matches!(self, Self::Directory | Self::Damaged(_))
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("is a link"),
            Self::Directory => f.write_str("is a directory"),
            Self::Special => f.write_str("is no regular file"),
            Self::Foreign => f.write_str("belongs to another user"),
            Self::OtherGroup => f.write_str("is of another group than the folder"),
            Self::Open(mode) => write!(f, "is open to other users (mode {mode:o})"),
            Self::Closed(mode) => {
                write!(f, "is closed to the folder's group (mode {mode:o})")
            }
            Self::Damaged(part) => write!(f, "is damaged ({part})"),
        }
    }
}

/// What it is, whose it is, and only then who else may use it.
pub(crate) fn inspect(metadata: &Metadata, users: Users) -> Result<(), Defect> {
    if metadata.is_symlink() {
        Err(Defect::Link)
    } else if metadata.is_dir() {
        Err(Defect::Directory)
    } else if !metadata.is_file() {
        Err(Defect::Special)
    } else {
        users.inspect(metadata)
    }
}

/// Why there is no content.
#[derive(Debug)]
pub(crate) enum Unread {
    Absent,
    Bad(Defect),
    Failed(io::Error),
}

impl From<Defect> for Unread {
    fn from(defect: Defect) -> Self {
        Self::Bad(defect)
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound {
            Self::Absent
        } else {
            Self::Failed(error)
        }
    }
}

/// Reads at most so many bytes of a file that nothing is wrong with.
pub(crate) fn read(path: &Path, most: usize, users: Users) -> Result<Zeroizing<Vec<u8>>, Unread> {
    // Before it is opened, which a device would notice; and then what was opened.
    inspect(&path.symlink_metadata()?, users)?;
    let file = system::options().read(true).open(path)?;
    inspect(&file.metadata()?, users)?;
    // It doesn't grow: what it leaves behind wouldn't be wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    let limit = most.try_into().unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
