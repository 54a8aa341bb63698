//! What the machine asks its driver to do.

use std::time::Duration;

use crate::held::Provenance;
use crate::moment::Moment;
use crate::step::StoreStep;

/// The one thing to do now.
///
/// Used in the [driver](crate) on the crate's page, and in [walking the graph](crate#walking-the-graph).
#[must_use = "the machine waits for it to be done"]
#[derive(Debug)]
pub enum Action {
    /// Carry out a call to the store ([`StoreStep::run`](crate::StoreStep::run), say) and report it
    /// ([`TokenCache::stored`](crate::TokenCache::stored)). Never asked for without a store.
    Store(StoreStep),
    /// Carry out an exchange and report it ([`TokenCache::fetched`](crate::TokenCache::fetched)).
    Fetch(FetchTicket),
    /// Nothing, until this moment comes by either clock, or something is reported. Then poll again.
    Wait {
        /// When to poll again, if a caller still wants a token.
        until: Moment,
        /// Why nothing is to be done.
        reason: Reason,
    },
}

/// Why there is nothing to do.
///
/// An example is with [walking the graph](crate#walking-the-graph).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The token is fresh; until renewal falls due.
    Fresh,
    /// A fetch is under way; until its ticket expires.
    Fetching,
    /// A call to the store is under way; until its deadline.
    Storing,
    /// The last fetch is too short a while ago.
    Spacing,
    /// The last attempts failed.
    Backoff,
    /// The platform asked this cache, or another one on the same store, to wait.
    RateLimited,
    /// Another cache on the same store is fetching.
    Leased,
    /// The token was rejected, and is too young to be replaced.
    Suspect,
    /// Attempts of the fleet may each have cost a token, and another could take the one held offline.
    MaybeIssued,
    /// The store is down, and either it is tried again or the token held can wait.
    StoreDown,
}

/// The right to carry out one exchange, until its deadline.
///
/// It can't be made or copied, and is consumed by the report of how the exchange ended. It may be dropped: a cancelled
/// task or a dead thread then counts as an exchange that may have cost a token, from the deadline on.
///
/// An example is with [walking the graph](crate#walking-the-graph).
#[must_use = "fetch, and report how it ended"]
#[derive(Debug)]
pub struct FetchTicket {
    pub(crate) id: u64,
    pub(crate) sent: Moment,
    pub(crate) timeout: Duration,
    pub(crate) provenance: Provenance,
}

impl FetchTicket {
    /// How long the exchange may take from now on. Its result is still taken later, if it is a token.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether its time has passed, by either clock: then nothing is to be sent with it any more.
    pub fn is_overdue_at(&self, now: Moment) -> bool {
        self.sent.after(self.timeout).is_reached_at(now)
    }
}
