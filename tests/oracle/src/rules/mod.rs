//! The rules of the token's life, as functions over what is visible. The numbers are the design's.

mod fetching;
mod serving;
mod storing;
mod waiting;

use std::fmt;
use std::time::Duration;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its number in the design; 0 for the simulation itself.
    pub rule: u8,
    /// Its name.
    pub name: &'static str,
    /// What happened.
    pub what: String,
}

impl Broken {
    pub(crate) fn cut_off(now: Duration, steps: u64) -> Self {
        Self {
            rule: 0,
            name: "runs-to-its-end",
            what: format!("cut off after {steps} steps, at {now:?}"),
        }
    }

    pub(crate) fn in_process(mut self, process: usize) -> Self {
        self.what = format!("{} (process {process})", self.what);
        self
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {} {}: {}", self.rule, self.name, self.what)
    }
}

pub(crate) type Check = Result<(), Broken>;

pub(crate) fn ensure(
    holds: bool,
    rule: u8,
    name: &'static str,
    what: impl FnOnce() -> String,
) -> Check {
    if holds {
        Ok(())
    } else {
        let what = what();
        Err(Broken { rule, name, what })
    }
}
