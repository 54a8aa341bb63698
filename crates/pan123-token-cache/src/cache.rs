//! The state machine: what is to be done now.

mod fetching;
mod storing;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use pan123_token::{AccessToken, Cause, FetchError, Fingerprint, Grant};

use crate::action::{Action, FetchTicket, Reason};
use crate::event::Event;
use crate::failure::Failure;
use crate::held::{Held, Life};
use crate::moment::{Moment, earlier};
use crate::policy::{PolicyError, RenewalPolicy};
use crate::random::Random;
use crate::sharing::{HeldLease, Sharing};
use crate::snapshot::Snapshot;
use crate::step::{StoreDone, TakeLease};
use crate::store::{Owner, StoreError};
use crate::token_error::TokenError;

/// The life of one access token: when to fetch, use, renew, wait and share it. See the [crate's documentation](crate).
///
/// Does nothing by itself: a driver [polls](Self::poll) it, does what it is told, and reports how that ended.
#[derive(Debug)]
pub struct TokenCache {
    policy: RenewalPolicy,
    random: Random,
    /// This cache's share of the renewal window, in 1/1024.
    share: u32,
    /// The latest monotonic time that was seen.
    latest: Duration,
    held: Option<Arc<Held>>,
    /// Tokens that were rejected here, the newest last: they are not taken from the store again.
    rejected: VecDeque<Fingerprint>,
    /// The token that someone wants another one instead of.
    refresh: Refresh,
    /// The one action that is under way.
    flight: Option<Flight>,
    next_id: u64,
    hold: Hold,
    /// Until when the platform asked to be left alone, by the monotonic clock.
    not_before: Duration,
    failures: u32,
    maybe_issued: u32,
    last_failure: Option<Failure>,
    sharing: Option<Sharing>,
    events: VecDeque<Event>,
    /// Until when the last poll found nothing to do.
    poll_at: Moment,
}

#[derive(Debug)]
struct Flight {
    id: u64,
    asked: Moment,
    ends: Duration,
    kind: FlightKind,
}

#[derive(Debug)]
enum FlightKind {
    Fetch,
    Store(Call),
}

/// The call to the store that is under way, as far as its failure needs it.
#[derive(Clone, Copy, Debug)]
enum Call {
    Load,
    Lease(Owner),
    Save,
    Release,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Lease(_) => "lease",
            Self::Save => "save",
            Self::Release => "release",
        }
    }

    /// Whether it says something about the store's being writable.
    fn writes(self) -> bool {
        !matches!(self, Self::Load)
    }
}

/// Until when no attempt is made, and why.
#[derive(Clone, Copy, Debug)]
struct Hold {
    /// By the monotonic clock, while a token can be served.
    serving: Duration,
    /// While none can.
    without: Duration,
    reason: Reason,
}

/// Whether a renewal was asked for that isn't due.
#[derive(Clone, Copy, Debug)]
enum Refresh {
    No,
    /// By a cache that held nothing yet.
    Wanted,
    InsteadOf(Fingerprint),
}

/// What is to be done about the token.
enum Need {
    Nothing {
        until: Moment,
        reason: Reason,
    },
    /// A newer token from the store would do; nothing else may be done yet.
    Look,
    Renewal {
        serving: bool,
    },
}

/// What became of a [`reject`](TokenCache::reject).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// It is not the token at hand: that one may be asked for and tried.
    NotCurrent,
    /// It is. A newer one is looked for in the store; one is fetched once this much time has passed. Until then the token
    /// is still served.
    Suspect {
        /// Zero if it may be fetched at once.
        replaceable_in: Duration,
    },
}

impl TokenCache {
    /// The most events that are kept for [`next_event`](Self::next_event); older ones make way.
    const MAX_EVENTS: usize = 64;
    const MAX_REJECTED: usize = 16;

    /// An empty cache on its own. Equal seeds and inputs lead to equal actions; different seeds keep caches apart from
    /// each other in time.
    pub fn new(policy: RenewalPolicy, seed: u64) -> Result<Self, PolicyError> {
        policy.check()?;
        let mut random = Random::new(seed);
        let share = 512 + u32::try_from(random.next() % 513).unwrap_or(0);
        Ok(Self {
            policy,
            random,
            share,
            latest: Duration::ZERO,
            held: None,
            rejected: VecDeque::new(),
            refresh: Refresh::No,
            flight: None,
            next_id: 0,
            hold: Hold {
                serving: Duration::ZERO,
                without: Duration::ZERO,
                reason: Reason::Spacing,
            },
            not_before: Duration::ZERO,
            failures: 0,
            maybe_issued: 0,
            last_failure: None,
            sharing: None,
            events: VecDeque::new(),
            poll_at: Moment::default(),
        })
    }

