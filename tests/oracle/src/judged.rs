//! A cache, and beside it the account of what is visible of it: each call goes through here, so that each is judged.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use pan123_token::{AccessToken, Cause, FetchError, Grant};
use pan123_token_cache::{
    Action, Event, FetchTicket, Moment, Reason, Rejection, RenewalPolicy, StoreStep, TokenCache,
};

use crate::account::{Account, FetchEnd, end_of};
use crate::platform::{SECRET, TokenId, token_id};
use crate::rules::{Broken, Check, ensure};
use crate::store::Answer;

/// What the machine asks for.
#[derive(Debug)]
pub enum Drawn {
    /// A request for a token.
    Fetch(Ticket),
    /// A call to the store.
    Store(Asked),
    /// Nothing until then.
    Wait {
        /// When to poll again.
        until: Moment,
        /// What the machine says about it; no rule believes that.
        reason: Reason,
    },
}

/// A fetch in flight.
#[derive(Debug)]
pub struct Ticket {
    right: FetchTicket,
    number: u64,
    forced: BTreeSet<u32>,
    leased: bool,
    /// When it was drawn.
    pub sent: Moment,
}

impl Ticket {
    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        self.right.timeout()
    }

    /// Whether it was drawn without a lease.
    pub fn is_alone(&self) -> bool {
        !self.leased
    }
}

/// A call to the store in flight.
#[derive(Debug)]
pub struct Asked {
    /// The call.
    pub step: StoreStep,
    number: u64,
    /// When it was drawn.
    pub asked: Moment,
}

/// A cache and the account of it.
#[derive(Debug)]
pub struct Judged {
    cache: TokenCache,
    account: Account,
    next: u64,
    checked: bool,
    /// Check what is printed, too, which takes long.
    prints: bool,
    queued: Vec<Event>,
}

