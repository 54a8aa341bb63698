//! A cache, and beside it the account of what is visible of it: each call goes through here, so that each is judged.

use std::fmt;
use std::time::Duration;

use pan123_token::{AccessToken, FetchError, Grant};
use pan123_token_cache::{
    Action, Event, FetchTicket, Moment, Reason, Rejection, RenewalPolicy, StoreStep, TokenCache,
};

use crate::store::Answer;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its number in the design; 0 for the simulation itself.
    pub rule: u8,
    /// Its name.
    pub name: &'static str,
    /// What happened.
    pub what: String,
}

impl Broken {
    pub(crate) fn cut_off(now: Duration, steps: u64) -> Self {
        Self {
            rule: 0,
            name: "runs to its end",
            what: format!("cut off after {steps} steps, at {now:?}"),
        }
    }

    pub(crate) fn in_process(mut self, process: usize) -> Self {
        self.what = format!("{} (process {process})", self.what);
        self
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}, {}: {}", self.rule, self.name, self.what)
    }
}

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

/// A fetch under way.
#[derive(Debug)]
pub struct Ticket {
    ticket: FetchTicket,
    number: u64,
    /// When it was drawn.
    pub sent: Moment,
}

impl Ticket {
    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        self.ticket.timeout()
    }
}

/// A call to the store under way.
#[derive(Debug)]
pub struct Asked {
    /// The call.
    pub step: StoreStep,
    number: u64,
    /// When it was drawn.
    pub asked: Moment,
}

/// How a fetch ended, as far as the fleet cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchEnd {
    Token,
}

/// A cache and the account of it.
pub struct Judged {
    cache: TokenCache,
    policy: RenewalPolicy,
    next: u64,
    in_flight: Option<(u64, Duration)>,
}

impl Judged {
    /// This cache, which did nothing yet.
    pub fn new(cache: TokenCache, policy: RenewalPolicy, _shares: bool, _checked: bool) -> Self {
        Self {
            cache,
            policy,
            next: 0,
            in_flight: None,
        }
    }

    pub fn poll(&mut self, now: Moment) -> Result<Drawn, Broken> {
        Ok(match self.cache.poll(now) {
            Action::Fetch(ticket) => {
                self.next += 1;
                self.in_flight = Some((self.next, now.monotonic + ticket.timeout()));
                Drawn::Fetch(Ticket {
                    ticket,
                    number: self.next,
                    sent: now,
                })
            }
            Action::Store(step) => {
                self.next += 1;
                self.in_flight = Some((self.next, now.monotonic + self.policy.store_timeout));
                Drawn::Store(Asked {
                    step,
                    number: self.next,
                    asked: now,
                })
            }
            Action::Wait { until, reason } => Drawn::Wait { until, reason },
        })
    }

    fn end(&mut self, number: u64) {
        self.in_flight.take_if(|(it, _)| *it == number);
    }

    pub fn is_in_flight(&self, now: Moment) -> bool {
        self.in_flight.is_some_and(|(_, ends)| now.monotonic < ends)
    }

    pub fn callers_fail(&self, until: Moment, reason: Reason, now: Moment) -> bool {
        self.cache.token_error(until, reason, now).is_some()
    }

    pub fn token(&mut self, now: Moment) -> Result<Option<AccessToken>, Broken> {
        Ok(self.cache.snapshot().token(now).cloned())
    }

    pub fn wants_poll(&self, now: Moment) -> bool {
        self.cache.snapshot().wants_poll(now)
    }

    pub fn fetched(
        &mut self,
        ticket: Ticket,
        result: Result<Grant, FetchError>,
        now: Moment,
    ) -> Result<FetchEnd, Broken> {
        self.end(ticket.number);
        self.cache.fetched(ticket.ticket, result, now);
        Ok(FetchEnd::Token)
    }

    pub fn supersede(&mut self, now: Moment) -> Result<bool, Broken> {
        self.in_flight = None;
        Ok(self.cache.supersede(now))
    }

    pub fn stored(&mut self, asked: Asked, answer: Answer, now: Moment) -> Result<(), Broken> {
        self.end(asked.number);
        self.cache.stored(answer.deliver(asked.step), now);
        Ok(())
    }

    pub fn reject(&mut self, token: &AccessToken, now: Moment) -> Result<Rejection, Broken> {
        Ok(self.cache.reject(token, now))
    }

    pub fn refresh(&mut self) {
        self.cache.refresh();
    }

    pub fn clocks_changed(&mut self) {}

    pub fn events(&mut self) -> Result<Vec<Event>, Broken> {
        let mut events = Vec::new();
        while let Some(event) = self.cache.next_event() {
            events.push(event);
        }
        Ok(events)
    }
}
