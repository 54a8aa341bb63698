//! The two ways out. A full disk or a closed pipe is an error on one, and nothing to be done on the other.

use std::fmt::Display;
use std::io::{self, Write};

use crate::failure::Failure;

/// Writes to stdout, whole and at once.
pub(crate) fn stdout(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))
}

/// Whether what is written to stdout may be lost without an error. In place of one that was closed (`>&-`), the standard
/// library opens `/dev/null` for reading and writing, before `main`. A shell opens it for writing alone; but others open it as
/// the library does (Python's `DEVNULL`), so this is no reason to refuse what does no harm.
#[cfg(unix)]
pub(crate) fn stdout_is_nowhere() -> bool {
    use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, stat};

    let out = io::stdout();
    let (Ok(flags), Ok(out), Ok(null)) = (fcntl_getfl(&out), fstat(&out), stat("/dev/null")) else {
        return false;
    };
    flags & OFlags::RWMODE == OFlags::RDWR
        && FileType::from_raw_mode(out.st_mode) == FileType::CharacterDevice
        && out.st_rdev == null.st_rdev
}

#[cfg(not(unix))]
pub(crate) fn stdout_is_nowhere() -> bool {
    false
}

/// Writes a line to stderr.
pub(crate) fn stderr(line: impl Display) {
    // In one write, so that lines of processes that share a log don't mix.
    let line = format!("pan123-token: {line}\n");
    // Where even this fails there is no reader left.
    let _ = io::stderr().write_all(line.as_bytes());
}