impl Judged {
    /// A cache that did nothing yet. `shares`: whether it is [`sharing`](TokenCache::sharing).
    pub fn new(cache: TokenCache, policy: RenewalPolicy, shares: bool) -> Self {
        Self {
            cache,
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

    fn all(&mut self, checks: Vec<Check>) -> Check {
        for check in checks {
            self.one(check)?;
        }
        Ok(())
    }

    fn one(&mut self, check: Check) -> Check {
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
        let drawn = match self.cache.poll(now) {
            Action::Fetch(ticket) => self.fetch(ticket, now)?,
            Action::Store(step) => self.call(step, now)?,
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
        let wait = match self.cache.poll(earlier) {
            Action::Wait { until, reason } => Some((until, reason)),
            action => {
                self.cache.unbegun(action);
                None
            }
        };
        self.observe(None, now)?;
        Ok(wait)
    }

    fn fetch(&mut self, ticket: FetchTicket, now: Moment) -> Result<Drawn, Broken> {
        self.drop_late_lease(now);
        let mut checks = self.account.may_fetch(now);
        let leased = self.account.lease.is_some();
        let forced = self.account.forced_next(now);
        self.next += 1;
        self.account.fetch_begins(self.next, ticket.timeout(), now);
        checks.push(self.account.backoff_grows());
        self.all(checks)?;
        Ok(Drawn::Fetch(Ticket {
            right: ticket,
            number: self.next,
            forced,
            leased,
            sent: now,
        }))
    }

    fn call(&mut self, step: StoreStep, now: Moment) -> Result<Drawn, Broken> {
        self.drop_late_lease(now);
        let checks = self.account.may_call(&step, now);
        self.all(checks)?;
        self.silent(&step)?;
        self.next += 1;
        self.account.step_begins(self.next, &step, now);
        self.account.must_save = None;
        Ok(Drawn::Store(Asked {
            step,
            number: self.next,
            asked: now,
        }))
    }

    /// A lease that comes too late to be used is none. Two of them are trouble: this driver can't use them.
    fn drop_late_lease(&mut self, now: Moment) {
        let Some(lease) = self.account.lease else {
            return;
        };
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
    pub fn callers_fail(&self, until: Moment, reason: Reason, now: Moment) -> bool {
        self.cache.token_error(until, reason, now).is_some()
    }

    /// What a caller gets now.
    pub fn token(&mut self, now: Moment) -> Result<Option<AccessToken>, Broken> {
        self.account.pass_to(now);
        self.observe(None, now)
    }

    /// Whether a caller's driver is to poll.
    pub fn wants_poll(&self, now: Moment) -> bool {
        self.cache.snapshot().wants_poll(now)
    }

    /// After each call: what callers would get, judged. `must`: a token that they must get.
    fn observe(
        &mut self,
        must: Option<(TokenId, &'static str)>,
        now: Moment,
    ) -> Result<Option<AccessToken>, Broken> {
        let snapshot = self.cache.snapshot();
        let token = snapshot.token(now);
        let served = token.map(token_id);
        if let Some(token) = token {
            let expires_at = token.expires_at().unix_timestamp_nanos();
            let check = self.account.may_serve(token_id(token), expires_at, now);
            self.one(check)?;
        } else {
            let polls = ensure(snapshot.wants_poll(now), 12, "no-token-then-poll", || {
                "there is no token, and no driver is to poll".to_owned()
            });
            self.one(polls)?;
        }
        let checks = vec![
            self.account.calm(served, now),
            Account::serves_what_came(must, served),
        ];
        self.all(checks)?;
        self.account.serves(token);
        Ok(token.cloned())
    }

    /// How a fetch ended.
    pub fn fetched(
        &mut self,
        ticket: Ticket,
        result: Result<Grant, FetchError>,
        now: Moment,
    ) -> Result<FetchEnd, Broken> {
        self.account.pass_to(now);
        let in_time = self.account.end_fetch(ticket.number, now).is_some();
        let (end, must) = match &result {
            Ok(grant) => self.account.granted(
                grant,
                ticket.sent,
                in_time,
                ticket.forced.clone(),
                ticket.leased,
                now,
            ),
            Err(error) if in_time => {
                let end = end_of(error);
                self.account.failed(end, now);
                (end, None)
            }
            Err(_) => (FetchEnd::Late, None),
        };
        self.cache.fetched(ticket.right, result, now);
        self.observe(must, now)?;
        Ok(end)
    }

    /// A fetch that could not be started.
    pub fn not_sent(&mut self, ticket: Ticket, now: Moment) -> Result<(), Broken> {
        self.account.pass_to(now);
        if self.account.end_fetch(ticket.number, now).is_some() {
            self.account.failed(FetchEnd::NotSent, now);
        }
        let why = Cause::from("no thread");
        self.cache.not_sent(ticket.right, why, now);
        self.observe(None, now).map(drop)
    }

    /// What carries the fetch out doesn't answer any more.
    pub fn supersede(&mut self, now: Moment) -> Result<bool, Broken> {
        self.account.pass_to(now);
        let expected = self.account.supersede(now);
        let superseded = self.cache.supersede(now);
        // One whose deadline has passed may be called superseded, too.
        let check = ensure(superseded || !expected, 9, "superseded", || {
            "a fetch in flight was not superseded".to_owned()
        });
        self.one(check)?;
        self.observe(None, now)?;
        Ok(superseded)
    }

    /// What the store answered.
    pub fn stored(&mut self, asked: Asked, answer: Answer, now: Moment) -> Result<(), Broken> {
        self.account.pass_to(now);
        let in_time = self
            .account
            .in_flight
            .is_some_and(|flight| flight.number == asked.number);
        let must = self
            .account
            .answered(asked.number, &answer, &asked.step, now);
        let failed = in_time && answer.error().is_some();
        let done = answer.deliver(asked.step);
        self.silent(&done)?;
        let before = self.queued.len();
        self.cache.stored(done, now);
        while let Some(event) = self.cache.next_event() {
            self.queued.push(event);
        }
        let said = self.queued[before..]
            .iter()
            .any(|event| matches!(event, Event::StoreFailed { .. }));
        let check = ensure(!failed || said, 11, "store-failure-has-an-event", || {
            "the store failed, and no event says so".to_owned()
        });
        self.one(check)?;
        self.observe(must, now).map(drop)
    }

    /// An API call was refused with this token.
    pub fn reject(&mut self, token: &AccessToken, now: Moment) -> Result<Rejection, Broken> {
        self.account.pass_to(now);
        let answer = self.cache.reject(token, now);
        let id = token_id(token);
        let check = self.account.rejection_is_answered(id, answer, now);
        self.one(check)?;
        self.account.rejects(id, now);
        self.observe(None, now)?;
        Ok(answer)
    }

    /// A caller wants another token.
    pub fn refresh(&mut self) {
        self.account.refresh();
        self.cache.refresh();
    }

    /// A clock was set, or stood still: waits may end later than they should.
    pub fn clocks_changed(&mut self, now: Moment) {
        let until = now.monotonic + self.account.policy.backoff_cap_serving;
        self.account.excuse(until);
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
        while let Some(event) = self.cache.next_event() {
            events.push(event);
        }
        for event in &events {
            self.silent(event)?;
        }
        Ok(events)
    }

    /// Nor does what the cache prints of itself.
    pub(crate) fn shows_no_secret(&mut self) -> Check {
        let shown = format!("{:?} {:?}", self.cache, self.cache.snapshot());
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
