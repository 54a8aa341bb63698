//! The store's side of a cache: what it still has to be asked, the lease, and whose turn it is.

mod host_fallback;
mod owed;
mod trouble;

use std::time::Duration;

use pan123_token::Fingerprint;

use crate::held::Held;
use crate::moment::Moment;
use crate::policy::{RenewalPolicy, doubled};
use crate::random::Random;
use crate::step::Tier;
use crate::store::Owner;

pub(crate) use host_fallback::HostFallback;
pub(crate) use owed::{Owed, Pending};
pub(crate) use trouble::Availability;
use trouble::Trouble;

/// A cache without a store has one that is never asked. All times are by the monotonic clock unless they are moments.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    pub(crate) enabled: bool,
    /// When the record was last read; `None` where that doesn't count any more.
    pub(crate) loaded_at: Option<Duration>,
    pub(crate) lease: Option<HeldLease>,
    /// How many consecutive leases came too late to be used.
    pub(crate) late_leases: u32,
    /// How many consecutive times the lease was not to be had.
    pub(crate) contended: u32,
    /// Until when no process may ask the platform, as far as the store said.
    pub(crate) cooling_until: Duration,
    pub(crate) turn: Turn,
    pub(crate) fallback: Option<HostFallback>,
    owed: Owed,
    /// A save failed, and the lease wasn't tried to be released since.
    save_failed: bool,
    trouble: Option<Trouble>,
}

/// The right to fetch.
#[derive(Debug)]
pub(crate) struct HeldLease {
    pub(crate) owner: Owner,
    pub(crate) tier: Tier,
    /// When it ends by either clock.
    pub(crate) ends: Moment,
    /// What the store held as it was granted, and is to be replaced.
    pub(crate) stored: Option<Held>,
}

impl HeldLease {
    /// Whether so much time is left, by both clocks.
    pub(crate) fn has_left(&self, now: Moment, wanted: Duration) -> bool {
        let then = now.after(wanted);
        then.wall <= self.ends.wall && then.monotonic <= self.ends.monotonic
    }
}

/// Whose turn it is to fetch. A cache that failed by itself lets the waiting ones go first, since its network may be dead
/// and theirs may not: it uses a lease only where it is granted two consecutive ones, so far apart that any waiting cache
/// would have asked in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Turn {
    #[default]
    Own,
    /// Others go first.
    Others,
    /// No other has asked so far.
    Perhaps,
}

impl Sharing {
    /// The call that comes first, if there is one.
    pub(crate) fn pending(
        &mut self,
        held: Option<&Held>,
        policy: &RenewalPolicy,
        now: Moment,
    ) -> Option<Pending> {
        if !self.enabled {
            return None;
        }
        let of_host = |fallback: &mut HostFallback| fallback.pending(held, now);
        if let Some(pending) = self.fallback.as_mut().and_then(of_host) {
            return Some(pending);
        }
        if self.availability(policy, now) == Availability::Open {
            return self.owed.pending(held, now);
        }
        // A store that is full may still end its lease, for which the others wait.
        if !(self.save_failed && self.is_skipped()) {
            return None;
        }
        self.owed.pending_release(now)
    }

    /// The lease of this tier has ended.
    pub(crate) fn released(&mut self, tier: Tier) {
        self.owed(tier).released();
        self.release_done(tier);
    }

    /// While the store is bypassed, its lease isn't tried to be released again.
    pub(crate) fn release_done(&mut self, tier: Tier) {
        if tier == Tier::Shared {
            self.save_failed = false;
        }
    }

    /// A token came, from the platform or from a store.
    pub(crate) fn token_came(&mut self) {
        self.turn = Turn::Own;
        self.late_leases = 0;
    }

    /// The held record is to be saved; for this host, too, while the shared store is out.
    pub(crate) fn offer(&mut self, replaces: Option<Fingerprint>) {
        self.owed.save(replaces);
        if self.is_skipped()
            && let Some(fallback) = &mut self.fallback
        {
            fallback.owed.save(replaces);
        }
    }

    /// More is known of the held record than it says in the store; for this host, too, while the shared store is out.
    pub(crate) fn offer_again(&mut self) {
        self.owed.save_again();
        if self.is_skipped()
            && let Some(fallback) = &mut self.fallback
        {
            fallback.owed.save_again();
        }
    }

    /// What the store of this tier has is held now. It was to save another token.
    pub(crate) fn adopted(&mut self, tier: Tier) {
        if tier == Tier::Host {
            // It was fetched while the shared store was out.
            self.offer(None);
        }
        self.owed(tier).saved();
        // A good one is copied all the same.
        self.owed(Tier::Host).saved();
    }

    pub(crate) fn is_unsaved(&self) -> bool {
        self.enabled && self.owed.is_unsaved()
    }

    /// What the store of this tier still has to be asked.
    pub(crate) fn owed(&mut self, tier: Tier) -> &mut Owed {
        match (tier, &mut self.fallback) {
            (Tier::Host, Some(fallback)) => &mut fallback.owed,
            _ => &mut self.owed,
        }
    }

    /// Ends the lease, if there is one, and starts a cooldown.
    pub(crate) fn end_lease(&mut self, cooldown: Duration, now: Moment) {
        if let Some(lease) = self.lease.take() {
            let cooldown_until = now.monotonic.saturating_add(cooldown);
            self.owed(lease.tier).release(lease.owner, cooldown_until);
        }
    }

    /// The processes of this host find the record all the same.
    pub(crate) fn save_failed(&mut self) {
        self.save_failed = true;
        if let Some(fallback) = &mut self.fallback {
            fallback.owed.save(None);
        }
    }

    /// When it may be loaded again, if that isn't to happen more often than this.
    pub(crate) fn load_at(&self, interval: Duration) -> Duration {
        self.loaded_at
            .map_or(Duration::ZERO, |at| at.saturating_add(interval))
    }

    /// A lease was granted: whether it is this cache's turn to use it.
    pub(crate) fn takes_turn(&mut self) -> bool {
        match self.turn {
            Turn::Own | Turn::Perhaps => true,
            Turn::Others => {
                self.turn = Turn::Perhaps;
                false
            }
        }
    }

    /// Another owner has the lease. How long to wait before asking again: it may be done long before its term ends.
    pub(crate) fn wait_for_lease(
        &mut self,
        policy: &RenewalPolicy,
        random: &mut Random,
    ) -> Duration {
        let wait = doubled(policy.lease_poll, self.contended, policy.longest_poll());
        self.contended = self.contended.saturating_add(1);
        self.loaded_at = None;
        if self.turn == Turn::Perhaps {
            self.turn = Turn::Others;
        }
        random.half_to(wait)
    }
}
