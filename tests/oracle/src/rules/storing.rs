//! Rules about calls to the store.

use std::time::Duration;

use pan123_token_cache::{Moment, Release, Save, StoreStep, TakeLease, Tier};

use super::{Check, ensure};
use crate::account::Account;
use crate::wire::token_id;

/// More calls than this without a fetch or time between them are an endless loop.
const MOST_CALLS_AT_ONCE: u32 = 12;

impl Account {
    pub(crate) fn may_call(&self, step: &StoreStep, now: Moment) -> Vec<Check> {
        let mut checks = vec![
            self.one_at_a_time(step.name()),
            ensure(self.shares, 2, "no-store-no-call", || {
                "a call to a store, where there is none".to_owned()
            }),
            ensure(
                self.calls_at_once < MOST_CALLS_AT_ONCE,
                12,
                "no-endless-calls",
                || format!("{} calls at one instant", self.calls_at_once + 1),
            ),
            self.offers_at_once(step, now),
            self.saves_first(step, now),
        ];
        match step {
            StoreStep::Lease(step) => checks.push(self.releases_before_it_asks(*step.call())),
            StoreStep::Save(step) => {
                checks.push(self.hands_forced_on(step.call()));
                checks.push(self.copies_no_suspect(step.call()));
            }
            StoreStep::Release(step) => {
                checks.push(self.releases_what_it_asked_for(*step.call()));
                checks.push(self.leaves_a_cooldown(*step.call(), now));
                checks.push(self.keeps_others_away_for_rate_limits_alone(*step.call(), now));
            }
            StoreStep::Load(_) => {}
        }
        checks
    }

    /// Rule 11: a token that the store must get comes before anything else, as long as it can be used.
    fn offers_at_once(&self, step: &StoreStep, now: Moment) -> Check {
        let must_save = self.must_save;
        let Some((token, name)) = must_save.filter(|(token, _)| self.is_surely_usable(*token, now))
        else {
            return Ok(());
        };
        // That of the host comes first.
        if step.tier() == Tier::Host {
            return Ok(());
        }
        let saves = match step {
            StoreStep::Save(step) => token_id(&step.call().record.token) == token,
            _ => false,
        };
        ensure(saves, 11, name, || {
            format!("a {} before token {token} is saved", step.name())
        })
    }

    /// Rule 8: what was received is offered to the store before that is asked for anything.
    fn saves_first(&self, step: &StoreStep, now: Moment) -> Check {
        let unsaved = self.unsaved.as_ref().map(|unsaved| unsaved.token);
        // The host's own store may be asked first what it holds.
        let shared = step.tier() == Tier::Shared;
        let asks = shared && matches!(step, StoreStep::Load(_) | StoreStep::Lease(_));
        // The next holder of the lease must find it.
        let works = shared && self.store.failing_since.is_none();
        let releases = works && matches!(step, StoreStep::Release(_));
        let usable = unsaved.is_some_and(|token| self.is_surely_usable(token, now));
        let held_back = self.serving && usable && unsaved == self.held;
        let what = || format!("a {} while token {unsaved:?} isn't saved", step.name());
        ensure(!(held_back && asks), 8, "received-is-saved", what)?;
        ensure(!(held_back && releases), 13, "saved-before-released", what)
    }

    /// Rule 7: the count of consecutive forced renewals goes with the token.
    fn hands_forced_on(&self, call: &Save) -> Check {
        let Some(unsaved) = &self.unsaved else {
            return Ok(());
        };
        if unsaved.token != token_id(&call.record.token) {
            return Ok(());
        }
        let (saved, expected) = (call.record.forced, &unsaved.forced);
        // A record of the same token in the store, or another grant of it, may count differently.
        let lives = self.lives_of(unsaved.token);
        let right = expected.contains(&saved) || lives.iter().any(|life| life.forced == saved);
        ensure(right, 7, "forced-is-handed-on", || {
            format!("{saved} forced renewals were saved instead of {expected:?}")
        })
    }