    /// The same, sharing its token through a store: the machine then also asks for [`Action::Store`].
    #[must_use]
    pub fn sharing(self) -> Self {
        Self {
            sharing: Some(Sharing::default()),
            ..self
        }
    }

    /// What to do now, for someone who wants a token. Call it when a snapshot [says so](Snapshot::wants_poll), when a
    /// wait is over, and after each report.
    pub fn poll(&mut self, now: Moment) -> Action {
        let now = self.advance(now);
        let action = self.next_action(now);
        self.poll_at = match action {
            Action::Wait { until, .. } => until,
            Action::Fetch(_) | Action::Store(_) => Moment::default(),
        };
        action
    }

    fn next_action(&mut self, now: Moment) -> Action {
        self.give_up_overdue(now);
        if let Some(flight) = &self.flight {
            return Action::Wait {
                until: now.after(flight.ends.saturating_sub(now.monotonic)),
                reason: match flight.kind {
                    FlightKind::Fetch => Reason::Fetching,
                    FlightKind::Store(_) => Reason::Storing,
                },
            };
        }
        if let Some(action) = self.duty(now) {
            return action;
        }
        match self.need(now) {
            Need::Nothing { until, reason } => Action::Wait { until, reason },
            Need::Look => self.load(now),
            Need::Renewal { serving } => self.renew(serving, now),
        }
    }

