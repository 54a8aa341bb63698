//! What a cache remembers of the store it shares its token through.

use std::time::Duration;

use pan123_token::Fingerprint;

use crate::held::Held;
use crate::moment::Moment;
use crate::policy::{RenewalPolicy, doubled};
use crate::random::Random;
use crate::store::Owner;

#[derive(Debug, Default)]
pub(crate) struct Sharing {
    /// When the store was last looked into, by the monotonic clock; `None` where that doesn't count any more.
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
    /// Until when the gate is cool, as far as was heard, by the monotonic clock.
    pub(crate) cool_until: Duration,
    /// How often in a row the gate was shut.
    pub(crate) shut: u32,
    /// A save failed, and the lease wasn't tried to be given back since.
    pub(crate) save_failed: bool,
    trouble: Option<Trouble>,
}

/// The right to fetch.
#[derive(Debug)]
pub(crate) struct HeldLease {
    pub(crate) owner: Owner,
    /// When it ends by either clock.
    pub(crate) ends: Moment,
    /// What stood in the store as it was granted, and is to be replaced.
    pub(crate) stored: Option<Held>,
}

impl HeldLease {
    /// Whether so much time is left, by both clocks.
    pub(crate) fn has_left(&self, now: Moment, wanted: Duration) -> bool {
        let then = now.after(wanted);
        then.wall <= self.ends.wall && then.monotonic <= self.ends.monotonic
    }
}

/// The store doesn't answer as it should.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    since: Duration,
    retry_at: Duration,
    /// How often it was given up; zero while it is only being tried again.
    given_up: u32,
    /// It couldn't be written. That it can be read proves nothing about that.
    writing: bool,
}

impl Sharing {
    /// A call failed: the store is tried again soon, and given up once that has gone on for a while. One that fails now
    /// and then is no reason to ask for a token of one's own.
    pub(crate) fn failed(
        &mut self,
        writing: bool,
        policy: &RenewalPolicy,
        random: &mut Random,
        now: Moment,
    ) {
        let now_at = now.monotonic;
        let before = self.trouble.filter(|trouble| {
            // Nobody tried since: that was another trouble.
            let forgotten = trouble.retry_at.saturating_add(policy.store_patience);
            trouble.given_up > 0 || now_at <= forgotten
        });
        let mut trouble = before.unwrap_or(Trouble {
            since: now_at,
            retry_at: now_at,
            given_up: 0,
            writing,
        });
        trouble.writing |= writing;
        let over = now_at.saturating_sub(trouble.since) >= policy.store_patience;
        if trouble.given_up > 0 || over {
            self.trouble = Some(trouble);
            self.give_up(policy, random, now);
        } else {
            trouble.retry_at = now_at.saturating_add(random.half_to(policy.lease_poll));
            self.trouble = Some(trouble);
            self.end_lease(Duration::ZERO, now);
        }
    }

    /// The store is left alone for a while: the machine goes on without it. A lease is given back after that: some stores
    /// have no clock to end it by.
    pub(crate) fn give_up(&mut self, policy: &RenewalPolicy, random: &mut Random, now: Moment) {
        let (given_up, writing) = self
            .trouble
            .map_or((0, false), |trouble| (trouble.given_up, trouble.writing));
        let wait = doubled(policy.store_retry_base, given_up, policy.store_retry_cap);
        self.trouble = Some(Trouble {
            since: now.monotonic,
            retry_at: now.monotonic.saturating_add(random.half_to(wait)),
            given_up: given_up.saturating_add(1),
            writing,
        });
        self.end_lease(Duration::ZERO, now);
    }

    /// Ends the lease, if there is one, and leaves the gate cool for so long.
    pub(crate) fn end_lease(&mut self, cool: Duration, now: Moment) {
        if let Some(lease) = self.lease.take() {
            self.give_back = Some((lease.owner, now.monotonic.saturating_add(cool)));
        }
    }

    /// When it may be looked into again, if it isn't to be looked into more often than this.
    pub(crate) fn look_at(&self, interval: Duration) -> Duration {
        self.looked_at
            .map_or(Duration::ZERO, |at| at.saturating_add(interval))
    }

    /// A call went well. True where it had failed before, and this shows that it works again.
    pub(crate) fn recovered(&mut self, wrote: bool) -> bool {
        let shown = |trouble: &mut Trouble| wrote || !trouble.writing;
        self.trouble.take_if(shown).is_some()
    }

    /// Whether the machine goes on without the store, until it answers again.
    pub(crate) fn is_given_up(&self) -> bool {
        self.trouble.is_some_and(|trouble| trouble.given_up > 0)
    }

    /// Until when the store is left alone, if it is.
    pub(crate) fn left_alone_until(&self, now: Moment) -> Option<Duration> {
        let retry_at = self.trouble?.retry_at;
        (now.monotonic < retry_at).then_some(retry_at)
    }
}
