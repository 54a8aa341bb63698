//! A token that a cache holds: how much of its life is left, and what that allows.

use std::time::Duration;

use pan123_token::{AccessToken, Fingerprint, OffsetDateTime};

use crate::moment::Moment;
use crate::policy::RenewalPolicy;
use crate::record::Record;

/// A token and what is known of its life.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) token: AccessToken,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) life: Life,
    /// How much of its end counts as expired.
    margin: Duration,
    /// How much is left when renewal falls due.
    window: Duration,
    /// How old it must be to be replaced because of a rejection.
    min_age: Duration,
}

/// A token's life, as it was known at one moment.
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
    /// When the request was sent, by this host's wall clock.
    pub(crate) sent_at: Duration,
    /// How many consecutive forced renewals led to it.
    pub(crate) forced: u32,
    pub(crate) suspicion: Suspicion,
    /// How many attempts to replace it may each have cost a token, in the whole fleet.
    pub(crate) maybe_issued: u32,
}

/// Whether an API call was refused with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspicion {
    Good,
    /// It is served until there is another.
    RejectedElsewhere,
    RejectedHere,
}

/// What the token that replaces another inherits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Provenance {
    /// It replaces a token because that was rejected.
    pub(crate) forced: bool,
    /// How many consecutive renewals were forced, this one included.
    pub(crate) consecutive: u32,
}

impl Held {
    /// `jitter` is this cache's part of the renewal window, in 1/1024 from 512 to 1024.
    pub(crate) fn new(token: AccessToken, life: Life, policy: &RenewalPolicy, jitter: u32) -> Self {
        Self {
            fingerprint: token.fingerprint(),
            token,
            margin: policy.margin(life.lifetime),
            window: policy.window(life.lifetime).saturating_mul(jitter) / 1024,
            min_age: policy.min_age(life.forced),
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
            suspect: self.is_suspect(),
            maybe_issued: self.life.maybe_issued,
        }
    }

    pub(crate) fn is_suspect(&self) -> bool {
        self.life.suspicion != Suspicion::Good
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
        !self.end().is_reached_at(now)
    }

    /// Usable, and not to be replaced because it was rejected here.
    pub(crate) fn is_served_at(&self, now: Moment) -> bool {
        !self.served_until().is_reached_at(now)
    }

    /// Suspect, and old enough to be replaced.
    pub(crate) fn may_be_forced_at(&self, now: Moment) -> bool {
        self.is_suspect() && self.until_forced(now).is_zero()
    }

    /// How long until a replacement because of a rejection is allowed.
    pub(crate) fn until_forced(&self, now: Moment) -> Duration {
        self.min_age.saturating_sub(self.age_at(now))
    }

    /// Whether it is to be renewed: because of its age, or as a suspect.
    pub(crate) fn is_due_at(&self, now: Moment) -> bool {
        self.due().is_reached_at(now) || self.may_be_forced_at(now)
    }

    /// In the last quarter of the window, when renewal can't wait for the store any more.
    pub(crate) fn is_last_resort_at(&self, now: Moment) -> bool {
        self.last_resort().is_reached_at(now)
    }

    /// Until when it is not to be replaced because of its age, since attempts may have cost tokens: each may have taken
    /// one of the 3 that the platform keeps alive, and the next one could take this token. After two, one more is made in
    /// the last quarter of the window, and then none until it has expired. `None` where one may be made now.
    pub(crate) fn held_back_until(&self, now: Moment) -> Option<Moment> {
        match self.life.maybe_issued {
            0 | 1 => None,
            2 if self.is_last_resort_at(now) => None,
            2 => Some(self.last_resort()),
            _ => Some(self.end()),
        }
    }

    /// When so much is left, by whichever clock comes there first.
    fn moment_with_left(&self, left: Duration) -> Moment {
        self.life.since.after(self.life.left.saturating_sub(left))
    }

    /// When renewal falls due.
    pub(crate) fn due(&self) -> Moment {
        self.moment_with_left(self.window)
    }

    /// When it counts as expired.
    pub(crate) fn end(&self) -> Moment {
        self.moment_with_left(self.margin)
    }

    /// When the last quarter of the window begins.
    pub(crate) fn last_resort(&self) -> Moment {
        let usable = self.window.saturating_sub(self.margin);
        self.moment_with_left(self.margin.saturating_add(usable / 4))
    }

    /// Until when it is handed out.
    pub(crate) fn served_until(&self) -> Moment {
        let end = self.end();
        if self.life.suspicion != Suspicion::RejectedHere {
            return end;
        }
        let until_forced = self.min_age.saturating_sub(self.life.age);
        let forced_at = self.life.since.monotonic.saturating_add(until_forced);
        Moment {
            monotonic: end.monotonic.min(forced_at),
            ..end
        }
    }

    /// What a token that replaces this one inherits.
    pub(crate) fn hands_on(&self, policy: &RenewalPolicy, now: Moment) -> Provenance {
        // For a token whose life is shorter than that, half of it counts.
        let settled = policy.settled_after.min(self.life.lifetime / 2);
        let before = if self.age_at(now) >= settled {
            0
        } else {
            self.life.forced
        };
        let forced = self.is_usable_at(now) && self.may_be_forced_at(now);
        Provenance {
            forced,
            consecutive: before.saturating_add(u32::from(forced)),
        }
    }

    /// Takes in what another copy of the same token says beyond this one.
    pub(crate) fn merge(&mut self, other: &Self) {
        let (mine, theirs) = (self.token.expires_at(), other.token.expires_at());
        // A forced renewal that brought the same token has confirmed it: its age begins anew, for the whole fleet.
        let confirmed = other.life.forced > self.life.forced && theirs >= mine;
        let mut merged = if confirmed || theirs > mine {
            other.clone()
        } else {
            self.clone()
        };
        if !confirmed {
            // That it comes again makes it no younger.
            merged.life.age = merged.life.age.max(self.age_at(merged.life.since));
        }
        merged.life.suspicion = match self.life.suspicion {
            Suspicion::Good if other.is_suspect() => Suspicion::RejectedElsewhere,
            mine => mine,
        };
        merged.life.forced = self.life.forced.max(other.life.forced);
        merged.min_age = self.min_age.max(other.min_age);
        merged.life.maybe_issued = self.life.maybe_issued.max(other.life.maybe_issued);
        *self = merged;
    }
}
