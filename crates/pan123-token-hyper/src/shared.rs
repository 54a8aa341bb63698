//! What a provider's clones and its flight have in common: the state machine, and what it has published.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use pan123_token::{AccessToken, GetAccessToken};
use pan123_token_cache::{
    Action, Clock, Event, Moment, Rejection, Snapshot, StoreSession, TokenCache, TokenError,
};
use tokio::sync::{Notify, Semaphore};

use crate::exchange::Exchange;
use crate::flight::Flight;
use crate::runtime::{self, Mutex, lock};

pub(crate) struct Shared {
    pub(crate) means: Means,
    pub(crate) machine: Mutex<Machine>,
    /// The machine's newest snapshot: all that is needed while a token is fresh, without the lock.
    published: ArcSwap<Snapshot>,
    /// For those who wait: the machine was told something, or a flight has ended.
    pub(crate) news: Notify,
    /// One call to the store at a time, also where one hangs beyond its deadline.
    pub(crate) store_calls: Arc<Semaphore>,
}

/// What the machine's actions are carried out with.
pub(crate) struct Means {
    pub(crate) operation: GetAccessToken,
    pub(crate) client: Box<dyn Exchange>,
    /// Less than the machine allows for an exchange.
    pub(crate) exchange_timeout: Duration,
    pub(crate) store: Option<StoreSession>,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) on_event: Option<OnEvent>,
}

pub(crate) type OnEvent = Box<dyn Fn(&Event) + Send + Sync>;

pub(crate) struct Machine {
    cache: TokenCache,
    /// Tasks that carry something out. More than one only while the first hangs in a store beyond its deadline.
    pub(crate) flights: usize,
    /// Someone is handing out events.
    telling: bool,
}

/// What someone who wants a token is told.
enum Turn {
    Over(Result<AccessToken, TokenError>),
    /// To ask again after this time, or on news.
    Wait(Duration),
    /// To ask again.
    Again,
}

impl Shared {
    pub(crate) fn new(means: Means, cache: TokenCache) -> Self {
        Self {
            means,
            published: ArcSwap::from_pointee(cache.snapshot()),
            machine: Mutex::new(Machine {
                cache,
                flights: 0,
                telling: false,
            }),
            news: Notify::new(),
            store_calls: Arc::new(Semaphore::new(1)),
        }
    }

    /// What can be used now.
    pub(crate) fn current(&self) -> Option<AccessToken> {
        let now = self.means.clock.now();
        self.published.load().token(now).cloned()
    }

    /// What can be used now, while there is nothing else to do.
    pub(crate) fn fresh(&self) -> Option<AccessToken> {
        let now = self.means.clock.now();
        self.published.load().fresh(now).cloned()
    }

    /// A token, or why there is none, however long that takes. May be dropped at any time.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<AccessToken, TokenError> {
        self.wait_for_token(|_| true).await
    }

    /// Another token than the one at hand.
    pub(crate) async fn refresh(self: &Arc<Self>) -> Result<AccessToken, TokenError> {
        self.change(|cache, _| cache.refresh());
        self.wait_for_token(|cache| !cache.is_refreshing()).await
    }

    /// The token at hand, once it is one that is wanted.
    async fn wait_for_token(
        self: &Arc<Self>,
        wanted: impl Fn(&TokenCache) -> bool,
    ) -> Result<AccessToken, TokenError> {
        loop {
            // Begun before the machine is asked, so that no news is missed in between.
            let news = self.news.notified();
            match self.turn(&wanted) {
                Turn::Over(result) => return result,
                // Whichever of the two it was, the machine knows.
                Turn::Wait(wait) => drop(runtime::timeout(wait, news).await),
                Turn::Again => {}
            }
        }
    }

    fn turn(self: &Arc<Self>, wanted: impl Fn(&TokenCache) -> bool) -> Turn {
        let now = self.means.clock.now();
        let mut machine = lock(&self.machine);
        let action = machine.cache.poll(now);
        let snapshot = self.publish(&machine.cache);
        let token = snapshot.token(now).filter(|_| wanted(&machine.cache));
        let turn = match (token, &action) {
            (Some(token), _) => Turn::Over(Ok(token.clone())),
            (None, &Action::Wait { until, reason }) => {
                match machine.cache.token_error(until, reason, now) {
                    Some(error) => Turn::Over(Err(error)),
                    None => Turn::Wait(until.monotonic.saturating_sub(now.monotonic)),
                }
            }
            (None, _) => Turn::Again,
        };
        let flight = Flight::new(self, &mut machine, action);
        drop(machine);
        if let Some(flight) = flight {
            runtime::spawn(flight.fly());
        }
        self.tell();
        turn
    }

    /// Waits until nothing is under way any more.
    pub(crate) async fn settle(&self) {
        loop {
            let news = self.news.notified();
            if lock(&self.machine).flights == 0 {
                return;
            }
            news.await;
        }
    }

    /// Tells or asks the machine something, and wakes those who wait for what comes of it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut TokenCache, Moment) -> T) -> T {
        let now = self.means.clock.now();
        let mut machine = lock(&self.machine);
        let result = change(&mut machine.cache, now);
        self.publish(&machine.cache);
        drop(machine);
        self.news.notify_waiters();
        self.tell();
        result
    }

    pub(crate) fn reject(&self, token: &AccessToken) -> Rejection {
        self.change(|cache, now| cache.reject(token, now))
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
                if let Some(on_event) = &self.means.on_event {
                    on_event(&event);
                }
            }));
            machine = lock(&self.machine);
            machine.telling = false;
        }
    }
}
