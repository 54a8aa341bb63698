//! The folder: where it is, and whether it may be used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use pan123_token_cache::StoreError;

use crate::disk::{CHOOSE_A_FOLDER, Disk, RealDisk, failed, failed_with};
use crate::files::Files;
use crate::system::{self, Users};

/// The folder's name in the user's state directory.
const NAME: &str = "pan123-token";

pub(crate) struct Folder {
    path: PathBuf,
    disk: Box<dyn Disk>,
    /// The user's state directory, which the environment names.
    is_default: bool,
    /// Its group shares it.
    by_group: bool,
}

impl Folder {
    /// In the user's state directory.
    pub(crate) fn of_user() -> Result<Self, StoreError> {
        let user = etcetera::choose_base_strategy().ok();
        // Windows has no such directory; its strategy's cache is the local application data, which isn't cleared.
        let state = user.map(|user| user.state_dir().unwrap_or_else(|| user.cache_dir()));
        // Below a relative home, each working directory would have tokens of its own.
        let state = state.filter(|state| state.is_absolute()).ok_or_else(|| {
            StoreError::misconfigured(format_args!(
                "there is no home directory: set {} to an absolute path, or give the store a folder to keep tokens in",
                system::HOME
            ))
        })?;
        Ok(Self {
            is_default: true,
            ..Self::at(state.join(NAME))
        })
    }

    pub(crate) fn at(path: PathBuf) -> Self {
        Self {
            // A process that changes its working directory stays with its folder. An empty path fails when it is used.
            path: std::path::absolute(&path).unwrap_or(path),
            disk: Box::new(RealDisk),
            is_default: false,
            by_group: false,
        }
    }

    pub(crate) fn shared_by_group(path: PathBuf) -> Self {
        Self {
            by_group: true,
            ..Self::at(path)
        }
    }

    #[cfg(test)]
    #[cfg(unix)]
    pub(crate) fn on(mut self, disk: impl Disk + 'static) -> Self {
        self.disk = Box::new(disk);
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its files, where it is there. One that others could change is refused.
    pub(crate) fn files(&self) -> Result<Option<Files<'_>>, StoreError> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if self.by_group {
                    Err(self.refused(FolderDefect::Absent))
                } else {
                    Ok(None)
                };
            }
            Err(error) => return Err(self.failed("use", &error)),
        };
        let users = if metadata.is_dir() {
            Users::of(&metadata, self.by_group)
        } else {
            Err(FolderDefect::NoFolder)
        };
        Ok(Some(Files {
            folder: &self.path,
            disk: &*self.disk,
            users: users.map_err(|defect| self.refused(defect))?,
        }))
    }

    /// Its files. It is made where it isn't there.
    pub(crate) fn make(&self) -> Result<Files<'_>, StoreError> {
        if let Some(files) = self.files()? {
            return Ok(files);
        }
        if let Some((place, owner)) = system::shut_out_by_making(&self.path) {
            return Err(StoreError::misconfigured(format_args!(
                "root would shut user {owner} out by making the folder {} in {}: run as that user, or with a home of \
                 root's own (sudo -H), or make the folder first",
                self.path.display(),
                place.display()
            )));
        }
        system::folder_builder()
            .recursive(true)
            .create(&self.path)
            .map_err(|error| match error.kind() {
                // Where no folder can be made, as in /proc.
                io::ErrorKind::NotFound => self.nowhere(&error),
                _ => self.failed("make", &error),
            })?;
        // Perhaps by another process meanwhile; and nothing is made of an empty path.
        self.files()?
            .ok_or_else(|| self.nowhere(&io::ErrorKind::NotFound.into()))
    }

    /// What is wrong with it, and what to set.
    fn refused(&self, defect: FolderDefect) -> StoreError {
        let path = self.path.display();
        let by_group = self.by_group;
        StoreError::misconfigured(match defect {
            FolderDefect::NoFolder => format!("{path} is no folder: give the store one"),
            FolderDefect::Absent => format!(
                "there is no folder {path}: make it, run chgrp on it for the group that is to share it, and chmod 2770"
            ),
            FolderDefect::Foreign if by_group => format!(
                "the folder {path} belongs to another user: run chown root on it, or give the store another"
            ),
            FolderDefect::Foreign => {
                format!("the folder {path} belongs to another user: give the store one of your own")
            }
            FolderDefect::Open(mode) => format!(
                "other users may write to the folder {path} (mode {mode:o}): run chmod {} on it, or give the store \
                 another",
                if by_group { "o-w" } else { "go-w" }
            ),
            FolderDefect::Closed(mode) => format!(
                "the group of the folder {path} may not write to it (mode {mode:o}): run chmod g+rwx on it, or give the \
                 store another"
            ),
            FolderDefect::Sticky(mode) => format!(
                "no user may replace another's files in the folder {path} (mode {mode:o}): run chmod -t on it, or give \
                 the store another"
            ),
            #[cfg(not(unix))]
            FolderDefect::NoGroups => {
                format!("the folder {path} can't be shared by a group: that takes Unix")
            }
        })
    }

    fn nowhere(&self, error: &io::Error) -> StoreError {
        StoreError::misconfigured(format_args!(
            "can't make the folder {}: {error}; {CHOOSE_A_FOLDER}",
            self.path.display()
        ))
    }

    fn failed(&self, what: &str, error: &io::Error) -> StoreError {
        let what = format!("{what} the folder");
        if self.is_default {
            let advice = format!(
                "set {} to a folder that you may write to, or give the store another",
                system::HOME
            );
            failed_with(&what, &self.path, error, &advice)
        } else {
            failed(&what, &self.path, error)
        }
    }
}

/// Why a folder isn't used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "there is less to check"))]
pub(crate) enum FolderDefect {
    NoFolder,
    /// And this process doesn't know for which group to make it.
    Absent,
    Foreign,
    /// To other users, with these permissions.
    Open(u32),
    /// To the group that is to share it, with these permissions.
    Closed(u32),
    Sticky(u32),
    #[cfg(not(unix))]
    NoGroups,
}
