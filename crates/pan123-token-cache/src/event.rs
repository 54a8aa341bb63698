//! What happened, for logs and metrics. Never a secret.

use pan123_token::{Fingerprint, OffsetDateTime};
use std::time::Duration;

use crate::failure::Failure;
use crate::store::StoreError;

/// Something that an operator may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A token was fetched.
    Renewed {
        /// Its mark.
        fingerprint: Fingerprint,
        /// Its expiry, in UTC.
        expires_at: OffsetDateTime,
        /// Whether it replaces one that was rejected.
        forced: bool,
    },
    /// A fetch brought no token.
    RenewalFailed {
        /// Why.
        failure: Failure,
        /// Whether an older token can still be served.
        serving_old: bool,
        /// No attempt is made before this much time has passed.
        next_attempt: Duration,
    },
    /// The platform asks to be left alone.
    RateLimited {
        /// For how long nobody on this store asks.
        wait: Duration,
    },
    /// A business call was refused with the current token.
    Rejected {
        /// Its mark.
        fingerprint: Fingerprint,
        /// How long until a forced renewal is allowed.
        replaceable_in: Duration,
    },
    /// A token was taken over from the store.
    Adopted {
        /// Its mark.
        fingerprint: Fingerprint,
        /// Its expiry, in UTC.
        expires_at: OffsetDateTime,
    },
    /// The store failed; the machine goes on alone.
    StoreFailed {
        /// The call: `look`, `lease`, `save`, `mark suspect` or `give back`.
        call: &'static str,
        /// Why.
        error: StoreError,
    },
    /// The store answers again.
    StoreRecovered,
    /// A request went out without a token, because its origin isn't allowed. Once for each origin.
    UnauthorizedOrigin {
        /// Scheme, host and port, as in `https://upload.example:8443`.
        origin: String,
    },
}
