//! What drives a cache, and who asks it for tokens.

use std::time::Duration;

use pan123_token::AccessToken;
use pan123_token_cache::{Action, Event as Told, Moment, Reason, StoreDone, StoreStep};

use super::clock::At;
use super::platform::token_id;
use super::rules::{self, Check, Known};
use super::scenario::{MINUTE, SECOND};
use super::store::{Mode, Seen};
use super::watch::{StepSeen, Watch};
use super::world::{Answered, Event, World};

impl World {
    /// A caller wants to use the platform.
    pub(crate) fn business_call(&mut self, node: usize) -> Check {
        let mean = self.scenario.call_every;
        let next = if self.random.chance(300) {
            // Calls come in bursts.
            self.random.between(Duration::ZERO, mean.min(3 * SECOND))
        } else {
            self.random.between(mean / 2, mean * 2)
        };
        self.queue.put(self.now + next, Event::Call(node));
        if !self.nodes[node].alive {
            return Ok(());
        }
        let now = self.clock(node);
        self.settle(node, now);
        self.check_served(node, now)?;
        let snapshot = self.nodes[node].cache.snapshot();
        if let Some(token) = snapshot.token(now) {
            let token = token.clone();
            if snapshot.wants_poll(now) {
                self.drive(node)?;
            }
            return self.use_token(node, &token);
        }
        self.nodes[node].waiting.push(self.now + 30 * SECOND);
        let life = self.nodes[node].life;
        self.queue
            .put(self.now + 30 * SECOND, Event::Patience(node, life));
        self.drive(node)
    }

    fn use_token(&mut self, node: usize, token: &AccessToken) -> Check {
        let id = token_id(token);
        let now = self.clock(node);
        if self.checks {
            let watch = &self.nodes[node].watch;
            rules::never_dead(watch.known.as_ref(), id, now, &self.scenario.policy)?;
            if self.clocks_run_evenly {
                rules::never_dead_in_truth(id, self.platform.truth(id), self.now)?;
            }
        }
        let always_401 = self.hosts[self.nodes[node].host].always_401;
        let counts = self.counts(node);
        let accepted = self.platform.accepts(id, self.now);
        if !accepted {
            self.check_peace(node)?;
        }
        if counts {
            self.tally.calls += 1;
            self.tally.rejected += u64::from(!accepted);
        }
        if always_401 || !accepted {
            self.say(node, || {
                format!("a business call with token {id} is answered 401")
            });
            let latency = self.scenario.network.latency;
            let mut later = self.random.between(Duration::ZERO, latency);
            if self.random.chance(50) {
                later += MINUTE;
            }
            let life = self.nodes[node].life;
            self.queue
                .put(self.now + later, Event::Rejected(node, life, token.clone()));
        }
        Ok(())
    }

    /// Whether this cache's calls can succeed, so that they are worth counting.
    pub(crate) fn counts(&self, node: usize) -> bool {
        let host = &self.hosts[self.nodes[node].host];
        !host.always_401 && host.secret_is_right
    }

    pub(crate) fn lose_patience(&mut self, node: usize, life: u32) {
        if self.nodes[node].life == life {
            let now = self.now;
            let waiting = &mut self.nodes[node].waiting;
            let before = waiting.len();
            waiting.retain(|until| *until > now);
            let lost = (before - waiting.len()) as u64;
            if self.counts(node) {
                self.tally.calls += lost;
                self.tally.unserved += lost;
            }
        }
    }

    pub(crate) fn report_rejection(
        &mut self,
        node: usize,
        life: u32,
        token: &AccessToken,
    ) -> Check {
        if self.nodes[node].life != life {
            return Ok(());
        }
        let now = self.clock(node);
        self.settle(node, now);
        let answer = self.nodes[node].cache.reject(token, now);
        self.say(node, || {
            format!("reject token {}: {answer:?}", token_id(token))
        });
        if self.checks {
            let known = self.nodes[node].watch.known.as_ref();
            let policy = &self.scenario.policy;
            rules::rejection_is_answered(known, token_id(token), answer, now, policy)?;
        }
        self.nodes[node].watch.rejects(token_id(token));
        self.drive(node)
    }

