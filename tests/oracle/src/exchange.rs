//! The way to the platform and back, and what is reported of it.

use std::time::Duration;

use pan123_token::{Cause, FetchError, Grant};
use pan123_token_cache::Moment;

use crate::clock::At;
use crate::judged::Ticket;
use crate::platform::Reply;
use crate::provided::Happening;
use crate::rules::Broken;
use crate::wire::token_id;
use crate::world::{Event, World};

/// One request for a token.
pub(crate) struct Exchange {
    pub(crate) process: usize,
    life: u32,
    pub(crate) ticket: Option<Ticket>,
    sent: Moment,
    timeout: Duration,
    fate: Fate,
    /// What carries it out doesn't run until then.
    pub(crate) asleep_until: At,
}

/// What the network does with an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Well,
    LostReply,
    Delayed,
}

impl World {
    pub(crate) fn send_request(&mut self, process: usize, ticket: Ticket, now: Moment) {
        let timeout = ticket.timeout();
        self.say(process, || "fetch".to_owned());
        if self.scenario.store_back_with_first_fetch {
            self.scenario.store.outages.clear();
        }
        let number = self.exchanges.len();
        let faulty = self.is_faulty();
        let network = self.scenario.network.clone();
        let random = &mut self.random;
        let mut chance = |permille| faulty && random.chance(permille);
        let no_connection = chance(network.no_connection);
        let mut lost = chance(network.lost_request);
        let mut lost_reply = chance(network.lost_reply);
        let delayed = chance(network.delayed);
        let overdue = chance(network.overdue);
        let dropped = chance(network.ticket_dropped);
        let superseded = chance(network.superseded);
        let duplicated = chance(network.duplicated);
        if let Some(job) = self.processes[process].job
            && self.is_faulty()
            && self.random.chance(job.killed)
        {
            let at = self.now
                + self
                    .random
                    .between(Duration::ZERO, self.scenario.network.latency * 2);
            let life = self.processes[process].life;
            self.queue.put(at, Event::JobEnds(process, life));
        }
        let host = self.processes[process].host;
        lost |= is_within(&self.scenario.hosts[host].dead_network, self.now);
        lost_reply |= is_within(&network.lost_replies, self.now);
        let there = self
            .random
            .between(network.latency / 4, network.latency / 2);
        let fate = match (lost_reply, delayed || overdue) {
            (true, _) => Fate::LostReply,
            (_, true) => Fate::Delayed,
            _ => Fate::Well,
        };
        let provided = self.is_provided(process);
        if dropped && !provided {
            self.say(process, || "the ticket is dropped".to_owned());
        }
        if dropped || overdue || superseded {
            self.faults.of_process(process, self.now + timeout);
        }
        self.exchanges.push(Exchange {
            process,
            life: self.processes[process].life,
            ticket: (!dropped || provided).then_some(ticket),
            sent: now,
            timeout,
            fate,
            asleep_until: At::ZERO,
        });
        if provided && dropped {
            let lost = self.now + self.random.between(Duration::ZERO, timeout);
            self.put(process, lost, Happening::ExchangeLost(number));
        }
        if no_connection {
            self.queue
                .put(self.now + there, Event::NoConnection(number));
            return;
        }
        if !lost {
            // A request may also be on its way for longer than its sender waits.
            let late = if delayed && self.random.chance(300) {
                timeout
            } else {
                Duration::ZERO
            };
            self.queue
                .put(self.now + there + late, Event::Arrives(number));
        }
        if duplicated {
            let again = self.random.between(Duration::ZERO, timeout);
            self.faults.explained += 1;
            self.queue
                .put(self.now + there + again, Event::Arrives(number));
        }
        if superseded {
            let after = self.random.between(Duration::ZERO, timeout);
            self.queue.put(self.now + after, Event::Superseded(number));
        }
        if overdue && provided {
            // An adapter bounds its exchanges, if not always in time.
            let late = self.now + self.random.between(timeout, timeout * 4);
            self.faults.of_process(process, late);
            self.queue.put(late, Event::GivesUp(number));
        } else if !overdue {
            self.queue.put(self.now + timeout, Event::GivesUp(number));
        }
    }

