//! A provider and the account of it: what its callers and its jobs see, judged.

use std::task::Waker;
use std::time::Duration;

use pan123_token::{AccessToken, FetchError, Grant};
use pan123_token_cache::{Event, Failure, Moment, RenewalPolicy, StoreDone, Tier};
use pan123_token_provider::{Caller, Flush, Job, StoreReport, Turn, Wanted, Work};

use super::{Flight, Provided};
use crate::account::FlightKind;
use crate::answer::Answer;
use crate::judged::{Asked, Drawn, Judged, Machine, Ticket};
use crate::rules::{Broken, Check, ensure};
use crate::wire::token_id;

impl Judged {
    /// A provider that did nothing yet. `policy` is fitted to its timeout.
    pub(crate) fn over(provided: Provided, policy: RenewalPolicy, shares: bool) -> Self {
        Self::of(Machine::Provider(provided), policy, shares)
    }

    fn at(&self, now: Moment) -> &pan123_token_provider::Provider {
        match &self.machine {
            Machine::Provider(provided) => provided.at(now),
            Machine::Cache(_) => unreachable!("a machine has neither jobs nor callers"),
        }
    }

    /// The token, where a caller need not wait for anything.
    pub(crate) fn fresh(&mut self, now: Moment) -> Result<Option<AccessToken>, Broken> {
        let served = self.token(now)?;
        let fresh = self.at(now).fresh();
        let same = fresh.is_none() || fresh.as_ref().map(token_id) == served.as_ref().map(token_id);
        let check = ensure(same, 5, "fresh-is-current", || {
            "another token is fresh than the current one".to_owned()
        });
        self.one(check)?;
        Ok(fresh)
    }

    pub(crate) fn caller(&mut self, wanted: Wanted, limit: Duration, now: Moment) -> Caller {
        if wanted == Wanted::Refreshed {
            self.account.refresh();
        }
        self.at(now).caller(wanted, limit)
    }

    pub(crate) fn turn(
        &mut self,
        caller: &mut Caller,
        waited: Duration,
        waker: &Waker,
        now: Moment,
    ) -> Result<Turn, Broken> {
        let timed_out = self.pass_to(now);
        self.at(now);
        let turn = caller.turn(waited, waker);
        self.hear(timed_out, now);
        let served = self.observe(None, now)?;
        if let Turn::Done(Ok(token)) = &turn {
            let same = served.as_ref().map(token_id) == Some(token_id(token));
            let check = ensure(same, 1, "callers-get-the-current-token", || {
                format!("a caller got token {}", token_id(token))
            });
            self.one(check)?;
        }
        Ok(turn)
    }

    /// What the job draws; `None` where it has nothing left to do. `dies`: its runtime does before the request is sent.
    pub(crate) fn draw(
        &mut self,
        job: &mut Job,
        waker: Option<Waker>,
        dies: bool,
        now: Moment,
    ) -> Result<Option<Drawn>, Broken> {
        let timed_out = self.pass_to(now);
        let check = self.account.not_spinning(now);
        self.one(check)?;
        self.at(now);
        let work = job.next();
        self.hear(timed_out, now);
        let drawn = match work {
            Some(Work::Exchange(exchange)) if dies => {
                drop(exchange);
                None
            }
            Some(Work::Exchange(exchange)) => {
                let timeout = self.account.policy.fetch_timeout;
                let bound = exchange.timeout();
                let permit = crate::judged::Permit::Flight(Flight::begin(exchange, waker));
                let mut drawn = self.fetch(permit, timeout, now)?;
                if let Drawn::Fetch(ticket) = &mut drawn {
                    ticket.timeout = bound;
                }
                let check = ensure(bound < timeout, 9, "ends-before-its-deadline", || {
                    format!("an exchange may take {bound:?} of {timeout:?}")
                });
                self.one(check)?;
                Some(drawn)
            }
            Some(Work::Store(call)) => {
                let (step, _, report) = call.split();
                Some(self.call(step, Some(report), now)?)
            }
            None => {
                self.rests(now)?;
                None
            }
        };
        self.observe(None, now)?;
        Ok(drawn)
    }

    /// Nothing is due: what must hold of a machine that waits.
    fn rests(&mut self, now: Moment) -> Check {
        self.drop_late_lease(now);
        if self.account.in_flight.is_some() {
            return Ok(());
        }
        let checks = vec![
            self.account.saves(now),
            self.account.frees_the_lease(now),
            self.account.renews_early(now),
        ];
        self.all(checks)
    }

    /// The reply of an exchange has come. False where it was superseded.
    pub(crate) fn lands(
        &mut self,
        flight: Flight,
        result: Result<Grant, FetchError>,
        now: Moment,
    ) -> bool {
        self.at(now);
        flight.land(result)
    }