    pub(crate) fn wake(&mut self, node: usize, life: u32, at: At) -> Check {
        if self.nodes[node].life != life || self.nodes[node].wake != Some(at) {
            return Ok(());
        }
        self.nodes[node].wake = None;
        self.drive(node)
    }

    /// Polls, and does what it is told.
    pub(crate) fn drive(&mut self, node: usize) -> Check {
        if !self.nodes[node].alive {
            return Ok(());
        }
        let now = self.clock(node);
        self.settle(node, now);
        self.nodes[node].watch.polled(now)?;
        let policy = &self.scenario.policy;
        self.nodes[node].watch.outlive_lease(now, policy);
        let action = self.nodes[node].cache.poll(now);
        let waits = matches!(action, Action::Wait { .. });
        self.note((node, now.monotonic));
        match action {
            Action::Store(step) => {
                self.note(step.name());
                self.send_step(node, step, now);
            }
            Action::Fetch(ticket) => {
                self.note("fetch");
                if self.checks {
                    self.check_fetch(node, now)?;
                }
                self.send_request(node, ticket, now);
            }
            Action::Wait { until, reason } => {
                self.note((until.monotonic, until.wall));
                self.waits(node, until, reason, now)?;
            }
        }
        self.observe(node, now, None)?;
        self.hand_out_to_waiting(node)?;
        // Once more, to hear when what is under way is given up.
        if waits { Ok(()) } else { self.drive(node) }
    }

    fn waits(&mut self, node: usize, until: Moment, reason: Reason, now: Moment) -> Check {
        if self.checks {
            let policy = &self.scenario.policy;
            self.nodes[node].watch.waits(until, reason, now, policy)?;
            self.check_saved(node)?;
            if self.random.chance(20) {
                self.check_earlier_poll(node, until, reason, now)?;
            }
        }
        self.say(node, || {
            let wait = until.monotonic.saturating_sub(now.monotonic);
            format!("wait {reason:?} {wait:?}")
        });
        let needed = self.scenario.eager
            || matches!(reason, Reason::Fetching | Reason::Storing)
            || self.served(node).is_none();
        if needed {
            let host = &self.hosts[self.nodes[node].host];
            if let Some(at) = host.clock.when(self.now, until) {
                let at = at.max(self.now + Duration::from_nanos(1));
                let wake = &mut self.nodes[node].wake;
                if *wake != Some(at) {
                    *wake = Some(at);
                    let life = self.nodes[node].life;
                    self.queue.put(at, Event::Wake(node, life, at));
                }
            }
        }
        Ok(())
    }

    fn check_earlier_poll(
        &mut self,
        node: usize,
        until: Moment,
        reason: Reason,
        now: Moment,
    ) -> Check {
        let earlier = Moment {
            monotonic: now.monotonic / 2,
            ..now
        };
        let second = match self.nodes[node].cache.poll(earlier) {
            Action::Wait { until, reason } => Some((until, reason)),
            _ => None,
        };
        rules::unmoved((until, reason), second)
    }

    fn send_step(&mut self, node: usize, step: StoreStep, now: Moment) {
        self.say(node, || format!("store: {}", step.name()));
        let timeout = self.scenario.policy.store_timeout;
        self.steps_sent += 1;
        let number = self.steps_sent;
        self.nodes[node].watch.step = Some(StepSeen {
            number,
            writes: step.name() != "look",
            asked: now,
            ends: now.monotonic + timeout,
        });
        let may_fail = self.is_faulty();
        let faults = &self.scenario.store;
        if may_fail && self.random.chance(faults.step_dropped) {
            self.say(node, || "the step is dropped".to_owned());
            self.fault(node, self.now);
            return;
        }
        let latency = faults.latency;
        let there = self.random.between(latency / 2, latency);
        let life = self.nodes[node].life;
        self.queue.put(
            self.now + there,
            Event::StepCarriedOut(node, life, step, number),
        );
    }

