//! How long something has been as it is.

use std::time::Duration;

/// Since when it has been so, by one clock.
#[derive(Debug)]
pub(crate) struct Since<T>(Option<(T, Duration)>);

impl<T> Default for Since<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: PartialEq> Since<T> {
    /// For how long it has been `this`, now that the clock says so.
    pub(crate) fn of(&mut self, this: T, now: Duration) -> Duration {
        match &self.0 {
            Some((known, since)) if *known == this => now.saturating_sub(*since),
            _ => {
                self.0 = Some((this, now));
                Duration::ZERO
            }
        }
    }
}

/// What is left of a patience; `None` where it has run out.
pub(crate) fn left(patience: Duration, passed: Duration) -> Option<Duration> {
    patience.checked_sub(passed).filter(|left| !left.is_zero())
}
