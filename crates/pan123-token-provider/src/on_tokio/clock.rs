//! The clock of a program on tokio.

use std::time::{Duration, SystemTime};

use pan123_token_cache::{Alarm, Clock, Moment};
use tokio::time::Instant;

/// Monotonic time by tokio's clock, so that `tokio::time::pause` and `advance` move it in a test; the wall clock by the
/// operating system, or as a test sets it. What a provider goes by, unless it is given another.
///
/// A token has expired once either clock says so. With the time paused, `tokio::time::advance(lifetime)` is enough to end
/// one, whatever the wall clock says.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use pan123_token_cache::Clock;
/// use pan123_token_provider::on_tokio::TokioClock;
///
/// let date = Duration::from_secs(1_740_124_117);
/// let clock = TokioClock::starting_at(SystemTime::UNIX_EPOCH + date);
/// assert!(clock.now().wall >= date);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    origin: Instant,
    /// Of the wall clock at the origin, since 1970; `None` is the operating system's.
    start: Option<Duration>,
}

impl TokioClock {
    /// Starts to count monotonic time. The wall clock is the operating system's.
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
            start: None,
        }
    }

    /// The wall clock, too, goes by tokio's, from this time on: for tests in which tokens have fixed dates. Times before
    /// 1970 count as 1970.
    pub fn starting_at(wall: SystemTime) -> Self {
        Self {
            start: Some(since_1970(wall)),
            ..Self::new()
        }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Moment {
        let monotonic = self.origin.elapsed();
        #[expect(clippy::disallowed_methods, reason = "a clock's business")]
        let wall = match self.start {
            Some(start) => start.saturating_add(monotonic),
            None => since_1970(SystemTime::now()),
        };
        Moment { wall, monotonic }
    }

    fn alarm(&self, at: Moment) -> Option<Alarm> {
        if self.start.is_some() {
            return None;
        }
        let monotonic = self.origin.checked_add(at.monotonic)?;
        let wall = SystemTime::UNIX_EPOCH.checked_add(at.wall)?;
        #[expect(clippy::disallowed_methods, reason = "a clock's business")]
        let alarm = move || monotonic <= Instant::now() || wall <= SystemTime::now();
        Some(Box::new(alarm))
    }
}

/// Zero for a clock that is set before 1970: a token's life then goes by the monotonic one.
fn since_1970(wall: SystemTime) -> Duration {
    wall.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
