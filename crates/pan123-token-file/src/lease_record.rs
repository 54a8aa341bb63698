//! The lease record: which owner has the lease since when, or since when a cooldown runs.

use std::fmt;
use std::time::Duration;

use pan123_token_cache::{Moment, Owner};

/// The content of its file. A file with any other content counts as absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseRecord {
    pub(crate) state: State,
    /// By the wall clock of the process that wrote it: since 1970.
    since: Duration,
    length: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// This owner has the lease, for as long as its process has the lock.
    Held(Owner),
    /// This owner has the lease, whether or not there is a lock.
    TakenOver(Owner),
    /// No owner may have the lease.
    CoolingDown,
}

impl LeaseRecord {
    /// The holder that left no record of its own.
    pub(crate) const UNKNOWN: State = State::Held(Owner(0));

    pub(crate) fn new(state: State, term: Term) -> Self {
        Self {
            state,
            since: term.since.wall,
            length: term.length,
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let line = str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let words: Vec<_> = line.split(' ').collect();
        let (state, since, length) = match words[..] {
            ["held", owner, since, length] => (State::Held(parse_owner(owner)?), since, length),
            ["taken", owner, since, length] => {
                (State::TakenOver(parse_owner(owner)?), since, length)
            }
            ["cool", since, length] => (State::CoolingDown, since, length),
            _ => return None,
        };
        Some(Self {
            state,
            since: Duration::from_nanos(since.parse().ok()?),
            length: Duration::from_nanos(length.parse().ok()?),
        })
    }

    pub(crate) fn owner(&self) -> Option<Owner> {
        match self.state {
            State::Held(owner) | State::TakenOver(owner) => Some(owner),
            State::CoolingDown => None,
        }
    }

    /// The same, from then on, if it begins later than that.
    pub(crate) fn not_later_than(self, wall: Duration) -> Self {
        let since = self.since.min(wall);
        Self { since, ..self }
    }

    /// How much of it is left, by the wall clock.
    pub(crate) fn left(&self, now: Moment) -> Duration {
        let since = Moment {
            wall: self.since,
            ..now
        };
        Term::new(since, self.length).left(now)
    }
}

fn parse_owner(word: &str) -> Option<Owner> {
    word.parse().ok().map(Owner)
}

/// The line in the file.
impl fmt::Display for LeaseRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The first version knows the first and the last.
        match self.state {
            State::Held(Owner(owner)) => write!(f, "held {owner} ")?,
            State::TakenOver(Owner(owner)) => write!(f, "taken {owner} ")?,
            State::CoolingDown => f.write_str("cool ")?,
        }
        writeln!(f, "{} {}", nanos(self.since), nanos(self.length))
    }
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// A stretch of time that ends by the wall clock or by the monotonic one, whichever is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    since: Moment,
    length: Duration,
}

impl Term {
    /// The platform's longest `Retry-After` that is honoured, and far more than a fetch takes.
    const LONGEST: Duration = Duration::from_secs(3600);

    pub(crate) fn new(since: Moment, length: Duration) -> Self {
        Self {
            since,
            length: length.min(Self::LONGEST),
        }
    }

    /// How much of it is left.
    pub(crate) fn left(&self, now: Moment) -> Duration {
        let wall = now.wall.saturating_sub(self.since.wall);
        let monotonic = now.monotonic.saturating_sub(self.since.monotonic);
        self.length.saturating_sub(wall.max(monotonic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn record(state: State, since: Duration, length: Duration) -> LeaseRecord {
        LeaseRecord {
            state,
            since,
            length,
        }
    }

    #[test]
    fn a_lease_record_is_one_line() {
        let since = Duration::from_secs(1_740_124_117);
        for (record, line) in [
            (
                record(State::Held(Owner(7)), since, 45 * SECOND),
                "held 7 1740124117000000000 45000000000\n",
            ),
            (
                record(State::TakenOver(Owner(8)), since, 45 * SECOND),
                "taken 8 1740124117000000000 45000000000\n",
            ),
            (
                record(State::CoolingDown, Duration::from_nanos(1), 2 * SECOND),
                "cool 1 2000000000\n",
            ),
        ] {
            assert_eq!(record.to_string(), line);
            assert_eq!(LeaseRecord::parse(line.as_bytes()), Some(record));
        }
    }

    #[test]
    fn what_is_no_such_line_is_no_lease_record() {
        for line in [
            "",
            "\n",
            "cool 1 2",
            "cool 1\n",
            "cool 1 2 3\n",
            "cool 1 -2\n",
            "cool 1  2\n",
            "cool 1 99999999999999999999\n",
            "held 1 2\n",
            "held x 1 2\n",
            "taken 1 2\n",
            "warm 1 2\n",
            "cool 1 2\n\n",
        ] {
            assert_eq!(LeaseRecord::parse(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(LeaseRecord::parse(b"cool 1 2\xff\n"), None);
    }

    #[test]
    fn the_longest_times_can_be_written() {
        let endless = record(State::CoolingDown, Duration::MAX, Duration::MAX);
        assert_eq!(
            endless.to_string(),
            "cool 18446744073709551615 18446744073709551615\n"
        );
        let seen = Moment::default();
        assert_eq!(endless.left(seen), 3600 * SECOND);
    }
}
