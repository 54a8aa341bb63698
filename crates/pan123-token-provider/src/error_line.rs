//! A client's error with all that it was caused by.

use std::error::Error;
use std::fmt;
use std::io;
use std::iter::successors;

/// The error and all that it was caused by.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| {
        let io = error.downcast_ref::<io::Error>();
        match io.and_then(io::Error::get_ref) {
            // `source()` of an I/O error passes over the error inside.
            Some(inside) => Some(inside as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// An error and its causes in one line, each said once: many errors say their cause's text themselves.
#[derive(Clone, Copy, Debug)]
pub struct ErrorLine<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for ErrorLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        for error in causes(self.0) {
            let text = error.to_string();
            if line.is_empty() {
                line = text;
            } else if !line.contains(&text) {
                line = format!("{line}: {text}");
            }
        }
        f.write_str(&line)
    }
}
