//! Events on their way to the listener.

use std::collections::{BTreeSet, VecDeque};

use pan123_token_cache::Event;

/// The most events that wait for a slow listener; older ones make way. Also the most origins that are reported.
const MAX_EVENTS: usize = 64;

#[derive(Default)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    /// A thread is delivering them.
    delivering: bool,
    /// Origins that were reported.
    unauthorized: BTreeSet<String>,
}

impl Events {
    pub(crate) fn push(&mut self, event: Event) {
        if self.queue.len() == MAX_EVENTS {
            self.queue.pop_front();
        }
        self.queue.push_back(event);
    }

    /// A request went to this origin without a token; true for the first one.
    pub(crate) fn push_unauthorized(&mut self, origin: String) -> bool {
        let first = self.unauthorized.len() < MAX_EVENTS && !self.unauthorized.contains(&origin);
        if first {
            self.unauthorized.insert(origin.clone());
            self.push(Event::UnauthorizedOrigin { origin });
        }
        first
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Every one was delivered.
    pub(crate) fn are_delivered(&self) -> bool {
        self.queue.is_empty() && !self.delivering
    }

    /// True where there are some, and no other thread is delivering them.
    pub(crate) fn begin_delivery(&mut self) -> bool {
        let begins = !self.delivering && !self.queue.is_empty();
        self.delivering |= begins;
        begins
    }

    /// The next one to deliver; `None` ends the delivery.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let next = self.queue.pop_front();
        self.delivering = next.is_some();
        next
    }
}
