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
    // In one write, so that lines of processes that share a log don't mix.
    let line = format!("pan123-token: {line}\n");
    // Where even this fails there is no reader left.
    let _ = io::stderr().write_all(line.as_bytes());
}
