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
    /// The token that it was last loaded beside.
    loaded_beside: Option<Fingerprint>,
    /// The token that it holds, as far as is known.
    known: Option<Fingerprint>,
    /// It failed, and isn't asked until this time.
    skip_until: Duration,
}

impl HostFallback {
    pub(crate) fn new() -> Self {
        Self {
            owed: Owed::to(Tier::Host),
            loaded_at: None,
            loaded_beside: None,
            known: None,
            skip_until: Duration::ZERO,
        }
    }

    pub(crate) fn is_usable_at(&self, now: Moment) -> bool {
        self.skip_until <= now.monotonic
    }

    pub(crate) fn is_to_be_loaded(&self, interval: Duration, now: Moment) -> bool {
        let loaded_long_ago = |at: Duration| at.saturating_add(interval) <= now.monotonic;
        self.is_usable_at(now) && self.loaded_at.is_none_or(loaded_long_ago)
    }

    pub(crate) fn has_loaded(&mut self, stored: Option<Fingerprint>, now: Moment) {
        self.loaded_at = Some(now.monotonic);
        self.known = stored;
    }

    pub(crate) fn has_saved(&mut self, saved: Fingerprint) {
        self.known = Some(saved);
    }

    /// What it is owed, or the steps to a copy of the held token: a look at what it holds, and a save where that is
    /// another.
    pub(crate) fn pending(&mut self, held: Option<&Held>, now: Moment) -> Option<Pending> {
        if !self.is_usable_at(now) {
            return None;
        }
        if let Some(held) = held.filter(|held| held.is_usable_at(now) && !held.is_suspect()) {
            let this = Some(held.fingerprint);
            if self.known != this && self.loaded_beside != this {
                self.loaded_beside = this;
                return Some(Pending::Load(Tier::Host));
            }
            if self.known != this && !self.owed.is_unsaved() {
                self.owed.save(self.known);
            }
        }
        self.owed.pending(held, now)
    }

    pub(crate) fn failed(&mut self, policy: &RenewalPolicy, now: Moment) {
        self.skip_until = now.monotonic.saturating_add(policy.store_retry_base);
        self.owed.has_released();
    }
}
