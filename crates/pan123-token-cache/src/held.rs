//! A token in a cache's hands: how much of its life is left, and what that allows.

use std::time::Duration;

use pan123_token::{AccessToken, Fingerprint, OffsetDateTime};

use crate::moment::Moment;
use crate::policy::RenewalPolicy;
use crate::record::Record;

/// A token at hand.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) token: AccessToken,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) life: Life,
    /// How much of its end counts as over.
    margin: Duration,
    /// How much is left when renewal falls due.
    window: Duration,
    /// How old it must be to be replaced because of a rejection.
    floor: Duration,
}

/// A token's life, told from a moment at which it was known.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// The moment that `left` and `age` are counted from: the sending of the request, or the start of the load.
    pub(crate) since: Moment,
    /// How much of its life was left then.
    pub(crate) left: Duration,
    /// How old it was then.
    pub(crate) age: Duration,
    /// The whole of it, from its issue on.
    pub(crate) lifetime: Duration,
    /// When the platform issued it, by the platform's clock where that is known.
    pub(crate) issued_at: OffsetDateTime,
    /// The wall clock of the host that asked for it, as it sent the request.
    pub(crate) sent_at: Duration,
    /// How many forced renewals in a row led to it.
    pub(crate) forced: u32,
    /// Whether a business call was refused with it, here or elsewhere.
    pub(crate) suspect: bool,
    /// Whether that was here. Where it is only hearsay, the token is served until there is another.
    pub(crate) rejected: bool,
}

impl Held {
    /// `share` is this cache's share of the renewal window, in 1/1024 from 512 to 1024.
    pub(crate) fn new(token: AccessToken, life: Life, policy: &RenewalPolicy, share: u32) -> Self {
        Self {
            fingerprint: token.fingerprint(),
            token,
            margin: policy.margin(life.lifetime),
            window: policy.window(life.lifetime).saturating_mul(share) / 1024,
            floor: policy.floor(life.forced),
            life,
        }
    }

    /// What a store keeps of it.
    pub(crate) fn record(&self) -> Record {
        Record {
            token: self.token.clone(),
            issued_at: self.life.issued_at,
            lifetime: self.life.lifetime,
            sent_at: self.life.sent_at,
            forced: self.life.forced,
            suspect: self.life.suspect,
            maybe_issued: 0,
        }
    }

    /// How much of its life is left, by the clock that says less.
    pub(crate) fn left_at(&self, now: Moment) -> Duration {
        self.life.left.saturating_sub(now.since(self.life.since))
    }

    /// How old it is. Only the monotonic clock counts: a wall clock that jumps must not make it old.
    pub(crate) fn age_at(&self, now: Moment) -> Duration {
        let since = now.monotonic.saturating_sub(self.life.since.monotonic);
        self.life.age.saturating_add(since)
    }

    pub(crate) fn is_usable_at(&self, now: Moment) -> bool {
        self.left_at(now) > self.margin
    }

    /// Usable, and not to be replaced because it was rejected here.
    pub(crate) fn is_served_at(&self, now: Moment) -> bool {
        self.is_usable_at(now) && !(self.life.rejected && self.may_be_forced_at(now))
    }

    /// Suspect, and old enough to be replaced.
    pub(crate) fn may_be_forced_at(&self, now: Moment) -> bool {
        self.life.suspect && self.age_at(now) >= self.floor
    }

    /// How long until a replacement because of a rejection is allowed.
    pub(crate) fn until_forced(&self, now: Moment) -> Duration {
        self.floor.saturating_sub(self.age_at(now))
    }

    /// Whether it is to be renewed: because of its age, or as a suspect.
    pub(crate) fn is_due_at(&self, now: Moment) -> bool {
        self.left_at(now) <= self.window || self.may_be_forced_at(now)
    }

    /// In the last quarter of the window, when renewal can't wait for the store any more.
    pub(crate) fn is_pressing_at(&self, now: Moment) -> bool {
        self.left_at(now) <= self.last_quarter()
    }

    fn last_quarter(&self) -> Duration {
        let usable = self.window.saturating_sub(self.margin);
        self.margin.saturating_add(usable / 4)
    }

    /// When so much is left, by whichever clock comes there first.
    fn moment_with_left(&self, left: Duration) -> Moment {
        self.life.since.after(self.life.left.saturating_sub(left))
    }

    /// When renewal falls due.
    pub(crate) fn due(&self) -> Moment {
        self.moment_with_left(self.window)
    }

    /// When it counts as over.
    pub(crate) fn end(&self) -> Moment {
        self.moment_with_left(self.margin)
    }

    /// When the last quarter of the window begins.
    pub(crate) fn pressing(&self) -> Moment {
        self.moment_with_left(self.last_quarter())
    }
}
