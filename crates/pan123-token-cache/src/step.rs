//! The store's calls as data: what is to be done, and the one answer that fits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use pan123_token::Fingerprint;

use crate::answer::Answer;
use crate::async_store::AsyncTokenStore;
use crate::record::Record;
use crate::store::{Lease, Owner, Saved, StoreError, StoreKey, Stored, TokenStore};

/// One call to the store that the machine asks for.
///
/// Each step shows what is to be done ([`Step::call`]) and is consumed by its one typed answer ([`Step::answer`]), which
/// goes to [`TokenCache::stored`](crate::TokenCache::stored). So a runtime can carry it out in any way. [`run`](Self::run)
/// does it over a [`TokenStore`], [`run_async`](Self::run_async) over an [`AsyncTokenStore`].
///
/// A step may be dropped: the machine then goes on at the step's deadline as if the store had failed.
///
/// ```
/// use pan123_token_cache::{Saved, StoreDone, StoreError, StoreStep};
///
/// /// A store that holds nothing and keeps nothing: each caller gets the lease.
/// fn carry_out(step: StoreStep) -> StoreDone {
///     match step {
///         StoreStep::Load(step) => step.answer(Ok(None)),
///         StoreStep::Lease(step) => step.answer(Err(StoreError::new("no leases here"))),
///         StoreStep::Save(step) => {
///             println!("keep {:?} for {:?}", step.call().record.fingerprint(), step.call().left);
///             step.answer(Ok(Saved::Kept))
///         }
///         StoreStep::Release(step) => step.answer(Ok(())),
///     }
/// }
/// ```
#[must_use = "carry it out, and report how it ended"]
#[derive(Debug)]
pub enum StoreStep {
    /// Read the record: as [`TokenStore::load`].
    Load(Step<Load>),
    /// Take the right to fetch, and read the record: as [`TokenStore::lease`].
    Lease(Step<TakeLease>),
    /// Keep a record: as [`TokenStore::save`].
    Save(Step<Save>),
    /// End a lease: as [`TokenStore::release`].
    Release(Step<Release>),
}

/// A call and the place for its answer. It can't be made or copied.
///
/// An example is with [`StoreStep`].
#[must_use = "answer it"]
#[derive(Debug)]
pub struct Step<C> {
    pub(crate) id: u64,
    pub(crate) call: C,
}

/// Which store is meant.
///
/// [`StoreStep::run`] finds it by itself; an example is with [`StoreStep`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tier {
    /// The store that all share.
    #[default]
    Shared,
    /// The [fallback](TokenStore::fallback), which the processes of one host share while the other is out. Only a cache
    /// that [has one](crate::TokenCache::with_fallback) asks for it.
    Host,
}

/// Read the record.
///
/// An example is with [`StoreStep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// From this store.
    pub tier: Tier,
}

/// Take the right to fetch, and read the record.
///
/// An example is with [`StoreStep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TakeLease {
    /// Who asks.
    pub owner: Owner,
    /// For how long, from when the store is asked.
    pub term: Duration,
    /// Of this store.
    pub tier: Tier,
}

/// Keep a record, if it [may replace](Record::may_replace) what the store holds.
///
/// An example is with [`StoreStep`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Save {
    /// What to keep.
    pub record: Record,
    /// The token that it may replace whatever its date, where one was read under the lease.
    pub replaces: Option<Fingerprint>,
    /// How much of the token's life is left.
    pub left: Duration,
    /// In this store.
    pub tier: Tier,
}

/// End a lease.
///
/// An example is with [`StoreStep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// Whose lease.
    pub owner: Owner,
    /// For how long no owner is granted a lease from then on.
    pub cooldown: Duration,
    /// Of this store.
    pub tier: Tier,
}

/// A call to a store and the type of its answer. Implemented for the four calls that there are.
///
/// An example is with [`StoreStep`].
pub trait StoreCall: sealed::Sealed + Sized {
    /// What the store answers.
    type Answer;

    #[doc(hidden)]
    fn done(step: Step<Self>, answer: Result<Self::Answer, StoreError>) -> StoreDone;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! store_call {
    ($call:ident, $answer:ty) => {
        impl sealed::Sealed for $call {}

        impl StoreCall for $call {
            type Answer = $answer;

            fn done(step: Step<Self>, answer: Result<$answer, StoreError>) -> StoreDone {
                StoreDone {
                    id: step.id,
                    answered: Answered::$call(step.call, answer.and_then(Answer::unsealed)),
                }
            }
        }
    };
}

store_call!(Load, Option<Stored>);
store_call!(TakeLease, Lease);
store_call!(Save, Saved);
store_call!(Release, ());

impl<C: StoreCall> Step<C> {
    /// What is to be done.
    pub fn call(&self) -> &C {
        &self.call
    }

