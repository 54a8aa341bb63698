//! What a driver that serves many callers needs beside the machine's own calls.

use std::sync::Arc;

use crate::snapshot::Snapshot;
use crate::step::{Step, StoreDone, StoreStep};
use crate::store::StoreError;

impl StoreStep {
    /// The answer in case that what carries the step out is lost: to be kept beside it, and reported if nothing else
    /// comes. Of two answers to one step, the machine takes the first.
    pub fn lost(&self) -> StoreDone {
        let error = StoreError::new("the call was dropped before it ended");
        match self {
            Self::Load(step) => again(step).answer(Err(error)),
            Self::Lease(step) => again(step).answer(Err(error)),
            Self::Save(step) => again(step).answer(Err(error)),
            Self::Release(step) => again(step).answer(Err(error)),
        }
    }
}

fn again<C: Clone>(step: &Step<C>) -> Step<C> {
    Step {
        id: step.id,
        call: step.call.clone(),
    }
}

impl Snapshot {
    /// Whether callers are served as by the other one: a driver that publishes snapshots need not replace it then.
    pub fn serves_as(&self, other: &Self) -> bool {
        match (&self.held, &other.held) {
            (None, None) => true,
            (Some(held), Some(other_held)) => {
                Arc::ptr_eq(held, other_held) && self.poll_at == other.poll_at
            }
            _ => false,
        }
    }
}
