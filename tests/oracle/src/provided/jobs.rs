//! Jobs of a provider: they run late, on a runtime that falls asleep, or one that ends with them.

use std::time::Duration;

use pan123_token_cache::Tier;
use pan123_token_provider::{Job, Place, Wanted};

use super::crew::{Doing, Working};
use crate::clock::At;
use crate::judged::{Asked, Drawn, Permit};
use crate::rules::{Check, ensure};
use crate::scenario::{HOUR, MINUTE, SECOND};
use crate::world::{Event, World};

/// What happens in a process with a provider.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A caller's time has passed, if this is still when it takes a turn.
    Turn(u64, At),
    Cancelled(u64),
    /// A job draws what is due.
    Runs(u64),
    /// The runtime of an exchange ends with it.
    ExchangeLost(usize),
    /// The same, of a call to the store.
    CallLost(Box<Asked>),
    /// The runtime of an exchange runs again.
    RuntimeWakes(usize),
}

impl World {
    pub(crate) fn happens(&mut self, process: usize, life: u32, happening: Happening) -> Check {
        if self.processes[process].life != life || self.processes[process].judged.is_none() {
            return Ok(());
        }
        match happening {
            Happening::Turn(id, at) => {
                let crew = &self.processes[process].crew;
                if crew.callers.get(&id).is_some_and(|it| it.timer == at) {
                    crew.woken.ring(id);
                }
            }
            Happening::Cancelled(id) => {
                if let Some(waiting) = self.processes[process].crew.callers.remove(&id) {
                    self.say(process, || format!("caller {id} is cancelled"));
                    drop(waiting);
                    self.processes[process].ending |= self.processes[process].job.is_some();
                }
            }
            Happening::Runs(id) => self.runs(process, id)?,
            Happening::ExchangeLost(number) => self.exchange_lost(process, number)?,
            Happening::CallLost(asked) => self.call_lost(process, *asked)?,
            Happening::RuntimeWakes(number) => self.poll_exchange(process, number)?,
        }
        self.run_turns(process)
    }

    /// A caller hands a job to be started.
    pub(super) fn start(&mut self, process: usize, job: Job, place: Place) -> Check {
        let dropped = self.are_dropped();
        let some = if dropped {
            self.scenario.network.ticket_dropped
        } else {
            0
        };
        let elsewhere = place == Place::Elsewhere;
        let now = self.clock(process);
        if self.random.chance(some) {
            let why = elsewhere.then_some("no thread");
            self.say(process, || {
                format!("a job, {place:?}, is lost unbegun: {why:?}")
            });
            self.faults.of_process(process, self.now);
            return match &mut self.processes[process].judged {
                Some(judged) => judged.end_job(job, why, now),
                None => Ok(()),
            };
        }
        let mut at = self.now;
        if !elsewhere && self.random.chance(some) {
            // One that doesn't run is helped.
            at += self.random.between(Duration::ZERO, HOUR);
            self.faults.of_process(process, at.min(self.now + MINUTE));
        }
        let crew = &mut self.processes[process].crew;
        let id = crew.new_id();
        crew.jobs.insert(id, Working { job, at: None });
        self.say(process, || format!("job {id}, {place:?}"));
        self.put(process, at, Happening::Runs(id));
        Ok(())
    }

    fn runs(&mut self, process: usize, id: u64) -> Check {
        let now = self.clock(process);
        let dies = self.are_dropped() && self.random.chance(20);
        let Some(mut working) = self.processes[process].crew.jobs.remove(&id) else {
            return Ok(());
        };
        let crew = &self.processes[process].crew;
        let waker = crew.tasks.then(|| crew.pinged.waker(id));
        let Some(judged) = &mut self.processes[process].judged else {
            return Ok(());
        };
        let drawn = judged.draw(&mut working.job, waker, dies, now)?;
        self.note((process, now.monotonic));
        match drawn {
            Some(Drawn::Fetch(ticket)) => {
                self.note("fetch");
                self.one_exchange(process)?;
                working.at = Some(Doing::Exchange(ticket.number, self.exchanges.len()));
                self.processes[process].crew.jobs.insert(id, working);
                self.events(process)?;
                self.check_fetch(process)?;
                self.send_request(process, ticket, now);
            }
            Some(Drawn::Store(asked)) => {
                self.note(asked.step.name());
                let tier = asked.step.tier();
                self.one_call(process, tier)?;
                working.at = Some(Doing::Call(asked.number, tier));
                self.processes[process].crew.jobs.insert(id, working);
                self.events(process)?;
                self.send_step(process, asked);
            }
            Some(Drawn::Wait { .. }) | None => {
                self.say(process, || format!("job {id} ends"));
                if let Some(judged) = &mut self.processes[process].judged {
                    judged.end_job(working.job, None, now)?;
                }
            }
        }
        Ok(())
    }

