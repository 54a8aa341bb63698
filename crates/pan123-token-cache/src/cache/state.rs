//! What a driver may ask: what is held, what is still to come, and why there is no token.

use super::{Refresh, TokenCache};
use crate::action::Reason;
use crate::event::Event;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::snapshot::Snapshot;
use crate::token_error::TokenError;

impl TokenCache {
    /// Whether a token that was [asked for](Self::refresh) is still to come. A failure leaves it wanted.
    pub fn is_refreshing(&self) -> bool {
        match self.refresh {
            Refresh::No => false,
            Refresh::Wanted => true,
            Refresh::InsteadOf(unwanted) => self
                .held
                .as_ref()
                .is_none_or(|held| held.fingerprint == unwanted),
        }
    }

    /// Whether the token that is held, or what is known of it, is still to be written to the store.
    pub fn is_unsaved(&self) -> bool {
        self.held.is_some() && self.sharing.is_unsaved()
    }

    /// What to say to a caller who has no token when [`poll`](Self::poll) found nothing to do. `None` where the wait is
    /// worth it: a fetch is under way, or may begin in a moment.
    pub fn token_error(&self, until: Moment, reason: Reason, now: Moment) -> Option<TokenError> {
        let next_attempt = until.monotonic.saturating_sub(now.monotonic);
        let cooling = self.sharing.cooling_until.saturating_sub(now.monotonic);
        // An older failure of its own is not the reason where another process was rate limited since.
        let own = self.pacing.last_failure().filter(|failure| {
            reason != Reason::RateLimited || failure.is_rate_limited() || cooling.is_zero()
        });
        match (reason, own) {
            (Reason::StoreDown, _) => {
                let error = self.sharing.blocking_error(&self.policy)?.clone();
                Some(TokenError::Store {
                    error,
                    next_attempt,
                })
            }
            (Reason::Backoff | Reason::RateLimited | Reason::MaybeIssued, Some(failure)) => {
                // The store is loaded earlier than that, but the platform isn't asked.
                let attempt_at = self.pacing.pause().until(false);
                let attempt_in = attempt_at.saturating_sub(now.monotonic);
                Some(TokenError::Renewal {
                    failure: failure.clone(),
                    next_attempt: next_attempt.max(attempt_in),
                })
            }
            (Reason::RateLimited, None) => Some(TokenError::RateLimited {
                next_attempt: next_attempt.max(cooling),
            }),
            (Reason::MaybeIssued, None) => Some(TokenError::HeldBack { next_attempt }),
            _ => None,
        }
    }

    /// What is held now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.held.as_ref(), self.poll_at)
    }

    /// Why the last renewal brought nothing. `None` once one has.
    pub fn last_failure(&self) -> Option<&Failure> {
        self.pacing.last_failure()
    }

    /// The oldest event that wasn't taken yet.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
