//! What happens next.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::clock::At;

struct Entry<E> {
    at: At,
    number: u64,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    /// The heap hands out its greatest: the earliest, and of those the one that was put in first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

pub(crate) struct Queue<E> {
    heap: BinaryHeap<Entry<E>>,
    next: u64,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            next: 0,
        }
    }

    pub(crate) fn put(&mut self, at: At, event: E) {
        self.next += 1;
        self.heap.push(Entry {
            at,
            number: self.next,
            event,
        });
    }

    pub(crate) fn take(&mut self) -> Option<(At, E)> {
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }
}
