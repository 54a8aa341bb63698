//! Rules about waits.

use std::time::Duration;

use pan123_token_cache::Moment;

use super::{Check, ensure};
use crate::account::{Account, FlightKind};
use crate::life::Life;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

impl Account {
    /// All that a wait must keep to.
    pub(crate) fn may_wait(&self, until: Moment, now: Moment) -> Vec<Check> {
        let length = until.monotonic.saturating_sub(now.monotonic);
        let mut checks = vec![ensure(
            until.monotonic > now.monotonic || until.wall > now.wall,
            12,
            "wait-has-a-length",
            || "a wait until a moment that has passed".to_owned(),
        )];
        if let Some(flight) = &self.in_flight {
            checks.push(ensure(
                until.monotonic <= flight.ends,
                9,
                "given-up-at-the-deadline",
                || format!("a wait beyond the deadline of {flight:?}"),
            ));
            return checks;
        }
        checks.push(self.offers_before_it_waits(now));
        checks.push(self.saves(now));
        checks.push(self.frees_the_lease(now));
        if self.serving {
            checks.push(self.wakes_in_time(until, now));
        } else {
            checks.push(self.backoff_is_capped(length, now));
        }
        checks
    }

    /// Rule 11: what the store must get at once is not left for later.
    fn offers_before_it_waits(&self, now: Moment) -> Check {
        let must_save = self.must_save;
        let Some((token, name)) = must_save.filter(|(token, _)| self.is_surely_usable(*token, now))
        else {
            return Ok(());
        };
        ensure(false, 11, name, || {
            format!("a wait before token {token} is saved")
        })
    }

    /// Rule 4: nothing locks out for good.
    fn backoff_is_capped(&self, length: Duration, now: Moment) -> Check {
        let cap = self
            .policy
            .backoff_cap_serving
            .max(self.not_before.saturating_sub(now.monotonic))
            .max(self.denied_until.saturating_sub(now.monotonic))
            .max(self.policy.store_retry_cap)
            .min(HOUR.max(self.policy.backoff_cap_serving));
        ensure(length <= cap, 4, "backoff-is-capped", || {
            format!("a wait of {length:?} without a token, beyond {cap:?}")
        })
    }

    /// Rule 6: a wait ends before renewal has been due for long, whatever the jitter.
    fn wakes_in_time(&self, until: Moment, now: Moment) -> Check {
        let policy = &self.policy;
        let lives = self.held_lives();
        let latest_due = |life: &Life| life.left_at(now).saturating_sub(life.window(policy) / 2);
        // What may hold a renewal back that is due.
        let mut most = policy
            .backoff_cap_serving
            .max(policy.store_retry_cap)
            .max(policy.min_token_age_cap)
            .max(self.not_before.saturating_sub(now.monotonic))
            .max(self.denied_until.saturating_sub(now.monotonic))
            .min(HOUR.max(policy.backoff_cap_serving));
        if self.spent >= 2 || self.store.failing_since.is_some() || self.store.useless {
            // Until the last quarter, or the end.
            let end = |life: &Life| life.left_at(now);
            most = most.max(lives.iter().map(end).max().unwrap_or_default());
        }
        let due = lives.iter().map(latest_due).max().unwrap_or_default();
        let allowed = due.max(most) + SECOND;
        let length = until
            .monotonic
            .saturating_sub(now.monotonic)
            .min(until.wall.saturating_sub(now.wall));
        ensure(length <= allowed, 6, "wakes-in-time", || {
            let left = lives.first().map(|life| life.left_at(now));
            format!("a wait of {length:?} with {left:?} left")
        })
    }

    /// Rule 6: renewal happens early. It has been due for long, nothing went wrong, and no fetch began.
    pub(crate) fn renews_early(&mut self, now: Moment) -> Check {
        let fetching = self
            .in_flight
            .is_some_and(|flight| matches!(flight.kind, FlightKind::Fetch { .. }));
        let policy = &self.policy;
        let due = |life: &Life| life.left_at(now) <= life.window(policy) / 2;
        let lives = self.held_lives();
        let is_due = self.serving && !lives.is_empty() && lives.iter().all(due);
        let held_back = self.spent >= 2
            || self.held.is_some_and(|token| self.is_suspect(token))
            || self.store.failing_since.is_some()
            || self.store.useless
            || now.monotonic < self.excused_until;
        if !is_due || held_back || fetching {
            self.due_since = None;
            return Ok(());
        }
        let since = *self.due_since.get_or_insert(now.monotonic);
        let waited = now.monotonic.saturating_sub(since);
        // A process that failed lets others go first, for three polls.
        let bound = policy.lease_term * 2
            + policy.fetch_timeout
            + policy.store_timeout * 4
            + policy.lease_poll * 6;
        ensure(waited <= bound, 6, "due-then-fetched", || {
            format!("renewal has been due for {waited:?}, and no fetch began")
        })
    }

    /// Rule 12: the driver isn't kept busy at one instant.
    pub(crate) fn not_spinning(&mut self, now: Moment) -> Check {
        let since = now.monotonic.saturating_sub(self.last_poll);
        if let Some(unsaved) = self.unsaved.as_mut().filter(|_| since > SECOND * 60) {
            // It was not asked in between.
            unsaved.since = now.monotonic;
        }
        // And is due for as long as it could do something.
        if let Some(due) = &mut self.due_since {
            *due += since.saturating_sub(SECOND * 60);
        }
        if now.monotonic == self.last_poll {
            self.polls_at_once += 1;
        } else {
            (self.last_poll, self.polls_at_once) = (now.monotonic, 0);
            self.calls_at_once = 0;
        }
        let polls = self.polls_at_once;
        ensure(polls < 200, 12, "not-spinning", || {
            format!("{polls} polls at one instant")
        })
    }
}
