//! Events, for those who collect them with `tracing`.

use tracing::{info, warn};

use crate::event::Event;

impl Event {
    /// Hands it to `tracing` (feature `tracing`). What went well, and what heals by itself while a token can be served, is
    /// below a warning.
    pub fn trace(&self) {
        match self {
            Self::Renewed {
                fingerprint,
                expires_at,
                forced,
            } => info!(%fingerprint, %expires_at, forced, "token renewed"),
            Self::RenewalFailed {
                failure,
                serving_old: true,
                next_attempt,
            } => info!(%failure, ?next_attempt, "renewal failed; the old token is still served"),
            Self::RenewalFailed {
                failure,
                next_attempt,
                ..
            } => warn!(%failure, ?next_attempt, "renewal failed; there is no token"),
            Self::RateLimited { wait } => warn!(?wait, "rate limited"),
            Self::Rejected {
                fingerprint,
                replaceable_in,
            } => warn!(%fingerprint, ?replaceable_in, "token rejected"),
            Self::Adopted {
                fingerprint,
                expires_at,
            } => info!(%fingerprint, %expires_at, "token adopted from the store"),
            Self::StoreFailed { call, error } => warn!(call, %error, "store failed"),
            Self::StoreRecovered => info!("store recovered"),
            Self::HostStoreFailed { call, error } => {
                warn!(call, %error, "the host's own store failed");
            }
            Self::UnauthorizedOrigin { origin } => {
                warn!(
                    origin,
                    "request sent without a token: its origin isn't allowed"
                );
            }
        }
    }
}
