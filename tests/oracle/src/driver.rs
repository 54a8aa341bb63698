//! What drives a cache, and the callers that ask it for tokens.

use std::time::Duration;

use pan123_token::AccessToken;
use pan123_token_cache::{Moment, Reason};
use pan123_token_provider::Wanted;

use crate::account::FetchEnd;
use crate::clock::At;
use crate::judged::Drawn;
use crate::platform::token_id;
use crate::rules::{Broken, ensure};
use crate::scenario::{MINUTE, SECOND};
use crate::world::{Event, World};

/// How long a caller of a service waits.
pub(crate) const CALLER: Duration = Duration::from_secs(30);

impl World {
    /// A caller of a service wants to use the platform.
    pub(crate) fn api_call(&mut self, process: usize) -> Result<(), Broken> {
        let mean = self.scenario.call_every;
        let next = if self.random.chance(300) {
            // Calls come in bursts.
            self.random.between(Duration::ZERO, mean.min(3 * SECOND))
        } else {
            self.random.between(mean / 2, mean * 2)
        };
        self.queue.put(self.now + next, Event::Call(process));
        self.want_token(process, CALLER)
    }

    fn want_token(&mut self, process: usize, limit: Duration) -> Result<(), Broken> {
        if self.processes[process].judged.is_none() {
            return Ok(());
        }
        if self.is_provided(process) {
            return self.ask_provider(process, Wanted::Usable, limit);
        }
        let now = self.clock(process);
        if let Some(token) = self.served(process)? {
            if self.wants_poll(process, now) {
                self.drive(process)?;
            }
            return self.use_token(process, &token);
        }
        let until = self.now + limit;
        self.processes[process].waiting.push(until);
        self.mark_failing(process);
        let life = self.processes[process].life;
        self.queue.put(until, Event::CallerGivesUp(process, life));
        self.drive(process)
    }

    fn wants_poll(&self, process: usize, now: Moment) -> bool {
        let judged = self.processes[process].judged.as_ref();
        judged.is_some_and(|judged| judged.wants_poll(now))
    }

    pub(crate) fn use_token(&mut self, process: usize, token: &AccessToken) -> Result<(), Broken> {
        let id = token_id(token);
        self.check_handed_out(process, id)?;
        let always_401 = self.scenario.hosts[self.processes[process].host].always_401;
        let accepted = self.platform.accepts(id, self.now);
        if !accepted {
            self.check_peace(process)?;
        }
        if self.counts(process) {
            self.tally.calls += 1;
            self.tally.rejected += u64::from(!accepted);
        }
        if accepted {
            self.mark_served(process);
        } else {
            self.mark_failing(process);
        }
        if always_401 || !accepted {
            self.say(process, || {
                format!("an API call with token {id} is answered 401")
            });
            let latency = self.scenario.network.latency;
            let mut later = self.random.between(Duration::ZERO, latency);
            if self.random.chance(50) && self.processes[process].job.is_none() {
                later += MINUTE;
            }
            let life = self.processes[process].life;
            let rejected = Event::Rejected(process, life, token.clone());
            self.queue.put(self.now + later, rejected);
        }
        Ok(())
    }

    /// Whether this process's calls can succeed, so that they are worth counting.
    pub(crate) fn counts(&self, process: usize) -> bool {
        let process = &self.processes[process];
        let host = &self.scenario.hosts[process.host];
        !host.always_401
            && !host.wrong_secret
            && process.job.is_none()
            && host.dead_network.is_empty()
    }

    pub(crate) fn mark_failing(&mut self, process: usize) {
        let now = self.now;
        self.processes[process].failing_since.get_or_insert(now);
    }

    fn mark_served(&mut self, process: usize) {
        if let Some(since) = self.processes[process].failing_since.take()
            && self.counts(process)
        {
            let gap = self.now.saturating_sub(since);
            self.tally.longest_gap = self.tally.longest_gap.max(gap);
            self.tally.served_again_at = self.now;
        }
    }

    /// Gaps that last to the end.
    pub(crate) fn end_gaps(&mut self) {
        for process in 0..self.processes.len() {
            self.mark_served(process);
        }
    }

    pub(crate) fn callers_give_up(&mut self, process: usize, life: u32) {
        if self.processes[process].life != life {
            return;
        }
        let now = self.now;
        let waiting = &mut self.processes[process].waiting;
        let before = waiting.len();
        waiting.retain(|until| *until > now);
        let lost = before - waiting.len();
        self.callers_failed(process, lost);
    }

    pub(crate) fn callers_failed(&mut self, process: usize, callers: usize) {
        if callers == 0 {
            return;
        }
        if self.counts(process) {
            self.tally.calls += callers as u64;
            self.tally.unserved += callers as u64;
        }
        if self.processes[process].job.is_some() {
            self.say(process, || "the job fails".to_owned());
            self.tally.jobs_failed += 1;
            self.processes[process].ending = true;
        }
    }

    pub(crate) fn reject(
        &mut self,
        process: usize,
        life: u32,
        token: &AccessToken,
    ) -> Result<(), Broken> {
        if self.processes[process].life != life {
            return Ok(());
        }
        let now = self.clock(process);
        let Some(judged) = &mut self.processes[process].judged else {
            return Ok(());
        };
        let answer = judged.reject(token, now)?;
        self.say(process, || {
            format!("reject token {}: {answer:?}", token_id(token))
        });
        if self.is_provided(process) && self.processes[process].job.is_none() {
            return self.retries(process, token);
        }
        self.drive(process)
    }

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
        let at = at.max(self.now + Duration::from_nanos(1));
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

    /// A process that asks for one token, and ends.
    pub(crate) fn job_begins(&mut self, process: usize) -> Result<(), Broken> {
        let Some(job) = self.processes[process].job else {
            return Ok(());
        };
        self.queue
            .put(self.now + job.every, Event::JobBegins(process));
        if self.processes[process].judged.is_some() {
            // The last one still runs.
            return Ok(());
        }
        self.processes[process].life += 1;
        let seed = self.random.next();
        self.begin_process(process, seed);
        self.tally.jobs += 1;
        let life = self.processes[process].life;
        // By then it has saved what it got, or never will.
        let end = job.timeout + self.policy(process).store_timeout * 2;
        self.queue
            .put(self.now + end, Event::JobEnds(process, life));
        self.want_token(process, job.timeout)
    }

    pub(crate) fn job_ends(&mut self, process: usize, life: u32) {
        if self.processes[process].life == life && self.processes[process].judged.is_some() {
            self.end_process(process);
        }
    }
}
