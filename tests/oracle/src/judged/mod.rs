//! A cache, and beside it the account of what is visible of it: each call goes through here, so that each is judged.

mod drawn;
mod machine;
mod reports;

use std::fmt::Debug;
use std::time::Duration;

use pan123_token::AccessToken;
use pan123_token_cache::{Action, Event, Moment, Reason, RenewalPolicy, StoreStep, TokenCache};
use pan123_token_provider::StoreReport;

use crate::account::{Account, FetchEnd};
use crate::platform::TokenId;
use crate::rules::{Broken, Check, ensure};
use crate::wire::{SECRET, token_id};

pub(crate) use drawn::Permit;
pub use drawn::{Asked, Drawn, Ticket};
pub(crate) use machine::Machine;

/// A cache and the account of it.
#[derive(Debug)]
pub struct Judged {
    pub(crate) machine: Machine,
    pub(crate) account: Account,
    next: u64,
    checked: bool,
    /// Check what is printed, too, which takes long.
    prints: bool,
    pub(crate) queued: Vec<Event>,
}

impl Judged {
    /// A cache that did nothing yet. `shares`: whether it is [`sharing`](TokenCache::sharing).
    pub fn new(cache: TokenCache, policy: RenewalPolicy, shares: bool) -> Self {
        Self::of(Machine::Cache(Box::new(cache)), policy, shares)
    }

    pub(crate) fn of(machine: Machine, policy: RenewalPolicy, shares: bool) -> Self {
        Self {
            machine,
            account: Account::new(policy, shares),
            next: 0,
            checked: true,
            prints: false,
            queued: Vec::new(),
        }
    }

    /// Keeps the account and checks nothing.
    #[must_use]
    pub fn unchecked(self) -> Self {
        Self {
            checked: false,
            ..self
        }
    }

