//! What a provider's clones and its flight have in common: the state machine, and what it has published.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use pan123_token::{AccessToken, FetchError, Grant};
use pan123_token_cache::{
    Action, Clock, Event, Moment, Rejection, Snapshot, StoreSession, TokenCache, TokenError,
};

use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, lock};

/// Carries out one exchange, in less time than the machine allows for it.
pub(crate) type Exchange = Box<dyn Fn() -> Result<Grant, FetchError> + Send + Sync>;
pub(crate) type OnEvent = Box<dyn Fn(&Event) + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) exchange: Exchange,
    pub(crate) store: Option<StoreSession>,
    /// A thread is in the store, in time or not.
    pub(crate) store_is_called: AtomicBool,
    clock: Box<dyn Clock>,
    on_event: Option<OnEvent>,
    /// The machine's newest snapshot: all that is needed while a token is fresh, without the lock.
    published: ArcSwap<Snapshot>,
    machine: Mutex<Machine>,
    /// For those who wait: something was reported.
    news: Condvar,
}

pub(crate) struct Machine {
    pub(crate) cache: TokenCache,
    /// Threads that carry something out. More than one only while the first hangs in a store beyond its time.
    pub(crate) flights: u8,
    /// How often there was news.
    news: u64,
    /// Someone is handing out events.
    telling: bool,
    /// A flight left events that nobody heard yet.
    untold: bool,
}

impl Shared {
    pub(crate) fn new(
        exchange: Exchange,
        store: Option<StoreSession>,
        clock: Box<dyn Clock>,
        on_event: Option<OnEvent>,
        cache: TokenCache,
    ) -> Self {
        Self {
            exchange,
            store,
            store_is_called: AtomicBool::new(false),
            clock,
            on_event,
            published: ArcSwap::from_pointee(cache.snapshot()),
            machine: Mutex::new(Machine {
                cache,
                flights: 0,
                news: 0,
                telling: false,
                untold: false,
            }),
            news: Condvar::new(),
        }
    }

    /// What can be used now.
    pub(crate) fn current(&self) -> Option<AccessToken> {
        let now = self.clock.now();
        self.published.load().token(now).cloned()
    }

    /// A token, or why there is none, within this time.
    pub(crate) fn token(self: &Arc<Self>, patience: Duration) -> Result<AccessToken, TokenError> {
        let now = self.clock.now();
        if let Some(token) = self.fresh(now) {
            return Ok(token);
        }
        self.wait_for_token(patience, |_| true)
    }

    /// Another token than the one at hand.
    pub(crate) fn refresh(self: &Arc<Self>, patience: Duration) -> Result<AccessToken, TokenError> {
        lock(&self.machine).cache.refresh();
        self.wait_for_token(patience, |cache| !cache.is_refreshing())
    }

    /// The token at hand, once it is one that is wanted.
    fn wait_for_token(
        self: &Arc<Self>,
        patience: Duration,
        wanted: impl Fn(&TokenCache) -> bool,
    ) -> Result<AccessToken, TokenError> {
        let started = Instant::now();
        loop {
            let now = self.clock.now();
            let mut machine = lock(&self.machine);
            let action = machine.cache.poll(now);
            let snapshot = self.publish(&machine.cache);
            let token = snapshot
                .token(now)
                .filter(|_| wanted(&machine.cache))
                .cloned();
            let Action::Wait { until, reason } = action else {
                self.take_off(machine, action);
                match token {
                    Some(token) => return Ok(token),
                    None => continue,
                }
            };
            let error = machine.cache.token_error(until, reason, now);
            let seen = machine.news;
            drop(machine);
            self.tell();
            let left = patience.saturating_sub(started.elapsed());
            match (token, error) {
                (Some(token), _) => return Ok(token),
                (None, Some(error)) => return Err(error),
                (None, None) if left.is_zero() => return Err(TokenError::TimedOut(patience)),
                (None, None) => {}
            }
            let wait = until.monotonic.saturating_sub(now.monotonic).min(left);
            self.wait_while(wait, |machine| machine.news == seen);
        }
    }

    /// What can be used now, while there is nothing else to do.
    fn fresh(&self, now: Moment) -> Option<AccessToken> {
        self.published.load().fresh(now).cloned()
    }

    pub(crate) fn reject(&self, token: &AccessToken) -> Rejection {
        self.change(|machine, now| machine.cache.reject(token, now))
    }

    /// Waits until nothing is under way any more. False where that took too long.
    pub(crate) fn settle(&self, patience: Duration) -> bool {
        self.wait_while(patience, |machine| machine.flights > 0 || machine.untold)
    }

    fn wait_while(&self, patience: Duration, condition: impl Fn(&Machine) -> bool) -> bool {
        let (_machine, timeout) = self
            .news
            .wait_timeout_while(lock(&self.machine), patience, |machine| condition(machine))
            .unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    /// For the flight: tells the machine how something ended. What is to be done next, if it is anything but to wait; if it
    /// isn't, the flight is over.
    pub(crate) fn report(&self, report: impl FnOnce(&mut TokenCache, Moment)) -> Option<Action> {
        self.change(|machine, now| {
            report(&mut machine.cache, now);
            let action = machine.cache.poll(now);
            let next = Some(action).filter(|action| !matches!(action, Action::Wait { .. }));
            machine.flights -= u8::from(next.is_none());
            machine.untold = true;
            next
        })
    }

    /// For a flight that ended without a report.
    pub(crate) fn land(&self) {
        let mut machine = lock(&self.machine);
        machine.flights -= 1;
        self.wake(machine);
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Machine, Moment) -> T) -> T {
        let now = self.clock.now();
        let mut machine = lock(&self.machine);
        let result = change(&mut machine, now);
        self.publish(&machine.cache);
        self.wake(machine);
        self.tell();
        result
    }

    fn wake(&self, mut machine: MutexGuard<'_, Machine>) {
        machine.news += 1;
        drop(machine);
        self.news.notify_all();
    }

    /// Under the lock, so that a newer snapshot is never replaced by an older one.
    fn publish(&self, cache: &TokenCache) -> Snapshot {
        let snapshot = cache.snapshot();
        self.published.store(Arc::new(snapshot.clone()));
        snapshot
    }

    /// Hands out what the machine has to tell, one event after the other, without a lock. Whoever comes meanwhile, such as
    /// a listener that rejects a token, leaves his events to the one who is at it.
    fn tell(&self) {
        let mut machine = lock(&self.machine);
        if machine.telling {
            return;
        }
        while let Some(event) = machine.cache.next_event() {
            machine.telling = true;
            drop(machine);
            // A listener's panic is its own; the panic hook has reported it.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                #[cfg(feature = "tracing")]
                event.trace();
                if let Some(on_event) = &self.on_event {
                    on_event(&event);
                }
            }));
            machine = lock(&self.machine);
            machine.telling = false;
        }
        if mem::take(&mut machine.untold) {
            drop(machine);
            self.news.notify_all();
        }
    }
}
