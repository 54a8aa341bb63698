//! The thirteen rules, each as a function over what one can see from outside the machine.
//!
//! Nothing here asks the machine what it thinks: tokens, clocks, leases and verdicts are the simulation's own.

use std::fmt;
use std::time::Duration;

use pan123_token::OffsetDateTime;
use pan123_token_cache::{Moment, Reason, Rejection, RenewalPolicy};

use super::platform::{TokenId, Truth};
use super::scenario::{HOUR, SECOND};

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its number.
    pub rule: u8,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}: {}", self.rule, self.what)
    }
}

pub(crate) type Check = Result<(), Broken>;

fn ensure(holds: bool, rule: u8, what: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        Err(Broken { rule, what: what() })
    }
}

/// What a cache can know of the token that it serves.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) token: TokenId,
    /// When the request was sent, or the load began.
    pub(crate) since: Moment,
    /// How much of its life was left then, and how old it was.
    pub(crate) left: Duration,
    pub(crate) age: Duration,
    pub(crate) lifetime: Duration,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) issued_at: OffsetDateTime,
    pub(crate) forced: u32,
    pub(crate) suspect: bool,
    /// By this cache itself.
    pub(crate) rejected: bool,
}

impl Known {
    pub(crate) fn left_at(&self, now: Moment) -> Duration {
        let wall = now.wall.saturating_sub(self.since.wall);
        let monotonic = now.monotonic.saturating_sub(self.since.monotonic);
        self.left.saturating_sub(wall.max(monotonic))
    }

    pub(crate) fn age_at(&self, now: Moment) -> Duration {
        self.age + now.monotonic.saturating_sub(self.since.monotonic)
    }

    fn margin(&self, policy: &RenewalPolicy) -> Duration {
        policy.expiry_margin.min(self.lifetime / 10)
    }

    fn window(&self, policy: &RenewalPolicy) -> Duration {
        policy.renewal_window.min(self.lifetime / 5)
    }

    fn floor(&self, policy: &RenewalPolicy) -> Duration {
        let doubled = policy
            .min_token_age
            .saturating_mul(1 << self.forced.min(20));
        doubled.min(policy.min_token_age_cap)
    }

    pub(crate) fn is_usable_at(&self, now: Moment, policy: &RenewalPolicy) -> bool {
        self.left_at(now) > self.margin(policy)
    }

    pub(crate) fn may_be_forced_at(&self, now: Moment, policy: &RenewalPolicy) -> bool {
        self.suspect && self.age_at(now) >= self.floor(policy)
    }

    pub(crate) fn is_served_at(&self, now: Moment, policy: &RenewalPolicy) -> bool {
        self.is_usable_at(now, policy) && !(self.rejected && self.may_be_forced_at(now, policy))
    }

    /// Forced renewals in a row that a token has which replaces this one now.
    pub(crate) fn forced_next(&self, now: Moment, policy: &RenewalPolicy) -> u32 {
        let settled = policy.settled_after.min(self.lifetime / 2);
        let before = if self.age_at(now) >= settled {
            0
        } else {
            self.forced
        };
        let forced = self.is_usable_at(now, policy) && self.may_be_forced_at(now, policy);
        before + u32::from(forced)
    }
}

/// Rule 1: what is handed out is a token that the cache got, and isn't over by either of its clocks.
pub(crate) fn never_dead(
    known: Option<&Known>,
    token: TokenId,
    now: Moment,
    policy: &RenewalPolicy,
) -> Check {
    let Some(known) = known.filter(|known| known.token == token) else {
        return ensure(false, 1, || format!("token {token} came from nowhere"));
    };
    ensure(known.is_usable_at(now, policy), 1, || {
        format!(
            "token {token} was handed out with {:?} left",
            known.left_at(now)
        )
    })
}

/// Rule 1, by the truth: for hosts whose clocks run evenly. A second is what the platform's times are cut by.
pub(crate) fn never_dead_in_truth(token: TokenId, truth: &Truth, now: super::clock::At) -> Check {
    ensure(!truth.honest || now < truth.expires + SECOND, 1, || {
        format!(
            "token {token} was handed out {:?} after its end",
            now.saturating_sub(truth.expires)
        )
    })
}

/// Rule 2: one fetch at a time per cache.
pub(crate) fn one_at_a_time(in_flight: Option<Duration>, now: Moment) -> Check {
    ensure(
        in_flight.is_none_or(|ends| ends <= now.monotonic),
        2,
        || "a second fetch began while one was under way".to_owned(),
    )
}

