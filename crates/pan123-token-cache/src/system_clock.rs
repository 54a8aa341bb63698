//! The one place that asks the operating system for the time.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "behind a feature of its own, which drivers turn on"
)]

use std::time::{Instant, SystemTime};

use crate::moment::{Alarm, Clock, Moment};

/// The clocks of the operating system.
///
/// ```
/// use pan123_token_cache::{Clock, SystemClock};
///
/// let clock = SystemClock::new();
/// let before = clock.now();
/// assert!(clock.now().monotonic >= before.monotonic);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Starts to count monotonic time.
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment {
            // A clock before 1970 is as good as one at 1970: a token's life is then measured by the monotonic one.
            wall: SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
            monotonic: self.origin.elapsed(),
        }
    }

    fn alarm(&self, at: Moment) -> Option<Alarm> {
        let monotonic = self.origin.checked_add(at.monotonic)?;
        let wall = SystemTime::UNIX_EPOCH.checked_add(at.wall)?;
        Some(Box::new(move || {
            monotonic <= Instant::now() || wall <= SystemTime::now()
        }))
    }
}
