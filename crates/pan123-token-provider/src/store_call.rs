//! The call to the store that a job carries out.

use std::sync::Arc;

use pan123_token_cache::{AsyncTokenStore, StoreDone, StoreKey, StoreStep, Tier, TokenStore};

use crate::jobs::Doing;
use crate::live::Live;

/// One call to the store. From [`Job::next`](crate::Job::next).
///
/// It reports its answer in the place where that comes: a blocking call that outlives the job's runtime is not lost. One
/// that is dropped counts as a failure of the store.
///
/// Used in the [adapter](crate) on the crate's page.
#[must_use = "carry it out"]
#[derive(Debug)]
pub struct StoreCall {
    step: StoreStep,
    report: StoreReport,
}

impl StoreCall {
    pub(crate) fn new(live: &Arc<Live>, job: u64, step: StoreStep) -> Self {
        Self {
            report: StoreReport {
                live: Arc::clone(live),
                job,
                saves: matches!(step, StoreStep::Save(_)),
                tier: step.tier(),
                done: Some(step.lost()),
            },
            step,
        }
    }

    /// Carries it out over a store that blocks, for as long as that does.
    pub fn run(self, store: &dyn TokenStore) {
        let (step, key, report) = self.split();
        report.finish(step.run(store, key));
    }

    /// Carries it out over an async store.
    ///
    /// # Cancel safety
    ///
    /// A call whose future is dropped counts as a failure of the store, whatever that has done.
    pub async fn run_async<S: AsyncTokenStore + ?Sized>(self, store: &S) {
        let (step, key, report) = self.split();
        report.finish(step.run_async(store, key).await);
    }

    /// For a store of any other kind: the step, what it is about, and where its answer goes.
    pub fn split(self) -> (StoreStep, StoreKey, StoreReport) {
        let key = self.report.live.key;
        (self.step, key, self.report)
    }
}

/// Where the answer of a [`StoreCall`] goes.
///
/// From [`StoreCall::split`]; how a step is answered by hand is shown with [`StoreStep`].
#[must_use = "report the answer"]
#[derive(Debug)]
pub struct StoreReport {
    live: Arc<Live>,
    job: u64,
    saves: bool,
    tier: Tier,
    /// What is reported if nothing else is.
    done: Option<StoreDone>,
}

impl StoreReport {
    /// Reports the answer.
    pub fn finish(mut self, done: StoreDone) {
        self.done = Some(done);
    }
}

impl Drop for StoreReport {
    fn drop(&mut self) {
        let Some(done) = self.done.take() else {
            return;
        };
        self.live.metrics.store_answered(self.tier, &done);
        self.live.change(|state, now| {
            state.jobs.set(self.job, Doing::Nothing);
            *state.calls.to(self.tier) = false;
            if self.saves {
                state.first_token_is_had();
            }
            state.cache.stored(done, now);
            state.note_token(false, now);
        });
    }
}
