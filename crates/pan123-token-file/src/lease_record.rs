//! The lease record: which owner has the lease since when, or since when a cooldown runs.

use std::fmt;
use std::time::Duration;

use pan123_token_cache::{Moment, Owner};

/// The content of its file. A file with any other content counts as absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseRecord {
    /// Which owner has the lease. Without one, this is a cooldown.
    owner: Option<Owner>,
    /// By the wall clock of who wrote it: since 1970.
    pub(crate) since: Duration,
    pub(crate) length: Duration,
}

impl LeaseRecord {
    pub(crate) fn held(owner: Owner, term: Term) -> Self {
        Self {
            owner: Some(owner),
            since: term.since.wall,
            length: term.length,
        }
    }

    pub(crate) fn cooling_down(since: Duration, length: Duration) -> Self {
        Self {
            owner: None,
            since,
            length,
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let line = str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let words: Vec<_> = line.split(' ').collect();
        let (owner, since, length) = match words[..] {
            ["held", owner, since, length] => (Some(Owner(owner.parse().ok()?)), since, length),
            ["cool", since, length] => (None, since, length),
            _ => return None,
        };
        Some(Self {
            owner,
            since: Duration::from_nanos(since.parse().ok()?),
            length: Duration::from_nanos(length.parse().ok()?),
        })
    }

    pub(crate) fn is_cooling_down(&self) -> bool {
        self.owner.is_none()
    }

    /// The stretch of time that it means to someone who saw it first at this moment. One that begins in the future began
    /// then: the clock was set back.
    pub(crate) fn term(&self, seen: Moment) -> Term {
        let since = Moment {
            wall: self.since.min(seen.wall),
            ..seen
        };
        Term::new(since, self.length)
    }
}

/// The line in the file.
impl fmt::Display for LeaseRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            Some(Owner(owner)) => write!(f, "held {owner} ")?,
            None => f.write_str("cool ")?,
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

    /// As long, from then on.
    pub(crate) fn beginning(self, since: Moment) -> Self {
        Self { since, ..self }
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

    #[test]
    fn a_gate_is_one_line() {
        let held = LeaseRecord {
            owner: Some(Owner(7)),
            since: Duration::from_secs(1_740_124_117),
            length: 45 * SECOND,
        };
        assert_eq!(held.to_string(), "held 7 1740124117000000000 45000000000\n");
        let cool = LeaseRecord::cooling_down(Duration::from_nanos(1), 2 * SECOND);
        assert_eq!(cool.to_string(), "cool 1 2000000000\n");
        for record in [held, cool] {
            assert_eq!(
                LeaseRecord::parse(record.to_string().as_bytes()),
                Some(record)
            );
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
            "warm 1 2\n",
            "cool 1 2\n\n",
        ] {
            assert_eq!(LeaseRecord::parse(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(LeaseRecord::parse(b"cool 1 2\xff\n"), None);
    }

    #[test]
    fn the_longest_times_can_be_written() {
        let endless = LeaseRecord::cooling_down(Duration::MAX, Duration::MAX);
        assert_eq!(
            endless.to_string(),
            "cool 18446744073709551615 18446744073709551615\n"
        );
        let seen = Moment::default();
        assert_eq!(endless.term(seen).left(seen), 3600 * SECOND);
    }
}
