//! The same worlds with providers: callers take turns, jobs carry out what is due, and either may be dropped at any time.
//!
//! Nothing here knows a rule of the token's life. What a provider's callers get, what its jobs draw, what is reported to
//! it and what its listeners hear goes through [`Judged`](crate::judged::Judged), as it does for a machine driven by hand.

mod callers;
mod crew;
mod flight;
mod jobs;
mod judged;

use std::mem;
use std::sync::{Arc, Mutex};

use pan123_token::Credentials;
use pan123_token_cache::{Clock, Event, Moment, RenewalPolicy};
use pan123_token_provider::{Provider, Settings};

pub(crate) use crew::Crew;
pub(crate) use flight::Flight;
pub(crate) use jobs::Happening;

/// A provider, the clock that it reads, and what its listener heard.
#[derive(Debug)]
pub(crate) struct Provided {
    provider: Provider,
    clock: Hands,
    heard: Arc<Mutex<Vec<Event>>>,
}

/// A clock that stands where it was set.
#[derive(Clone, Debug, Default)]
struct Hands(Arc<Mutex<Moment>>);

impl Clock for Hands {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }
}

impl Provided {
    pub(crate) fn new(policy: RenewalPolicy, sharing: bool, fallback: bool, seed: u64) -> Self {
        let credentials = Credentials::new("client", "a-secret-that-is-never-shown").unwrap();
        let (clock, heard) = (Hands::default(), Arc::<Mutex<Vec<Event>>>::default());
        let listener = Arc::clone(&heard);
        let provider = Settings::new(credentials, clock.clone())
            .policy(policy)
            .sharing(sharing)
            .fallback(fallback)
            .seed(seed)
            .on_event(move |event| listener.lock().unwrap().push(event.clone()))
            .build()
            .unwrap();
        Self {
            provider,
            clock,
            heard,
        }
    }

    /// It takes this for the time.
    pub(crate) fn at(&self, now: Moment) -> &Provider {
        *self.clock.0.lock().unwrap() = now;
        &self.provider
    }

    pub(crate) fn take_events(&self, events: &mut Vec<Event>) {
        events.append(&mut mem::take(&mut *self.heard.lock().unwrap()));
    }
}
