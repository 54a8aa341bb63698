//! One run: hosts, processes, the network, the platform and the store, over virtual time or over real time.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use pan123_token::AccessToken;
use pan123_token_cache::{Moment, RenewalPolicy, StoreKey, TokenStore};

use crate::answer::Answer;
use crate::clock::{At, HostClock};
use crate::disturbance::Disturbance;
use crate::exchange::Exchange;
use crate::faults::Faults;
use crate::judged::{Asked, Judged};
use crate::platform::{Platform, Reply};
use crate::provided::{Crew, Happening};
use crate::queue::Queue;
use crate::random::Random;
use crate::rules::Broken;
use crate::scenario::{Job, Scenario};
use crate::store::{Store, Version};
use crate::tally::Tally;

/// Opens a real store, as a process of this host does.
pub type OpenStore = Arc<dyn Fn(usize) -> Arc<dyn TokenStore> + Send + Sync>;

pub(crate) struct HostState {
    pub(crate) clock: HostClock,
    pub(crate) asleep_until: At,
    pub(crate) secret_is_right: bool,
    pub(crate) misconfigured: bool,
    pub(crate) version: Version,
}

/// A cache, its driver and its callers.
pub(crate) struct Process {
    pub(crate) host: usize,
    /// Of a process that begins again and again.
    pub(crate) job: Option<Job>,
    /// `None` while the process doesn't run.
    pub(crate) judged: Option<Judged>,
    pub(crate) store: Option<usize>,
    pub(crate) real: Option<Arc<dyn TokenStore>>,
    /// Counts its lives; what was meant for an earlier one has no effect.
    pub(crate) life: u32,
    /// Callers that wait for a token, by when they give up.
    pub(crate) waiting: Vec<At>,
    pub(crate) wake: Option<At>,
    /// A job whose caller has its answer: it ends once nothing is in flight.
    pub(crate) ending: bool,
    /// Of a process with a provider.
    pub(crate) crew: Crew,
    /// Since when its calls fail.
    pub(crate) failing_since: Option<At>,
}

pub(crate) enum Event {
    Call(usize),
    Wake(usize, u32, At),
    CallerGivesUp(usize, u32),
    StepArrives(usize, u32, Asked),
    StepAnswered(usize, u32, Asked, Answer),
    Arrives(usize),
    Replied(usize, Reply, At),
    NoConnection(usize),
    GivesUp(usize),
    Superseded(usize),
    Rejected(usize, u32, AccessToken),
    Restarts(usize, u32),
    JobBegins(usize),
    JobEnds(usize, u32),
    Disturbs(Disturbance),
    HostWakes(usize),
    SecondProgram,
    Provided(usize, u32, Happening),
}

pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) random: Random,
    pub(crate) now: At,
    pub(crate) queue: Queue<Event>,
    pub(crate) platform: Platform,
    pub(crate) stores: Vec<Store>,
    /// Of each host, where there are some.
    pub(crate) fallbacks: Vec<Store>,
    pub(crate) hosts: Vec<HostState>,
    pub(crate) processes: Vec<Process>,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) faults: Faults,
    /// When something is planned to happen.
    pub(crate) disturbed_at: Vec<At>,
    pub(crate) tally: Tally,
    pub(crate) hash: DefaultHasher,
    /// What happened, if that is wanted.
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) key: StoreKey,
    pub(crate) open: Option<OpenStore>,
    /// When it began, where it goes on in real time.
    pub(crate) began: Option<Instant>,
}

impl World {
    pub(crate) fn clock(&self, process: usize) -> Moment {
        self.hosts[self.processes[process].host].clock.at(self.now)
    }

    pub(crate) fn is_provided(&self, process: usize) -> bool {
        let host = &self.scenario.hosts[self.processes[process].host];
        host.provided.is_some()
    }

    pub(crate) fn policy(&self, process: usize) -> &RenewalPolicy {
        &self.scenario.hosts[self.processes[process].host].policy
    }

    /// Faults happen only until then.
    pub(crate) fn is_faulty(&self) -> bool {
        self.now < self.scenario.faults_end
    }

