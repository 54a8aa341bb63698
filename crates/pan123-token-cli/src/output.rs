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

/// Writes a line to stderr.
pub(crate) fn stderr(line: impl Display) {
    // Where even this fails there is nobody left to tell.
    let _ = writeln!(io::stderr(), "pan123-token: {line}");
}