    /// Rule 12: a lease that may have been granted is released before another is asked for in the same store.
    fn releases_before_it_asks(&self, call: TakeLease) -> Check {
        let unreleased = self.asked.iter().any(|it| it.tier == call.tier && it.open);
        ensure(!unreleased, 12, "released-before-asked-again", || {
            format!(
                "a lease in the {:?} store after one that may have been granted",
                call.tier
            )
        })
    }

    /// Rule 12: a lease is released in the store where it was asked for.
    fn releases_what_it_asked_for(&self, call: Release) -> Check {
        let asked = self
            .asked
            .iter()
            .any(|it| it.tier == call.tier && it.owner.is_none_or(|it| it == call.owner));
        ensure(asked, 12, "released-where-asked", || {
            format!(
                "a release in the {:?} store of a lease that wasn't asked for there",
                call.tier
            )
        })
    }

    /// Rule 11: the copy in the host's store is there for those who start in an outage. A suspect takes no other token's
    /// place there, but one that was received for it.
    fn copies_no_suspect(&self, call: &Save) -> Check {
        let token = token_id(&call.record.token);
        let received = self.received == Some(token);
        let other = call
            .replaces
            .is_some_and(|it| it != call.record.fingerprint());
        let copies = call.tier == Tier::Host && call.record.suspect && other && !received;
        ensure(!copies, 11, "suspect-is-not-copied", || {
            format!("token {token}, a suspect, in place of another in the host's store")
        })
    }

    /// Rule 3, between hosts: the lease cools down for what the platform asked for, and for the interval between fetches.
    fn leaves_a_cooldown(&self, call: Release, now: Moment) -> Check {
        let of_tier = self.cooldown.filter(|(leased, _)| *leased == call.tier);
        let until = of_tier.map_or(Duration::ZERO, |(_, until)| until);
        let least = until.saturating_sub(now.monotonic);
        ensure(call.cooldown >= least, 3, "cooldown-is-kept", || {
            format!("a cooldown of {:?} instead of {least:?}", call.cooldown)
        })
    }

    /// Rule 3: only rate limiting keeps the others away.
    fn keeps_others_away_for_rate_limits_alone(&self, call: Release, now: Moment) -> Check {
        let until_retry_after = self.not_before.saturating_sub(now.monotonic);
        // Without a `Retry-After`, rate limiting backs off by itself.
        let most = self
            .policy
            .min_interval
            .max(until_retry_after)
            .max(self.policy.backoff_cap);
        ensure(call.cooldown <= most, 3, "cooldown-is-short", || {
            format!("a cooldown of {:?}", call.cooldown)
        })
    }

    /// Rule 8: what was received is offered to the store until that keeps it.
    pub(crate) fn saves(&self, now: Moment) -> Check {
        let Some(unsaved) = &self.unsaved else {
            return Ok(());
        };
        let usable = self.held == Some(unsaved.token) && self.serving;
        if !usable || self.in_flight.is_some() {
            return Ok(());
        }
        let since = unsaved.since.max(self.excused_until);
        let longest = self.policy.store_retry_cap + self.policy.store_timeout * 4;
        let waited = now.monotonic.saturating_sub(since);
        ensure(waited <= longest, 8, "received-is-saved", || {
            format!("token {} wasn't saved for {waited:?}", unsaved.token)
        })
    }

    /// Rule 12: the lease is free at once when its holder doesn't fetch. That of the host's store waits while that is skipped.
    pub(crate) fn frees_the_lease(&self, now: Moment) -> Check {
        let holds = self
            .holds_lease
            .is_some_and(|(tier, until)| tier == Tier::Shared && now.monotonic < until)
            && self.store.failing_since.is_none()
            && !self.store.useless
            && self.in_flight.is_none();
        ensure(!holds, 12, "lease-is-freed", || {
            "it waits with a lease in its hands".to_owned()
        })
    }
}