/// What the rules know of a lease.
#[derive(Clone, Debug)]
pub(crate) struct LeaseSeen {
    pub(crate) asked: Moment,
    /// The record as it was read under the lease, seen by this cache.
    pub(crate) record: Option<Known>,
    /// Its bearer rejected that record's token.
    pub(crate) rejected: bool,
}

/// Rule 2: through a working store, only who holds a lease fetches, and only if the fetch and the save fit into it.
pub(crate) fn under_a_lease(
    lease: Option<&LeaseSeen>,
    store_works: bool,
    now: Moment,
    policy: &RenewalPolicy,
) -> Check {
    let Some(lease) = lease else {
        return ensure(!store_works, 2, || {
            "a fetch without a lease, though the store works".to_owned()
        });
    };
    let done = now.after(policy.fetch_timeout + policy.store_timeout);
    let ends = lease.asked.after(policy.lease_term);
    ensure(
        done.wall <= ends.wall && done.monotonic <= ends.monotonic,
        2,
        || "a fetch that may outlast its lease".to_owned(),
    )
}

/// Rule 2: by the store's own account, nobody else may fetch until this fetch is done.
pub(crate) fn lease_is_real(left: Option<Duration>, policy: &RenewalPolicy) -> Check {
    ensure(
        left.is_some_and(|left| left >= policy.fetch_timeout),
        2,
        || format!("the store knows of a lease with {left:?} left"),
    )
}

/// Rules 2 and 6: what was read under the lease needed to be replaced.
pub(crate) fn needed(lease: &LeaseSeen, now: Moment, policy: &RenewalPolicy) -> Check {
    let Some(record) = lease.record.as_ref().filter(|_| !lease.rejected) else {
        return Ok(());
    };
    let fresh = record.is_usable_at(now, policy)
        && !record.may_be_forced_at(now, policy)
        && record.left_at(now) > record.window(policy);
    ensure(!fresh, 2, || {
        format!(
            "token {} was read under the lease with {:?} left, and one was fetched all the same",
            record.token,
            record.left_at(now)
        )
    })
}

/// Rule 3: fetches lie apart, end to start, and after a `Retry-After`.
pub(crate) fn spacing(
    last_end: Option<Duration>,
    not_before: Duration,
    now: Moment,
    policy: &RenewalPolicy,
) -> Check {
    let earliest = last_end.map_or(Duration::ZERO, |end| end + policy.min_interval);
    ensure(now.monotonic >= earliest, 3, || {
        format!(
            "a fetch began {:?} early after the one before",
            earliest.saturating_sub(now.monotonic)
        )
    })?;
    ensure(now.monotonic >= not_before, 3, || {
        format!(
            "a fetch began {:?} before Retry-After was over",
            not_before.saturating_sub(now.monotonic)
        )
    })
}

/// Rule 3, between hosts: the gate is left cool for what the platform asked for, and for the interval between fetches.
pub(crate) fn gate_is_cool(cool: Duration, least: Duration) -> Check {
    ensure(cool >= least, 3, || {
        format!("the gate was left cool for {cool:?} instead of {least:?}")
    })
}

/// Rule 3: only rate limiting keeps the others away.
pub(crate) fn gate_is_freed(
    cool: Duration,
    until_retry_after: Duration,
    policy: &RenewalPolicy,
) -> Check {
    // Without a `Retry-After`, rate limiting backs off by itself.
    let most = policy
        .min_interval
        .max(until_retry_after)
        .max(policy.backoff_cap);
    ensure(cool <= most, 3, || {
        format!("the gate was left cool for {cool:?}")
    })
}

/// Rule 4: a wait after failures has a cap, so that nothing locks out for good.
pub(crate) fn backoff_is_capped(
    reason: Reason,
    wait: Duration,
    serving: bool,
    refused: bool,
    until_retry_after: Duration,
    policy: &RenewalPolicy,
) -> Check {
    let cap = match reason {
        Reason::Backoff | Reason::Spacing if serving || refused => policy.backoff_cap_serving,
        Reason::Backoff | Reason::Spacing => policy.backoff_cap.max(policy.min_interval),
        Reason::Leased | Reason::RateLimited => HOUR,
        _ => return Ok(()),
    };
    let cap = cap.max(until_retry_after);
    ensure(wait <= cap, 4, || {
        format!("{reason:?} for {wait:?}, beyond {cap:?}")
    })
}

/// Rule 4: after a refusal, nothing for a while.
pub(crate) fn refused_rests(
    refused_at: Option<Duration>,
    now: Moment,
    policy: &RenewalPolicy,
) -> Check {
    let earliest = refused_at.map_or(Duration::ZERO, |at| at + policy.refused_base);
    ensure(now.monotonic >= earliest, 4, || {
        format!(
            "a fetch began {:?} early after a refusal",
            earliest.saturating_sub(now.monotonic)
        )
    })
}

