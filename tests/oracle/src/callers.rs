//! Callers: services that call the API now and then, and jobs that ask for one token and end.

use std::time::Duration;

use pan123_token::AccessToken;
use pan123_token_cache::Moment;
use pan123_token_provider::Wanted;

use crate::rules::Broken;
use crate::scenario::{MINUTE, SECOND};
use crate::wire::token_id;
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

    pub(crate) fn want_token(&mut self, process: usize, limit: Duration) -> Result<(), Broken> {
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

    pub(crate) fn wants_poll(&self, process: usize, now: Moment) -> bool {
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

    pub(crate) fn mark_served(&mut self, process: usize) {
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
