//! What a cache holds, for those who only want to use it.

use std::sync::Arc;
use std::time::Duration;

use pan123_token::AccessToken;

use crate::held::Held;
use crate::moment::Moment;

/// What a cache held and meant to do when this was taken, and all the rules about it. Immutable and cheap to clone: a
/// driver publishes one after each poll and report, and callers ask it without a lock on the machine.
///
/// Used in the [driver](crate) on the crate's page, and in [walking the graph](crate#walking-the-graph).
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    served: Option<Served>,
}

#[derive(Clone, Debug)]
struct Served {
    held: Arc<Held>,
    until: Moment,
    /// Until when there is nothing else to do, either. `None` where the machine is to be polled.
    fresh_until: Option<Moment>,
}

impl Snapshot {
    /// `poll_at` is when there is something to do; `None` is at once.
    pub(crate) fn new(held: Option<&Arc<Held>>, poll_at: Option<Moment>) -> Self {
        let served = held.map(|held| {
            let until = held.served_until();
            Served {
                held: Arc::clone(held),
                until,
                fresh_until: poll_at.map(|poll_at| poll_at.min_of_each(until)),
            }
        });
        Self { served }
    }

    /// The token, if it can be used now: not expired by either clock, not in the last stretch of its life, and not
    /// rejected so that it is to be replaced.
    pub fn token(&self, now: Moment) -> Option<&AccessToken> {
        let served = self.served.as_ref()?;
        (!served.until.is_reached_at(now)).then_some(&served.held.token)
    }

    /// The token, if it can be used now and nothing else is to be done: what a caller gets at once.
    pub fn fresh(&self, now: Moment) -> Option<&AccessToken> {
        let (token, until) = self.fresh_until()?;
        (!until.is_reached_at(now)).then_some(token)
    }

    /// The token that a caller gets at once, until this moment has come by either clock: for a driver that sets an
    /// [`alarm`](crate::Clock::alarm).
    pub fn fresh_until(&self) -> Option<(&AccessToken, Moment)> {
        let served = self.served.as_ref()?;
        Some((&served.held.token, served.fresh_until?))
    }

    /// For how long the token can still be used, by the clock that says less; zero where there is none that can be.
    pub fn left(&self, now: Moment) -> Duration {
        let Some(Served { until, .. }) = &self.served else {
            return Duration::ZERO;
        };
        let wall = until.wall.saturating_sub(now.wall);
        wall.min(until.monotonic.saturating_sub(now.monotonic))
    }

    /// Whether the machine should be polled: there is no token to use, or it didn't say yet that it has nothing to do, or
    /// the time until which it had nothing has come.
    pub fn wants_poll(&self, now: Moment) -> bool {
        self.fresh(now).is_none()
    }
}

/// Equal where callers get the same answers from both.
impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        match (&self.served, &other.served) {
            (Some(one), Some(other)) => {
                Arc::ptr_eq(&one.held, &other.held) && one.fresh_until == other.fresh_until
            }
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for Snapshot {}