    /// The step reaches the store. Its process may have died since.
    pub(crate) fn carry_out(
        &mut self,
        node: usize,
        life: u32,
        step: StoreStep,
        number: u64,
    ) -> Check {
        let may_fail = self.is_faulty();
        let faults = &self.scenario.store;
        let within =
            |times: &[std::ops::Range<At>]| times.iter().any(|time| time.contains(&self.now));
        let mode = if may_fail && (within(&faults.outages) || self.random.chance(faults.down)) {
            Mode::Down
        } else if may_fail && self.random.chance(faults.deaf) {
            Mode::Deaf
        } else if may_fail && (within(&faults.full_times) || self.random.chance(faults.full)) {
            if faults.read_only {
                Mode::ReadOnly
            } else {
                Mode::Full
            }
        } else {
            Mode::Well
        };
        let latency = self.scenario.store.latency;
        let mut back = self.random.between(latency / 2, latency);
        if may_fail && self.random.chance(self.scenario.store.slow) {
            let timeout = self.scenario.policy.store_timeout;
            back = self.random.between(timeout / 2, timeout * 20);
        }
        let name = step.name();
        let Some((session, store)) = self.nodes[node]
            .session
            .clone()
            .zip(self.nodes[node].store.clone())
        else {
            return Err(rules::Broken {
                rule: 2,
                what: "a call to a store, where there is none".to_owned(),
            });
        };
        {
            let mut state = store.state();
            state.now = self.now;
            state.mode = mode;
            state.caller = node;
            state.version = self.hosts[self.nodes[node].host].version;
            state.seen = Seen::Nothing;
        }
        let done = session.run(step);
        let state = store.state();
        let seen = state.seen.clone();
        // An answer of the store itself may be an error too: a record that it can't read.
        let unreadable = matches!(seen, Seen::Nothing);
        let well = !matches!(mode, Mode::Down | Mode::Deaf) && !unreadable;
        let forced = state
            .record()
            .map(|record| (token_id(&record.token), record.forced));
        drop(state);
        self.say(node, || {
            format!("the store, {mode:?}, {name}: {}", shown(&seen))
        });
        if !well {
            self.store_fault(node);
        }
        if self.checks && self.nodes[node].life == life {
            match (&seen, forced) {
                (Seen::GaveBack { cool, ours: true }, _) => self.check_gate(node, *cool)?,
                (Seen::Saved, Some((token, forced))) if name == "save" => {
                    if let Some((unsaved, expected, _)) = self.nodes[node].watch.unsaved
                        && unsaved == token
                    {
                        rules::row_is_handed_on(expected, forced)?;
                    }
                }
                _ => {}
            }
        }
        self.queue.put(
            self.now + back,
            Event::StepAnswered(node, life, done, Answered { number, seen, well }),
        );
        Ok(())
    }

    pub(crate) fn step_answered(
        &mut self,
        node: usize,
        life: u32,
        done: StoreDone,
        answered: &Answered,
    ) -> Check {
        if self.nodes[node].life != life {
            return Ok(());
        }
        let now = self.clock(node);
        self.settle(node, now);
        let Answered { number, seen, well } = answered;
        let in_time = self.nodes[node]
            .watch
            .step
            .take_if(|step| step.number == *number);
        self.nodes[node].cache.stored(done, now);
        let mut candidate = None;
        if let Some(StepSeen { asked, writes, .. }) = in_time {
            let told = self.drain(node);
            if *well {
                candidate = self.step_went_well(node, seen, writes, asked, now);
            } else {
                rules::store_trouble_is_told(told)?;
                let watch = &mut self.nodes[node].watch;
                watch.step_failed(now.monotonic, writes);
                watch.lease = None;
            }
        }
        self.observe(node, now, candidate)?;
        self.hand_out_to_waiting(node)?;
        if self.is_faulty() && self.random.chance(self.scenario.store.driver_naps) {
            let at = self.now + self.random.between(SECOND, MINUTE);
            self.say(node, || "the driver naps".to_owned());
            self.fault(node, at);
            self.nodes[node].wake = Some(at);
            self.queue.put(at, Event::Wake(node, life, at));
            return Ok(());
        }
        self.drive(node)
    }

