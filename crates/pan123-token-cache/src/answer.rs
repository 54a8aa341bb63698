//! What a store answers, before a cache may see it.

use crate::store::{Lease, Saved, StoreError, Stored};

/// What a store hands out. No cache can use a token that is sealed, and none may take the place of it: the
/// hosts that have the key go on using it.
pub(crate) trait Answer: Sized {
    fn stored(&self) -> Option<&Stored>;

    fn unsealed(self) -> Result<Self, StoreError> {
        match self.stored().and_then(|stored| stored.record.sealed()) {
            Some(_) => Err(StoreError::misconfigured(
                "the stored token is sealed: give this host what opens it, or a store of its own",
            )),
            None => Ok(self),
        }
    }
}

impl Answer for Option<Stored> {
    fn stored(&self) -> Option<&Stored> {
        self.as_ref()
    }
}

impl Answer for Lease {
    fn stored(&self) -> Option<&Stored> {
        match self {
            Self::Granted(stored)
            | Self::Held(_, stored)
            | Self::Stuck(stored)
            | Self::CoolingDown(_, stored) => stored.as_ref(),
        }
    }
}

impl Answer for Saved {
    fn stored(&self) -> Option<&Stored> {
        match self {
            Self::Kept => None,
            Self::Newer(stored) => Some(stored),
        }
    }
}

impl Answer for () {
    fn stored(&self) -> Option<&Stored> {
        None
    }
}
