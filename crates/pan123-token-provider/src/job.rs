//! Jobs: they carry out what the machine asks for, off the callers.

use std::sync::Arc;

use pan123_token_cache::{Action, StoreStep};

use crate::exchange::Exchange;
use crate::jobs::{Doing, Place};
use crate::live::Live;
use crate::state::{Slot, State};
use crate::store_call::StoreCall;

/// Carries out what is due, one action after the other, until nothing is. From a caller's [turn](crate::Turn::Start).
///
/// It draws each action only when it comes to carry it out, so nothing overdue is ever sent, and a job that never runs
/// costs nothing. One that is dropped reports that, and a caller who waits starts another.
///
/// Used in the [adapter](crate) on the crate's page.
#[must_use = "run it, or say why it can't be started"]
#[derive(Debug)]
pub struct Job {
    live: Arc<Live>,
    id: u64,
    began: bool,
    /// It has found nothing more to do.
    ended: bool,
}

/// What a job carries out next.
///
/// Used in the [adapter](crate) on the crate's page.
#[must_use = "carry it out"]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
#[derive(Debug)]
pub enum Work {
    /// One exchange with the platform.
    Exchange(Exchange),
    /// One call to the store. Never without [`Settings::sharing`](crate::Settings::sharing).
    Store(StoreCall),
}

impl Job {
    pub(crate) fn new(live: &Arc<Live>, state: &mut State, place: Place) -> Self {
        let id = state.new_id();
        state.jobs.add(id, place);
        Self {
            live: Arc::clone(live),
            id,
            began: false,
            ended: false,
        }
    }

    /// What to carry out now; `None` where nothing is due any more, and the job is done.
    ///
    /// The work before this must have ended. Blocks for no longer than a listener to events does.
    #[expect(
        clippy::should_implement_trait,
        reason = "a job has an order, and ends once"
    )]
    pub fn next(&mut self) -> Option<Work> {
        if self.ended {
            return None;
        }
        self.began = true;
        let now = self.live.clock.now();
        let mut state = self.live.lock();
        if !state.jobs.has(self.id) {
            self.ended = true;
            return None;
        }
        state.jobs.drew();
        let action = state.draw(now);
        if !matches!(action, Action::Store(StoreStep::Save(_))) {
            state.first_token_is_had();
        }
        let work = match action {
            Action::Fetch(ticket) => {
                let id = state.new_id();
                state.exchange = Some(Slot {
                    id,
                    polls: 0,
                    waker: None,
                });
                Some(Work::Exchange(Exchange::new(
                    &self.live, self.id, id, ticket, now,
                )))
            }
            Action::Store(step) => {
                *state.calls.to(step.tier()) = true;
                Some(Work::Store(StoreCall::new(&self.live, self.id, step)))
            }
            Action::Wait { .. } => None,
        };
        // In the same step in which nothing is found: from then on, callers start another.
        self.ended = work.is_none();
        if self.ended {
            state.jobs.end(self.id, true);
        } else {
            state.jobs.set(self.id, Doing::Work);
        }
        self.live.unlock(state, self.ended);
        work
    }

    /// Reports that nothing can be started to run it, and why: in one line, with what to do about it. Callers get that as
    /// their error.
    pub fn could_not_start(mut self, why: &str) {
        self.began = true;
        let live = Arc::clone(&self.live);
        live.change(|state, now| state.could_not_start(why, now));
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.ended {
            let (id, began) = (self.id, self.began);
            self.live.change(|state, _| state.jobs.end(id, began));
        }
    }
}
