//! What happened, for logs and metrics. Never a secret.

use std::fmt;
use std::time::Duration;

use pan123_token::{Fingerprint, OffsetDateTime};

use crate::failure::Failure;
use crate::moment::Seconds;
use crate::record::rfc_3339;
use crate::store::StoreError;

/// Something that an operator may want to know. `Display` is one line, without a secret.
///
/// ```
/// # use pan123_token_cache::{Event, StoreError};
/// let event = Event::StoreFailed {
///     call: "load",
///     error: StoreError::new("connection refused"),
/// };
/// assert_eq!(event.to_string(), "store failed (load): connection refused");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A token was fetched.
    Renewed {
        /// The token's.
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
    /// The platform asks for fewer requests.
    RateLimited {
        /// For how long no process on this store asks.
        wait: Duration,
    },
    /// An API call was refused with the current token.
    Rejected {
        /// The token's.
        fingerprint: Fingerprint,
        /// How long until a forced renewal is allowed.
        replaceable_in: Duration,
    },
    /// A token was taken from a store.
    Adopted {
        /// The token's.
        fingerprint: Fingerprint,
        /// Its expiry, in UTC.
        expires_at: OffsetDateTime,
    },
    /// A call to the store that all share failed, or to the only one. It is tried again; after a while the store is
    /// bypassed, as far as the policy allows it.
    StoreFailed {
        /// The call: `load`, `lease`, `save` or `release`.
        call: &'static str,
        /// Why.
        error: StoreError,
    },
    /// The store that all share answers again.
    StoreRecovered,
    /// A call to the host's own store failed, which stands in for the shared one
    /// ([`FallbackStore`](crate::FallbackStore)). It isn't asked for
    /// [`store_retry_base`](crate::RenewalPolicy::store_retry_base) then; that changes nothing for the shared one.
    HostStoreFailed {
        /// The call: `load`, `lease`, `save` or `release`.
        call: &'static str,
        /// Why.
        error: StoreError,
    },
    /// A request went out without a token, because its origin isn't allowed. Once for each origin.
    UnauthorizedOrigin {
        /// Scheme, host and port, as in `https://upload.example:8443`.
        origin: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renewed {
                fingerprint,
                expires_at,
                forced,
            } => {
                let until = rfc_3339(*expires_at);
                write!(f, "token renewed: {fingerprint}, expires at {until}")?;
                f.write_str(if *forced { " (forced)" } else { "" })
            }
            Self::RenewalFailed {
                failure,
                serving_old,
                next_attempt,
            } => {
                let token = if *serving_old {
                    "the old token is still served"
                } else {
                    "there is no token"
                };
                let next_attempt = Seconds(*next_attempt);
                write!(
                    f,
                    "renewal failed: {failure} ({token}; next attempt in {next_attempt})"
                )
            }
            Self::RateLimited { wait } => {
                write!(f, "rate limited: no request for {}", Seconds(*wait))
            }
            Self::Rejected {
                fingerprint,
                replaceable_in,
            } => {
                write!(f, "token rejected: {fingerprint}, replaceable ")?;
                if replaceable_in.is_zero() {
                    f.write_str("at once")
                } else {
                    write!(f, "in {}", Seconds(*replaceable_in))
                }
            }
            Self::Adopted {
                fingerprint,
                expires_at,
            } => {
                let until = rfc_3339(*expires_at);
                write!(f, "token adopted: {fingerprint}, expires at {until}")
            }
            Self::StoreFailed { call, error } => write!(f, "store failed ({call}): {error}"),
            Self::StoreRecovered => f.write_str("store recovered"),
            Self::HostStoreFailed { call, error } => {
                write!(f, "the host's own store failed ({call}): {error}")
            }
            Self::UnauthorizedOrigin { origin } => write!(
                f,
                "request sent without a token: {origin} is not an allowed origin"
            ),
        }
    }
}
