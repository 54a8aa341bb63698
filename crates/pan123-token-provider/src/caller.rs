//! A caller who waits for a token: what it does next, and for how long it waits.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use pan123_token::{AccessToken, Fingerprint};
use pan123_token_cache::{Failure, Moment, Reason, TokenError};

use crate::exchange_watch::{ExchangeWatch, Watched};
use crate::job::Job;
use crate::jobs::Place;
use crate::live::Live;
use crate::since::{Since, left};
use crate::state::{FirstToken, State};
use crate::waiting::Waiter;

/// A job that hasn't run for this long is helped by a second one.
const JOB_PATIENCE: Duration = Duration::from_millis(100);
/// An exchange that wasn't heard of for this long is pinged.
const PING_AFTER: Duration = Duration::from_secs(2);
/// One that doesn't answer for this long is superseded.
const PING_ANSWER: Duration = Duration::from_secs(1);
/// The first token that no store held is worth waiting so long for until it is saved.
const SAVE_PATIENCE: Duration = Duration::from_millis(250);
/// The shortest wait, so that a moment that has almost come isn't waited for in a busy loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Which token a caller wants.
///
/// Used in the [adapter](crate) on the crate's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One that can be used now.
    Usable,
    /// Another than the current one, though that may be fresh.
    Refreshed,
    /// The one after a rejected token; or that one again, if nothing that is under way may bring another.
    Replacing(Fingerprint),
}

/// What a caller does next.
///
/// Used in the [adapter](crate) on the crate's page.
#[must_use = "do it"]
#[derive(Debug)]
pub enum Turn {
    /// Return this.
    Done(Result<AccessToken, TokenError>),
    /// Start this job there, and take another turn.
    Start(Job, Place),
    /// Wait until the waker is woken, at most for this long, and take another turn.
    Wait(Duration),
}

/// One call that wants a token. From [`Provider::caller`](crate::Provider::caller).
///
/// It may be dropped at any time: what is under way goes on.
///
/// Used in the [adapter](crate) on the crate's page.
#[derive(Debug)]
pub struct Caller {
    source: Source,
    wanted: Wanted,
    limit: Duration,
    /// It has found no token to use, and so waits for the first that comes.
    waits: bool,
    // All by the caller's own time.
    /// Since when jobs have stood still after so many draws.
    jobs_stand: Since<u64>,
    exchange_watch: ExchangeWatch,
    /// Since when there is a token that is yet to be saved.
    saving: Since<()>,
}

#[derive(Debug)]
enum Source {
    Live(Waiter),
    Fixed(AccessToken),
}

impl Caller {
    pub(crate) fn live(live: &Arc<Live>, wanted: Wanted, limit: Duration) -> Self {
        if wanted == Wanted::Refreshed {
            live.change(|state, _| state.cache.refresh());
        }
        Self::new(Source::Live(Waiter::new(live)), wanted, limit)
    }

    pub(crate) fn fixed(token: AccessToken) -> Self {
        Self::new(Source::Fixed(token), Wanted::Usable, Duration::ZERO)
    }

    fn new(source: Source, wanted: Wanted, limit: Duration) -> Self {
        Self {
            source,
            wanted,
            limit,
            waits: false,
            jobs_stand: Since::default(),
            exchange_watch: ExchangeWatch::new(PING_AFTER, PING_ANSWER),
            saving: Since::default(),
        }
    }

    /// What to do, `waited` after the call began by the adapter's own timer.
    ///
    /// The waker is woken when another turn is worth it; it is registered in the same step in which the turn is decided,
    /// so no wake-up can be lost in between. A turn that comes without a reason does no harm.
    pub fn turn(&mut self, waited: Duration, waker: &Waker) -> Turn {
        let live = match &self.source {
            Source::Fixed(token) => return Turn::Done(Ok(token.clone())),
            Source::Live(place) => Arc::clone(&place.live),
        };
        let now = live.clock.now();
        let mut state = live.lock();
        let mut ping = None;
        let turn = self.decide(&live, &mut state, &mut ping, waited, now);
        if let Source::Live(place) = &mut self.source {
            place.wait_if(matches!(turn, Turn::Wait(_)), &mut state, waker);
        }
        live.unlock(state, false);
        if let Some(ping) = ping {
            ping.wake();
        }
        turn
    }