    /// Reports how a fetch ended. A token that comes after its ticket expired is still taken, if it is newer than the one
    /// at hand; a failure that comes so late is passed over.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a ticket is good for one report"
    )]
    pub fn fetched(&mut self, ticket: FetchTicket, result: Result<Grant, FetchError>, now: Moment) {
        let now = self.advance(now);
        self.poll_at = Moment::default();
        self.give_up_overdue(now);
        let in_time = self.land(ticket.id).is_some();
        match result {
            Ok(grant) => self.granted(&ticket, &grant, in_time, now),
            Err(error) if in_time => self.failed(error.into(), now),
            Err(_) => {}
        }
    }

    /// Takes back an action that was not begun, as if it had never been drawn: nothing is counted, and the next
    /// [`poll`](Self::poll) may draw it again.
    pub fn unbegun(&mut self, action: Action) {
        let id = match &action {
            Action::Fetch(ticket) => ticket.id,
            Action::Store(step) => step.id(),
            Action::Wait { .. } => return,
        };
        self.poll_at = Moment::default();
        self.land(id);
    }

    /// Reports that a fetch could not be started: the HTTP client was never called. It backs off as any failure, but can't
    /// have cost a token.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a ticket is good for one report"
    )]
    pub fn not_sent(&mut self, ticket: FetchTicket, why: Cause, now: Moment) {
        let now = self.advance(now);
        self.poll_at = Moment::default();
        self.give_up_overdue(now);
        if self.land(ticket.id).is_some() {
            self.failed(Failure::NotSent(why), now);
        }
    }

    /// Gives up the fetch that is under way, because what carries it out doesn't answer any more. That counts as a fetch
    /// that may have cost a token. Its ticket is still good for a token that comes late. False where no fetch is under way.
    pub fn supersede(&mut self, now: Moment) -> bool {
        let now = self.advance(now);
        let fetching = |flight: &mut Flight| matches!(flight.kind, FlightKind::Fetch);
        if self.flight.take_if(fetching).is_none() {
            return false;
        }
        self.poll_at = Moment::default();
        self.failed(Failure::Dropped, now);
        true
    }

    /// Reports how a call to the store ended.
    pub fn stored(&mut self, done: StoreDone, now: Moment) {
        let now = self.advance(now);
        self.poll_at = Moment::default();
        self.give_up_overdue(now);
        let Some(flight) = self.land(done.id) else {
            return;
        };
        self.store_answered(done.answered, flight.asked, now);
    }

    /// Reports that a business call was refused with this token ([`token_rejected`](pan123_token::token_rejected)).
    pub fn reject(&mut self, token: &AccessToken, now: Moment) -> Rejection {
        let now = self.advance(now);
        let fingerprint = token.fingerprint();
        let Some(held) = self
            .held
            .as_mut()
            .filter(|held| held.fingerprint == fingerprint)
        else {
            return Rejection::NotCurrent;
        };
        let replaceable_in = held.until_forced(now);
        // It may have come as another cache's suspect; it is rejected here all the same.
        if !self.rejected.contains(&fingerprint) {
            let life = &mut Arc::make_mut(held).life;
            (life.suspect, life.rejected) = (true, true);
            self.poll_at = Moment::default();
            self.rejected.push_back(fingerprint);
            if self.rejected.len() > Self::MAX_REJECTED {
                self.rejected.pop_front();
            }
            if let Some(sharing) = &mut self.sharing {
                sharing.looked_at = None;
                // Only this token is marked: a newer one is suspect to no cache yet.
                sharing.replaces = Some(fingerprint);
                sharing.unsaved = true;
            }
            self.tell(Event::Rejected {
                fingerprint,
                replaceable_in,
            });
        }
        Rejection::Suspect { replaceable_in }
    }

    /// Asks for another token than the one at hand, though that may be fresh: a newer one from the store, or else a
    /// renewal. It keeps to the spacing, the backoff and the lease as any other, and the one at hand is served meanwhile.
    ///
    /// A cache that holds nothing yet wants another one than it finds in the store.
    pub fn refresh(&mut self) {
        self.refresh = match &self.held {
            Some(held) => Refresh::InsteadOf(held.fingerprint),
            None => Refresh::Wanted,
        };
        self.poll_at = Moment::default();
    }

    /// Whether a token that was [asked for](Self::refresh) is still to come. A failure leaves it wanted.
    pub fn is_refreshing(&self) -> bool {
        match self.refresh {
            Refresh::No => false,
            Refresh::Wanted => true,
            Refresh::InsteadOf(unwanted) => self
                .held
                .as_ref()
                .is_none_or(|held| held.fingerprint == unwanted),
        }
    }

    /// What to tell a caller who has no token when [`poll`](Self::poll) found nothing to do. `None` where the wait is worth
    /// it: someone is fetching, or may do so in a moment.
    pub fn token_error(&self, until: Moment, reason: Reason, now: Moment) -> Option<TokenError> {
        let next_attempt = until.monotonic.saturating_sub(now.monotonic);
        match (reason, &self.last_failure) {
            (Reason::Backoff | Reason::RateLimited | Reason::MaybeIssued, Some(failure)) => {
                Some(TokenError::Renewal {
                    failure: failure.clone(),
                    next_attempt,
                })
            }
            (Reason::RateLimited, None) => {
                // The store is looked into earlier than that, but nobody may ask the platform.
                let cool_until = self
                    .sharing
                    .as_ref()
                    .map_or(Duration::ZERO, |it| it.cool_until);
                let cool = cool_until.saturating_sub(now.monotonic);
                Some(TokenError::RateLimited {
                    next_attempt: next_attempt.max(cool),
                })
            }
            _ => None,
        }
    }

    /// What is held now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            held: self.held.clone(),
            poll_at: self.poll_at,
        }
    }

    /// Why the last renewal brought nothing. `None` once one has.
    pub fn last_failure(&self) -> Option<&Failure> {
        self.last_failure.as_ref()
    }

    /// The oldest event that wasn't taken yet.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Earlier monotonic times change nothing.
    fn advance(&mut self, now: Moment) -> Moment {
        self.latest = self.latest.max(now.monotonic);
        Moment {
            monotonic: self.latest,
            ..now
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() == Self::MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn take_off(&mut self, now: Moment, timeout: Duration, kind: FlightKind) -> u64 {
        self.next_id += 1;
        self.flight = Some(Flight {
            id: self.next_id,
            asked: now,
            ends: now.monotonic.saturating_add(timeout),
            kind,
        });
        self.next_id
    }

    fn lease(&self) -> Option<&HeldLease> {
        self.sharing.as_ref()?.lease.as_ref()
    }

    fn land(&mut self, id: u64) -> Option<Flight> {
        self.flight.take_if(|flight| flight.id == id)
    }

    /// A ticket or a step that was dropped ends here.
    fn give_up_overdue(&mut self, now: Moment) {
        let Some(flight) = self.flight.take_if(|flight| flight.ends <= now.monotonic) else {
            return;
        };
        match flight.kind {
            FlightKind::Fetch => self.failed(Failure::Dropped, now),
            FlightKind::Store(call) => {
                self.call_failed(call, StoreError::new("no answer in time"), now);
            }
        }
    }

    fn need(&self, now: Moment) -> Need {
        let Some(held) = self.held.as_ref().filter(|held| held.is_served_at(now)) else {
            return Need::Renewal { serving: false };
        };
        let left_alone_until = self
            .sharing
            .as_ref()
            .and_then(|it| it.left_alone_until(now));
        let refreshing = self.is_refreshing();
        let interval = self.policy.load_interval.saturating_mul(self.share) / 1024;
        let (until, reason, interval) = if held.is_due_at(now) || refreshing {
            if self.maybe_issued >= 2 && !held.life.suspect {
                // Each of them may have cost one of the 3 tokens; another could cost this one.
                (held.end(), Reason::MaybeIssued, interval)
            } else if left_alone_until.is_some() && !held.is_pressing_at(now) && !refreshing {
                (held.pressing(), Reason::StoreDown, interval)
            } else {
                return Need::Renewal { serving: true };
            }
        } else if held.life.suspect {
            let until = now.after(held.until_forced(now));
            (until, Reason::Suspect, self.policy.store_retry_base)
        } else {
            (held.due(), Reason::Fresh, interval)
        };
        let Some(sharing) = &self.sharing else {
            return Need::Nothing { until, reason };
        };
        let look_at = left_alone_until.unwrap_or_else(|| sharing.look_at(interval));
        if look_at <= now.monotonic {
            return Need::Look;
        }
        Need::Nothing {
            until: earlier(until, look_at, now),
            reason,
        }
    }

    fn renew(&mut self, serving: bool, now: Moment) -> Action {
        if let Some(lease) = self.lease() {
            let fetch_and_save = self
                .policy
                .fetch_timeout
                .saturating_add(self.policy.store_timeout);
            if lease.has_left(now, fetch_and_save) {
                return self.fetch(now);
            }
            // The host slept meanwhile, or the driver did: another lease is asked for, once.
            if let Some(sharing) = self.sharing.as_mut().filter(|it| it.late_leases == 0) {
                sharing.late_leases = 1;
                sharing.looked_at = None;
                sharing.end_lease(Duration::ZERO, now);
            } else {
                self.go_on_alone(
                    "lease",
                    StoreError::new("the lease came too late to be used"),
                    now,
                );
            }
            // Without it, and perhaps without the store, there may be less of a need.
            return self.next_action(now);
        }
        let hold = self.hold;
        // Whoever wants another token waits for whoever fetches one, as if there were none.
        let others = matches!(hold.reason, Reason::Leased | Reason::Spacing);
        let until = if serving && !(others && self.is_refreshing()) {
            hold.serving
        } else {
            hold.without
        };
        if now.monotonic < until {
            return Action::Wait {
                until: now.after(until.saturating_sub(now.monotonic)),
                reason: hold.reason,
            };
        }
        let Some(sharing) = &self.sharing else {
            return self.fetch(now);
        };
        match sharing.left_alone_until(now) {
            Some(_) if sharing.is_given_up() => self.fetch(now),
            Some(retry_at) => Action::Wait {
                until: now.after(retry_at.saturating_sub(now.monotonic)),
                reason: Reason::StoreDown,
            },
            None if sharing.look_at(self.policy.lease_poll) <= now.monotonic => self.load(now),
            None => {
                // Two processes that were forked from one draw the same numbers, though not at the same time.
                let at = u64::try_from(now.monotonic.as_nanos()).unwrap_or(u64::MAX);
                let owner = Owner(self.random.next() ^ at);
                let term = self.policy.lease_term;
                self.take_lease(TakeLease { owner, term }, now)
            }
        }
    }

    fn hold_token(&self, token: AccessToken, life: Life) -> Held {
        Held::new(token, life, &self.policy, self.share)
    }
}
