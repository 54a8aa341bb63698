//! Who is at work in a process with a provider: callers that wait, and jobs.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::Duration;

use pan123_token_cache::{Moment, Tier};
use pan123_token_provider::{Caller, Flush, Job};

use crate::clock::At;

#[derive(Debug, Default)]
pub(crate) struct Crew {
    pub(super) callers: BTreeMap<u64, Waiting>,
    pub(super) jobs: BTreeMap<u64, Working>,
    /// Exchanges are tasks of an async runtime; else they have threads.
    pub(super) tasks: bool,
    /// The process is about to end.
    pub(super) flush: Option<Flush>,
    pub(super) woken: Bells,
    pub(super) pinged: Bells,
    last_id: u64,
}

/// A call that waits for a token.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) caller: Caller,
    pub(super) began: Moment,
    /// When it takes another turn, unless it is woken.
    pub(super) timer: At,
    /// Any token will do.
    pub(super) usable: bool,
    /// By the monotonic clock: since when there has been a token.
    pub(super) served_since: Option<Duration>,
    /// It repeats an API call that was refused.
    pub(super) retries: bool,
}

#[derive(Debug)]
pub(super) struct Working {
    pub(super) job: Job,
    /// What is under way, by its number.
    pub(super) at: Option<Doing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// With where it stands among the world's exchanges.
    Exchange(u64, usize),
    Call(u64, Tier),
}

/// What a flush is woken as.
pub(super) const FLUSH: u64 = 0;

impl Crew {
    pub(crate) fn new(tasks: bool) -> Self {
        Self {
            tasks,
            ..Self::default()
        }
    }

    /// No caller waits, and no job is there.
    pub(crate) fn rests(&self) -> bool {
        self.callers.is_empty() && self.jobs.is_empty()
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The job that this exchange or call is of.
    pub(super) fn job_at(&self, number: u64) -> Option<u64> {
        let is_at = |working: &Working| match working.at {
            Some(Doing::Exchange(it, _) | Doing::Call(it, _)) => it == number,
            None => false,
        };
        let mut jobs = self.jobs.iter();
        jobs.find(|(_, it)| is_at(it)).map(|(id, _)| *id)
    }
}

/// Who was woken, in the order of that.
#[derive(Clone, Debug, Default)]
pub(super) struct Bells(Arc<Mutex<Vec<u64>>>);

struct Bell(Bells, u64);

impl Bells {
    pub(super) fn waker(&self, id: u64) -> Waker {
        Waker::from(Arc::new(Bell(self.clone(), id)))
    }

    pub(super) fn ring(&self, id: u64) {
        let mut rung = self.0.lock().unwrap();
        if !rung.contains(&id) {
            rung.push(id);
        }
    }

    pub(super) fn take(&self) -> Vec<u64> {
        mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.ring(self.1);
    }
}
