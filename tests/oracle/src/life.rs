//! A token's life, as one can reckon it from what was handed to a cache: the platform's reply, or a record in the store.

use std::time::Duration;

use pan123_token::{Grant, OffsetDateTime};
use pan123_token_cache::{Moment, RenewalPolicy, Stored};

/// No token is believed to live longer.
const MOST: Duration = Duration::from_secs(400 * 86_400);

/// One account of it. A token that came twice has two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Life {
    /// When the request was sent, or the load began.
    pub(crate) since: Moment,
    /// How much was left of it then, and how old it was.
    pub(crate) left: Duration,
    pub(crate) age: Duration,
    pub(crate) lifetime: Duration,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) issued_at: OffsetDateTime,
    /// How many consecutive forced renewals led to it.
    pub(crate) forced: u32,
    /// How many attempts to replace it may have issued a token.
    pub(crate) maybe_issued: u32,
    /// Without a `Date` that is to be believed: reckoned by this host's clock, and perhaps for longer than 400 days.
    pub(crate) beyond_cap: bool,
}

impl Life {
    /// Of a token that was received. Life is what the platform's own clock says, where it lies within 400 days, and else
    /// what this host's clock says.
    pub(crate) fn of_grant(grant: &Grant, sent: Moment, forced: u32) -> Self {
        let expires = since_1970(grant.token.expires_at());
        let by_server = grant
            .server_time
            .and_then(|date| expires.checked_sub(since_1970(date)))
            .filter(|lifetime| !lifetime.is_zero() && *lifetime <= MOST);
        let lifetime = by_server.unwrap_or_else(|| expires.saturating_sub(sent.wall));
        Self {
            since: sent,
            left: lifetime,
            age: Duration::ZERO,
            lifetime,
            expires_at: grant.token.expires_at(),
            issued_at: grant
                .server_time
                .filter(|_| by_server.is_some())
                .unwrap_or_else(|| date(sent.wall)),
            forced,
            maybe_issued: 0,
            beyond_cap: lifetime > MOST,
        }
        .capped()
    }

    /// Of a record that was asked for at `asked`.
    pub(crate) fn of_stored(stored: &Stored, asked: Moment) -> Self {
        let record = &stored.record;
        let expires = since_1970(record.token.expires_at());
        let left = stored.left.unwrap_or_else(|| {
            asked.wall.checked_sub(record.sent_at).map_or_else(
                || expires.saturating_sub(asked.wall),
                |elapsed| record.lifetime.saturating_sub(elapsed),
            )
        });
        let left = left.min(record.lifetime);
        Self {
            since: asked,
            left,
            age: record.lifetime.saturating_sub(left),
            lifetime: record.lifetime,
            expires_at: record.token.expires_at(),
            issued_at: record.issued_at,
            forced: record.forced,
            maybe_issued: record.maybe_issued,
            beyond_cap: record.lifetime > MOST,
        }
        .capped()
    }

    fn capped(mut self) -> Self {
        if self.beyond_cap {
            self.lifetime = self.lifetime.min(MOST);
            self.left = self.left.min(MOST);
        }
        self
    }

    /// By the clock that says less.
    pub(crate) fn left_at(&self, now: Moment) -> Duration {
        let wall = now.wall.saturating_sub(self.since.wall);
        let monotonic = now.monotonic.saturating_sub(self.since.monotonic);
        self.left.saturating_sub(wall.max(monotonic))
    }

    /// By the monotonic clock alone: a wall clock that jumps makes no token old.
    pub(crate) fn age_at(&self, now: Moment) -> Duration {
        self.age + now.monotonic.saturating_sub(self.since.monotonic)
    }

    pub(crate) fn margin(&self, policy: &RenewalPolicy) -> Duration {
        policy.expiry_margin.min(self.lifetime / 10)
    }

    /// The earliest renewal falls due with so much left, the latest with half of it.
    pub(crate) fn window(&self, policy: &RenewalPolicy) -> Duration {
        policy.renewal_window.min(self.lifetime / 5)
    }

    /// So much is left when the last quarter of the window begins, for the cache whose window is the longest.
    pub(crate) fn last_quarter(&self, policy: &RenewalPolicy) -> Duration {
        let margin = self.margin(policy);
        margin + self.window(policy).saturating_sub(margin) / 4
    }

    /// How old it must be to be replaced because of a rejection.
    pub(crate) fn min_age(&self, policy: &RenewalPolicy) -> Duration {
        let doubled = policy
            .min_token_age
            .saturating_mul(1 << self.forced.min(20));
        doubled.min(policy.min_token_age_cap)
    }

    pub(crate) fn is_usable_at(&self, now: Moment, policy: &RenewalPolicy) -> bool {
        self.left_at(now) > self.margin(policy)
    }

    pub(crate) fn is_old_enough_at(&self, now: Moment, policy: &RenewalPolicy) -> bool {
        self.age_at(now) >= self.min_age(policy)
    }

    /// Whether it has lived so long that the forced renewals before it count no more.
    pub(crate) fn is_settled_at(&self, now: Moment, policy: &RenewalPolicy) -> bool {
        self.age_at(now) >= policy.settled_after.min(self.lifetime / 2)
    }
}

pub(crate) fn since_1970(time: OffsetDateTime) -> Duration {
    u64::try_from(time.unix_timestamp_nanos()).map_or_else(
        |_| Duration::try_from(time - OffsetDateTime::UNIX_EPOCH).unwrap_or_default(),
        Duration::from_nanos,
    )
}

fn date(wall: Duration) -> OffsetDateTime {
    pan123_token::time::Duration::try_from(wall)
        .ok()
        .and_then(|wall| OffsetDateTime::UNIX_EPOCH.checked_add(wall))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
