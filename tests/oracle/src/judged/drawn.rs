//! What a machine asks for.

use std::collections::BTreeSet;
use std::time::Duration;

use pan123_token_cache::{FetchTicket, Moment, Reason, StoreStep, Tier};
use pan123_token_provider::StoreReport;

use crate::provided::Flight;

/// What the machine asks for.
#[derive(Debug)]
pub enum Drawn {
    /// A request for a token.
    Fetch(Ticket),
    /// A call to the store.
    Store(Asked),
    /// Nothing until then.
    Wait {
        /// When to poll again.
        until: Moment,
        /// What the machine says about it; no rule believes that.
        reason: Reason,
    },
}

/// A fetch in flight.
#[derive(Debug)]
pub struct Ticket {
    pub(crate) permit: Permit,
    pub(crate) number: u64,
    pub(super) forced: BTreeSet<u32>,
    /// In which store the lease is that it was drawn under.
    pub(super) leased: Option<Tier>,
    pub(crate) timeout: Duration,
    /// When it was drawn.
    pub sent: Moment,
}

impl Ticket {
    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether it was drawn without a lease.
    pub fn is_alone(&self) -> bool {
        self.leased.is_none()
    }
}

/// A call to the store in flight.
#[derive(Debug)]
pub struct Asked {
    /// The call.
    pub step: StoreStep,
    /// Where the answer goes, unless the machine itself gets it.
    pub(super) report: Option<StoreReport>,
    pub(crate) number: u64,
    /// When it was drawn.
    pub asked: Moment,
}

/// What the report of a fetch goes by.
#[derive(Debug)]
pub(crate) enum Permit {
    /// To the machine itself.
    Ticket(FetchTicket),
    /// To a provider.
    Flight(Flight),
}
