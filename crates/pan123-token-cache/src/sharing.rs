//! What a cache remembers of the store it shares its token through.

use std::time::Duration;

use pan123_token::Fingerprint;

use crate::action::Lineage;
use crate::moment::Moment;
use crate::policy::{RenewalPolicy, doubled};
use crate::random::Random;
use crate::store::Owner;

#[derive(Debug, Default)]
pub(crate) struct Sharing {
    /// When the store was last looked into, by the monotonic clock.
    pub(crate) looked_at: Option<Duration>,
    pub(crate) lease: Option<HeldLease>,
    /// A lease to end, and until when to leave the gate cool, by the monotonic clock.
    pub(crate) give_back: Option<(Owner, Duration)>,
    /// The token at hand isn't in the store yet.
    pub(crate) unsaved: bool,
    /// How many leases in a row came too late to be used.
    pub(crate) late_leases: u32,
    /// The mark of the record that it may replace there, where one was read under the lease.
    pub(crate) replaces: Option<Fingerprint>,
    /// The token at hand isn't marked as suspect in the store yet.
    pub(crate) unmarked: bool,
    /// How often in a row the gate was shut.
    pub(crate) shut: u32,
    /// A save failed, and the lease wasn't tried to be given back since.
    pub(crate) save_failed: bool,
    trouble: Option<Trouble>,
}

/// The right to fetch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldLease {
    pub(crate) owner: Owner,
    /// When it ends by either clock.
    pub(crate) ends: Moment,
    /// The mark of the record that stood in the store as it was granted.
    pub(crate) replaces: Option<Fingerprint>,
    /// What to hand on, where that record is a suspect that may be replaced.
    pub(crate) lineage: Option<Lineage>,
}

impl HeldLease {
    /// Whether so much time is left, by both clocks.
    pub(crate) fn has_left(&self, now: Moment, wanted: Duration) -> bool {
        let then = now.after(wanted);
        then.wall <= self.ends.wall && then.monotonic <= self.ends.monotonic
    }
}

#[derive(Clone, Copy, Debug)]
struct Trouble {
    retry_at: Duration,
    failures: u32,
}

impl Sharing {
    /// The store failed: it is left alone for a while. A lease is given back after that: some stores have no clock to end
    /// it by.
    pub(crate) fn failed(&mut self, policy: &RenewalPolicy, random: &mut Random, now: Moment) {
        let failures = self.trouble.map_or(0, |trouble| trouble.failures);
        let wait = doubled(policy.store_retry_base, failures, policy.store_retry_cap);
        // Between a half and the whole, so that a fleet doesn't come back as one.
        let wait = wait / 2 + random.up_to(wait / 2);
        self.trouble = Some(Trouble {
            retry_at: now.monotonic.saturating_add(wait),
            failures: failures.saturating_add(1),
        });
        self.end_lease(Duration::ZERO, now);
    }

    /// Ends the lease, if there is one, and leaves the gate cool for so long.
    pub(crate) fn end_lease(&mut self, cool: Duration, now: Moment) {
        if let Some(lease) = self.lease.take() {
            self.give_back = Some((lease.owner, now.monotonic.saturating_add(cool)));
        }
    }

    /// When it may be looked into again, if it was within this interval.
    pub(crate) fn look_again_at(&self, interval: Duration, now: Moment) -> Option<Duration> {
        let again = self.looked_at?.saturating_add(interval);
        (now.monotonic < again).then_some(again)
    }

    /// True where it had failed before.
    pub(crate) fn recovered(&mut self) -> bool {
        self.trouble.take().is_some()
    }

    /// Until when the store is left alone, if it is.
    pub(crate) fn left_alone_until(&self, now: Moment) -> Option<Duration> {
        let retry_at = self.trouble?.retry_at;
        (now.monotonic < retry_at).then_some(retry_at)
    }
}
