//! The store of this host, which stands in for the shared one while that is bypassed.

use std::time::Duration;

use super::owed::Owed;
use crate::moment::Moment;
use crate::policy::RenewalPolicy;
use crate::step::Tier;

/// It holds what a process of this host fetched without the shared store. All times are by the monotonic clock.
#[derive(Debug)]
pub(crate) struct HostFallback {
    pub(crate) owed: Owed,
    loaded_at: Option<Duration>,
    /// It failed, and isn't asked until this time.
    skip_until: Duration,
}

impl HostFallback {
    pub(crate) fn new() -> Self {
        Self {
            owed: Owed::to(Tier::Host),
            loaded_at: None,
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

    pub(crate) fn has_loaded(&mut self, now: Moment) {
        self.loaded_at = Some(now.monotonic);
    }

    pub(crate) fn failed(&mut self, policy: &RenewalPolicy, now: Moment) {
        self.skip_until = now.monotonic.saturating_add(policy.store_retry_base);
    }
}