    fn decide(
        &mut self,
        live: &Arc<Live>,
        state: &mut State,
        ping: &mut Option<Waker>,
        waited: Duration,
        now: Moment,
    ) -> Turn {
        *ping = state.look_after_exchange(now);
        let mut nothing_due = state.nothing_due(now);
        if nothing_due.is_none() && state.jobs.vanish() {
            let why = "what was to carry it out ended before it began; keep its runtime alive";
            state.could_not_start(why, now);
            nothing_due = state.nothing_due(now);
        }
        let token = state.cache.snapshot().token(now).cloned();
        self.waits |= token.is_none();
        let mut wait = self.limit.saturating_sub(waited);
        if nothing_due.is_none() {
            let jobs_stand = &mut self.jobs_stand;
            let place = state.jobs.place_for_another(now.monotonic, |draws| {
                let left = left(JOB_PATIENCE, jobs_stand.of(draws, waited));
                wait = wait.min(left.unwrap_or(wait));
                left.is_none()
            });
            if let Some(place) = place {
                return Turn::Start(Job::new(live, state, place), place);
            }
        }

        let token = token.filter(|token| self.is_wanted(token, nothing_due, state));
        if let Some(token) = token {
            let saving = self.waits && state.first_token == FirstToken::Saving;
            let left = left(SAVE_PATIENCE, self.saving.of((), waited));
            return match left.map(|left| wait.min(left)) {
                Some(wait) if saving && !wait.is_zero() => Turn::Wait(wait),
                _ => Turn::Done(Ok(token)),
            };
        }
        if let Some((until, reason)) = nothing_due {
            let error = state.cache.token_error(until, reason, now);
            if let Some(error) = error.filter(|error| !is_worth_a_wait(state, error)) {
                return Turn::Done(Err(error));
            }
            wait = wait.min(until.monotonic.saturating_sub(now.monotonic));
        }
        if waited >= self.limit {
            return Turn::Done(Err(TokenError::TimedOut(self.limit)));
        }
        if let Some(within) = self.look_after_exchange(state, ping, waited, now) {
            wait = wait.min(within);
        }
        Turn::Wait(wait.max(SHORTEST_WAIT))
    }

    fn is_wanted(
        &self,
        token: &AccessToken,
        nothing_due: Option<(Moment, Reason)>,
        state: &State,
    ) -> bool {
        match self.wanted {
            Wanted::Usable => true,
            Wanted::Refreshed => !state.cache.is_refreshing(),
            Wanted::Replacing(rejected) => {
                let none_comes = nothing_due
                    .is_some_and(|(_, why)| !matches!(why, Reason::Fetching | Reason::Storing));
                none_comes || token.fingerprint() != rejected
            }
        }
    }

    /// Pings an exchange whose runtime may be asleep or dead, and supersedes one that doesn't answer. How long until it is
    /// to be looked after again.
    fn look_after_exchange(
        &mut self,
        state: &mut State,
        ping: &mut Option<Waker>,
        waited: Duration,
        now: Moment,
    ) -> Option<Duration> {
        // A blocking one has a thread of its own.
        let (at, waker) = state.exchange.as_ref()?.waker()?;
        Some(match self.exchange_watch.look(at, waited) {
            Watched::Waits(left) => left,
            Watched::Pinged(left) => {
                *ping = Some(waker.clone());
                left
            }
            Watched::Gone => {
                state.supersede_exchange(now);
                Duration::ZERO
            }
        })
    }
}

/// An exchange that was given up and is still under way is worth the wait. So is the one that soon follows the first that
/// is lost with its runtime.
fn is_worth_a_wait(state: &State, error: &TokenError) -> bool {
    let dropped = matches!(error.failure(), Some(Failure::Dropped));
    dropped && (state.exchange.is_some() || state.lost == 1)
}