    pub(crate) fn say(&mut self, process: usize, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!(
                "{:>16.6} process {process}: {}",
                self.now.as_secs_f64(),
                line()
            ));
        }
    }

    pub(crate) fn note(&mut self, what: impl Hash) {
        what.hash(&mut self.hash);
    }

    /// What a caller of this process gets now.
    pub(crate) fn served(&mut self, process: usize) -> Result<Option<AccessToken>, Broken> {
        let now = self.clock(process);
        match &mut self.processes[process].judged {
            Some(judged) => judged.token(now),
            None => Ok(None),
        }
    }

    /// Carries out everything until the end, or until a rule is broken.
    pub(crate) fn run(&mut self) -> Result<(), Broken> {
        while let Some((at, event)) = self.queue.take() {
            if at > self.scenario.ends {
                break;
            }
            if let Some(later) = self.after_calm(at, &event) {
                self.queue.put(later, event);
                continue;
            }
            if self.tally.steps >= self.scenario.most_steps {
                return Err(Broken::cut_off(self.now, self.tally.steps));
            }
            if let Some(began) = self.began {
                thread::sleep(at.saturating_sub(began.elapsed()));
            }
            self.now = at;
            self.tally.steps += 1;
            let concerned = self.process_of(&event);
            self.happen(event).map_err(|broken| match concerned {
                Some(process) => broken.in_process(process),
                None => broken,
            })?;
        }
        self.now = self.now.max(self.scenario.ends);
        self.end_gaps();
        self.finish()
    }

    fn happen(&mut self, event: Event) -> Result<(), Broken> {
        // Nothing happens on a host that sleeps.
        if let Some(process) = self.process_of(&event) {
            let awake = self.hosts[self.processes[process].host].asleep_until;
            if awake > self.now {
                self.queue.put(awake, event);
                return Ok(());
            }
        }
        match event {
            Event::Call(process) => self.api_call(process),
            Event::Wake(process, life, at) => self.wake(process, life, at),
            Event::CallerGivesUp(process, life) => {
                self.callers_give_up(process, life);
                Ok(())
            }
            Event::StepArrives(process, life, asked) => {
                self.step_arrives(process, life, asked);
                Ok(())
            }
            Event::StepAnswered(process, life, asked, answer) => {
                self.step_answered(process, life, asked, answer)
            }
            Event::Arrives(exchange) => {
                self.arrives(exchange);
                Ok(())
            }
            event @ (Event::Replied(..) | Event::NoConnection(_) | Event::GivesUp(_)) => {
                self.exchange_ends(event)
            }
            Event::Superseded(exchange) => self.superseded(exchange),
            Event::Rejected(process, life, token) => self.reject(process, life, &token),
            Event::Restarts(process, life) => self.restart(process, life),
            Event::JobBegins(process) => self.job_begins(process),
            Event::JobEnds(process, life) => {
                self.job_ends(process, life);
                Ok(())
            }
            Event::Disturbs(disturbance) => self.disturb(disturbance),
            Event::HostWakes(host) => self.host_wakes(host),
            Event::Provided(process, life, happening) => self.happens(process, life, happening),
            Event::SecondProgram => {
                self.platform.issue(self.now, false);
                self.tally.issued_to_others += 1;
                if let Some(every) = self.scenario.second_program {
                    self.queue.put(self.now + every, Event::SecondProgram);
                }
                Ok(())
            }
        }
    }

    fn exchange_ends(&mut self, event: Event) -> Result<(), Broken> {
        let (Event::Replied(number, ..) | Event::NoConnection(number) | Event::GivesUp(number)) =
            &event
        else {
            return Ok(());
        };
        match self.put_off(*number, event) {
            Some(Event::Replied(number, reply, at)) => self.replied(number, reply, at),
            Some(Event::NoConnection(number)) => self.no_connection(number),
            Some(Event::GivesUp(number)) => self.gives_up(number),
            _ => Ok(()),
        }
    }

    /// The process whose driver or caller it is for.
    fn process_of(&self, event: &Event) -> Option<usize> {
        Some(match event {
            Event::Call(process)
            | Event::Wake(process, ..)
            | Event::CallerGivesUp(process, _)
            | Event::StepArrives(process, ..)
            | Event::StepAnswered(process, ..)
            | Event::Rejected(process, ..)
            | Event::Restarts(process, _)
            | Event::JobBegins(process)
            | Event::JobEnds(process, _)
            | Event::Provided(process, ..) => *process,
            Event::Replied(exchange, ..)
            | Event::NoConnection(exchange)
            | Event::Superseded(exchange)
            | Event::GivesUp(exchange) => self.exchanges[*exchange].process,
            Event::Arrives(_) | Event::Disturbs(_) | Event::HostWakes(_) | Event::SecondProgram => {
                return None;
            }
        })
    }
}