    /// How it ended.
    pub fn answer(self, answer: Result<C::Answer, StoreError>) -> StoreDone {
        C::done(self, answer)
    }
}

impl StoreStep {
    /// What it does, for logs: `load`, `lease`, `save` or `release`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Load(_) => "load",
            Self::Lease(_) => "lease",
            Self::Save(_) => "save",
            Self::Release(_) => "release",
        }
    }

    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::Load(step) => step.id,
            Self::Lease(step) => step.id,
            Self::Save(step) => step.id,
            Self::Release(step) => step.id,
        }
    }

    /// Carries it out over a blocking store. Blocks as long as the store does; an async driver runs it off its workers. A
    /// panic of the store counts as its failure.
    pub fn run(self, store: &dyn TokenStore, key: StoreKey) -> StoreDone {
        let store = match self.tier() {
            Tier::Shared => store,
            Tier::Host => match store.fallback() {
                Some(fallback) => fallback,
                None => return self.fail(no_fallback()),
            },
        };
        match self {
            Self::Load(step) => step.run(|_| store.load(key)),
            Self::Lease(step) => step.run(|call| store.lease(key, call.owner, call.term)),
            Self::Save(step) => {
                step.run(|call| store.save(key, &call.record, call.replaces, call.left))
            }
            Self::Release(step) => step.run(|call| store.release(key, call.owner, call.cooldown)),
        }
    }

    /// Which store is to be asked.
    pub fn tier(&self) -> Tier {
        match self {
            Self::Load(step) => step.call.tier,
            Self::Lease(step) => step.call.tier,
            Self::Save(step) => step.call.tier,
            Self::Release(step) => step.call.tier,
        }
    }

    /// Carries it out over an async store. That has no fallback: a step for one fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the step: the machine goes on at its deadline as if the store had failed.
    pub async fn run_async<S: AsyncTokenStore + ?Sized>(
        self,
        store: &S,
        key: StoreKey,
    ) -> StoreDone {
        if self.tier() == Tier::Host {
            return self.fail(no_fallback());
        }
        match self {
            Self::Load(step) => {
                let answer = store.load(key).await;
                step.answer(answer)
            }
            Self::Lease(step) => {
                let answer = store.lease(key, step.call.owner, step.call.term).await;
                step.answer(answer)
            }
            Self::Save(step) => {
                let Save {
                    record,
                    replaces,
                    left,
                    ..
                } = &step.call;
                let answer = store.save(key, record, *replaces, *left).await;
                step.answer(answer)
            }
            Self::Release(step) => {
                let answer = store
                    .release(key, step.call.owner, step.call.cooldown)
                    .await;
                step.answer(answer)
            }
        }
    }

    /// The answer in case that what carries the step out is lost: to be kept beside it, and reported if nothing else
    /// comes. Of two answers to one step, the machine takes the first.
    pub fn lost(&self) -> StoreDone {
        let error = StoreError::new("the call was dropped before it ended");
        match self {
            Self::Load(step) => step.again().answer(Err(error)),
            Self::Lease(step) => step.again().answer(Err(error)),
            Self::Save(step) => step.again().answer(Err(error)),
            Self::Release(step) => step.again().answer(Err(error)),
        }
    }

    /// Reports that it could not be carried out.
    pub fn fail(self, error: StoreError) -> StoreDone {
        match self {
            Self::Load(step) => step.answer(Err(error)),
            Self::Lease(step) => step.answer(Err(error)),
            Self::Save(step) => step.answer(Err(error)),
            Self::Release(step) => step.answer(Err(error)),
        }
    }
}

fn no_fallback() -> StoreError {
    StoreError::new("it has no fallback")
}

impl<C: StoreCall + Clone> Step<C> {
    fn again(&self) -> Self {
        Self {
            id: self.id,
            call: self.call.clone(),
        }
    }
}

impl<C: StoreCall> Step<C> {
    fn run(self, call: impl FnOnce(&C) -> Result<C::Answer, StoreError>) -> StoreDone {
        let answer = catch_unwind(AssertUnwindSafe(|| call(&self.call)))
            .unwrap_or_else(|_| Err(StoreError::new("it panicked")));
        self.answer(answer)
    }
}

/// How a step ended; for [`TokenCache::stored`](crate::TokenCache::stored).
///
/// An example is with [`StoreStep`].
#[must_use = "report it to the machine"]
#[derive(Debug)]
pub struct StoreDone {
    pub(crate) id: u64,
    pub(crate) answered: Answered,
}

impl StoreDone {
    /// Whether the store did what it was asked for.
    pub fn is_ok(&self) -> bool {
        match &self.answered {
            Answered::Load(_, answer) => answer.is_ok(),
            Answered::TakeLease(_, answer) => answer.is_ok(),
            Answered::Save(_, answer) => answer.is_ok(),
            Answered::Release(_, answer) => answer.is_ok(),
        }
    }
}

/// Each answer with its call, so that the two can't be mixed up.
#[derive(Debug)]
pub(crate) enum Answered {
    Load(Load, Result<Option<Stored>, StoreError>),
    TakeLease(TakeLease, Result<Lease, StoreError>),
    Save(Save, Result<Saved, StoreError>),
    Release(Release, Result<(), StoreError>),
}
