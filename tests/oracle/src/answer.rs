//! What a store answers to a step.

use pan123_token_cache::{Lease, Saved, StoreDone, StoreError, StoreStep, Stored};

/// What the store answered to one step, before the machine hears of it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To a load.
    Load(Result<Option<Stored>, StoreError>),
    /// To a lease.
    Lease(Result<Lease, StoreError>),
    /// To a save.
    Save(Result<Saved, StoreError>),
    /// To a release.
    Release(Result<(), StoreError>),
}

impl Answer {
    /// The answer that a failing store gives to this step.
    pub fn failed(step: &StoreStep, error: StoreError) -> Self {
        match step {
            StoreStep::Load(_) => Self::Load(Err(error)),
            StoreStep::Lease(_) => Self::Lease(Err(error)),
            StoreStep::Save(_) => Self::Save(Err(error)),
            StoreStep::Release(_) => Self::Release(Err(error)),
        }
    }

    /// Consumes the step.
    pub(crate) fn deliver(self, step: StoreStep) -> StoreDone {
        match (self, step) {
            (Self::Load(answer), StoreStep::Load(step)) => step.answer(answer),
            (Self::Lease(answer), StoreStep::Lease(step)) => step.answer(answer),
            (Self::Save(answer), StoreStep::Save(step)) => step.answer(answer),
            (Self::Release(answer), StoreStep::Release(step)) => step.answer(answer),
            (_, step) => step.fail(StoreError::new("the answer to another call")),
        }
    }

    pub(crate) fn error(&self) -> Option<&StoreError> {
        match self {
            Self::Load(answer) => answer.as_ref().err(),
            Self::Lease(answer) => answer.as_ref().err(),
            Self::Save(answer) => answer.as_ref().err(),
            Self::Release(answer) => answer.as_ref().err(),
        }
    }

    /// The record that came with it.
    pub(crate) fn stored(&self) -> Option<&Stored> {
        match self {
            Self::Load(Ok(stored))
            | Self::Lease(Ok(
                Lease::Granted(stored)
                | Lease::Held(_, stored)
                | Lease::Stuck(stored)
                | Lease::CoolingDown(_, stored),
            )) => stored.as_ref(),
            Self::Save(Ok(Saved::Newer(stored))) => Some(stored),
            _ => None,
        }
    }
}
