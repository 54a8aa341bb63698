//! When to renew, how long to wait, how much to hold back: the figures of a token's life.

use std::fmt;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The figures that decide about a token's life. Start from the default and change what must differ.
///
/// ```
/// use std::time::Duration;
/// use pan123_token_cache::RenewalPolicy;
///
/// let mut policy = RenewalPolicy::default();
/// policy.min_interval = Duration::from_secs(2);
/// policy.check()?;
/// # Ok::<(), pan123_token_cache::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenewalPolicy {
    /// Two fetches lie at least this far apart, from the end of one to the start of the next. Default 1 s: the lowest
    /// rate that the platform has documented is 1 request per client ID and second.
    pub min_interval: Duration,
    /// How long a fetch may take. Default 30 s.
    pub fetch_timeout: Duration,
    /// How long a call to the store may take. Default 2.5 s: where half of the calls hang, the eleven tries that a caller
    /// of 30 s has time for cost a fleet a quarter of the tokens that nine cost.
    pub store_timeout: Duration,
    /// For how long a lease on the right to fetch is taken. Must hold a fetch and two calls to the store. Default 45 s.
    pub lease_term: Duration,
    /// Renewal falls due this long before the end, or a fifth of the lifetime where that is less; each cache draws its
    /// own part of it, between a half and the whole. Default 1 day.
    pub renewal_window: Duration,
    /// The last stretch of a lifetime counts as expired: this much, or a tenth of the lifetime where that is less. Default
    /// 60 s.
    pub expiry_margin: Duration,
    /// Backoff after failures starts here and doubles, with full jitter. Default 1 s.
    pub backoff_base: Duration,
    /// The longest backoff while there is no token. Default 60 s.
    pub backoff_cap: Duration,
    /// The longest backoff while a token can still be served. Default 15 min. After a refusal, two thirds of it, so 10 min:
    /// ten hosts that were refused have a token 140 s after that ends, and with the whole of it 234 s.
    pub backoff_cap_serving: Duration,
    /// The shortest backoff after the platform refused. Default 30 s.
    pub refused_base: Duration,
    /// A token that was rejected is replaced by a forced renewal once it is this old; each consecutive forced renewal
    /// doubles it. Default 60 s.
    pub min_token_age: Duration,
    /// The most that this age grows to. Default 1 h.
    pub min_token_age_cap: Duration,
    /// A token that lived this long ends the count of consecutive forced renewals. Default 1 day.
    pub settled_after: Duration,
    /// What the store is to this cache: whether a token is fetched without it. Default
    /// [`StoreRole::Preferred`].
    pub store_role: StoreRole,
    /// A store that fails is tried again every [`lease_poll`](Self::lease_poll), at least this many times, before it is
    /// bypassed. Default 4.
    pub store_tries: u32,
    /// And for at least this long: most of what a caller waits. Default 27 s.
    pub store_patience: Duration,
    /// From then on it isn't asked for this long between two tries; it doubles. Default 1 min.
    pub store_retry_base: Duration,
    /// The most that it doubles to. Default 15 min.
    pub store_retry_cap: Duration,
    /// While another cache holds the lease and there is no token, the store is asked this often. Default 1 s.
    pub lease_poll: Duration,
    /// While the token is fresh, the store is loaded this often, so that a newer one is adopted long before the platform
    /// drops the one held; each cache draws its own part of it, between a half and the whole. Default 5 min.
    pub load_interval: Duration,
}

/// What a store is to a cache. An outage (down, full, slow) heals by itself; a store that is
/// [misconfigured](crate::StoreError::is_misconfigured) doesn't.
///
/// ```
/// use pan123_token_cache::{RenewalPolicy, StoreRole};
///
/// let mut policy = RenewalPolicy::default();
/// policy.store_role = StoreRole::Required;
/// policy.check()?;
/// # Ok::<(), pan123_token_cache::PolicyError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreRole {
    /// It is bypassed whatever is wrong with it.
    Optional,
    /// An outage is bypassed, after [`store_tries`](RenewalPolicy::store_tries) and
    /// [`store_patience`](RenewalPolicy::store_patience). While it is misconfigured, a caller without a token gets its error.
    #[default]
    Preferred,
    /// It is never bypassed: no token is fetched without a lease, so that no outage costs a token. A caller without a token
    /// gets the store's error.
    Required,
}

/// How much longer the machine waits for an exchange than that may take.
const GRACE: Duration = SECOND;

/// A policy for a driver whose exchanges and callers have a timeout. From [`RenewalPolicy::fitted_to`].
///
/// ```
/// use std::time::Duration;
/// use pan123_token_cache::{RenewalPolicy, TokenCache};
///
/// let fitted = RenewalPolicy::default().fitted_to(Duration::from_secs(10))?;
/// assert_eq!(fitted.exchange_timeout, Duration::from_secs(10));
/// // The machine waits a second longer for the report.
/// assert_eq!(fitted.policy.fetch_timeout, Duration::from_secs(11));
/// let cache = TokenCache::new(fitted.policy, 42)?;
/// # Ok::<(), pan123_token_cache::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FittedPolicy {
    /// For the [`TokenCache`](crate::TokenCache).
    pub policy: RenewalPolicy,
    /// How long the driver lets one exchange take.
    pub exchange_timeout: Duration,
}

