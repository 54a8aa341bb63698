//! What the rules of the token's life say about a stored token. They stand in the state machine, which is asked here.

use std::time::Duration;

use pan123_token_cache::{Action, Moment, Rejection, RenewalPolicy, StoreStep, Stored, TokenCache};

/// A stored token, read at a moment.
pub(crate) struct StoredToken {
    /// Holds it, if it can be used.
    cache: Option<TokenCache>,
    stored: Stored,
    now: Moment,
}

impl StoredToken {
    /// `now` is the moment before it was read.
    pub(crate) fn new(stored: Stored, now: Moment) -> Self {
        // The seed decides about waiting, and nothing waits here.
        let cache = TokenCache::new(RenewalPolicy::default(), 0).ok();
        let cache = cache.and_then(|cache| {
            let mut cache = cache.sharing();
            let Action::Store(StoreStep::Load(step)) = cache.poll(now) else {
                return None;
            };
            cache.stored(step.answer(Ok(Some(stored.clone()))), now);
            Some(cache)
        });
        Self { cache, stored, now }
    }

    /// Whether `get` prints it: it hasn't expired, and isn't in the last stretch of its life, which counts as expired.
    pub(crate) fn is_usable(&self) -> bool {
        let cache = self.cache.as_ref();
        cache.is_some_and(|cache| cache.snapshot().token(self.now).is_some())
    }

    /// How long until it may be replaced because it was rejected; zero where it may be now.
    pub(crate) fn replaceable_in(self) -> Duration {
        let rejection = self
            .cache
            .map(|mut cache| cache.reject(&self.stored.record.token, self.now));
        match rejection {
            Some(Rejection::Suspect { replaceable_in }) => replaceable_in,
            // One that can't be used is replaced anyway.
            _ => Duration::ZERO,
        }
    }
}

/// When a token that was refused is replaced, for a reader.
pub(crate) fn replaced_when(replaceable_in: Duration) -> String {
    if replaceable_in.is_zero() {
        "the next `get` replaces it".to_owned()
    } else {
        let seconds = replaceable_in.as_secs_f64().ceil();
        format!("`get` replaces it in {seconds:.0} s at the earliest")
    }
}
