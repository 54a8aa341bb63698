//! What is judged: the state machine itself, or a provider around one.

use pan123_token::AccessToken;
use pan123_token_cache::{Event, Moment, Rejection, TokenCache};

use crate::provided::Provided;

#[derive(Debug)]
pub(crate) enum Machine {
    Cache(Box<TokenCache>),
    Provider(Provided),
}

impl Machine {
    /// The machine itself, which is driven by hand.
    pub(super) fn cache(&mut self) -> &mut TokenCache {
        match self {
            Self::Cache(cache) => cache,
            Self::Provider(_) => unreachable!("jobs and callers drive a provider"),
        }
    }

    /// What callers get now.
    pub(super) fn token(&self, now: Moment) -> Option<AccessToken> {
        match self {
            Self::Cache(cache) => cache.snapshot().token(now).cloned(),
            Self::Provider(provided) => provided.at(now).current(),
        }
    }

    /// Whether there is something else to do than to hand it out.
    pub(super) fn wants_poll(&self, now: Moment) -> bool {
        match self {
            Self::Cache(cache) => cache.snapshot().wants_poll(now),
            Self::Provider(provided) => provided.at(now).fresh().is_none(),
        }
    }

    pub(super) fn reject(&mut self, token: &AccessToken, now: Moment) -> Rejection {
        match self {
            Self::Cache(cache) => cache.reject(token, now),
            Self::Provider(provided) => provided.at(now).reject(token),
        }
    }

    /// Appends its events since the last time.
    pub(crate) fn take_events(&mut self, events: &mut Vec<Event>) {
        match self {
            Self::Cache(cache) => {
                while let Some(event) = cache.next_event() {
                    events.push(event);
                }
            }
            Self::Provider(provided) => provided.take_events(events),
        }
    }

    /// What it prints of itself.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Cache(cache) => format!("{cache:?} {:?}", cache.snapshot()),
            Self::Provider(provided) => format!("{provided:?}"),
        }
    }
}
