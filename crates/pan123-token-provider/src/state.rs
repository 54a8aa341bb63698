//! What stands behind the one lock: the machine, its jobs, and who waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::Waker;
use std::time::Duration;

use pan123_token::Cause;
use pan123_token_cache::{Action, Event, Moment, Reason, StoreError, TokenCache};

/// Jobs that were dropped before they began, until the next is reported as one that can't be started.
const MAX_UNSTARTED: u32 = 3;
/// How long a caller waits for an exchange that is under way, though its ticket has expired, before it looks again.
const LATE_EXCHANGE: Duration = Duration::from_secs(1);
/// The most events that wait for a slow listener; older ones make way.
const MAX_EVENTS: usize = 64;

pub(crate) struct State {
    pub(crate) cache: TokenCache,
    sharing: bool,
    next_id: u64,
    /// Jobs that were handed out and haven't ended, and whether each is carrying something out.
    jobs: BTreeMap<u64, Doing>,
    /// How often a job came to draw an action: a number that stands still while jobs don't run.
    draws: u64,
    /// At which of these draws a second job was started, because the first doesn't run.
    helped_at: Option<u64>,
    /// Consecutive jobs that were dropped before they began.
    unstarted: u32,
    /// The one exchange that is under way.
    pub(crate) exchange: Option<Slot>,
    /// Consecutive exchanges that were lost with their runtime.
    pub(crate) lost: u32,
    /// A call to the store is under way, in time or not.
    pub(crate) store_called: bool,
    pub(crate) first_token: FirstToken,
    /// Who waits for a change.
    waiters: BTreeMap<u64, Waker>,
    pub(crate) events: VecDeque<Event>,
    /// A thread is delivering events.
    pub(crate) delivering: bool,
    unauthorized: BTreeSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It has yet to begin, or to draw its next action.
    Nothing,
    Work,
}

/// What became of the first token that this provider had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstToken {
    None,
    /// It was fetched, since the store held none, and isn't saved yet.
    Saving,
    Had,
}

/// The exchange that is under way.
pub(crate) struct Slot {
    pub(crate) id: u64,
    /// How often its future was polled.
    pub(crate) polls: u64,
    /// Wakes its future, where it is one.
    pub(crate) waker: Option<Waker>,
}

/// Where a job should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Wherever the adapter runs its jobs: on the caller's runtime, or a thread of its own.
    Usual,
    /// On a thread of its own, or another runtime: a job in the usual place doesn't run.
    Elsewhere,
}

