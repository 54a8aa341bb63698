//! Rules about what callers get.

use std::time::Duration;

use pan123_token_cache::{Moment, Rejection};

use super::{Check, ensure};
use crate::account::Account;
use crate::platform::TokenId;

/// Accounts of one life may differ by so much: a store keeps milliseconds.
const ROUNDING: Duration = Duration::from_millis(2);

impl Account {
    /// Rules 1 and 7: what is handed out was received, hasn't expired by either clock, and is no token that was rejected
    /// here and taken again.
    pub(crate) fn may_serve(&self, token: TokenId, expires_at: i128, now: Moment) -> Check {
        let lives = self.lives_of(token);
        ensure(!lives.is_empty(), 1, "from-somewhere", || {
            format!("token {token} was never received")
        })?;
        let alive = lives.iter().any(|life| {
            life.expires_at.unix_timestamp_nanos() == expires_at
                && life.left_at(now) + ROUNDING > life.margin(&self.policy)
        });
        ensure(alive, 1, "never-dead", || {
            let left = lives.iter().map(|life| life.left_at(now)).max();
            format!("token {token} was handed out with {left:?} left")
        })?;
        // Where the fleet has confirmed it meanwhile, it is too young again to be replaced.
        let (_, until_surely_old) = self.until_replaceable(token, now);
        let again = self.was_rejected(token)
            && !(self.serving && self.held == Some(token))
            && until_surely_old.is_zero();
        ensure(!again, 7, "rejected-is-not-taken-again", || {
            format!("token {token}, which was rejected here, was taken again")
        })?;
        ensure(
            !self.is_withheld(token, now),
            7,
            "suspect-is-withheld",
            || format!("token {token} was rejected, may be replaced, and is still handed out"),
        )
    }

    /// Rule 11: the host's own store brings no token that is older than one that is usable, though that be a suspect.
    pub(crate) fn hosts_store_brings_no_older(
        &self,
        before: TokenId,
        served: TokenId,
        now: Moment,
    ) -> Check {
        let issued = |token| self.lives_of(token).iter().map(|life| life.issued_at);
        let older = issued(served).max() < issued(before).min();
        let gives_way = older && self.is_surely_usable(before, now);
        ensure(!gives_way, 11, "hosts-store-brings-no-older", || {
            format!("token {served} of the host's store took the place of {before}, which is newer")
        })
    }

    /// Rejected here, and old enough to be replaced, by each account of it.
    fn is_withheld(&self, token: TokenId, now: Moment) -> bool {
        self.was_rejected(token) && self.until_replaceable(token, now).1.is_zero()
    }

    /// Rule 5: while the token that was served is usable and not to be replaced, there is one.
    pub(crate) fn calm(&self, served: Option<TokenId>, now: Moment) -> Check {
        let Some(before) = self.held.filter(|_| self.serving && served.is_none()) else {
            return Ok(());
        };
        let replaceable =
            self.was_rejected(before) && self.until_replaceable(before, now).0.is_zero();
        let usable = self.is_surely_usable(before, now) && !replaceable;
        ensure(!usable, 5, "calm", || {
            format!("token {before} is usable, and no token is handed out")
        })
    }

    /// Rules 8 and 12: what came, and must be served now, is.
    pub(crate) fn serves_what_came(
        must: Option<(TokenId, &'static str)>,
        served: Option<TokenId>,
    ) -> Check {
        let Some((token, name)) = must else {
            return Ok(());
        };
        let rule = match name {
            "stored-is-adopted" => 12,
            "confirmed-is-served" => 6,
            _ => 8,
        };
        ensure(served == Some(token), rule, name, || {
            format!("token {token} came, and {served:?} is served")
        })
    }

    /// Rule 7: what a rejection is answered with.
    pub(crate) fn rejection_is_answered(
        &self,
        token: TokenId,
        answer: Rejection,
        now: Moment,
    ) -> Check {
        const NAME: &str = "rejection-is-answered";
        match (self.held == Some(token), answer) {
            (false, Rejection::NotCurrent) => Ok(()),
            (true, Rejection::Suspect { replaceable_in }) => {
                let (least, most) = self.until_replaceable(token, now);
                let right = least <= replaceable_in + ROUNDING && replaceable_in <= most + ROUNDING;
                ensure(right, 7, NAME, || {
                    format!("token {token} is said to be replaceable in {replaceable_in:?}")
                })
            }
            // One that has expired may have been let go already.
            (true, _) => ensure(!self.is_surely_usable(token, now), 7, NAME, || {
                format!("the rejection of token {token}, the current one, had no effect")
            }),
            (false, _) => ensure(self.may_be_usable(token, now), 7, NAME, || {
                format!("token {token} isn't current")
            }),
        }
    }
}
