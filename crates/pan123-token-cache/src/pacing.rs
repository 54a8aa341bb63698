//! When the platform may be asked again: spacing, backoff, and what it asked for.

use std::time::Duration;

use crate::action::Reason;
use crate::failure::Failure;
use crate::policy::{RenewalPolicy, doubled};
use crate::random::Random;

/// All times are by the monotonic clock.
#[derive(Debug)]
pub(crate) struct Pacing {
    pause: Pause,
    /// No attempt before this time: the platform said so.
    not_before: Duration,
    /// How many attempts have failed since the last token.
    failures: u32,
    last_failure: Option<Failure>,
}

/// Until when no attempt is made, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    /// While a token can be served.
    serving: Duration,
    /// While there is none.
    without: Duration,
    pub(crate) reason: Reason,
}

/// How long no attempt is made after a failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// While a token can be served.
    pub(crate) serving: Duration,
    /// While there is none. Not longer than the other.
    pub(crate) without: Duration,
}

impl Pause {
    pub(crate) fn until(self, serving: bool) -> Duration {
        if serving { self.serving } else { self.without }
    }
}

impl Pacing {
    pub(crate) fn new() -> Self {
        Self {
            pause: Pause {
                serving: Duration::ZERO,
                without: Duration::ZERO,
                reason: Reason::Spacing,
            },
            not_before: Duration::ZERO,
            failures: 0,
            last_failure: None,
        }
    }

    pub(crate) fn pause(&self) -> Pause {
        self.pause
    }

    /// Why the last attempt brought nothing. `None` once a token came.
    pub(crate) fn last_failure(&self) -> Option<&Failure> {
        self.last_failure.as_ref()
    }

    /// A token came, from the platform or from the store.
    pub(crate) fn token_came(&mut self) {
        self.failures = 0;
        self.last_failure = None;
    }

    /// An attempt failed: no other before the backoff has passed.
    pub(crate) fn failed(
        &mut self,
        failure: &Failure,
        at_once: bool,
        serving_old: bool,
        policy: &RenewalPolicy,
        random: &mut Random,
        now: Duration,
    ) -> Backoff {
        let backoff = if at_once {
            Backoff {
                serving: policy.min_interval,
                without: policy.min_interval,
            }
        } else {
            self.backoff(failure, serving_old, policy, random)
        };
        if let Some(retry_after) = failure.retry_after() {
            self.not_before = self.not_before.max(now.saturating_add(retry_after));
        }
        let reason = if failure.is_rate_limited() {
            Reason::RateLimited
        } else {
            Reason::Backoff
        };
        self.pause_for(backoff, reason, now);
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(failure.clone());
        backoff
    }

    /// Whether attempts have failed since the last token.
    pub(crate) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    fn backoff(
        &self,
        failure: &Failure,
        serving_old: bool,
        policy: &RenewalPolicy,
        random: &mut Random,
    ) -> Backoff {
        let asked_for = failure.retry_after().unwrap_or_default();
        let least = asked_for.max(policy.min_interval);
        if failure.is_lasting() {
            // A person must mend it: an end of the token held makes it no more urgent. But then it is waited for.
            let cap = policy.backoff_cap_serving.saturating_mul(2) / 3;
            let most = doubled(policy.refused_base, self.failures, cap);
            let wait = random.up_to(most).max(policy.refused_base).max(least);
            return Backoff {
                serving: wait,
                without: wait,
            };
        }
        let cap = if serving_old {
            policy.backoff_cap_serving
        } else {
            policy.backoff_cap
        };
        let wait = random.up_to(doubled(policy.backoff_base, self.failures, cap));
        Backoff {
            serving: wait.max(least),
            // A token that ends meanwhile makes it more urgent.
            without: wait.min(policy.backoff_cap).max(least),
        }
    }

    /// No attempt for this long, nor before the platform allows one.
    pub(crate) fn pause_for(&mut self, wait: Backoff, reason: Reason, now: Duration) {
        let until = |wait: Duration| now.saturating_add(wait).max(self.not_before);
        self.pause = Pause {
            serving: until(wait.serving),
            without: until(wait.without),
            reason,
        };
    }
}