impl Default for RenewalPolicy {
    fn default() -> Self {
        Self {
            min_interval: SECOND,
            fetch_timeout: 30 * SECOND,
            store_timeout: Duration::from_millis(2500),
            lease_term: 45 * SECOND,
            renewal_window: DAY,
            expiry_margin: MINUTE,
            backoff_base: SECOND,
            backoff_cap: MINUTE,
            backoff_cap_serving: 15 * MINUTE,
            refused_base: 30 * SECOND,
            min_token_age: MINUTE,
            min_token_age_cap: HOUR,
            settled_after: DAY,
            store_role: StoreRole::Preferred,
            store_tries: 4,
            store_patience: 27 * SECOND,
            store_retry_base: MINUTE,
            store_retry_cap: 15 * MINUTE,
            lease_poll: SECOND,
            load_interval: 5 * MINUTE,
        }
    }
}

impl RenewalPolicy {
    /// Whether the figures fit together.
    ///
    /// # Errors
    ///
    /// Names the first field that doesn't.
    pub fn check(&self) -> Result<(), PolicyError> {
        let positive = [
            ("min_interval", self.min_interval),
            ("fetch_timeout", self.fetch_timeout),
            ("store_timeout", self.store_timeout),
            ("renewal_window", self.renewal_window),
            ("backoff_base", self.backoff_base),
            ("refused_base", self.refused_base),
            ("min_token_age", self.min_token_age),
            ("settled_after", self.settled_after),
            ("store_retry_base", self.store_retry_base),
            ("lease_poll", self.lease_poll),
            ("load_interval", self.load_interval),
        ];
        for (field, value) in positive {
            if value.is_zero() {
                return Err(PolicyError::new(field, "must not be zero"));
            }
        }
        let fetch_and_calls = self
            .store_timeout
            .saturating_mul(2)
            .saturating_add(self.fetch_timeout);
        let at_least = [
            (
                "lease_term",
                self.lease_term,
                fetch_and_calls,
                "must hold fetch_timeout and twice store_timeout",
            ),
            (
                "renewal_window",
                self.renewal_window,
                self.expiry_margin.saturating_mul(2),
                "must not be below twice expiry_margin",
            ),
            (
                "backoff_cap",
                self.backoff_cap,
                self.backoff_base,
                "must not be below backoff_base",
            ),
            (
                "backoff_cap_serving",
                self.backoff_cap_serving,
                self.backoff_cap,
                "must not be below backoff_cap",
            ),
            (
                "backoff_cap_serving",
                self.backoff_cap_serving,
                self.refused_base,
                "must not be below refused_base",
            ),
            (
                "min_token_age_cap",
                self.min_token_age_cap,
                self.min_token_age,
                "must not be below min_token_age",
            ),
            (
                "store_retry_cap",
                self.store_retry_cap,
                self.store_retry_base,
                "must not be below store_retry_base",
            ),
        ];
        for (field, value, bound, flaw) in at_least {
            if value < bound {
                return Err(PolicyError::new(field, flaw));
            }
        }
        Ok(())
    }

    /// This policy for callers and exchanges that take at most `timeout`: an exchange ends within it, the machine waits a
    /// second longer for its report (one that takes all of its time would else come too late to be believed), the lease
    /// holds all of that, and the store's patience is at most nine tenths of it, less one
    /// [`lease_poll`](Self::lease_poll).
    ///
    /// An example is with [`FittedPolicy`].
    ///
    /// # Errors
    ///
    /// When the figures don't fit together, or the timeout is zero.
    pub fn fitted_to(mut self, timeout: Duration) -> Result<FittedPolicy, PolicyError> {
        self.fetch_timeout = self.fetch_timeout.min(timeout);
        self.check()?;
        let exchange_timeout = self.fetch_timeout;
        self.fetch_timeout = exchange_timeout.saturating_add(GRACE);
        self.lease_term = self.lease_term.saturating_add(GRACE);
        // The last try begins after a pause, and the exchange takes a moment, too.
        let most = (timeout.saturating_mul(9) / 10).saturating_sub(self.lease_poll);
        self.store_patience = self.store_patience.min(most);
        Ok(FittedPolicy {
            policy: self,
            exchange_timeout,
        })
    }

    /// How much of the end of such a lifetime counts as expired.
    pub(crate) fn margin(&self, lifetime: Duration) -> Duration {
        self.expiry_margin.min(lifetime / 10)
    }

    /// How long before the end of such a lifetime renewal may fall due, at the most.
    pub fn window(&self, lifetime: Duration) -> Duration {
        self.renewal_window.min(lifetime / 5)
    }

    /// How old a token must be before its rejection forces a renewal, after so many consecutive forced renewals.
    pub(crate) fn min_age(&self, forced: u32) -> Duration {
        doubled(self.min_token_age, forced, self.min_token_age_cap)
    }

    /// The longest that a cache without a token waits between two tries to take the lease.
    pub(crate) fn longest_poll(&self) -> Duration {
        self.lease_poll.saturating_mul(3)
    }
}

/// `base`, doubled so many times, but no more than `cap`.
pub(crate) fn doubled(base: Duration, times: u32, cap: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(cap)
}

/// A policy whose figures don't fit together.
///
/// ```
/// use std::time::Duration;
/// use pan123_token_cache::RenewalPolicy;
///
/// let mut policy = RenewalPolicy::default();
/// policy.min_interval = Duration::ZERO;
/// let error = policy.check().unwrap_err();
/// assert_eq!(error.to_string(), "the renewal policy's min_interval must not be zero");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyError {
    field: &'static str,
    flaw: &'static str,
}

impl PolicyError {
    fn new(field: &'static str, flaw: &'static str) -> Self {
        Self { field, flaw }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the renewal policy's {} {}", self.field, self.flaw)
    }
}

impl std::error::Error for PolicyError {}
