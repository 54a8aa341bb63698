//! The folder: where it is, and whether it may be used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use pan123_token_cache::StoreError;

use crate::disk::{CHOOSE_A_FOLDER, Disk, RealDisk, failed, failed_with};
use crate::files::Files;
use crate::system;

/// The folder's name in the user's state directory.
const NAME: &str = "pan123-token";

pub(crate) struct Folder {
    path: PathBuf,
    disk: Box<dyn Disk>,
    /// The user's state directory, which the environment names.
    is_default: bool,
}

impl Folder {
    /// In the user's state directory.
    pub(crate) fn of_user() -> Result<Self, StoreError> {
        let user = etcetera::choose_base_strategy().map_err(|_| {
            StoreError::misconfigured(format_args!(
                "there is no home directory: set {}, or give the store a folder to keep tokens in",
                system::HOME
            ))
        })?;
        // Windows has no such directory; its strategy's cache is the local application data, which isn't cleared.
        let state = user.state_dir().unwrap_or_else(|| user.cache_dir());
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
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("use", &error)),
        };
        let path = self.path.display();
        if !metadata.is_dir() {
            Err(StoreError::misconfigured(format_args!(
                "{path} is no folder: give the store one"
            )))
        } else if system::is_foreign(&metadata) {
            Err(StoreError::misconfigured(format_args!(
                "the folder {path} belongs to another user: give the store one of your own"
            )))
        } else if let Some(mode) = system::writable_by_others(&metadata) {
            Err(StoreError::misconfigured(format_args!(
                "other users may write to the folder {path} (mode {mode:o}): run chmod go-w on it, or give the store another"
            )))
        } else {
            Ok(Some(Files {
                folder: &self.path,
                disk: &*self.disk,
            }))
        }
    }

    /// Its files. It is made where it isn't there.
    pub(crate) fn make(&self) -> Result<Files<'_>, StoreError> {
        if let Some(files) = self.files()? {
            return Ok(files);
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