/// Rule 4: late in a row of failures, waits are long on average, and jittered.
pub(crate) fn backoff_grows(waits: &[Duration], policy: &RenewalPolicy) -> Check {
    let total: Duration = waits.iter().sum();
    let mean = total / u32::try_from(waits.len()).unwrap_or(1);
    ensure(mean * 1000 >= policy.backoff_cap * 135, 4, || {
        format!("after many failures, the waits are only {mean:?} on average")
    })?;
    let least = policy.min_interval.max(policy.refused_base);
    let alike = waits
        .windows(4)
        .any(|four| four[0] > least && four.iter().all(|wait| *wait == four[0]));
    ensure(!alike, 4, || format!("the waits have no jitter: {waits:?}"))
}

/// Rules 4, 6 and 7: what a fetch is for.
pub(crate) fn fetch_has_a_reason(
    known: Option<&Known>,
    maybe_issued: u32,
    now: Moment,
    policy: &RenewalPolicy,
) -> Check {
    let Some(known) = known.filter(|known| known.is_usable_at(now, policy)) else {
        return Ok(());
    };
    let left = known.left_at(now);
    let due = left <= known.window(policy);
    if known.suspect {
        return ensure(due || known.may_be_forced_at(now, policy), 7, || {
            format!(
                "a forced renewal of a token that is {:?} old",
                known.age_at(now)
            )
        });
    }
    ensure(due, 6, || {
        format!("a renewal with {left:?} of {:?} left", known.lifetime)
    })?;
    ensure(maybe_issued < 2, 4, || {
        format!(
            "a fetch after {maybe_issued} that may each have issued a token, and {left:?} are left"
        )
    })
}

/// Rule 5: while a token is usable and not to be replaced, it is served.
pub(crate) fn calm(
    known: Option<&Known>,
    served: Option<TokenId>,
    now: Moment,
    policy: &RenewalPolicy,
) -> Check {
    let expected = known.filter(|known| known.is_served_at(now, policy));
    ensure(expected.is_none() || served.is_some(), 5, || {
        let known = expected.map_or(0, |known| known.token);
        format!("token {known} is usable, and isn't served")
    })
}

/// Rule 6: when renewal falls due.
pub(crate) fn early(known: &Known, until: Moment, policy: &RenewalPolicy) -> Check {
    let window = known.window(policy);
    let left = known.left_at(until);
    let slack = SECOND / 1000;
    // Clocks that went apart since make it earlier, never later.
    ensure(left + slack >= window / 2, 6, || {
        format!(
            "renewal falls due with {left:?} of {:?} left",
            known.lifetime
        )
    })
}

/// Rule 7: what a rejection is answered with.
pub(crate) fn rejection_is_answered(
    known: Option<&Known>,
    token: TokenId,
    answer: Rejection,
    now: Moment,
    policy: &RenewalPolicy,
) -> Check {
    match (known.filter(|known| known.token == token), answer) {
        (None, Rejection::NotCurrent) => Ok(()),
        (Some(known), Rejection::Suspect { replaceable_in }) => {
            let expected = known.floor(policy).saturating_sub(known.age_at(now));
            ensure(replaceable_in == expected, 7, || {
                format!("replaceable in {replaceable_in:?} instead of {expected:?}")
            })
        }
        // One that is over may have been let go already.
        (Some(known), _) => ensure(!known.is_usable_at(now, policy), 7, || {
            format!("the rejection of token {token}, the current one, was passed over")
        }),
        (None, _) => Err(Broken {
            rule: 7,
            what: format!("token {token} isn't current"),
        }),
    }
}

/// Rule 7: a suspect is handed out until its replacement is allowed, and then no more.
pub(crate) fn suspect_is_withheld(
    known: Option<&Known>,
    served: Option<TokenId>,
    now: Moment,
    policy: &RenewalPolicy,
) -> Check {
    let withheld = known.filter(|known| known.rejected && known.may_be_forced_at(now, policy));
    ensure(
        withheld.is_none_or(|known| served != Some(known.token)),
        7,
        || "a suspect that may be replaced is still served".to_owned(),
    )
}

/// Rule 7: what was rejected here isn't taken from the store again.
pub(crate) fn not_taken_again(rejected: bool, token: TokenId) -> Check {
    ensure(!rejected, 7, || {
        format!("token {token}, which was rejected here, was taken again")
    })
}

