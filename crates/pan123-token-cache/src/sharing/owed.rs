//! What a store still has to be asked, whether or not a caller needs a token.

use std::time::Duration;

use pan123_token::Fingerprint;

use crate::held::Held;
use crate::moment::Moment;
use crate::step::{Release, Save, Tier};
use crate::store::Owner;

/// For one of the two stores.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    tier: Tier,
    unsaved: Option<Unsaved>,
    unreleased: Option<Unreleased>,
}

/// The held record says more than the store.
#[derive(Clone, Copy, Debug)]
struct Unsaved {
    /// The token that it may replace whatever its date, where one was read under the lease.
    replaces: Option<Fingerprint>,
}

/// A lease to end, and until when no owner is to be granted one, by the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Unreleased {
    owner: Owner,
    cooldown_until: Duration,
}

/// The call that is owed.
pub(crate) enum Pending {
    Load(Tier),
    Save(Save),
    Release(Release),
}

impl Owed {
    pub(crate) fn to(tier: Tier) -> Self {
        Self {
            tier,
            ..Self::default()
        }
    }

    /// The call that comes first, if there is one: others wait for the lease in order to find what was saved.
    pub(crate) fn pending(&mut self, held: Option<&Held>, now: Moment) -> Option<Pending> {
        if let (Some(Unsaved { replaces }), Some(held)) = (self.unsaved, held) {
            let save = self.save_of(held, replaces, now);
            if !save.left.is_zero() {
                return Some(Pending::Save(save));
            }
            self.unsaved = None;
        }
        self.pending_release(now)
    }

    pub(crate) fn save_of(&self, held: &Held, replaces: Option<Fingerprint>, now: Moment) -> Save {
        Save {
            record: held.record(),
            replaces,
            left: held.left_at(now),
            tier: self.tier,
        }
    }

    pub(crate) fn pending_release(&self, now: Moment) -> Option<Pending> {
        let Unreleased {
            owner,
            cooldown_until,
        } = self.unreleased?;
        Some(Pending::Release(Release {
            owner,
            cooldown: cooldown_until.saturating_sub(now.monotonic),
            tier: self.tier,
        }))
    }

    pub(crate) fn save(&mut self, replaces: Option<Fingerprint>) {
        self.unsaved = Some(Unsaved { replaces });
    }

    /// More is known of the held token. What a pending save may replace stays as it is.
    pub(crate) fn save_again(&mut self) {
        self.unsaved.get_or_insert(Unsaved { replaces: None });
    }

    pub(crate) fn saved(&mut self) {
        self.unsaved = None;
    }

    pub(crate) fn is_unsaved(&self) -> bool {
        self.unsaved.is_some()
    }

    pub(crate) fn release(&mut self, owner: Owner, cooldown_until: Duration) {
        self.unreleased = Some(Unreleased {
            owner,
            cooldown_until,
        });
    }

    pub(crate) fn released(&mut self) {
        self.unreleased = None;
    }
}
