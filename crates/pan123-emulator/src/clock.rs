//! The emulator's clock, which tests can move, and the two ways in which replies write its time.
//!
//! A moment is a [`Duration`] since the Unix epoch (UTC). It never lies after [`LATEST`], so that no date that is
//! written from it can leave the calendar.

use std::time::{Duration, Instant, SystemTime};

use time::OffsetDateTime;

/// 9999-12-30 23:59:59 UTC: a day short of the last date that HTTP and RFC 3339 can write, for the zone's sake.
pub(crate) const LATEST: Duration = Duration::from_secs(253_402_214_399);

/// China Standard Time is UTC+8 all year.
const CHINA: Duration = Duration::from_secs(8 * 3_600);

/// Runs evenly from where it was set, whatever happens to the host's clock, or stands still; and can be moved forward.
pub(crate) struct Clock {
    start: Duration,
    /// When it began to run; `None` if it stands still.
    origin: Option<Instant>,
    ahead: Duration,
}

impl Clock {
    /// A clock that shows `start` now; a time before 1970 counts as 1970.
    pub(crate) fn starting_at(start: SystemTime, frozen: bool) -> Self {
        Self {
            start: start
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
            origin: (!frozen).then(Instant::now),
            ahead: Duration::ZERO,
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.start
            .saturating_add(self.origin.map_or(Duration::ZERO, |at| at.elapsed()))
            .saturating_add(self.ahead)
            .min(LATEST)
    }

    /// Shows this from now on, and runs or stands still as before. A time before 1970 counts as 1970.
    pub(crate) fn set(&mut self, moment: SystemTime) {
        *self = Self::starting_at(moment, self.is_frozen());
    }

    /// Stands still, or runs, from what it shows now.
    pub(crate) fn set_frozen(&mut self, frozen: bool) {
        let now = self.now();
        *self = Self::starting_at(SystemTime::UNIX_EPOCH + now, frozen);
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.origin.is_none()
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(by);
    }
}

/// The zones in which `expiredAt` is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Zone {
    /// `2025-03-23T15:48:37+08:00`, as the documentation shows it.
    China,
    /// `2025-03-23T07:48:37Z`, as mocks of the platform show it.
    Utc,
    /// `2025-03-23 15:48:37`, as sibling timestamps of the platform are written: it means UTC+8.
    Unsaid,
}

/// A moment as the platform writes it, with milliseconds if there are any, except in the form without a zone.
pub(crate) fn timestamp(moment: Duration, zone: Zone) -> String {
    let (shift, t, suffix) = match zone {
        Zone::China => (CHINA, 'T', "+08:00"),
        Zone::Utc => (Duration::ZERO, 'T', "Z"),
        Zone::Unsaid => (CHINA, ' ', ""),
    };
    let local = moment.min(LATEST) + shift;
    // Within the calendar because of LATEST; the fallback only spares a panic.
    let date = i64::try_from(local.as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let fraction = match (zone, local.subsec_millis()) {
        (Zone::Unsaid, _) | (_, 0) => String::new(),
        (_, millis) => format!(".{millis:03}"),
    };
    format!(
        "{:04}-{:02}-{:02}{t}{:02}:{:02}:{:02}{fraction}{suffix}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        date.hour(),
        date.minute(),
        date.second(),
    )
}

/// A moment as the `Date` header writes it; the fraction of the second is dropped.
pub(crate) fn http_date(moment: Duration) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + moment.min(LATEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documented sample, 2025-03-23T15:48:37+08:00.
    const SAMPLE: Duration = Duration::from_secs(1_742_716_117);

    #[test]
    fn timestamps_are_written_in_each_zone() {
        assert_eq!(timestamp(SAMPLE, Zone::China), "2025-03-23T15:48:37+08:00");
        assert_eq!(timestamp(SAMPLE, Zone::Utc), "2025-03-23T07:48:37Z");
        assert_eq!(timestamp(SAMPLE, Zone::Unsaid), "2025-03-23 15:48:37");
        assert_eq!(http_date(SAMPLE), "Sun, 23 Mar 2025 07:48:37 GMT");
    }

    #[test]
    fn a_fraction_is_written_in_milliseconds() {
        let moment = SAMPLE + Duration::from_millis(50);
        assert_eq!(
            timestamp(moment, Zone::China),
            "2025-03-23T15:48:37.050+08:00"
        );
        assert_eq!(timestamp(moment, Zone::Unsaid), "2025-03-23 15:48:37");
    }

    #[test]
    fn no_moment_leaves_the_calendar() {
        assert_eq!(
            timestamp(Duration::MAX, Zone::China),
            "9999-12-31T07:59:59+08:00"
        );
        assert_eq!(http_date(Duration::MAX), "Thu, 30 Dec 9999 23:59:59 GMT");
        assert_eq!(
            timestamp(Duration::ZERO, Zone::China),
            "1970-01-01T08:00:00+08:00"
        );
    }

    #[test]
    fn the_clock_moves_forward_and_stops_at_the_end_of_the_calendar() {
        let mut clock = Clock::starting_at(SystemTime::UNIX_EPOCH + SAMPLE, false);
        clock.advance(Duration::from_secs(86_400));
        assert!(clock.now() >= SAMPLE + Duration::from_secs(86_400));
        assert!(clock.now() < SAMPLE + Duration::from_secs(86_460));
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), LATEST);
    }

    #[test]
    fn a_frozen_clock_moves_only_when_it_is_moved() {
        let mut clock = Clock::starting_at(SystemTime::UNIX_EPOCH + SAMPLE, true);
        assert_eq!(clock.now(), SAMPLE);
        clock.advance(Duration::from_nanos(1));
        assert_eq!(clock.now(), SAMPLE + Duration::from_nanos(1));
    }

    #[test]
    fn a_clock_is_set_back_and_frozen_and_runs_on() {
        let mut clock = Clock::starting_at(SystemTime::UNIX_EPOCH + SAMPLE, true);
        clock.advance(Duration::from_secs(9));
        clock.set(SystemTime::UNIX_EPOCH + Duration::from_secs(5));
        assert_eq!(clock.now(), Duration::from_secs(5));
        clock.set_frozen(false);
        assert!(!clock.is_frozen());
        assert!(clock.now() >= Duration::from_secs(5));
        clock.set(SystemTime::UNIX_EPOCH + SAMPLE);
        clock.set_frozen(true);
        let now = clock.now();
        assert!(now >= SAMPLE && now < SAMPLE + Duration::from_secs(60));
        assert_eq!(clock.now(), now);
    }

    #[test]
    fn a_start_before_1970_counts_as_1970() {
        let clock = Clock::starting_at(SystemTime::UNIX_EPOCH - Duration::from_secs(5), true);
        assert_eq!(clock.now(), Duration::ZERO);
    }
}