    /// The request reaches the platform.
    pub(crate) fn arrives(&mut self, number: usize) {
        let Exchange {
            process,
            timeout,
            fate,
            ..
        } = self.exchanges[number];
        let right = self.hosts[self.processes[process].host].secret_is_right;
        let faulty = self.is_faulty();
        let before = self.platform.issued();
        let reply = self.platform.ask(self.now, right, faulty);
        self.tally.requests += 1;
        let issued = (self.platform.issued() - before) as u64;
        self.tally.issued += issued;
        if issued > 0 {
            self.tally.last_issued_at = self.now;
        }
        self.say(process, || format!("the platform: {reply:?}, {fate:?}"));
        let latency = self.scenario.network.latency;
        let mut back = self.random.between(latency / 4, latency / 2);
        match fate {
            Fate::LostReply => return,
            Fate::Delayed => back += self.random.between(timeout / 2, timeout * 4),
            Fate::Well => {}
        }
        self.queue
            .put(self.now + back, Event::Replied(number, reply, self.now));
    }

    pub(crate) fn replied(&mut self, number: usize, reply: Reply, at: At) -> Result<(), Broken> {
        let Some(ticket) = self.ticket_of(number) else {
            return Ok(());
        };
        let result = self.platform.result(reply, at);
        self.report(number, ticket, result)
    }

    pub(crate) fn no_connection(&mut self, number: usize) -> Result<(), Broken> {
        let Some(ticket) = self.ticket_of(number) else {
            return Ok(());
        };
        let error = FetchError::Connect(Cause::from("no route"));
        self.report(number, ticket, Err(error))
    }

    /// The driver's own timeout, by the monotonic clock.
    pub(crate) fn gives_up(&mut self, number: usize) -> Result<(), Broken> {
        let Exchange {
            process,
            life,
            sent,
            timeout,
            ..
        } = self.exchanges[number];
        if self.processes[process].life == life && self.exchanges[number].ticket.is_some() {
            let until = sent.after(timeout).monotonic;
            let here = self.clock(process).monotonic;
            if here < until {
                let later = self.now + until.saturating_sub(here) + Duration::from_micros(1);
                self.queue.put(later, Event::GivesUp(number));
                return Ok(());
            }
        }
        let Some(ticket) = self.ticket_of(number) else {
            return Ok(());
        };
        self.report(number, ticket, Err(FetchError::Timeout(timeout)))
    }

    /// What carries the exchange out doesn't answer any more.
    pub(crate) fn superseded(&mut self, number: usize) -> Result<(), Broken> {
        let Exchange { process, life, .. } = self.exchanges[number];
        if self.processes[process].life != life || self.exchanges[number].ticket.is_none() {
            return Ok(());
        }
        if self.is_provided(process) {
            self.runtime_sleeps(number);
            return Ok(());
        }
        let now = self.clock(process);
        if let Some(judged) = &mut self.processes[process].judged {
            let superseded = judged.supersede(now)?;
            self.say(process, || format!("superseded: {superseded}"));
        }
        self.drive(process)
    }

    pub(crate) fn ticket_of(&mut self, number: usize) -> Option<Ticket> {
        let exchange = &mut self.exchanges[number];
        let here = self.processes[exchange.process].life == exchange.life;
        exchange.ticket.take().filter(|_| here)
    }

    fn report(
        &mut self,
        number: usize,
        ticket: Ticket,
        result: Result<Grant, FetchError>,
    ) -> Result<(), Broken> {
        let process = self.exchanges[number].process;
        let now = self.clock(process);
        self.say(process, || match &result {
            Ok(grant) => format!("received token {}", token_id(&grant.token)),
            Err(error) => format!("failed: {error}"),
        });
        let Some(judged) = &mut self.processes[process].judged else {
            return Ok(());
        };
        let id = ticket.number;
        judged.fetched(ticket, result, now)?;
        self.events(process)?;
        if self.is_provided(process) {
            return self.goes_on(process, id);
        }
        self.serve_waiting(process)?;
        self.drive(process)
    }
}

pub(crate) fn is_within(times: &[std::ops::Range<At>], now: At) -> bool {
    times.iter().any(|time| time.contains(&now))
}