    /// Rule 2: there is one exchange at a time, but for one whose runtime doesn't run.
    fn one_exchange(&self, process: usize) -> Check {
        let mut jobs = self.processes[process].crew.jobs.values();
        let beside = jobs.any(|working| match working.at {
            Some(Doing::Exchange(_, number)) => {
                let exchange = &self.exchanges[number];
                let task = self.processes[process].crew.tasks;
                exchange.ticket.is_some() && (!task || exchange.asleep_until <= self.now)
            }
            _ => false,
        });
        ensure(!beside, 2, "one-exchange-at-a-time", || {
            "an exchange began beside another".to_owned()
        })
    }

    /// Rule 2: and one call to each store, in time or not.
    fn one_call(&self, process: usize, store: Tier) -> Check {
        let mut jobs = self.processes[process].crew.jobs.values();
        let beside = jobs.any(|it| matches!(it.at, Some(Doing::Call(_, tier)) if tier == store));
        ensure(!beside, 2, "one-call-at-a-time", || {
            "a call to a store began beside another".to_owned()
        })
    }

    /// An exchange or a call of this number has ended, and its job goes on.
    pub(crate) fn goes_on(&mut self, process: usize, number: u64) -> Check {
        let crew = &mut self.processes[process].crew;
        if let Some(id) = crew.job_at(number) {
            crew.jobs.entry(id).and_modify(|working| working.at = None);
            let mut at = self.now;
            if self.is_faulty() && self.random.chance(self.scenario.store.driver_naps) {
                at += self.random.between(SECOND, 60 * SECOND);
                self.say(process, || "the runtime naps".to_owned());
                self.faults.of_process(process, at);
            }
            self.put(process, at, Happening::Runs(id));
        }
        self.run_turns(process)
    }

    fn exchange_lost(&mut self, process: usize, number: usize) -> Check {
        let Some(ticket) = self.ticket_of(number) else {
            return Ok(());
        };
        self.say(process, || "the exchange's runtime ends".to_owned());
        let now = self.clock(process);
        let id = ticket.number;
        if let Some(judged) = &mut self.processes[process].judged {
            judged.lose(ticket, now)?;
        }
        self.drop_job(process, id)
    }

    fn call_lost(&mut self, process: usize, asked: Asked) -> Check {
        self.say(process, || "the call's runtime ends".to_owned());
        let now = self.clock(process);
        let id = asked.number;
        if let Some(judged) = &mut self.processes[process].judged {
            judged.lose_call(asked, now)?;
        }
        self.drop_job(process, id)
    }

    fn drop_job(&mut self, process: usize, number: u64) -> Check {
        let now = self.clock(process);
        let crew = &mut self.processes[process].crew;
        let working = crew.job_at(number).and_then(|id| crew.jobs.remove(&id));
        match (working, &mut self.processes[process].judged) {
            (Some(working), Some(judged)) => judged.end_job(working.job, None, now),
            _ => Ok(()),
        }
    }

    /// What carries an exchange out falls asleep.
    pub(crate) fn runtime_sleeps(&mut self, number: usize) {
        let process = self.exchanges[number].process;
        // A task that isn't polled is superseded by those who wait; a thread is waited for.
        let task = self.processes[process].crew.tasks;
        let (longest, excused) = if task {
            (HOUR, 5 * SECOND)
        } else {
            (20 * SECOND, HOUR)
        };
        let until = self.now + self.random.between(Duration::ZERO, longest);
        self.say(process, || "the exchange's runtime falls asleep".to_owned());
        self.exchanges[number].asleep_until = until;
        self.faults
            .of_process(process, until.min(self.now + excused));
        self.put(process, until, Happening::RuntimeWakes(number));
    }

    /// Runtimes that run answer who asks whether they do.
    pub(super) fn answer_pings(&mut self, process: usize) -> Check {
        let pinged = self.processes[process].crew.pinged.take();
        for id in pinged {
            let working = self.processes[process].crew.jobs.get(&id);
            if let Some(Doing::Exchange(_, number)) = working.and_then(|it| it.at)
                && self.exchanges[number].asleep_until <= self.now
            {
                self.poll_exchange(process, number)?;
            }
        }
        Ok(())
    }

    fn poll_exchange(&mut self, process: usize, number: usize) -> Check {
        let Some(ticket) = &mut self.exchanges[number].ticket else {
            return Ok(());
        };
        let Permit::Flight(flight) = &mut ticket.permit else {
            return Ok(());
        };
        if !flight.poll() {
            return Ok(());
        }
        // It was superseded.
        let id = ticket.number;
        self.say(process, || "a superseded exchange is dropped".to_owned());
        self.exchanges[number].ticket = None;
        self.goes_on(process, id)
    }

    /// A caller of an adapter repeats an API call that was refused, once.
    pub(crate) fn retries(&mut self, process: usize, token: &pan123_token::AccessToken) -> Check {
        let wanted = Wanted::Replacing(token.fingerprint());
        self.ask_provider(process, wanted, 30 * SECOND)
    }
}

impl World {
    /// What comes for an exchange whose runtime is asleep waits for that.
    pub(crate) fn put_off(&mut self, number: usize, event: Event) -> Option<Event> {
        let until = self.exchanges[number].asleep_until;
        if until <= self.now {
            return Some(event);
        }
        self.queue.put(until, event);
        None
    }
}
