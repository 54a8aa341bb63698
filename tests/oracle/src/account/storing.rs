//! What the store's answers change in the account.

use std::collections::BTreeSet;
use std::time::Duration;

use pan123_token_cache::{Lease, Moment, Owner, Saved, StoreStep, Stored, TakeLease, Tier};

use super::{Account, AskedLease, FlightKind, InFlight, LeaseSeen};
use crate::answer::Answer;
use crate::life::Life;
use crate::platform::TokenId;
use crate::wire::token_id;

/// What is known of the store from its answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreSeen {
    /// By the monotonic clock: since when calls fail.
    pub(crate) failing_since: Option<Duration>,
    pub(crate) failed_calls: u32,
    /// It can't be written. That it can be read is no end of that.
    pub(crate) writing: bool,
    /// There is no point in trying again: a holder that never releases, or leases that come too late.
    pub(crate) useless: bool,
    pub(crate) only_misconfigured: bool,
    pub(crate) late_leases: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Unsaved {
    pub(crate) token: TokenId,
    pub(crate) forced: BTreeSet<u32>,
    pub(crate) since: Duration,
}

impl Account {
    pub(crate) fn step_begins(&mut self, number: u64, step: &StoreStep, now: Moment) {
        let writes = !matches!(step, StoreStep::Load(_));
        let proves = !matches!(step, StoreStep::Release(_));
        let tier = step.tier();
        self.in_flight = Some(InFlight {
            number,
            ends: now.monotonic + self.policy.store_timeout,
            kind: FlightKind::Step {
                tier,
                writes,
                proves,
                asked: now,
            },
        });
        self.calls_at_once += 1;
        if tier == Tier::Shared {
            self.must_save = None;
        }
        match step {
            StoreStep::Lease(step) => self.asks_for_lease(tier, Some(step.call().owner)),
            StoreStep::Release(_) => self.close_lease(tier),
            _ => {}
        }
        if matches!(step, StoreStep::Release(_)) && self.lease.take().is_some() {
            // It lets others go first, once after a failure.
            if !self.gave_way {
                self.due_since = None;
            }
            self.gave_way = true;
        }
        if matches!(step, StoreStep::Load(_))
            && let Some(before) = self.last_load.replace(now.monotonic)
            && self.serving
            && self.excused_until < before
            && self.load_intervals.len() < 64
        {
            let interval = now.monotonic.saturating_sub(before);
            self.load_intervals.push(interval);
        }
    }

    /// The store is tried again from when it was asked first. That of the host isn't judged by the rules of the one that
    /// all share.
    pub(super) fn call_failed(
        &mut self,
        tier: Tier,
        asked: Moment,
        at: Duration,
        writes: bool,
        misconfigured: bool,
    ) {
        self.lease.take_if(|lease| lease.tier == tier);
        // A release that failed leaves it to its term.
        self.holds_lease.take_if(|(leased, _)| *leased == tier);
        self.excuse(at + self.policy.store_retry_cap);
        if tier == Tier::Host {
            return;
        }
        self.must_save = None;
        if self.store.failing_since.is_none() {
            self.store.only_misconfigured = true;
        }
        self.store.failing_since.get_or_insert(asked.monotonic);
        self.store.failed_calls += 1;
        self.store.writing |= writes;
        self.store.only_misconfigured &= misconfigured;
    }

    /// A call was drawn, and failed without one.
    pub(crate) fn could_not_call(&mut self, tier: Tier, call: &str, now: Moment) {
        self.call_failed(tier, now, now.monotonic, call != "load", false);
        if call == "lease" {
            self.asks_for_lease(tier, None);
        }
    }

    /// The store's answer to a step. Returns a token that must be served now.
    pub(crate) fn answered(
        &mut self,
        number: u64,
        answer: &Answer,
        step: &StoreStep,
        now: Moment,
    ) -> Option<(TokenId, &'static str)> {
        let flight = self.in_flight.take_if(|flight| flight.number == number)?;
        let FlightKind::Step {
            tier,
            writes,
            proves,
            asked,
        } = flight.kind
        else {
            return None;
        };
        let shared = tier == Tier::Shared;
        if let Some(error) = answer.error() {
            let misconfigured = error.is_misconfigured();
            self.call_failed(tier, asked, now.monotonic, writes, misconfigured);
            return None;
        }
        if let (Answer::Save(Ok(Saved::Newer(stored))), StoreStep::Save(step)) = (answer, step) {
            let (asked_for, kept) = (&step.call().record, &stored.record);
            let same = asked_for.token.expires_at() == kept.token.expires_at()
                && asked_for.forced == kept.forced
                && asked_for.maybe_issued == kept.maybe_issued
                && asked_for.suspect == kept.suspect;
            let behind = !same
                && asked_for.fingerprint() == kept.fingerprint()
                && asked_for.token.expires_at() >= kept.token.expires_at()
                && asked_for.forced >= kept.forced
                && asked_for.maybe_issued >= kept.maybe_issued
                && asked_for.suspect >= kept.suspect;
            // It keeps what it was to replace.
            if behind && shared {
                self.call_failed(tier, asked, now.monotonic, writes, false);
                return None;
            }
        }
        let stuck = matches!(answer, Answer::Lease(Ok(Lease::Stuck(_))));
        if shared && proves && !stuck && (writes || !self.store.writing) {
            let late_leases = self.store.late_leases;
            self.store = StoreSeen {
                late_leases,
                ..StoreSeen::default()
            };
        }
        match (answer, step) {
            (Answer::Lease(Ok(lease)), StoreStep::Lease(step)) => {
                self.leased(lease, asked, *step.call(), now);
            }
            (Answer::Save(Ok(saved)), StoreStep::Save(_)) => {
                if shared {
                    self.unsaved = None;
                }
                let lease = self.lease.as_mut().filter(|lease| lease.tier == tier);
                if let (Some(lease), Saved::Newer(_)) = (lease, saved) {
                    lease.outdated = true;
                }
            }
            (Answer::Release(Ok(())), _) => {
                self.holds_lease.take_if(|(leased, _)| *leased == tier);
                self.cooldown.take_if(|(leased, _)| *leased == tier);
            }
            _ => {}
        }
        let better = answer
            .stored()
            .and_then(|stored| self.read(stored, asked, now));
        if matches!(answer, Answer::Load(_)) && shared {
            self.must_give_back(answer, now);
        }
        better.filter(|_| shared)
    }

