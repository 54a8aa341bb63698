//! What stands behind the one lock: the machine, its jobs, and who waits.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use pan123_token::Cause;
use pan123_token_cache::{Action, Moment, Reason, StoreError, StoreStep, Tier, TokenCache};

use crate::events::Events;
use crate::exchange_watch::{At, ExchangeWatch, Watched};
use crate::jobs::{BACKGROUND_PATIENCE, Jobs};

/// How long a caller waits for an exchange that is under way, though its ticket has expired, before it looks again.
const LATE_EXCHANGE: Duration = Duration::from_secs(1);

pub(crate) struct State {
    pub(crate) cache: TokenCache,
    sharing: bool,
    last_id: u64,
    pub(crate) jobs: Jobs,
    /// The one exchange that is under way.
    pub(crate) exchange: Option<Slot>,
    /// By the provider's clock, where no caller waits for it.
    exchange_watch: ExchangeWatch,
    /// Consecutive exchanges that were lost with their runtime.
    pub(crate) lost: u32,
    pub(crate) calls: StoreCalls,
    pub(crate) first_token: FirstToken,
    /// Who waits for a change.
    pub(crate) waiters: BTreeMap<u64, Waker>,
    pub(crate) events: Events,
}

/// What became of the first token that this provider had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstToken {
    None,
    /// It was fetched, since the store held none, and isn't saved yet.
    Saving,
    Had,
}

/// Which stores a call is under way to, in time or not. One that hangs doesn't stop calls to the other.
#[derive(Default)]
pub(crate) struct StoreCalls {
    shared: bool,
    host: bool,
}

impl StoreCalls {
    pub(crate) fn to(&mut self, tier: Tier) -> &mut bool {
        match tier {
            Tier::Shared => &mut self.shared,
            Tier::Host => &mut self.host,
        }
    }

    fn any(&self) -> bool {
        self.shared || self.host
    }
}

/// The exchange that is under way.
pub(crate) struct Slot {
    pub(crate) id: u64,
    /// How often its future was polled.
    pub(crate) polls: u64,
    /// Wakes its future, where it is one.
    pub(crate) waker: Option<Waker>,
}

impl Slot {
    /// What wakes its future, and where that stands.
    pub(crate) fn waker(&self) -> Option<(At, &Waker)> {
        Some(((self.id, self.polls), self.waker.as_ref()?))
    }
}

impl State {
    pub(crate) fn new(cache: TokenCache, sharing: bool) -> Self {
        Self {
            cache,
            sharing,
            last_id: 0,
            jobs: Jobs::default(),
            exchange: None,
            exchange_watch: ExchangeWatch::new(BACKGROUND_PATIENCE, BACKGROUND_PATIENCE),
            lost: 0,
            calls: StoreCalls::default(),
            first_token: FirstToken::None,
            waiters: BTreeMap::new(),
            events: Events::default(),
        }
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// What is to be done now, with one exchange and one call to each store at a time, also where one outlives its deadline.
    pub(crate) fn draw(&mut self, now: Moment) -> Action {
        loop {
            match self.cache.poll(now) {
                Action::Store(step) if *self.calls.to(step.tier()) => {
                    let error = StoreError::new("an earlier call to the store has not ended");
                    self.cache.stored(step.fail(error), now);
                }
                // Nor a lease, which would be held for nothing.
                action @ (Action::Fetch(_) | Action::Store(StoreStep::Lease(_)))
                    if self.exchange.is_some() =>
                {
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

    /// Pings an exchange that has stood still for long, though no caller waits for it, and supersedes one that doesn't
    /// answer.
    pub(crate) fn look_after_exchange(&mut self, now: Moment) -> Option<Waker> {
        // A blocking one has a thread of its own.
        let (at, waker) = self.exchange.as_ref()?.waker()?;
        match self.exchange_watch.look(at, now.monotonic) {
            Watched::Waits(_) => None,
            Watched::Pinged(_) => Some(waker.clone()),
            Watched::Gone => {
                self.supersede_exchange(now);
                None
            }
        }
    }

    /// Gives up the exchange that is under way; it is dropped when it wakes.
    pub(crate) fn supersede_exchange(&mut self, now: Moment) {
        self.exchange = None;
        self.lose_exchange(now);
    }

    /// The exchange that was under way is lost, whether or not its ticket has expired.
    pub(crate) fn lose_exchange(&mut self, now: Moment) {
        self.cache.supersede(now);
        self.lost += 1;
    }

    /// What is due can't be carried out, because nothing can be started for it.
    pub(crate) fn could_not_start(&mut self, why: &str, now: Moment) {
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

    /// Nothing is under way, and every event was delivered. A job that has nothing left but to end doesn't count.
    pub(crate) fn is_idle(&mut self, now: Moment) -> bool {
        let idle = self.exchange.is_none()
            && !self.calls.any()
            && self.events.are_delivered()
            && (self.jobs.is_empty() || self.nothing_due(now).is_some());
        if idle {
            // They have nothing left but to end; what falls due later is for the jobs of later callers.
            self.jobs.dismiss();
        }
        idle
    }
}
