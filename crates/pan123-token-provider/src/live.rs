//! The one lock around the state: what is published from it, who is woken, and the delivery of events.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use pan123_token::{AccessToken, GetAccessToken};
use pan123_token_cache::{Alarm, Clock, Event, Moment, Snapshot, StoreKey};

use crate::metrics::Metrics;
use crate::state::State;
use crate::sync::{ArcSwap, Mutex, MutexGuard, lock};

pub(crate) type OnEvent = Box<dyn Fn(&Event) + Send + Sync>;

pub(crate) struct Live {
    pub(crate) operation: Arc<GetAccessToken>,
    /// How long an exchange may take: less than the machine allows for it.
    pub(crate) exchange_timeout: Duration,
    pub(crate) key: StoreKey,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) on_event: Option<OnEvent>,
    pub(crate) metrics: Metrics,
    /// All that is needed while a token is fresh, without the lock.
    pub(crate) published: ArcSwap<Published>,
    pub(crate) state: Mutex<State>,
}

/// The machine's newest snapshot.
#[derive(Default)]
pub(crate) struct Published {
    snapshot: Snapshot,
    /// Its fresh token until the alarm, where the clock has one.
    fresh: Option<(AccessToken, Alarm)>,
}

impl Published {
    fn new(snapshot: Snapshot, clock: &dyn Clock) -> Self {
        let fresh = snapshot
            .fresh_until()
            .and_then(|(token, until)| Some((token.clone(), clock.alarm(until)?)));
        Self { snapshot, fresh }
    }

    #[inline]
    fn fresh(&self, clock: &dyn Clock) -> Option<&AccessToken> {
        match &self.fresh {
            Some((token, alarm)) => (!alarm()).then_some(token),
            None => self.snapshot.fresh(clock.now()),
        }
    }
}

impl Live {
    /// Lends what can be used now, while there is nothing else to do.
    #[inline]
    pub(crate) fn with_fresh<T, F>(&self, borrow: F) -> Result<T, F>
    where
        F: FnOnce(&AccessToken) -> T,
    {
        let published = self.published.load();
        self.metrics
            .life_left(|| published.snapshot.left(self.clock.now()));
        match published.fresh(&*self.clock) {
            Some(token) => Ok(borrow(token)),
            None => Err(borrow),
        }
    }

    /// What can be used now.
    pub(crate) fn current(&self) -> Option<AccessToken> {
        let now = self.clock.now();
        self.published.load().snapshot.token(now).cloned()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Changes something, and wakes all who wait for what comes of it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State, Moment) -> T) -> T {
        let now = self.clock.now();
        let mut state = self.lock();
        let result = change(&mut state, now);
        self.unlock(state, true);
        result
    }

    /// Publishes what was done under the lock, and delivers the events of it.
    ///
    /// The snapshot is replaced under the lock, so that a newer one never makes way for an older one; and only where it
    /// differs, since a replacement visits every thread that ever read it.
    pub(crate) fn unlock(&self, mut state: MutexGuard<'_, State>, wake: bool) {
        let snapshot = state.cache.snapshot();
        let changed = self.published.load().snapshot != snapshot;
        if changed {
            let published = Published::new(snapshot.clone(), &*self.clock);
            self.published.store(Arc::new(published));
        }
        while let Some(event) = state.cache.next_event() {
            state.events.push(event);
        }
        let deliver = !state.events.is_empty();
        let waiters = wake.then(|| mem::take(&mut state.waiters));
        drop(state);
        if changed {
            self.metrics.life_left(|| snapshot.left(self.clock.now()));
        }
        waiters.into_iter().flatten().for_each(|(_, it)| it.wake());
        if deliver {
            self.deliver();
        }
    }

    /// Delivers one event after the other, without the lock. A thread that comes meanwhile, a listener's own among them,
    /// leaves its events to the one that is at it.
    fn deliver(&self) {
        let mut state = self.lock();
        if !state.events.begin_delivery() {
            return;
        }
        while let Some(event) = state.events.next() {
            drop(state);
            // A listener's panic is its own; the panic hook has reported it.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                #[cfg(feature = "tracing")]
                event.trace();
                self.metrics.event(&event);
                if let Some(on_event) = &self.on_event {
                    on_event(&event);
                }
            }));
            state = self.lock();
        }
        let waiters = mem::take(&mut state.waiters);
        drop(state);
        waiters.into_values().for_each(Waker::wake);
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its own `Debug` shows no secret.
        f.debug_tuple("Live").field(&self.operation).finish()
    }
}
