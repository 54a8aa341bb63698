//! A call to a store that is under way.

use crate::step::Tier;
use crate::store::Owner;

/// A call to a store, as far as its failure needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Load(Tier),
    Lease(Owner, Tier),
    Save(Tier),
    Release(Tier),
}

impl Call {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Load(_) => "load",
            Self::Lease(..) => "lease",
            Self::Save(_) => "save",
            Self::Release(_) => "release",
        }
    }

    /// Whether it says something about the store's being writable.
    pub(super) fn writes(self) -> bool {
        !matches!(self, Self::Load(_))
    }

    pub(super) fn tier(self) -> Tier {
        match self {
            Self::Load(tier) | Self::Lease(_, tier) | Self::Save(tier) | Self::Release(tier) => {
                tier
            }
        }
    }
}
