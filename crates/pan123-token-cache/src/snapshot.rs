//! What a cache holds, for those who only want to use it.

use std::sync::Arc;

use pan123_token::AccessToken;

use crate::held::Held;
use crate::moment::Moment;

/// The token that a cache held when this was taken, and all the rules about it. Immutable and cheap to clone: a driver
/// publishes it, and callers ask it without a lock on the machine.
#[derive(Clone, Debug, Default)]
pub struct Snapshot(pub(crate) Option<Arc<Held>>);

impl Snapshot {
    /// The token, if it can be used now: not over by either clock, not in the last stretch of its life, and not rejected
    /// so that it is to be replaced.
    pub fn token(&self, now: Moment) -> Option<&AccessToken> {
        let held = self.0.as_deref()?;
        held.is_served_at(now).then_some(&held.token)
    }

    /// Whether the machine should be polled: there is no token to use, or its renewal falls due, or it was rejected.
    pub fn wants_poll(&self, now: Moment) -> bool {
        let calm =
            |held: &Held| held.is_usable_at(now) && !held.is_due_at(now) && !held.life.suspect;
        !self.0.as_deref().is_some_and(calm)
    }
}