    /// Checks also that nothing that can be printed holds a token. Printing is what costs time here.
    #[must_use]
    pub fn printing(self) -> Self {
        Self {
            prints: true,
            ..self
        }
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn all(&self, checks: Vec<Check>) -> Check {
        for check in checks {
            self.one(check)?;
        }
        Ok(())
    }

    pub(crate) fn one(&self, check: Check) -> Check {
        if self.checked { check } else { Ok(()) }
    }

    /// What to do now.
    ///
    /// # Errors
    ///
    /// A rule that was broken; as from each function below.
    pub fn poll(&mut self, now: Moment) -> Result<Drawn, Broken> {
        self.account.pass_to(now);
        let check = self.account.not_spinning(now);
        self.one(check)?;
        let drawn = match self.machine.cache().poll(now) {
            Action::Fetch(ticket) => {
                let timeout = ticket.timeout();
                self.fetch(Permit::Ticket(ticket), timeout, now)?
            }
            Action::Store(step) => self.call(step, None, now)?,
            Action::Wait { until, reason } => {
                self.drop_late_lease(now);
                let mut checks = self.account.may_wait(until, now);
                checks.push(self.account.renews_early(now));
                self.all(checks)?;
                Drawn::Wait { until, reason }
            }
        };
        self.observe(None, now)?;
        Ok(drawn)
    }

    /// Polls with a monotonic time that lies so long before `now`, which was polled at already. `None` where the machine
    /// does something then.
    pub fn poll_earlier(
        &mut self,
        now: Moment,
        by: Duration,
    ) -> Result<Option<(Moment, Reason)>, Broken> {
        let earlier = Moment {
            monotonic: now.monotonic.saturating_sub(by),
            ..now
        };
        let wait = match self.machine.cache().poll(earlier) {
            Action::Wait { until, reason } => Some((until, reason)),
            action => {
                self.machine.cache().unbegun(action);
                None
            }
        };
        self.observe(None, now)?;
        Ok(wait)
    }

    pub(crate) fn fetch(
        &mut self,
        permit: Permit,
        timeout: Duration,
        now: Moment,
    ) -> Result<Drawn, Broken> {
        self.drop_late_lease(now);
        let mut checks = self.account.may_fetch(now);
        let leased = self.account.lease.map(|lease| lease.tier);
        let forced = self.account.forced_next(now);
        self.next += 1;
        self.account.fetch_begins(self.next, timeout, now);
        checks.push(self.account.backoff_grows());
        self.all(checks)?;
        Ok(Drawn::Fetch(Ticket {
            permit,
            number: self.next,
            forced,
            leased,
            timeout,
            sent: now,
        }))
    }

    pub(crate) fn call(
        &mut self,
        step: StoreStep,
        report: Option<StoreReport>,
        now: Moment,
    ) -> Result<Drawn, Broken> {
        self.drop_late_lease(now);
        let checks = self.account.may_call(&step, now);
        self.all(checks)?;
        self.silent(&step)?;
        self.next += 1;
        self.account.step_begins(self.next, &step, now);
        Ok(Drawn::Store(Asked {
            step,
            report,
            number: self.next,
            asked: now,
        }))
    }

    /// A lease that comes too late to be used is none. Two of them are trouble: this driver can't use them. What is in flight
    /// is waited for first.
    pub(crate) fn drop_late_lease(&mut self, now: Moment) {
        let Some(lease) = self.account.lease else {
            return;
        };
        if self.is_in_flight(now) {
            return;
        }
        if !self.account.holds_a_fetch(lease.ends, now) {
            self.account.lease = None;
            self.account.store.late_leases += 1;
            if self.account.store.late_leases >= 2 {
                self.account.store.useless = true;
            }
        }
    }

    /// Whether something is in flight, by what was drawn and reported.
    pub fn is_in_flight(&self, now: Moment) -> bool {
        let flight = &self.account.in_flight;
        flight.is_some_and(|flight| now.monotonic < flight.ends)
    }

    /// Whether a fetch is.
    pub fn is_fetching(&self, now: Moment) -> bool {
        let kind = self.account.in_flight.map(|flight| flight.kind);
        let fetches = matches!(kind, Some(crate::account::FlightKind::Fetch { .. }));
        fetches && self.is_in_flight(now)
    }

    /// Whether callers without a token fail at once while this is waited for.
    pub fn callers_fail(&mut self, until: Moment, reason: Reason, now: Moment) -> bool {
        self.machine
            .cache()
            .token_error(until, reason, now)
            .is_some()
    }

    /// What a caller gets now.
    pub fn token(&mut self, now: Moment) -> Result<Option<AccessToken>, Broken> {
        self.account.pass_to(now);
        self.observe(None, now)
    }

    /// Whether a caller's driver is to poll.
    pub fn wants_poll(&self, now: Moment) -> bool {
        self.machine.wants_poll(now)
    }

    /// After each call: what callers would get, judged. `must`: a token that they must get.
    pub(crate) fn observe(
        &mut self,
        must: Option<(TokenId, &'static str)>,
        now: Moment,
    ) -> Result<Option<AccessToken>, Broken> {
        let token = self.machine.token(now);
        let served = token.as_ref().map(token_id);
        if let Some(token) = &token {
            let expires_at = token.expires_at().unix_timestamp_nanos();
            let check = self.account.may_serve(token_id(token), expires_at, now);
            self.one(check)?;
        } else {
            let polls = ensure(
                self.machine.wants_poll(now),
                12,
                "no-token-then-poll",
                || "there is no token, and no driver is to poll".to_owned(),
            );
            self.one(polls)?;
        }
        let checks = vec![
            self.account.calm(served, now),
            Account::serves_what_came(must, served),
        ];
        self.all(checks)?;
        self.account.serves(token.as_ref());
        Ok(token)
    }

    /// How fetches ended since this was last asked, reported or given up.
    pub(crate) fn take_ends(&mut self) -> Vec<FetchEnd> {
        std::mem::take(&mut self.account.ends)
    }

    /// For how long the platform's own words may keep it from asking.
    pub(crate) fn held_back(&self, now: Moment) -> Duration {
        let account = &self.account;
        let rests = account.refused_at.or(account.useless_at);
        let rest = rests.map_or(Duration::ZERO, |_| account.policy.backoff_cap_serving);
        rest.max(account.not_before.saturating_sub(now.monotonic))
    }

    /// The machine's events, which operators see.
    pub fn events(&mut self) -> Result<Vec<Event>, Broken> {
        let mut events = std::mem::take(&mut self.queued);
        self.machine.take_events(&mut events);
        for event in &events {
            self.silent(event)?;
        }
        Ok(events)
    }

    /// Nor does what the cache prints of itself.
    pub(crate) fn shows_no_secret(&mut self) -> Check {
        let shown = self.machine.shown();
        let check = ensure(!shown.contains(SECRET), 0, "no-secret-is-shown", || {
            "the cache shows a token".to_owned()
        });
        self.one(check)
    }

    /// Nothing that can be printed holds a token.
    fn silent(&mut self, printed: &impl Debug) -> Check {
        if !self.prints {
            return Ok(());
        }
        let shown = format!("{printed:?}");
        let check = ensure(!shown.contains(SECRET), 0, "no-secret-is-shown", || {
            "a token is shown".to_owned()
        });
        self.one(check)
    }
}