impl State {
    pub(crate) fn new(cache: TokenCache, sharing: bool) -> Self {
        Self {
            cache,
            sharing,
            next_id: 0,
            jobs: BTreeMap::new(),
            draws: 0,
            helped_at: None,
            unstarted: 0,
            exchange: None,
            lost: 0,
            store_called: false,
            first_token: FirstToken::None,
            waiters: BTreeMap::new(),
            events: VecDeque::new(),
            delivering: false,
            unauthorized: BTreeSet::new(),
        }
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// What is to be done now, with one exchange and one call to the store at a time, also where one outlives its deadline.
    pub(crate) fn draw(&mut self, now: Moment) -> Action {
        loop {
            match self.cache.poll(now) {
                Action::Store(step) if self.store_called => {
                    let error = StoreError::new("an earlier call to the store has not ended");
                    self.cache.stored(step.fail(error), now);
                }
                action @ Action::Fetch(_) if self.exchange.is_some() => {
                    self.cache.unbegun(action);
                    return Action::Wait {
                        until: now.after(LATE_EXCHANGE),
                        reason: Reason::Fetching,
                    };
                }
                action => return action,
            }
        }
    }

    /// Why and until when there is nothing to do; `None` where there is something.
    pub(crate) fn nothing_due(&mut self, now: Moment) -> Option<(Moment, Reason)> {
        match self.draw(now) {
            Action::Wait { until, reason } => Some((until, reason)),
            action => {
                self.cache.unbegun(action);
                None
            }
        }
    }

    /// Where another job is to be started now that something is due. `stuck` tells whether the jobs that should draw it
    /// have stood still for too long, since this number of draws.
    pub(crate) fn place_for_job(&mut self, stuck: impl FnOnce(u64) -> bool) -> Option<Place> {
        if !self.jobs.values().any(|doing| *doing == Doing::Nothing) {
            let usual = self.unstarted == 0;
            return Some(if usual {
                Place::Usual
            } else {
                Place::Elsewhere
            });
        }
        let unhelped = self.helped_at != Some(self.draws);
        (unhelped && stuck(self.draws)).then(|| {
            self.helped_at = Some(self.draws);
            Place::Elsewhere
        })
    }

    pub(crate) fn jobs_vanish(&self) -> bool {
        self.unstarted >= MAX_UNSTARTED
    }

    pub(crate) fn add_job(&mut self) -> u64 {
        let id = self.new_id();
        self.jobs.insert(id, Doing::Nothing);
        id
    }

    /// A job has come to draw an action.
    pub(crate) fn job_began(&mut self) {
        self.draws += 1;
        self.unstarted = 0;
    }

    /// Nothing, where the job is gone already.
    pub(crate) fn job_does(&mut self, job: u64, doing: Doing) {
        if let Some(it) = self.jobs.get_mut(&job) {
            *it = doing;
        }
    }

    pub(crate) fn job_ended(&mut self, job: u64, began: bool) {
        if self.jobs.remove(&job).is_some() && !began {
            self.unstarted = self.unstarted.saturating_add(1);
        }
    }

    /// The exchange that was under way is lost, whether or not its ticket has expired.
    pub(crate) fn lose_exchange(&mut self, now: Moment) {
        self.cache.supersede(now);
        self.lost += 1;
    }

    /// What is due can't be carried out, because nothing can be started for it.
    pub(crate) fn could_not_start(&mut self, why: &str, now: Moment) {
        self.unstarted = 0;
        match self.draw(now) {
            Action::Fetch(ticket) => self.cache.not_sent(ticket, Cause::from(why), now),
            Action::Store(step) => self.cache.stored(step.fail(StoreError::new(why)), now),
            Action::Wait { .. } => {}
        }
    }

    /// Notes the first token that there is: a fetched one is worth a short wait until it is saved.
    pub(crate) fn note_token(&mut self, fetched: bool, now: Moment) {
        if self.first_token == FirstToken::None && self.cache.snapshot().token(now).is_some() {
            self.first_token = if fetched && self.sharing {
                FirstToken::Saving
            } else {
                FirstToken::Had
            };
        }
    }

    /// It was saved, or isn't going to be now.
    pub(crate) fn first_token_is_had(&mut self) {
        if self.first_token == FirstToken::Saving {
            self.first_token = FirstToken::Had;
        }
    }

    pub(crate) fn wait(&mut self, id: u64, waker: &Waker) {
        self.waiters.insert(id, waker.clone());
    }

    pub(crate) fn stop_waiting(&mut self, id: u64) {
        self.waiters.remove(&id);
    }

    pub(crate) fn take_waiters(&mut self) -> BTreeMap<u64, Waker> {
        std::mem::take(&mut self.waiters)
    }

    /// Nothing is under way, and every event was delivered. A job that has nothing left but to end doesn't count.
    pub(crate) fn is_idle(&mut self, now: Moment) -> bool {
        self.exchange.is_none()
            && !self.store_called
            && !self.delivering
            && self.events.is_empty()
            && (self.jobs.is_empty() || self.nothing_due(now).is_some())
    }

    pub(crate) fn unauthorized(&mut self, origin: String) {
        if self.unauthorized.len() < MAX_EVENTS && self.unauthorized.insert(origin.clone()) {
            self.push_event(Event::UnauthorizedOrigin { origin });
        }
    }

    pub(crate) fn collect_events(&mut self) {
        while let Some(event) = self.cache.next_event() {
            self.push_event(event);
        }
    }

    fn push_event(&mut self, event: Event) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}
