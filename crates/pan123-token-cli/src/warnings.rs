//! What went wrong beside what was asked for.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use crate::output;

/// Said at the end, if that went well; a failure is one line.
#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    /// A store in trouble says the same of each call, in other words: the last ones count.
    store: Option<String>,
}

impl Warnings {
    pub(crate) fn add(&self, what: impl Display) {
        let line = what.to_string();
        self.change(|all| {
            if !all.lines.contains(&line) {
                all.lines.push(line);
            }
        });
    }

    pub(crate) fn store_failed(&self, what: impl Display) {
        let line = what.to_string();
        self.change(|all| all.store = Some(line));
    }

    /// The last one about the store, or else the last of all.
    pub(crate) fn last(&self) -> Option<String> {
        self.change(|all| all.store.clone().or_else(|| all.lines.last().cloned()))
    }

    /// All of them, to be told in another way.
    pub(crate) fn take(&self) -> Vec<String> {
        self.change(|all| all.lines.drain(..).chain(all.store.take()).collect())
    }

    pub(crate) fn say(&self) {
        for line in self.take() {
            output::stderr(format_args!("warning: {line}"));
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Lines) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_in_trouble_is_one_line() {
        let warnings = Warnings::default();
        warnings.add("the clock is wrong");
        for attempt in 0..9 {
            warnings.store_failed(format_args!("can't write draft {attempt}"));
            warnings.add("the clock is wrong");
        }
        let lines = ["the clock is wrong", "can't write draft 8"];
        assert_eq!(warnings.last().as_deref(), Some(lines[1]));
        assert_eq!(warnings.take(), lines);
        assert_eq!(warnings.take(), [""; 0]);
    }
}
