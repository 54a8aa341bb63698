//! Whether the runtime of an exchange still runs.

use std::time::Duration;

use crate::since::{Since, left};

/// Which exchange, and how often it was polled.
pub(crate) type At = (u64, u64);

/// Looks after an exchange that is a future, by one clock: its runtime may be asleep or dead.
#[derive(Debug)]
pub(crate) struct ExchangeWatch {
    ping_after: Duration,
    answer_within: Duration,
    stands: Since<At>,
    pinged: Since<At>,
}

pub(crate) enum Watched {
    /// There is nothing to do for so long.
    Waits(Duration),
    /// It is to be polled now, if its runtime runs, and has so long for that.
    Pinged(Duration),
    /// It wasn't polled then.
    Gone,
}

impl ExchangeWatch {
    pub(crate) fn new(ping_after: Duration, answer_within: Duration) -> Self {
        Self {
            ping_after,
            answer_within,
            stands: Since::default(),
            pinged: Since::default(),
        }
    }

    pub(crate) fn look(&mut self, at: At, now: Duration) -> Watched {
        if let Some(left) = left(self.ping_after, self.stands.of(at, now)) {
            return Watched::Waits(left);
        }
        match left(self.answer_within, self.pinged.of(at, now)) {
            Some(left) => Watched::Pinged(left),
            None => Watched::Gone,
        }
    }
}
