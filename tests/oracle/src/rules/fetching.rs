//! Rules about requests for a token: when one may begin, and when one must.

use std::time::Duration;

use pan123_token_cache::{Moment, Tier};

use super::{Check, ensure};
use crate::account::{Account, Refresh};
use crate::life::Life;

const MILLISECOND: Duration = Duration::from_millis(1);

impl Account {
    /// All that a fetch must keep to.
    pub(crate) fn may_fetch(&self, now: Moment) -> Vec<Check> {
        let mut checks = vec![
            self.one_at_a_time("fetch"),
            self.keeps_its_distance(now),
            self.rests_after_refusal(now),
            self.rests_after_expired_on_issue(now),
            self.has_a_reason(now),
            self.counts_lost_replies(now),
        ];
        if self.shares {
            checks.push(self.under_a_lease(now));
            checks.push(self.is_needed(now));
            if self.lease.is_none() {
                checks.push(self.tries_the_store_first(now));
                checks.push(self.tries_four_times());
                checks.push(self.minds_misconfiguration());
                checks.push(self.waits_for_the_last_quarter(now));
            }
        }
        checks
    }

    /// Rule 2: one thing at a time.
    pub(crate) fn one_at_a_time(&self, what: &str) -> Check {
        ensure(self.in_flight.is_none(), 2, "one-at-a-time", || {
            format!("a {what} began while {:?} was in flight", self.in_flight)
        })
    }

    /// Rule 3: fetches lie apart, end to start, and after a `Retry-After`.
    fn keeps_its_distance(&self, now: Moment) -> Check {
        let earliest = self
            .last_end
            .map_or(Duration::ZERO, |end| end + self.policy.min_interval);
        ensure(now.monotonic >= earliest, 3, "spacing", || {
            let early = earliest.saturating_sub(now.monotonic);
            format!("a fetch began {early:?} early after the one before")
        })?;
        ensure(now.monotonic >= self.not_before, 3, "retry-after", || {
            let early = self.not_before.saturating_sub(now.monotonic);
            format!("a fetch began {early:?} before the end of Retry-After")
        })
    }

    /// Rule 4: after a refusal, nothing for a while.
    fn rests_after_refusal(&self, now: Moment) -> Check {
        self.rests(self.refused_at, "refused-rests", 4, now)
    }

    /// Rule 6: after a token that has expired on issue, as after a refusal.
    fn rests_after_expired_on_issue(&self, now: Moment) -> Check {
        self.rests(self.useless_at, "expired-on-issue-rests", 6, now)
    }

    fn rests(&self, since: Option<Duration>, name: &'static str, rule: u8, now: Moment) -> Check {
        let earliest = since.map_or(Duration::ZERO, |at| at + self.policy.refused_base);
        ensure(now.monotonic >= earliest, rule, name, || {
            let early = earliest.saturating_sub(now.monotonic);
            format!("a fetch began {early:?} early")
        })
    }

    /// Rules 6 and 7: while a token is handed out, a fetch needs a reason.
    fn has_a_reason(&self, now: Moment) -> Check {
        let Some(held) = self.held.filter(|_| self.serving) else {
            return Ok(());
        };
        let policy = &self.policy;
        let lives = self.lives_of(held);
        let due = |life: &Life| life.left_at(now) <= life.window(policy);
        if lives.iter().any(due) || self.wants_another() {
            return Ok(());
        }
        if self.is_suspect(held) {
            let old_enough = lives.iter().any(|it| it.is_old_enough_at(now, policy));
            return ensure(old_enough, 7, "forced-not-too-soon", || {
                let age = lives.first().map(|it| it.age_at(now));
                format!("a forced renewal of a token that is {age:?} old")
            });
        }
        ensure(false, 6, "not-too-early", || {
            let left = lives.first().map(|it| (it.left_at(now), it.lifetime));
            format!("a renewal with {left:?} left")
        })
    }

    /// A caller asked for another token than the current one.
    pub(crate) fn wants_another(&self) -> bool {
        match self.refresh {
            Refresh::No => false,
            Refresh::Any => true,
            Refresh::InsteadOf(token) => self.held == Some(token),
        }
    }

    /// Rule 4: after two replies that were lost, each of which may have cost a token.
    fn counts_lost_replies(&self, now: Moment) -> Check {
        let Some(held) = self.held.filter(|_| self.serving) else {
            return Ok(());
        };
        if self.is_suspect(held) || self.maybe_issued < 2 || !self.is_surely_usable(held, now) {
            return Ok(());
        }
        let lost = self.maybe_issued;
        let late = |life: &Life| life.left_at(now) <= life.last_quarter(&self.policy);
        let late = self.lives_of(held).iter().any(late);
        let what = || format!("a fetch after {lost} that may each have issued a token");
        ensure(late, 4, "two-lost-replies-are-enough", what)?;
        ensure(lost < 3, 4, "one-more-in-the-last-quarter", what)
    }

