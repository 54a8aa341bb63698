//! What is reported to a machine, each report judged.

use pan123_token::{AccessToken, Cause, FetchError, Grant};
use pan123_token_cache::{Event, Moment, Rejection, Tier};

use super::{Asked, Judged, Permit, Ticket};
use crate::account::{FetchEnd, end_of};
use crate::answer::Answer;
use crate::rules::{Broken, ensure};
use crate::wire::token_id;

impl Judged {
    /// How a fetch ended.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a ticket is good for one report"
    )]
    pub fn fetched(
        &mut self,
        ticket: Ticket,
        result: Result<Grant, FetchError>,
        now: Moment,
    ) -> Result<FetchEnd, Broken> {
        self.account.pass_to(now);
        let flight = match ticket.permit {
            Permit::Ticket(right) => {
                self.machine.cache().fetched(right, result.clone(), now);
                true
            }
            Permit::Flight(flight) => self.lands(flight, result.clone(), now),
        };
        if !flight {
            // It was superseded, and what came is gone.
            self.observe(None, now)?;
            return Ok(FetchEnd::Late);
        }
        let in_time = self.account.end_fetch(ticket.number, now);
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
        self.observe(must, now)?;
        Ok(end)
    }

    /// A fetch that could not be started.
    pub fn not_sent(&mut self, ticket: Ticket, now: Moment) -> Result<(), Broken> {
        self.account.pass_to(now);
        if self.account.end_fetch(ticket.number, now) {
            self.account.failed(FetchEnd::NotSent, now);
        }
        let why = Cause::from("no thread");
        if let Permit::Ticket(right) = ticket.permit {
            self.machine.cache().not_sent(right, why, now);
        }
        self.observe(None, now).map(drop)
    }

    /// What carries the fetch out doesn't answer any more.
    pub fn supersede(&mut self, now: Moment) -> Result<bool, Broken> {
        self.account.pass_to(now);
        let expected = self.account.supersede(now);
        let superseded = self.machine.cache().supersede(now);
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
        self.call_ended(asked, answer, false, now)
    }

    /// `lost`: what carried it out is gone, and the answer says so.
    pub(crate) fn call_ended(
        &mut self,
        asked: Asked,
        answer: Answer,
        lost: bool,
        now: Moment,
    ) -> Result<(), Broken> {
        self.account.pass_to(now);
        let in_time = self
            .account
            .in_flight
            .is_some_and(|flight| flight.number == asked.number);
        let must = self
            .account
            .answered(asked.number, &answer, &asked.step, now);
        let failed = in_time && answer.error().is_some();
        let tier = asked.step.tier();
        let done = answer.deliver(asked.step);
        self.silent(&done)?;
        let before = self.queued.len();
        match asked.report {
            Some(report) => self.answers(report, done, lost, now),
            None => self.machine.cache().stored(done, now),
        }
        self.machine.take_events(&mut self.queued);
        let said = self.queued[before..].iter().any(|event| match event {
            Event::StoreFailed { .. } => tier == Tier::Shared,
            Event::HostStoreFailed { .. } => tier == Tier::Host,
            _ => false,
        });
        let check = ensure(!failed || said, 11, "store-failure-has-an-event", || {
            "the store failed, and no event says so".to_owned()
        });
        self.one(check)?;
        let before = self.account.held.filter(|_| self.account.serving);
        let served = self.observe(must, now)?;
        let older = before
            .zip(served.as_ref().map(token_id))
            .filter(|_| tier == Tier::Host);
        let check = older.map_or(Ok(()), |(before, served)| {
            self.account
                .hosts_store_brings_no_older(before, served, now)
        });
        self.one(check)
    }

    /// An API call was refused with this token.
    pub fn reject(&mut self, token: &AccessToken, now: Moment) -> Result<Rejection, Broken> {
        self.account.pass_to(now);
        let answer = self.machine.reject(token, now);
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
        self.machine.cache().refresh();
    }

    /// A clock was set, or stood still: waits may end later than they should.
    pub fn clocks_changed(&mut self, now: Moment) {
        let until = now.monotonic + self.account.policy.backoff_cap_serving;
        self.account.excuse(until);
    }
}
