//! The way to the store and back.

use std::sync::Arc;
use std::time::Duration;

use pan123_token_cache::{StoreError, StoreStep, Tier, TokenStore};

use crate::answer::Answer;
use crate::exchange::is_within;
use crate::judged::Asked;
use crate::provided::Happening;
use crate::rules::Broken;
use crate::scenario::{MINUTE, SECOND};
use crate::store::{Caller, Condition};
use crate::wire::token_id;
use crate::world::{Event, World};

impl World {
    pub(crate) fn send_step(&mut self, process: usize, asked: Asked) {
        self.say(process, || {
            let store = match asked.step.tier() {
                Tier::Shared => "store",
                Tier::Host => "host's file",
            };
            format!("{store}: {}", asked.step.name())
        });
        if self.is_faulty() && self.random.chance(self.scenario.store.step_dropped) {
            let timeout = self.policy(process).store_timeout;
            if self.is_provided(process) {
                let lost = self.now + self.random.between(Duration::ZERO, timeout * 2);
                self.faults.of_store_call(process, lost);
                self.put(process, lost, Happening::CallLost(Box::new(asked)));
                return;
            }
            self.say(process, || "the step is dropped".to_owned());
            self.faults.of_store_call(process, self.now + timeout);
            return;
        }
        let latency = self.scenario.store.latency;
        let there = self.random.between(latency / 2, latency);
        let life = self.processes[process].life;
        self.queue
            .put(self.now + there, Event::StepArrives(process, life, asked));
    }

    /// The step reaches the store. Its process may have died since.
    pub(crate) fn step_arrives(&mut self, process: usize, life: u32, asked: Asked) {
        let at_host = asked.step.tier() == Tier::Host;
        let condition = if at_host {
            Condition::Well
        } else {
            self.condition(process)
        };
        let faulty = self.is_faulty() && !at_host;
        let latency = self.scenario.store.latency;
        let mut back = self.random.between(latency / 2, latency);
        if faulty && self.random.chance(self.scenario.store.slow) {
            let timeout = self.policy(process).store_timeout;
            back = self.random.between(timeout, timeout * 20);
            // A provider waits for it before it asks again, unless it has another store to ask.
            let blocked = if self.is_provided(process) && !self.scenario.fallback {
                back
            } else {
                timeout
            };
            self.faults.of_store_call(process, self.now + blocked);
        }
        let answer = self.answer(process, &asked.step, condition);
        self.say(process, || {
            let (name, shown) = (asked.step.name(), shown(&answer));
            let store = if at_host {
                "the host's file"
            } else {
                "the store"
            };
            format!("{store}, {condition:?}, {name}: {shown}")
        });
        if answer.error().is_some() {
            // A holder that can't save keeps its lease from all others.
            if matches!(asked.step, StoreStep::Save(_)) {
                self.faults.of_all_stores(self.now);
            }
            self.faults.of_store_call(process, self.now);
        }
        self.queue.put(
            self.now + back,
            Event::StepAnswered(process, life, asked, answer),
        );
    }

    fn condition(&mut self, process: usize) -> Condition {
        if self.hosts[self.processes[process].host].misconfigured {
            return Condition::Misconfigured;
        }
        if !self.is_faulty() {
            return Condition::Well;
        }
        let faults = &self.scenario.store;
        let random = &mut self.random;
        if is_within(&faults.outages, self.now) || random.chance(faults.down) {
            Condition::Down
        } else if random.chance(faults.answer_lost) {
            Condition::AnswerLost
        } else if is_within(&faults.full_times, self.now) || random.chance(faults.full) {
            if faults.read_only {
                Condition::ReadOnly
            } else {
                Condition::Full
            }
        } else if random.chance(faults.stale) {
            Condition::Stale
        } else {
            Condition::Well
        }
    }

    fn answer(&mut self, process: usize, step: &StoreStep, condition: Condition) -> Answer {
        if let Some(store) = self.processes[process].real.clone() {
            return self.real_answer(&store, step, condition);
        }
        let caller = Caller {
            process,
            version: self.hosts[self.processes[process].host].version,
            condition,
            now: self.now,
        };
        if step.tier() == Tier::Host {
            let host = self.processes[process].host;
            return self.fallbacks[host].answer(step, caller);
        }
        match self.processes[process].store {
            Some(store) => self.stores[store].answer(step, caller),
            None => Answer::failed(step, StoreError::new("there is no store")),
        }
    }

    /// A real store behind the same faults.
    fn real_answer(
        &self,
        store: &Arc<dyn TokenStore>,
        step: &StoreStep,
        condition: Condition,
    ) -> Answer {
        let error = match (condition, step) {
            (Condition::Down, _) => Some("connection refused"),
            (Condition::ReadOnly, StoreStep::Load(_)) => None,
            (Condition::ReadOnly, _) => Some("read-only"),
            (Condition::Full, StoreStep::Save(_)) => Some("full"),
            _ => None,
        };
        if let Some(error) = error {
            return Answer::failed(step, StoreError::new(error));
        }
        let answer = match step {
            StoreStep::Load(_) => Answer::Load(store.load(self.key)),
            StoreStep::Lease(step) => {
                let call = step.call();
                Answer::Lease(store.lease(self.key, call.owner, call.term))
            }
            StoreStep::Save(step) => {
                let call = step.call();
                Answer::Save(store.save(self.key, &call.record, call.replaces, call.left))
            }
            StoreStep::Release(step) => {
                let call = step.call();
                Answer::Release(store.release(self.key, call.owner, call.cooldown))
            }
        };
        if condition == Condition::AnswerLost {
            return Answer::failed(step, StoreError::new("connection lost"));
        }
        answer
    }

    pub(crate) fn step_answered(
        &mut self,
        process: usize,
        life: u32,
        asked: Asked,
        answer: Answer,
    ) -> Result<(), Broken> {
        if self.processes[process].life != life {
            return Ok(());
        }
        let now = self.clock(process);
        let Some(judged) = &mut self.processes[process].judged else {
            return Ok(());
        };
        let number = asked.number;
        judged.stored(asked, answer, now)?;
        self.events(process)?;
        if self.is_provided(process) {
            return self.goes_on(process, number);
        }
        self.serve_waiting(process)?;
        if self.is_faulty() && self.random.chance(self.scenario.store.driver_naps) {
            let at = self.now + self.random.between(SECOND, MINUTE);
            self.say(process, || "the driver naps".to_owned());
            self.faults.of_process(process, at);
            self.processes[process].wake = Some(at);
            self.queue.put(at, Event::Wake(process, life, at));
            return Ok(());
        }
        self.drive(process)
    }
}

fn shown(answer: &Answer) -> String {
    if let Some(error) = answer.error() {
        return error.to_string();
    }
    let kind = match answer {
        Answer::Load(_) => "has".to_owned(),
        Answer::Lease(Ok(lease)) => {
            let shown = format!("{lease:?}");
            shown
                .split(['{', ','])
                .next()
                .unwrap_or_default()
                .to_owned()
        }
        Answer::Save(Ok(saved)) => format!("{saved:?}").chars().take(5).collect(),
        _ => "done".to_owned(),
    };
    let record = answer.stored().map_or_else(
        || "no record".to_owned(),
        |stored| {
            let record = &stored.record;
            format!(
                "token {}, left {:?}, forced {}, suspect {}, maybe issued {}",
                token_id(&record.token),
                stored.left,
                record.forced,
                record.suspect,
                record.maybe_issued
            )
        },
    );
    format!("{kind}, {record}")
}