    pub(crate) fn answers(
        &mut self,
        report: StoreReport,
        done: StoreDone,
        lost: bool,
        now: Moment,
    ) {
        self.at(now);
        if lost {
            drop(report);
        } else {
            report.finish(done);
        }
    }

    /// What carries the exchange out is gone.
    pub(crate) fn lose(&mut self, ticket: Ticket, now: Moment) -> Check {
        self.pass_to(now);
        let flies = self.account.in_flight.map(|flight| flight.number) == Some(ticket.number);
        if flies {
            self.account.supersede(now);
        }
        self.at(now);
        drop(ticket);
        let before = self.queued.len();
        self.machine.take_events(&mut self.queued);
        let dropped = |event: &Event| matches!(failure_of(event), Some(Failure::Dropped));
        let said = self.queued[before..].iter().any(dropped);
        let check = ensure(said || !flies, 9, "lost-exchange-has-an-event", || {
            "an exchange was lost with its runtime, and no event says so".to_owned()
        });
        self.one(check)?;
        self.observe(None, now).map(drop)
    }

    /// What carries the call out is gone.
    pub(crate) fn lose_call(&mut self, asked: Asked, now: Moment) -> Check {
        let error = pan123_token_cache::StoreError::new("the call was dropped before it ended");
        let answer = Answer::failed(&asked.step, error);
        self.call_ended(asked, answer, true, now)
    }

    /// A job is dropped, or can't be started.
    pub(crate) fn end_job(&mut self, job: Job, why: Option<&str>, now: Moment) -> Check {
        let timed_out = self.pass_to(now);
        self.at(now);
        match why {
            Some(why) => job.could_not_start(why),
            None => drop(job),
        }
        self.hear(timed_out, now);
        self.observe(None, now).map(drop)
    }

    pub(crate) fn flush(&self, now: Moment) -> Flush {
        self.at(now).flush()
    }

    /// Rule 8: what was received is saved when a flush ends, if the store works.
    pub(crate) fn is_flushed(
        &mut self,
        flush: &mut Flush,
        waker: &Waker,
        now: Moment,
    ) -> Result<bool, Broken> {
        let timed_out = self.pass_to(now);
        self.at(now);
        let done = flush.is_done(waker);
        self.hear(timed_out, now);
        let account = &self.account;
        let works = account.store.failing_since.is_none() && !account.store.useless;
        let unsaved = account.unsaved.as_ref().map(|unsaved| unsaved.token);
        let usable = unsaved.is_some_and(|token| account.is_surely_usable(token, now))
            && account.serving
            && account.held == unsaved;
        let lost = done && works && usable && !account.now_excused(now);
        let check = ensure(!lost, 8, "flushed-is-saved", || {
            format!("a flush ended before token {unsaved:?} was saved")
        });
        self.one(check)?;
        let rests = !done || account.in_flight.is_none();
        let check = ensure(rests, 8, "flushed-rests", || {
            format!("a flush ended beside {:?}", self.account.in_flight)
        });
        self.one(check)?;
        Ok(done)
    }

    /// True where a call to the store has come to its deadline, which is an event.
    fn pass_to(&mut self, now: Moment) -> bool {
        let flight = self.account.in_flight;
        self.account.pass_to(now);
        flight.is_some_and(|flight| {
            matches!(flight.kind, FlightKind::Step { .. }) && flight.ends <= now.monotonic
        })
    }

    /// What the provider did by itself can only be heard: it gave an exchange up that nothing polls, it could not have an
    /// action carried out, or it asked no store that has yet to answer an earlier call.
    fn hear(&mut self, timed_out: bool, now: Moment) {
        let before = self.queued.len();
        self.machine.take_events(&mut self.queued);
        let mut known = usize::from(timed_out);
        // A turn makes nothing of a lease that comes too late, either; the second one is called a failure.
        let useless = self.account.store.useless;
        self.drop_late_lease(now);
        known += usize::from(self.account.store.useless && !useless);
        for event in &self.queued[before..] {
            match (event, failure_of(event)) {
                (_, Some(Failure::Dropped)) => {
                    self.account.supersede(now);
                }
                (_, Some(Failure::NotSent(_))) => self.account.could_not_send(now),
                (Event::StoreFailed { .. } | Event::HostStoreFailed { .. }, _) if known > 0 => {
                    known -= 1;
                }
                (Event::StoreFailed { call, .. }, _) => {
                    self.account.could_not_call(Tier::Shared, call, now);
                }
                (Event::HostStoreFailed { call, .. }, _) => {
                    self.account.could_not_call(Tier::Host, call, now);
                }
                _ => {}
            }
        }
    }
}

fn failure_of(event: &Event) -> Option<&Failure> {
    match event {
        Event::RenewalFailed { failure, .. } => Some(failure),
        _ => None,
    }
}
