//! What only Unix has: owners, groups, modes, flags of `open`, error numbers. Elsewhere there is nothing to check.

use std::io;

pub(crate) use here::*;

fn is_wrong_place(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::NotADirectory
            | Kind::AlreadyExists
            | Kind::InvalidFilename
            | Kind::InvalidInput
    )
}

#[cfg(unix)]
mod here {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
    use std::path::Path;

    use rustix::fs::OFlags;
    use rustix::io::Errno;
    use rustix::process::geteuid;

    use crate::folder::FolderDefect;
    use crate::problem::Defect;

    /// What the user's state directory is found by.
    pub(crate) const HOME: &str = "HOME or XDG_STATE_HOME";

    /// Which users use a folder and the files in it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Users {
        /// This one.
        One,
        /// Those of this group.
        Group(u32),
    }

    impl Users {
        /// The users of this folder. One that others could change is refused.
        pub(crate) fn of(folder: &Metadata, by_group: bool) -> Result<Self, FolderDefect> {
            let (owner, mode) = (folder.uid(), mode(folder));
            let by_others = if by_group { 0o002 } else { 0o022 };
            if owner != geteuid().as_raw() && !(by_group && owner == 0) {
                Err(FolderDefect::Foreign)
            } else if mode & by_others != 0 {
                Err(FolderDefect::Open(mode & 0o777))
            } else if !by_group {
                Ok(Self::One)
            } else if mode & 0o070 != 0o070 {
                Err(FolderDefect::Closed(mode & 0o777))
            } else if mode & 0o1000 != 0 {
                Err(FolderDefect::Sticky(mode & 0o1777))
            } else {
                Ok(Self::Group(folder.gid()))
            }
        }

        /// Whether a file is theirs, and theirs alone.
        pub(crate) fn inspect(self, file: &Metadata) -> Result<(), Defect> {
            let mode = mode(file) & 0o777;
            match self {
                Self::One if file.uid() != geteuid().as_raw() => Err(Defect::Foreign),
                Self::One if mode & 0o077 != 0 => Err(Defect::Open(mode)),
                // Only a member of the group can have made it, or root.
                Self::Group(group) if file.gid() != group => Err(Defect::OtherGroup),
                Self::Group(_) if mode & 0o007 != 0 => Err(Defect::Open(mode)),
                Self::Group(_) if mode & 0o060 != 0o060 => Err(Defect::Closed(mode)),
                _ => Ok(()),
            }
        }

        /// Makes them the users of a file that this process created.
        pub(crate) fn admit_to(self, file: &File) -> io::Result<()> {
            let Self::Group(group) = self else {
                return Ok(());
            };
            // Most folders pass their group on, and most processes may only give a file to a group of their own.
            if file.metadata()?.gid() != group {
                fchown(file, None, Some(group))?;
            }
            file.set_permissions(Permissions::from_mode(0o660))
        }
    }

    fn mode(metadata: &Metadata) -> u32 {
        metadata.permissions().mode()
    }

    /// Opens what is at the path itself, doesn't wait for a fifo's other end, and creates with mode 0600.
    pub(crate) fn options() -> OpenOptions {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut options = OpenOptions::new();
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
        options
    }

    pub(crate) fn folder_builder() -> DirBuilder {
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        builder
    }

    /// The place where root would make this folder, and the user whose place that is and who couldn't use the folder then.
    pub(crate) fn shut_out_by_making(folder: &Path) -> Option<(&Path, u32)> {
        if !geteuid().is_root() {
            return None;
        }
        let mut places = folder.ancestors().skip(1);
        let (place, metadata) = places.find_map(|it| Some((it, it.metadata().ok()?)))?;
        (metadata.uid() != 0).then_some((place, metadata.uid()))
    }

    /// Whether a rename may have failed because the file that it replaces is open. Here that hinders none.
    pub(crate) fn may_be_open_elsewhere(_: &io::Error) -> bool {
        false
    }

    /// Whether this open file is the one at the path.
    pub(crate) fn is_at(file: &File, path: &Path) -> bool {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        match (file.metadata(), path.symlink_metadata()) {
            (Ok(file), Ok(there)) => identity(file) == identity(there),
            _ => false,
        }
    }

    /// Whether this is an error of the place or of its permissions, which another attempt meets again.
    pub(crate) fn means_wrong_place(error: &io::Error) -> bool {
        Errno::from_io_error(error) == Some(Errno::LOOP) || super::is_wrong_place(error.kind())
    }

    /// Whether this is how a file system says that it has no locks.
    pub(crate) fn means_no_locks(error: &io::Error) -> bool {
        let no_locks = [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP];
        error.kind() == io::ErrorKind::Unsupported
            || Errno::from_io_error(error).is_some_and(|number| no_locks.contains(&number))
    }
}

#[cfg(not(unix))]
mod here {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    use crate::folder::FolderDefect;
    use crate::problem::Defect;

    pub(crate) const HOME: &str = "LOCALAPPDATA";

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Users {
        One,
    }

    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as on Unix")]
    impl Users {
        pub(crate) fn of(_: &Metadata, by_group: bool) -> Result<Self, FolderDefect> {
            if by_group {
                Err(FolderDefect::NoGroups)
            } else {
                Ok(Self::One)
            }
        }

        pub(crate) fn inspect(self, _: &Metadata) -> Result<(), Defect> {
            Ok(())
        }

        pub(crate) fn admit_to(self, _: &File) -> io::Result<()> {
            Ok(())
        }
    }

    pub(crate) fn options() -> OpenOptions {
        OpenOptions::new()
    }

    pub(crate) fn folder_builder() -> DirBuilder {
        DirBuilder::new()
    }

    pub(crate) fn may_be_open_elsewhere(error: &io::Error) -> bool {
        // On Windows, ERROR_SHARING_VIOLATION has no kind of its own.
        error.kind() == io::ErrorKind::PermissionDenied || error.raw_os_error() == Some(32)
    }

    pub(crate) fn is_at(_: &File, _: &Path) -> bool {
        // There is no stable way to ask.
        true
    }

    pub(crate) fn shut_out_by_making(_: &Path) -> Option<(&Path, u32)> {
        None
    }

    pub(crate) fn means_wrong_place(error: &io::Error) -> bool {
        super::is_wrong_place(error.kind())
    }

    pub(crate) fn means_no_locks(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::Unsupported
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::options;

    #[test]
    fn a_link_is_not_followed_and_a_fifo_not_waited_for_by_opening_alone() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, fifo] = ["file", "link", "fifo"].map(|name| folder.path().join(name));
        std::fs::write(&file, "").unwrap();
        symlink(&file, &link).unwrap();
        assert!(options().read(true).open(file).is_ok());
        assert!(options().read(true).open(link).is_err());
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(options().read(true).open(fifo).is_ok());
    }
}
