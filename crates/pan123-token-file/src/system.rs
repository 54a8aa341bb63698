//! What only Unix has: owners, modes, flags of `open`, error numbers. Elsewhere there is nothing to check.

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
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};

    use rustix::fs::OFlags;
    use rustix::io::Errno;
    use rustix::process::geteuid;

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

    pub(crate) fn is_foreign(metadata: &Metadata) -> bool {
        metadata.uid() != geteuid().as_raw()
    }

    /// Its permissions, if they let other users read or change it.
    pub(crate) fn open_to_others(metadata: &Metadata) -> Option<u32> {
        permissions(metadata, 0o077)
    }

    /// Its permissions, if they let other users change it.
    pub(crate) fn writable_by_others(metadata: &Metadata) -> Option<u32> {
        permissions(metadata, 0o022)
    }

    fn permissions(metadata: &Metadata, any_of: u32) -> Option<u32> {
        let mode = metadata.permissions().mode() & 0o777;
        (mode & any_of != 0).then_some(mode)
    }

    /// What the user's state directory is found by.
    pub(crate) const HOME: &str = "HOME or XDG_STATE_HOME";

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
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    use std::io;

    pub(crate) fn options() -> OpenOptions {
        OpenOptions::new()
    }

    pub(crate) fn folder_builder() -> DirBuilder {
        DirBuilder::new()
    }

    pub(crate) fn is_foreign(_: &Metadata) -> bool {
        false
    }

    pub(crate) fn open_to_others(_: &Metadata) -> Option<u32> {
        None
    }

    pub(crate) fn writable_by_others(_: &Metadata) -> Option<u32> {
        None
    }

    pub(crate) fn means_no_locks(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::Unsupported
    }

    pub(crate) const HOME: &str = "LOCALAPPDATA";

    pub(crate) fn means_wrong_place(error: &io::Error) -> bool {
        super::is_wrong_place(error.kind())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::options;

    #[test]
    fn a_link_is_not_followed_and_a_fifo_not_waited_for_though_nobody_looked_before() {
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
