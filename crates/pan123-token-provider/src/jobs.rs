//! The jobs that were handed out, and where the next one is to run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::since::Since;

/// Jobs that were dropped before they began, until the next is reported as one that can't be started.
const MAX_UNSTARTED: u32 = 3;

/// What doesn't run is given up after so long also where no caller waits for it, since all have a token: else that would be
/// renewed only once it has expired.
pub(crate) const BACKGROUND_PATIENCE: Duration = Duration::from_secs(60);

/// Where a job should run.
///
/// From [`Turn::Start`](crate::Turn::Start). The [adapter](crate) on the crate's page starts a thread for either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Wherever the adapter runs its jobs: on the caller's runtime, or a thread of its own.
    Usual,
    /// On a thread of its own, or another runtime: a job in the usual place doesn't run.
    Elsewhere,
}

#[derive(Default)]
pub(crate) struct Jobs {
    /// Those that haven't ended, and what each is doing.
    doing: BTreeMap<u64, Doing>,
    /// How often a job came to draw an action: a number that stands still while jobs don't run.
    draws: u64,
    /// By the provider's clock: since when they have stood still after so many draws.
    stand: Since<u64>,
    /// The last job that was started elsewhere, because others don't run, and at which of these draws.
    helper: Option<(u64, u64)>,
    /// Consecutive jobs that were dropped before they began.
    unstarted: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It has yet to begin, or to draw its next action.
    Nothing,
    Work,
}

impl Jobs {
    pub(crate) fn add(&mut self, job: u64, place: Place) {
        self.doing.insert(job, Doing::Nothing);
        if place == Place::Elsewhere {
            self.helper = Some((job, self.draws));
        }
    }

    /// A job has come to draw an action.
    pub(crate) fn drew(&mut self) {
        self.draws += 1;
        self.unstarted = 0;
    }

    /// Nothing changes where the job is gone already.
    pub(crate) fn set(&mut self, job: u64, doing: Doing) {
        if let Some(it) = self.doing.get_mut(&job) {
            *it = doing;
        }
    }

    pub(crate) fn end(&mut self, job: u64, began: bool) {
        if self.doing.remove(&job).is_some() && !began {
            self.unstarted = self.unstarted.saturating_add(1);
        }
    }

    pub(crate) fn dismiss(&mut self) {
        self.doing.clear();
    }

    pub(crate) fn has(&self, job: u64) -> bool {
        self.doing.contains_key(&job)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.doing.is_empty()
    }

    /// Whether so many jobs were dropped before they began that another one is of no use. Asked once: the next one is.
    pub(crate) fn vanish(&mut self) -> bool {
        let vanish = self.unstarted >= MAX_UNSTARTED;
        if vanish {
            self.unstarted = 0;
        }
        vanish
    }

    /// Where another job is to be started now that something is due. `stuck` tells whether the jobs that should draw it
    /// have stood still for too long, since this number of draws, for the caller who asks.
    pub(crate) fn place_for_another(
        &mut self,
        now: Duration,
        stuck: impl FnOnce(u64) -> bool,
    ) -> Option<Place> {
        if !self.doing.values().any(|doing| *doing == Doing::Nothing) {
            let elsewhere = self.unstarted > 0;
            return Some(if elsewhere {
                Place::Elsewhere
            } else {
                Place::Usual
            });
        }
        let helps = |(job, draws)| draws == self.draws && self.has(job);
        let helped = self.helper.is_some_and(helps);
        let stood = self.stand.of(self.draws, now);
        let stuck = stuck(self.draws) || stood >= BACKGROUND_PATIENCE;
        (!helped && stuck).then_some(Place::Elsewhere)
    }
}
