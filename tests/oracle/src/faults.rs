//! Which faults happened, which processes they hit, and until when: what may excuse that a process has no token.

use crate::account::FetchEnd;
use crate::clock::At;
use crate::platform::TokenId;

#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Of each process, until when.
    own: Vec<At>,
    /// Calls of each process to the store that failed, or whose answer came late.
    store_calls: Vec<At>,
    /// When each process last failed by itself, perhaps with the lease in its hands.
    by_itself: Vec<At>,
    /// Of the store or the platform, for all.
    all: At,
    /// Tokens issued that failures, rejections and the like account for.
    pub(crate) explained: u64,
    /// API calls of each process that were refused long after the last fault.
    pub(crate) late_rejections: Vec<u32>,
    /// Since when each process has been without a token.
    pub(crate) without_since: Vec<Option<At>>,
    /// Since which call of each process the store has had a newer token than it serves.
    pub(crate) behind_since: Vec<Option<(TokenId, At)>>,
    /// How many replies may have been lost since the token that is newest was issued.
    pub(crate) lost_replies: (Option<TokenId>, u32),
}

impl Faults {
    pub(crate) fn of_fleet(processes: usize) -> Self {
        Self {
            own: vec![At::ZERO; processes],
            store_calls: vec![At::ZERO; processes],
            by_itself: vec![At::ZERO; processes],
            late_rejections: vec![0; processes],
            without_since: vec![None; processes],
            behind_since: vec![None; processes],
            ..Self::default()
        }
    }

    /// It hits this process alone.
    pub(crate) fn of_process(&mut self, process: usize, until: At) {
        self.own[process] = self.own[process].max(until);
    }

    /// A call of this process to the store failed, or its answer comes too late.
    pub(crate) fn of_store_call(&mut self, process: usize, until: At) {
        self.store_calls[process] = self.store_calls[process].max(until);
    }

    /// It hits all.
    pub(crate) fn of_all(&mut self, until: At) {
        self.all = self.all.max(until);
    }

    pub(crate) fn of_all_stores(&mut self, until: At) {
        for call in &mut self.store_calls {
            *call = (*call).max(until);
        }
    }

    /// Until when this process is excused, without the store's faults and with them.
    pub(crate) fn excused(&self, process: usize) -> (At, At) {
        let own = self.own[process].max(self.all);
        (own, own.max(self.store_calls[process]))
    }

    /// Until when the store's faults excuse it.
    pub(crate) fn excused_by_store(&self, process: usize) -> At {
        self.store_calls[process]
    }

    /// Whether another process failed by itself since then.
    pub(crate) fn others_failed_since(&self, process: usize, since: At) -> bool {
        let others = self.by_itself.iter().enumerate();
        others
            .filter(|(other, _)| *other != process)
            .any(|(_, at)| *at >= since)
    }

    pub(crate) fn fetch_ended(
        &mut self,
        process: usize,
        now: At,
        end: FetchEnd,
        refused: std::time::Duration,
    ) {
        match end {
            FetchEnd::Token | FetchEnd::Late => return,
            // Its own: it must keep no other process away.
            FetchEnd::Refused | FetchEnd::Useless => self.of_process(process, now + refused),
            FetchEnd::RateLimited(wait) => self.of_all(now + wait.unwrap_or_default()),
            FetchEnd::MaybeIssued
            | FetchEnd::Unavailable
            | FetchEnd::NotSent
            | FetchEnd::Unchanged => {
                self.of_process(process, now);
            }
        }
        self.explained += 1;
        if !matches!(end, FetchEnd::RateLimited(_)) {
            self.by_itself[process] = now;
        }
    }
}
