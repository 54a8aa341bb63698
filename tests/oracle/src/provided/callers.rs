//! Callers of a provider: each takes a turn when it comes, when it is woken, and when its time has passed.

use std::time::Duration;

use pan123_token::AccessToken;
use pan123_token_cache::Moment;
use pan123_token_provider::{Turn, Wanted};

use super::crew::{FLUSH, Waiting};
use super::jobs::Happening;
use crate::fault::Fault;
use crate::rules::{Broken, Check, ensure};
use crate::wire::token_id;
use crate::world::{Event, Process, World};

/// More turns of one caller at one instant are an endless loop.
const MOST_TURNS_AT_ONCE: u32 = 20;

/// What so many wait for, a crowd sees as well.
const MOST_WAITING: usize = 6;

impl World {
    /// A caller wants a token of a provider.
    pub(crate) fn ask_provider(
        &mut self,
        process: usize,
        wanted: Wanted,
        limit: Duration,
    ) -> Check {
        let now = self.clock(process);
        let crowded = self.processes[process].crew.callers.len() >= MOST_WAITING;
        let Some(judged) = self.processes[process].judged.as_mut().filter(|_| !crowded) else {
            return Ok(());
        };
        if wanted == Wanted::Usable
            && let Some(token) = judged.fresh(now)?
        {
            self.faults.without_since[process] = None;
            return self.use_token(process, &token);
        }
        let caller = judged.caller(wanted, limit, now);
        if judged.token(now)?.is_none() {
            self.mark_failing(process);
        }
        let timer = self.now;
        let crew = &mut self.processes[process].crew;
        let id = crew.new_id();
        let waiting = Waiting {
            caller,
            began: now,
            timer,
            usable: wanted == Wanted::Usable,
            served_since: None,
            retries: matches!(wanted, Wanted::Replacing(_)),
        };
        crew.callers.insert(id, waiting);
        if self.are_dropped() && self.random.chance(50) {
            let cancelled = self.now + self.random.between(Duration::ZERO, limit);
            self.put(process, cancelled, Happening::Cancelled(id));
        }
        self.processes[process].crew.woken.ring(id);
        self.run_turns(process)
    }

    /// Whether what runs in processes is dropped now and then.
    pub(super) fn are_dropped(&self) -> bool {
        self.is_faulty() && self.scenario.faults.contains(&Fault::Dropped)
    }

    pub(crate) fn put(&mut self, process: usize, at: crate::clock::At, happening: Happening) {
        let life = self.processes[process].life;
        self.queue
            .put(at, Event::Provided(process, life, happening));
    }

    /// Everyone looks at the clock again.
    pub(crate) fn all_take_turns(&mut self, process: usize) -> Check {
        let crew = &self.processes[process].crew;
        crew.callers.keys().for_each(|id| crew.woken.ring(*id));
        self.run_turns(process)
    }

    /// All that were woken take a turn, until none is left.
    pub(super) fn run_turns(&mut self, process: usize) -> Check {
        self.events(process)?;
        loop {
            self.answer_pings(process)?;
            let woken = self.processes[process].crew.woken.take();
            if woken.is_empty() {
                return self.serves_who_waits(process);
            }
            for id in woken {
                if id == FLUSH {
                    self.end_when_flushed(process)?;
                } else {
                    self.take_turn(process, id)?;
                }
            }
            self.events(process)?;
        }
    }

    /// Rule 5: who waits has the token once there is one, or it is saved first.
    fn serves_who_waits(&mut self, process: usize) -> Check {
        if self.scenario.faults.contains(&Fault::Suspends) {
            return Ok(());
        }
        let served = self.served(process)?.is_some();
        let now = self.clock(process).monotonic;
        for waiting in self.processes[process].crew.callers.values_mut() {
            let since = waiting.served_since.filter(|_| served).unwrap_or(now);
            waiting.served_since = served.then_some(since);
            let waits = now.saturating_sub(since);
            let in_time = !waiting.usable || waits <= Duration::from_millis(300);
            ensure(in_time, 5, "who-waits-is-served", || {
                format!("a caller waits, though there has been a token for {waits:?}")
            })?;
        }
        Ok(())
    }

    fn take_turn(&mut self, process: usize, id: u64) -> Check {
        let Some(mut waiting) = self.processes[process].crew.callers.remove(&id) else {
            return Ok(());
        };
        let waker = self.processes[process].crew.woken.waker(id);
        let now = self.clock(process);
        let waited = now.monotonic.saturating_sub(waiting.began.monotonic);
        for _ in 0..MOST_TURNS_AT_ONCE {
            let Some(judged) = &mut self.processes[process].judged else {
                return Ok(());
            };
            let turn = judged.turn(&mut waiting.caller, waited, &waker, now)?;
            match turn {
                Turn::Done(result) => {
                    drop(waiting.caller);
                    return self.caller_is_done(process, result.ok(), waiting.retries);
                }
                Turn::Start(job, place) => self.start(process, job, place)?,
                Turn::Wait(time) => {
                    self.note((id, time));
                    self.wait_for(process, id, waiting, time, now);
                    return self.check_alive(process);
                }
            }
        }
        Err(Broken {
            rule: 12,
            name: "not-spinning",
            what: format!("{MOST_TURNS_AT_ONCE} turns of a caller at one instant"),
        })
    }

    fn wait_for(
        &mut self,
        process: usize,
        id: u64,
        mut waiting: Waiting,
        time: Duration,
        now: Moment,
    ) {
        let until = Moment {
            wall: Duration::MAX,
            monotonic: now.monotonic + time,
        };
        let clock = &self.hosts[self.processes[process].host].clock;
        let at = clock.when(self.now, until).unwrap_or(self.now);
        waiting.timer = at.max(self.now + Duration::from_nanos(1));
        let timer = waiting.timer;
        self.say(process, || format!("caller {id} waits {time:?}"));
        self.processes[process].crew.callers.insert(id, waiting);
        self.put(process, timer, Happening::Turn(id, timer));
    }

    fn caller_is_done(
        &mut self,
        process: usize,
        token: Option<AccessToken>,
        retries: bool,
    ) -> Check {
        self.note(token.as_ref().map(token_id));
        if let Some(token) = token {
            self.faults.without_since[process] = None;
            if retries {
                return self.check_handed_out(process, token_id(&token));
            }
            self.use_token(process, &token)?;
            let is_job = self.processes[process].job.is_some();
            self.processes[process].ending |= is_job;
        } else {
            self.check_alive(process)?;
            if !retries {
                self.say(process, || "a caller gets an error".to_owned());
                self.callers_failed(process, 1);
            }
        }
        let now = self.clock(process);
        let Process {
            judged,
            crew,
            ending,
            ..
        } = &mut self.processes[process];
        if let (true, None, Some(judged)) = (*ending, &crew.flush, judged) {
            crew.flush = Some(judged.flush(now));
            crew.woken.ring(FLUSH);
        }
        Ok(())
    }

    /// A program that has its token waits until that is saved, and ends.
    fn end_when_flushed(&mut self, process: usize) -> Check {
        let now = self.clock(process);
        let Process { judged, crew, .. } = &mut self.processes[process];
        let (Some(judged), Some(mut flush)) = (judged.as_mut(), crew.flush.take()) else {
            return Ok(());
        };
        let done = judged.is_flushed(&mut flush, &crew.woken.waker(FLUSH), now)?;
        if done {
            self.say(process, || "flushed".to_owned());
            self.end_process(process);
        } else {
            crew.flush = Some(flush);
        }
        Ok(())
    }
}
