//! What a cache holds, for those who only want to use it.

use std::sync::Arc;

use pan123_token::AccessToken;

use crate::held::Held;
use crate::moment::Moment;

/// What a cache held and meant to do when this was taken, and all the rules about it. Immutable and cheap to clone: a
/// driver publishes one after each poll and report, and callers ask it without a lock on the machine.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(crate) held: Option<Arc<Held>>,
    /// Until when there is nothing to do.
    pub(crate) poll_at: Moment,
}

impl Snapshot {
    /// The token, if it can be used now: not over by either clock, not in the last stretch of its life, and not rejected
    /// so that it is to be replaced.
    pub fn token(&self, now: Moment) -> Option<&AccessToken> {
        let held = self.held.as_deref()?;
        held.is_served_at(now).then_some(&held.token)
    }

    /// The token, if it can be used now and nothing else is to be done: what a caller gets without more ado.
    pub fn fresh(&self, now: Moment) -> Option<&AccessToken> {
        if self.poll_at.is_reached_at(now) {
            return None;
        }
        self.token(now)
    }

    /// Whether the machine should be polled: there is no token to use, or it didn't say yet that it has nothing to do, or
    /// the time until which it had nothing is over.
    pub fn wants_poll(&self, now: Moment) -> bool {
        self.fresh(now).is_none()
    }
}