    fn step_went_well(
        &mut self,
        node: usize,
        seen: &Seen,
        writes: bool,
        asked: Moment,
        now: Moment,
    ) -> Option<Known> {
        let policy = self.scenario.policy.clone();
        let watch = &mut self.nodes[node].watch;
        // A store that is full gives leases back all the same.
        if !matches!(seen, Seen::GaveBack { .. }) && (writes || !watch.writing_trouble) {
            watch.store_trouble = None;
            watch.writing_trouble = false;
        }
        let stored = match seen {
            Seen::Granted(stored) => {
                let record = stored.as_ref().map(|stored| Watch::known_of(stored, asked));
                let rejected = record
                    .as_ref()
                    .is_some_and(|known| watch.was_rejected(known.token));
                watch.lease = Some(rules::LeaseSeen {
                    asked,
                    record,
                    rejected,
                });
                watch.gate_until = None;
                stored
            }
            Seen::Shut { stored, overdue } => {
                if *overdue {
                    watch.store_trouble = Some(Duration::ZERO);
                }
                stored
            }
            Seen::Record(stored) => stored,
            Seen::Saved => {
                watch.unsaved = None;
                return None;
            }
            Seen::GaveBack { .. } => {
                watch.lease = None;
                watch.gate_until = None;
                return None;
            }
            Seen::Nothing => return None,
        };
        let known = Watch::known_of(stored.as_ref()?, asked);
        if watch.unsaved.is_some() && (writes || known.is_usable_at(now, &policy)) {
            // The store has it, or keeps one that it takes for newer.
            watch.unsaved = None;
        }
        Some(known)
    }

    /// Takes the machine's events; whether one says that the store failed.
    pub(crate) fn drain(&mut self, node: usize) -> bool {
        let mut told = false;
        while let Some(event) = self.nodes[node].cache.next_event() {
            told |= matches!(event, Told::StoreFailed { .. });
            let took = matches!(event, Told::Adopted { .. } | Told::Renewed { .. });
            self.nodes[node].watch.took |= took;
            self.say(node, || format!("event: {event:?}"));
        }
        told
    }

    /// Waiting callers are served as soon as there is a token.
    pub(crate) fn hand_out_to_waiting(&mut self, node: usize) -> Check {
        let now = self.clock(node);
        let snapshot = self.nodes[node].cache.snapshot();
        if let Some(token) = snapshot.token(now) {
            let token = token.clone();
            for _ in std::mem::take(&mut self.nodes[node].waiting) {
                self.use_token(node, &token)?;
            }
        }
        Ok(())
    }
}

fn shown(seen: &Seen) -> String {
    let record = |stored: &Option<pan123_token_cache::Stored>| {
        stored.as_ref().map_or_else(
            || "no record".to_owned(),
            |stored| {
                let record = &stored.record;
                format!(
                    "token {}, left {:?}, forced {}, suspect {}",
                    token_id(&record.token),
                    stored.left,
                    record.forced,
                    record.suspect
                )
            },
        )
    };
    match seen {
        Seen::Nothing => "failed".to_owned(),
        Seen::Record(stored) => format!("has {}", record(stored)),
        Seen::Granted(stored) => format!("granted, {}", record(stored)),
        Seen::Shut { stored, overdue } => format!("shut, overdue {overdue}, {}", record(stored)),
        Seen::Saved => "kept".to_owned(),
        Seen::GaveBack { cool, ours } => format!("given back, ours {ours}, cool {cool:?}"),
    }
}
