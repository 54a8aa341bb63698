//! Points in time, by two clocks.

use std::fmt;
use std::time::Duration;

use pan123_token::OffsetDateTime;

/// A point in time as a host sees it: by its wall clock and by its monotonic one.
///
/// Each clock is wrong in its own way. The wall clock may be hours off and may jump; the monotonic one may stand still
/// while a laptop sleeps, and means nothing on another host. So what must not be missed is due when either of the two
/// says so.
///
/// An example is with [`Clock`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Since 1970-01-01T00:00:00Z.
    pub wall: Duration,
    /// Since any fixed point of this process.
    pub monotonic: Duration,
}

impl Moment {
    /// This much later by both clocks, or as late as there is.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self {
            wall: self.wall.saturating_add(wait),
            monotonic: self.monotonic.saturating_add(wait),
        }
    }

    /// The moment at which the monotonic clock says so, seen from `self`.
    pub(crate) fn at_monotonic(self, monotonic: Duration) -> Self {
        self.after(monotonic.saturating_sub(self.monotonic))
    }

    /// The earlier of the two, clock by clock.
    pub(crate) fn min_of_each(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            monotonic: self.monotonic.min(other.monotonic),
        }
    }

    /// Whether it has come, by either clock.
    pub(crate) fn is_reached_at(self, now: Self) -> bool {
        self.wall <= now.wall || self.monotonic <= now.monotonic
    }

    /// How long ago `earlier` was, by the clock that says more.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let wall = self.wall.saturating_sub(earlier.wall);
        wall.max(self.monotonic.saturating_sub(earlier.monotonic))
    }
}

/// The time, for a driver. `SystemClock` (feature `system-clock`) asks the operating system.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// use pan123_token_cache::{Clock, Moment};
///
/// /// Counts the milliseconds since a simulation began, at a fixed date.
/// struct Ticks(AtomicU64);
///
/// impl Clock for Ticks {
///     fn now(&self) -> Moment {
///         let monotonic = Duration::from_millis(self.0.load(Ordering::Relaxed));
///         Moment { wall: Duration::from_secs(1_740_124_117) + monotonic, monotonic }
///     }
/// }
///
/// let clock = Ticks(1_500.into());
/// let later = clock.now().after(Duration::from_secs(1));
/// assert_eq!(later.monotonic, Duration::from_millis(2_500));
/// ```
pub trait Clock: Send + Sync {
    /// Now, by both clocks.
    fn now(&self) -> Moment;

    /// Says from now on whether this moment has come, by either clock, in less time than it takes to reckon
    /// [`now`](Self::now). `None`, unless a clock can do that: then that is asked.
    fn alarm(&self, at: Moment) -> Option<Alarm> {
        let _ = at;
        None
    }
}

/// Whether a moment has come; from [`Clock::alarm`].
///
/// An example of a clock is with [`Clock`].
pub type Alarm = Box<dyn Fn() -> bool + Send + Sync>;

/// A length of time for a reader: in seconds, or in milliseconds below one.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis < 1000 {
            write!(f, "{millis} ms")
        } else {
            write!(f, "{:.0} s", self.0.as_secs_f64())
        }
    }
}

/// Since 1970; zero before that.
pub(crate) fn unix(time: OffsetDateTime) -> Duration {
    Duration::try_from(time - OffsetDateTime::UNIX_EPOCH).unwrap_or_default()
}

/// The date of a wall clock, where there is one; 1970 otherwise.
pub(crate) fn date(wall: Duration) -> OffsetDateTime {
    time::Duration::try_from(wall)
        .ok()
        .and_then(|wall| OffsetDateTime::UNIX_EPOCH.checked_add(wall))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
