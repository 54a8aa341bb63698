//! The store of this host, which stands in for the shared one while that is bypassed.

use std::time::Duration;

use pan123_token::Fingerprint;

use super::owed::{Owed, Pending};
use crate::held::Held;
use crate::moment::Moment;
use crate::policy::RenewalPolicy;
use crate::step::Tier;

/// It holds a copy of what this host used last, so that an outage of the shared store costs no token. All times are by the
/// monotonic clock.
#[derive(Debug)]
pub(crate) struct HostFallback {
    pub(crate) owed: Owed,
    loaded_at: Option<Duration>,
    /// The token that it holds, as far as is known.
    known: Option<Fingerprint>,
    /// A copy is made again only from this time on: two stores that answer one and another shall not keep a cache busy.
    copy_again_at: Duration,
    /// It failed, and isn't asked until this time.
    skip_until: Duration,
}

impl HostFallback {
    pub(crate) fn new() -> Self {
        Self {
            owed: Owed::to(Tier::Host),
            loaded_at: None,
            known: None,
            copy_again_at: Duration::ZERO,
            skip_until: Duration::ZERO,
        }
    }

    pub(crate) fn is_usable_at(&self, now: Moment) -> bool {
        self.skip_until <= now.monotonic
    }

    /// When it may be loaded again, if that isn't to happen more often than this.
    pub(crate) fn load_at(&self, interval: Duration) -> Duration {
        self.loaded_at
            .map_or(Duration::ZERO, |at| at.saturating_add(interval))
            .max(self.skip_until)
    }

    pub(crate) fn loaded(&mut self, stored: Option<Fingerprint>, now: Moment) {
        self.loaded_at = Some(now.monotonic);
        self.known = stored;
    }

    pub(crate) fn saved(
        &mut self,
        saved: Option<Fingerprint>,
        policy: &RenewalPolicy,
        now: Moment,
    ) {
        self.known = saved;
        self.copy_again_at = now.monotonic.saturating_add(policy.lease_poll);
    }

    /// What it is owed, or the steps to a copy of the held token: a look at what it holds, and a save where that is
    /// another.
    pub(crate) fn pending(&mut self, held: Option<&Held>, now: Moment) -> Option<Pending> {
        if !self.is_usable_at(now) {
            return None;
        }
        if let Some(held) = held.filter(|held| held.is_usable_at(now) && !held.is_suspect()) {
            if self.loaded_at.is_none() {
                return Some(Pending::Load(Tier::Host));
            }
            let is_copied = self.known == Some(held.fingerprint) || self.owed.is_unsaved();
            if !is_copied && self.copy_again_at <= now.monotonic {
                return Some(Pending::Save(self.owed.save_of(held, self.known, now)));
            }
        }
        self.owed.pending(held, now)
    }

    pub(crate) fn failed(&mut self, policy: &RenewalPolicy, now: Moment) {
        self.skip_until = now.monotonic.saturating_add(policy.store_retry_base);
    }
}
