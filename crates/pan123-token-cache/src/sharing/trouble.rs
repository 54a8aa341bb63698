//! A store that fails: how long it is tried again, when it is skipped, and whether it is bypassed meanwhile.

use std::time::Duration;

use super::Sharing;
use crate::moment::Moment;
use crate::policy::{RenewalPolicy, StoreRole, doubled};
use crate::random::Random;
use crate::store::StoreError;

/// The store doesn't answer as it should.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    since: Duration,
    /// How many calls failed since then.
    tries: u32,
    retry_at: Duration,
    /// How many consecutive times it was skipped for a while; zero while it is only being tried again.
    skips: u32,
    /// It couldn't be written. That it can be read proves nothing about that.
    writing: bool,
    error: StoreError,
}

/// Whether the store may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Availability {
    Open,
    /// It failed. It is asked again at this time, and there is no way around it before.
    Retry(Duration),
    /// It is bypassed until this time.
    Bypassed(Duration),
}

impl Sharing {
    /// A call failed: the store is tried again soon, and skipped once that has gone on for a while. A call that fails now
    /// and then is no reason to ask for a token of one's own.
    pub(crate) fn failed(
        &mut self,
        writing: bool,
        error: &StoreError,
        policy: &RenewalPolicy,
        random: &mut Random,
        asked: Duration,
        now: Moment,
    ) {
        let now_at = now.monotonic;
        let before = self.trouble.take().filter(|trouble| {
            // It wasn't tried since: that was another trouble.
            let memory = policy.store_patience.max(policy.store_retry_base);
            let forgotten = trouble.retry_at.saturating_add(memory);
            let same_kind = trouble.error.is_misconfigured() == error.is_misconfigured();
            same_kind && (trouble.skips > 0 || asked <= forgotten)
        });
        let mut trouble = before.unwrap_or(Trouble {
            since: asked,
            tries: 0,
            retry_at: now_at,
            skips: 0,
            writing,
            error: error.clone(),
        });
        trouble.writing |= writing;
        trouble.tries = trouble.tries.saturating_add(1);
        trouble.error = error.clone();
        let long = now_at.saturating_sub(trouble.since) >= policy.store_patience;
        let skipped = trouble.skips > 0
            || error.is_misconfigured()
            || trouble.tries >= policy.store_tries && long;
        if skipped {
            self.trouble = Some(trouble);
            self.skip(error, policy, random, now);
        } else {
            // A call that hung has waited long enough.
            let pause = random.half_to(policy.lease_poll);
            trouble.retry_at = asked.saturating_add(pause).max(now_at);
            self.trouble = Some(trouble);
            self.end_lease(Duration::ZERO, now);
        }
    }

    /// The store isn't asked for a while. A lease is released after that: some stores have no clock to end it by.
    pub(crate) fn skip(
        &mut self,
        error: &StoreError,
        policy: &RenewalPolicy,
        random: &mut Random,
        now: Moment,
    ) {
        let trouble = self.trouble.take();
        let (skips, writing) = trouble.map_or((0, false), |it| (it.skips, it.writing));
        // A setting that was mended shall soon be seen.
        let doublings = if error.is_misconfigured() { 0 } else { skips };
        let wait = doubled(policy.store_retry_base, doublings, policy.store_retry_cap);
        self.trouble = Some(Trouble {
            since: now.monotonic,
            tries: 0,
            retry_at: now.monotonic.saturating_add(random.half_to(wait)),
            skips: skips.saturating_add(1),
            writing,
            error: error.clone(),
        });
        self.end_lease(Duration::ZERO, now);
    }

    /// The store is asked at once again, since there is something for it.
    pub(crate) fn retry_now(&mut self, now: Moment) {
        if let Some(trouble) = &mut self.trouble {
            trouble.retry_at = now.monotonic;
        }
    }

    /// A call went well. True where it had failed before, and this shows that it works again.
    pub(crate) fn recovered(&mut self, wrote: bool) -> bool {
        let shown = |trouble: &mut Trouble| wrote || !trouble.writing;
        self.trouble.take_if(shown).is_some()
    }

    pub(crate) fn availability(&self, policy: &RenewalPolicy, now: Moment) -> Availability {
        match &self.trouble {
            Some(trouble) if now.monotonic < trouble.retry_at => {
                if self.may_be_bypassed(policy) {
                    Availability::Bypassed(trouble.retry_at)
                } else {
                    Availability::Retry(trouble.retry_at)
                }
            }
            _ => Availability::Open,
        }
    }

    /// When a cache without a token may look whether a store that it bypasses has one.
    pub(crate) fn probe_at(&self, interval: Duration) -> Duration {
        let skipped_at = self.trouble.as_ref().map(|trouble| trouble.since);
        let asked_at = skipped_at.max(self.loaded_at);
        asked_at.map_or(Duration::ZERO, |at| at.saturating_add(interval))
    }

    /// Whether the platform may be asked without it.
    fn may_be_bypassed(&self, policy: &RenewalPolicy) -> bool {
        let misconfigured = |trouble: &Trouble| trouble.error.is_misconfigured();
        self.is_skipped()
            && match policy.store_role {
                StoreRole::Required => false,
                StoreRole::Preferred => !self.trouble.as_ref().is_some_and(misconfigured),
                StoreRole::Optional => true,
            }
    }

    /// Why there is no token and no way to one: the store's failure, where it isn't bypassed.
    pub(crate) fn blocking_error(&self, policy: &RenewalPolicy) -> Option<&StoreError> {
        let trouble = self.trouble.as_ref().filter(|it| it.skips > 0)?;
        (!self.may_be_bypassed(policy)).then_some(&trouble.error)
    }

    pub(crate) fn is_skipped(&self) -> bool {
        self.trouble.as_ref().is_some_and(|it| it.skips > 0)
    }
}