    /// Rule 2: through a working store, only a process that holds a lease fetches, and only if the fetch and the save fit
    /// into it.
    fn under_a_lease(&self, now: Moment) -> Check {
        let Some(lease) = &self.lease else {
            let works = self.store.failing_since.is_none() && !self.store.useless;
            return ensure(!works, 2, "under-a-lease", || {
                "a fetch without a lease, though the store works".to_owned()
            });
        };
        ensure(
            self.holds_a_fetch(lease.ends, now),
            2,
            "fits-the-lease",
            || "a fetch that may outlast its lease".to_owned(),
        )
    }

    pub(crate) fn holds_a_fetch(&self, ends: Moment, now: Moment) -> bool {
        let done = now.after(self.policy.fetch_timeout + self.policy.store_timeout);
        done.wall <= ends.wall && done.monotonic <= ends.monotonic
    }

    /// Rules 2 and 6: what was read under the lease needed to be replaced.
    fn is_needed(&self, now: Moment) -> Check {
        // From the host's own store only what is good is taken over.
        let lease = self
            .lease
            .filter(|lease| lease.tier == Tier::Shared && !lease.outdated);
        let Some((token, life)) = lease.and_then(|lease| lease.record) else {
            return Ok(());
        };
        let policy = &self.policy;
        // The current token, or one that is older, is no reason to wait.
        let better = self.held != Some(token)
            && self
                .held_lives()
                .iter()
                .all(|held| life.issued_at > held.issued_at);
        let forced = self.is_suspect(token) && life.is_old_enough_at(now, policy);
        let fresh = better
            && !self.was_rejected(token)
            && life.is_usable_at(now, policy)
            && !forced
            && life.left_at(now) > life.window(policy)
            && !self.wants_another();
        ensure(!fresh, 2, "needed", || {
            let left = life.left_at(now);
            format!("token {token} was read under the lease with {left:?} left")
        })
    }

    /// Rule 11: a call that fails now and then is no reason to bypass the store.
    fn tries_the_store_first(&self, now: Moment) -> Check {
        if self.store.useless {
            return Ok(());
        }
        let since = self.store.failing_since.unwrap_or(now.monotonic);
        let tried_for = now.monotonic.saturating_sub(since);
        let patience = self.policy.store_patience;
        ensure(tried_for >= patience, 11, "store-is-tried-again", || {
            format!("the store was bypassed after {tried_for:?}")
        })
    }

    /// Rule 11: nor are three of them.
    fn tries_four_times(&self) -> Check {
        let calls = self.store.failed_calls;
        ensure(self.store.useless || calls >= 4, 11, "four-tries", || {
            format!("the store was bypassed after {calls} calls")
        })
    }

    /// Rule 11: wrong settings are no outage.
    fn minds_misconfiguration(&self) -> Check {
        let only = self.store.only_misconfigured && self.store.failed_calls > 0;
        ensure(!only, 11, "misconfigured-is-no-outage", || {
            "a store that is misconfigured was bypassed".to_owned()
        })
    }

    /// Rule 11: while the store is down, a token that is good isn't renewed before the last quarter of its window.
    fn waits_for_the_last_quarter(&self, now: Moment) -> Check {
        let Some(held) = self.held.filter(|_| self.serving) else {
            return Ok(());
        };
        let suspect = self.is_suspect(held);
        let lives = self.lives_of(held);
        let late = |life: &Life| {
            life.left_at(now) <= life.last_quarter(&self.policy)
                || suspect && life.is_old_enough_at(now, &self.policy)
        };
        let allowed = lives.iter().any(late) || self.wants_another();
        ensure(allowed, 11, "store-down-waits-for-the-last-quarter", || {
            let left = lives.first().map(|life| life.left_at(now));
            format!("a renewal past the store with {left:?} left")
        })
    }

    /// Rule 4: after many consecutive failures, waits are long on average, and no two alike.
    pub(crate) fn backoff_grows(&mut self) -> Check {
        if self.gaps.len() < 16 {
            return Ok(());
        }
        let gaps = std::mem::take(&mut self.gaps);
        let total: Duration = gaps.iter().sum();
        let mean = total / 16;
        let least = self.policy.backoff_cap;
        ensure(mean * 1000 >= least * 135, 4, "backoff-grows", || {
            format!("after many failures, the waits are only {mean:?} on average")
        })?;
        let floor = self.policy.min_interval.max(self.policy.refused_base);
        // Without room between them there is no jitter.
        let jitters = least > floor + MILLISECOND * 20;
        let alike = jitters
            && gaps.windows(4).any(|four| {
                let alike = |gap: &Duration| gap.abs_diff(four[0]) < MILLISECOND;
                four[0] > floor + MILLISECOND * 20 && four.iter().all(alike)
            });
        ensure(!alike, 4, "jitter-spreads-retries", || {
            format!("the waits are alike: {gaps:?}")
        })
    }
}
