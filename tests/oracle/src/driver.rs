//! What drives a cache, and the callers that ask it for tokens.

use std::time::Duration;

use pan123_token_cache::{Moment, Reason};

use crate::account::FetchEnd;
use crate::clock::At;
use crate::fault::Fault;
use crate::judged::Drawn;
use crate::rules::{Broken, ensure};
use crate::world::{Event, World};

impl World {
    pub(crate) fn wake(&mut self, process: usize, life: u32, at: At) -> Result<(), Broken> {
        if self.processes[process].life != life || self.processes[process].wake != Some(at) {
            return Ok(());
        }
        self.processes[process].wake = None;
        self.drive(process)
    }

    /// Polls, and does what is asked.
    pub(crate) fn drive(&mut self, process: usize) -> Result<(), Broken> {
        if self.is_provided(process) {
            return self.all_take_turns(process);
        }
        loop {
            let now = self.clock(process);
            let Some(judged) = &mut self.processes[process].judged else {
                return Ok(());
            };
            let drawn = judged.poll(now)?;
            self.note((process, now.monotonic));
            match drawn {
                Drawn::Store(asked) => {
                    self.note(asked.step.name());
                    self.events(process)?;
                    self.send_step(process, asked);
                }
                Drawn::Fetch(ticket) => {
                    self.note("fetch");
                    self.events(process)?;
                    self.check_fetch(process)?;
                    self.send_request(process, ticket, now);
                }
                Drawn::Wait { until, reason } => {
                    self.note((until.monotonic, until.wall));
                    self.events(process)?;
                    return self.wait(process, until, reason, now);
                }
            }
            self.serve_waiting(process)?;
            // Once more, to hear until when it waits for what is in flight.
        }
    }

    fn wait(
        &mut self,
        process: usize,
        until: Moment,
        reason: Reason,
        now: Moment,
    ) -> Result<(), Broken> {
        self.say(process, || {
            let wait = until.monotonic.saturating_sub(now.monotonic);
            format!("wait {reason:?} {wait:?}")
        });
        self.serve_waiting(process)?;
        self.check_alive(process)?;
        if self.scenario.checked && self.random.chance(20) {
            self.poll_earlier(process, until, reason, now)?;
        }
        let Some(judged) = &mut self.processes[process].judged else {
            return Ok(());
        };
        let in_flight = judged.is_in_flight(now);
        let served = judged.token(now)?.is_some();
        if !served && judged.callers_fail(until, reason, now) {
            let waiting = std::mem::take(&mut self.processes[process].waiting);
            self.callers_failed(process, waiting.len());
        }
        if self.processes[process].ending && !in_flight {
            self.end_process(process);
            return Ok(());
        }
        // A driver that its callers drive polls only when one of them needs it.
        let waiting = !self.processes[process].waiting.is_empty();
        if self.scenario.eager || in_flight || waiting || !served && self.random.chance(500) {
            self.wake_at(process, until);
        }
        Ok(())
    }

    /// Rule 10: earlier monotonic times change nothing.
    fn poll_earlier(
        &mut self,
        process: usize,
        until: Moment,
        reason: Reason,
        now: Moment,
    ) -> Result<(), Broken> {
        let Some(judged) = &mut self.processes[process].judged else {
            return Ok(());
        };
        let second = judged.poll_earlier(now, now.monotonic / 2)?;
        ensure(
            second == Some((until, reason)),
            10,
            "earlier-times-change-nothing",
            || format!("{second:?} instead of {:?}", (until, reason)),
        )
    }

    fn wake_at(&mut self, process: usize, until: Moment) {
        let host = &self.hosts[self.processes[process].host];
        let Some(at) = host.clock.when(self.now, until) else {
            return;
        };
        let mut at = at.max(self.now + Duration::from_nanos(1));
        if self.scenario.faults.contains(&Fault::Forks) {
            // No two processes wake at the same nanosecond, of which those that were forked make their lease's owner.
            at += Duration::from_nanos(process as u64);
        }
        if self.processes[process].wake != Some(at) {
            self.processes[process].wake = Some(at);
            let life = self.processes[process].life;
            self.queue.put(at, Event::Wake(process, life, at));
        }
    }

    /// Takes the machine's events, for the rules and for the trace.
    pub(crate) fn events(&mut self, process: usize) -> Result<(), Broken> {
        let Some(judged) = &mut self.processes[process].judged else {
            return Ok(());
        };
        let (events, ends) = (judged.events()?, judged.take_ends());
        for event in events {
            self.say(process, || format!("event: {event:?}"));
        }
        let rest = self.policy(process).backoff_cap_serving;
        for end in ends {
            self.faults.fetch_ended(process, self.now, end, rest);
            if end == FetchEnd::MaybeIssued {
                self.count_lost_reply(process);
            }
        }
        Ok(())
    }

    /// Waiting callers are served as soon as there is a token.
    pub(crate) fn serve_waiting(&mut self, process: usize) -> Result<(), Broken> {
        if self.is_provided(process) {
            return Ok(());
        }
        let Some(token) = self.served(process)? else {
            return Ok(());
        };
        let waiting = std::mem::take(&mut self.processes[process].waiting);
        let is_job = self.processes[process].job.is_some();
        for _ in &waiting {
            self.use_token(process, &token)?;
        }
        if is_job && !waiting.is_empty() {
            self.processes[process].ending = true;
        }
        Ok(())
    }
}