    fn asks_for_lease(&mut self, tier: Tier, owner: Option<Owner>) {
        self.asked.retain(|it| it.tier != tier);
        self.asked.push(AskedLease {
            tier,
            owner,
            open: true,
        });
    }

    fn close_lease(&mut self, tier: Tier) {
        let of_tier = self.asked.iter_mut().filter(|it| it.tier == tier);
        of_tier.for_each(|it| it.open = false);
    }

    fn leased(&mut self, lease: &Lease, asked: Moment, call: TakeLease, now: Moment) {
        match lease {
            Lease::Granted(stored) => {
                let record = stored.as_ref().map(|stored| {
                    (
                        token_id(&stored.record.token),
                        Life::of_stored(stored, asked),
                    )
                });
                let ends = asked.after(call.term);
                self.lease = Some(LeaseSeen {
                    ends,
                    record,
                    outdated: false,
                    tier: call.tier,
                });
                self.holds_lease = Some((call.tier, ends.monotonic));
                self.cooldown.take_if(|(leased, _)| *leased == call.tier);
            }
            Lease::Stuck(_) => {
                self.close_lease(call.tier);
                self.store.useless = true;
                self.excuse(now.monotonic + self.policy.store_retry_cap);
            }
            Lease::Held(wait, _) | Lease::CoolingDown(wait, _) => {
                self.close_lease(call.tier);
                self.denied_until = now.monotonic + *wait;
                self.gave_way = true;
                let wait = (*wait).min(self.policy.backoff_cap_serving);
                self.excuse(now.monotonic + wait);
            }
        }
    }

    /// A record was read. Returns its token, if it must be served now.
    fn read(
        &mut self,
        stored: &Stored,
        asked: Moment,
        now: Moment,
    ) -> Option<(TokenId, &'static str)> {
        let token = token_id(&stored.record.token);
        let life = Life::of_stored(stored, asked);
        let usable = life.is_usable_at(now, &self.policy);
        // A cache passes over a record that has expired, whatever it says.
        if usable && stored.record.suspect && !self.suspects.contains(&token) {
            self.suspects.push(token);
            if self.suspects.len() > 64 {
                self.suspects.remove(0);
            }
        }
        let renewed_elsewhere = self.held == Some(token) && self.later_than_held(&life);
        if renewed_elsewhere {
            // The same token with a later expiry is a success.
            self.renewed();
        }
        // One that had expired here is adopted anew, and with it that it is good.
        let anew = self.held == Some(token) && !self.may_be_usable(token, now);
        if anew && usable && !stored.record.suspect && !self.was_rejected(token) {
            self.suspects.retain(|it| *it != token);
        }
        let lives = self.lives_of(token);
        let confirmed = self.held == Some(token)
            && usable
            && self.is_surely_usable(token, now)
            && lives
                .iter()
                .all(|it| life.forced > it.forced && life.expires_at >= it.expires_at);
        let as_late = lives.iter().all(|it| life.expires_at >= it.expires_at);
        if confirmed {
            // A forced renewal of another process brought it again: its age begins anew for the whole fleet.
            self.lives.remove(&token);
        }
        self.learn(token, life);
        // The store knows as much of it already.
        let known =
            |unsaved: &Unsaved| as_late && unsaved.forced.iter().all(|it| life.forced >= *it);
        let other =
            |unsaved: &Unsaved| unsaved.token != token || renewed_elsewhere || known(unsaved);
        if usable && self.unsaved.as_ref().is_some_and(other) {
            self.unsaved = None;
        }
        if self.held == Some(token) {
            self.maybe_issued = self.maybe_issued.max(life.maybe_issued);
            self.spent = self.spent.max(self.maybe_issued);
        }
        let current = self.held.filter(|_| self.serving);
        let newer = self
            .held_lives()
            .iter()
            .all(|it| life.issued_at > it.issued_at);
        let must = usable
            && !self.was_rejected(token)
            && !stored.record.suspect
            && current != Some(token)
            && (current.is_none() || newer);
        must.then_some((token, "stored-is-adopted"))
    }

    /// A store that turns out empty gets the token that is held.
    fn must_give_back(&mut self, answer: &Answer, now: Moment) {
        let Some(held) = self.held.filter(|_| self.serving) else {
            return;
        };
        let fresh = !self.is_suspect(held)
            && self
                .lives_of(held)
                .iter()
                .all(|life| life.left_at(now) > life.window(&self.policy));
        if answer.stored().is_none() && answer.error().is_none() && fresh {
            self.must_save = Some((held, "empty-store-gets-the-token-back"));
        }
    }
}
