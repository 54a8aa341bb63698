//! The provider's events, for `tracing`.

use pan123_token_cache::Event;
use tracing::{debug, info, warn};

/// What went well, and what heals by itself while a token is at hand, is below a warning.
pub(crate) fn trace(event: &Event) {
    match event {
        Event::Renewed {
            fingerprint,
            expires_at,
            forced,
        } => info!(%fingerprint, %expires_at, forced, "token renewed"),
        Event::RenewalFailed {
            failure,
            serving_old: true,
            next_attempt,
        } => info!(%failure, ?next_attempt, "renewal failed; the old token is still served"),
        Event::RenewalFailed {
            failure,
            next_attempt,
            ..
        } => warn!(%failure, ?next_attempt, "renewal failed; there is no token"),
        Event::RateLimited { wait } => warn!(?wait, "rate limited"),
        Event::Rejected {
            fingerprint,
            replaceable_in,
        } => warn!(%fingerprint, ?replaceable_in, "token rejected"),
        Event::Adopted {
            fingerprint,
            expires_at,
        } => info!(%fingerprint, %expires_at, "token taken over from the store"),
        Event::StoreFailed { call, error } => warn!(call, %error, "store failed"),
        Event::StoreRecovered => info!("store recovered"),
        event => debug!(?event),
    }
}