/// Rule 7: the row of forced renewals is handed on with the token.
pub(crate) fn row_is_handed_on(expected: u32, saved: u32) -> Check {
    ensure(expected == saved, 7, || {
        format!("{saved} forced renewals in a row were saved instead of {expected}")
    })
}

/// Rule 7: once all faults are over for longer than the longest floor, a fleet that shares knows of one token.
pub(crate) fn war_is_over(rejections: u32) -> Check {
    ensure(rejections <= 3, 7, || {
        format!("{rejections} business calls were refused long after the last fault")
    })
}

/// Rule 8: a token that came, and is better than the one at hand, is served.
pub(crate) fn taken(token: TokenId, served: Option<TokenId>) -> Check {
    ensure(served == Some(token), 8, || {
        format!("token {token} was received, and {served:?} is served")
    })
}

/// Rule 8: and is offered to the store until it keeps it.
pub(crate) fn saved(token: TokenId, waited: Duration, policy: &RenewalPolicy) -> Check {
    let longest = policy.store_retry_cap + policy.store_timeout * 4 + policy.backoff_cap_serving;
    ensure(waited <= longest, 8, || {
        format!("token {token} wasn't saved for {waited:?}, though the store works")
    })
}

/// Rule 9: a dropped ticket or step is given up at its deadline.
pub(crate) fn given_up(
    reason: Reason,
    in_flight: Option<Duration>,
    until: Moment,
    now: Moment,
) -> Check {
    if !matches!(reason, Reason::Fetching | Reason::Storing) {
        return Ok(());
    }
    let ends = in_flight.unwrap_or(Duration::ZERO);
    ensure(ends > now.monotonic && until.monotonic <= ends, 9, || {
        format!("{reason:?}, though nothing is under way")
    })
}

/// Rule 10: earlier monotonic times change nothing.
pub(crate) fn unmoved(first: (Moment, Reason), second: Option<(Moment, Reason)>) -> Check {
    let same = second.is_some_and(|second| second.1 == first.1 && second.0 == first.0);
    ensure(same, 10, || {
        format!("at an earlier time, {second:?} instead of {first:?}")
    })
}

/// Rule 11: while the store is down, a valid token isn't renewed before the last quarter of its window.
pub(crate) fn store_down_can_wait(
    known: Option<&Known>,
    now: Moment,
    policy: &RenewalPolicy,
) -> Check {
    let Some(known) = known.filter(|known| known.is_served_at(now, policy)) else {
        return Ok(());
    };
    let (window, margin) = (known.window(policy), known.margin(policy));
    let quarter = margin + window.saturating_sub(margin) / 4;
    let left = known.left_at(now);
    ensure(left <= quarter, 11, || {
        format!("a renewal past the store with {left:?} left, before the last {quarter:?}")
    })
}

/// Rule 11: a call that fails now and then is no reason to go past the store.
pub(crate) fn store_is_tried_again(
    failing_since: Option<Duration>,
    now: Moment,
    policy: &RenewalPolicy,
) -> Check {
    let tried_for = now
        .monotonic
        .saturating_sub(failing_since.unwrap_or(now.monotonic));
    ensure(tried_for >= policy.store_patience, 11, || {
        format!("past the store, which has failed for no more than {tried_for:?}")
    })
}

/// Rule 11: the machine says that the store failed.
pub(crate) fn store_trouble_is_told(told: bool) -> Check {
    ensure(told, 11, || {
        "the store failed, and no event says so".to_owned()
    })
}

/// Rules 11 and 12: whoever asks gets a token soon after the last fault. Those of the store alone are rule 11's.
pub(crate) fn alive(without: Duration, bound: Duration, store_faults: bool) -> Check {
    let rule = if store_faults { 11 } else { 12 };
    ensure(without <= bound, rule, || {
        format!("no token for {without:?}, beyond {bound:?}")
    })
}

/// Rule 12: a wait ends later than now.
pub(crate) fn wait_has_a_length(until: Moment, now: Moment, reason: Reason) -> Check {
    ensure(
        until.monotonic > now.monotonic || until.wall > now.wall,
        12,
        || format!("{reason:?} until a moment that is over"),
    )
}

/// Rule 12: the driver isn't kept busy at one instant.
pub(crate) fn not_spinning(polls_at_once: u32) -> Check {
    ensure(polls_at_once < 200, 12, || {
        format!("{polls_at_once} polls at one instant")
    })
}

/// Rule 13: tokens issued, against what explains them.
pub(crate) fn frugal(issued: u64, lifetimes: u64, explained: u64) -> Check {
    ensure(issued <= lifetimes + explained, 13, || {
        format!("{issued} tokens for {lifetimes} lifetimes; {explained} more are explained")
    })
}
