//! The state machine: its parts, and what a driver calls.

mod call;
mod deciding;
mod fetching;
mod state;
mod storing;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use pan123_token::{AccessToken, Cause, FetchError, Fingerprint, Grant};

use call::Call;

use crate::action::{Action, FetchTicket};
use crate::event::Event;
use crate::failure::Failure;
use crate::held::{Held, Suspicion};
use crate::moment::Moment;
use crate::pacing::Pacing;
use crate::policy::{PolicyError, RenewalPolicy};
use crate::random::Random;
use crate::sharing::{HostFallback, Sharing};
use crate::step::StoreDone;
use crate::store::StoreError;

/// The life of one access token: when to fetch, use, renew, wait and share it. See the [crate's documentation](crate).
///
/// Does nothing by itself: a driver [polls](Self::poll) it, does the one thing, and reports how that ended.
///
/// ```
/// use std::time::Duration;
///
/// use pan123_token::{Credentials, GetAccessToken, http};
/// use pan123_token_cache::{Action, Moment, Rejection, RenewalPolicy, TokenCache};
///
/// let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
/// let mut cache = TokenCache::new(RenewalPolicy::default(), 42)?;
/// let now = Moment { wall: Duration::from_secs(1_740_124_117), monotonic: Duration::ZERO };
///
/// let Action::Fetch(ticket) = cache.poll(now) else { unreachable!() };
/// let reply = r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2025-03-23T15:48:37+08:00"}}"#;
/// let result = operation.parse_response(&http::Response::new(reply)).map_err(Into::into);
/// cache.fetched(ticket, result, now);
///
/// // An API call is refused with the token: it may be replaced once it is 60 s old.
/// let token = cache.snapshot().token(now).cloned().ok_or("no token")?;
/// let replaceable_in = Duration::from_secs(60);
/// assert_eq!(cache.reject(&token, now), Rejection::Suspect { replaceable_in });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TokenCache {
    policy: RenewalPolicy,
    random: Random,
    /// This cache's part of the renewal window and of the load interval, in 1/1024.
    jitter: u32,
    /// The latest monotonic time that was seen.
    latest: Duration,
    held: Option<Arc<Held>>,
    /// Tokens that were rejected here, the newest last: they are not adopted from the store again.
    rejected: VecDeque<Fingerprint>,
    /// Whether a renewal was asked for that isn't due.
    refresh: Refresh,
    pacing: Pacing,
    sharing: Sharing,
    /// The one action that is under way.
    in_flight: Option<InFlight>,
    next_id: u64,
    /// Until when the last poll found nothing to do; `None` where it is to be polled at once.
    poll_at: Option<Moment>,
    events: VecDeque<Event>,
}

#[derive(Debug)]
struct InFlight {
    id: u64,
    asked: Moment,
    /// By the monotonic clock.
    deadline: Duration,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Fetch,
    Call(Call),
}

#[derive(Clone, Copy, Debug)]
enum Refresh {
    No,
    /// By a cache that held nothing yet.
    Wanted,
    InsteadOf(Fingerprint),
}

/// What became of a [`reject`](TokenCache::reject).
///
/// An example is with [`TokenCache`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// It is not the token that is held: that one may be asked for and tried.
    NotCurrent,
    /// It is. A newer one is loaded from the store, if there is one; one is fetched once this much time has passed. Until then the token
    /// is still served.
    Suspect {
        /// Zero if it may be fetched at once.
        replaceable_in: Duration,
    },
}

impl TokenCache {
    /// The most events that are kept for [`next_event`](Self::next_event); older ones are dropped.
    const MAX_EVENTS: usize = 64;
    const MAX_REJECTED: usize = 16;

    /// An empty cache on its own. Equal seeds and inputs lead to equal actions; different seeds keep caches apart from
    /// each other in time.
    ///
    /// # Errors
    ///
    /// When the policy's figures don't fit together.
    pub fn new(policy: RenewalPolicy, seed: u64) -> Result<Self, PolicyError> {
        policy.check()?;
        let mut random = Random::new(seed);
        let jitter = 512 + u32::try_from(random.next() % 513).unwrap_or(0);
        Ok(Self {
            policy,
            random,
            jitter,
            latest: Duration::ZERO,
            held: None,
            rejected: VecDeque::new(),
            refresh: Refresh::No,
            pacing: Pacing::new(),
            sharing: Sharing::default(),
            in_flight: None,
            next_id: 0,
            poll_at: None,
            events: VecDeque::new(),
        })
    }

    /// The same, sharing its token through a store: the machine then also asks for [`Action::Store`].
    #[must_use]
    pub fn sharing(mut self) -> Self {
        self.sharing.enabled = true;
        self
    }

    /// The same, for a store that has a [fallback](crate::TokenStore::fallback): while the store is bypassed, the machine
    /// asks that one ([`Tier::Host`](crate::Tier::Host)).
    #[must_use]
    pub fn with_fallback(mut self) -> Self {
        self.sharing.fallback = Some(HostFallback::new());
        self.sharing()
    }

    /// What to do now, for a caller who wants a token. Call it when a snapshot [says so](crate::Snapshot::wants_poll), when a
    /// wait has ended, and after each report.
    pub fn poll(&mut self, now: Moment) -> Action {
        let now = self.advance(now);
        let action = self.next_action(now);
        self.poll_at = match action {
            Action::Wait { until, .. } => Some(until),
            Action::Fetch(_) | Action::Store(_) => None,
        };
        action
    }

    /// Takes back an action that was not begun, as if it had never been drawn: nothing is counted, and the next
    /// [`poll`](Self::poll) may draw it again.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what was taken back is not carried out"
    )]
    pub fn unbegun(&mut self, action: Action) {
        let id = match &action {
            Action::Fetch(ticket) => ticket.id,
            Action::Store(step) => step.id(),
            Action::Wait { .. } => return,
        };
        self.poll_at = None;
        self.finish(id);
    }

    /// Reports how a fetch ended. A token that comes after its ticket expired is still taken, if it is newer than the one
    /// held; a failure that comes so late is ignored.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a ticket is good for one report"
    )]
    pub fn fetched(&mut self, ticket: FetchTicket, result: Result<Grant, FetchError>, now: Moment) {
        let now = self.begin_report(now);
        let in_time = self.finish(ticket.id).is_some();
        match result {
            Ok(grant) => self.granted(&ticket, &grant, in_time, now),
            Err(error) if in_time => self.fetch_failed(error.into(), now),
            Err(_) => {}
        }
    }

    /// Reports that a fetch could not be started: the HTTP client was never called. It backs off as any failure, but can't
    /// have cost a token.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a ticket is good for one report"
    )]
    pub fn not_sent(&mut self, ticket: FetchTicket, why: Cause, now: Moment) {
        let now = self.begin_report(now);
        if self.finish(ticket.id).is_some() {
            self.fetch_failed(Failure::NotSent(why), now);
        }
    }

    /// Drops the fetch that is under way, because what carries it out doesn't answer any more. That counts as a fetch
    /// that may have cost a token. Its ticket is still good for a token that comes late. False where no fetch is under
    /// way.
    pub fn supersede(&mut self, now: Moment) -> bool {
        let now = self.begin_report(now);
        let fetching = |it: &mut InFlight| it.what == What::Fetch;
        if self.in_flight.take_if(fetching).is_none() {
            return false;
        }
        self.fetch_lost(now);
        true
    }

    /// Reports how a call to the store ended. An answer that comes after the step's deadline is ignored.
    pub fn stored(&mut self, done: StoreDone, now: Moment) {
        let now = self.begin_report(now);
        if let Some(call) = self.finish(done.id) {
            self.store_answered(done.answered, call.asked, now);
        }
    }

    /// Reports that an API call was refused with this token ([`token_rejected`](pan123_token::token_rejected)).
    pub fn reject(&mut self, token: &AccessToken, now: Moment) -> Rejection {
        let now = self.advance(now);
        let fingerprint = token.fingerprint();
        let current = |held: &&mut Arc<Held>| held.fingerprint == fingerprint;
        let Some(held) = self.held.as_mut().filter(current) else {
            return Rejection::NotCurrent;
        };
        let replaceable_in = held.until_forced(now);
        // It may have come as another cache's suspect; it is rejected here all the same.
        if held.life.suspicion != Suspicion::RejectedHere {
            Arc::make_mut(held).life.suspicion = Suspicion::RejectedHere;
            self.poll_at = None;
            self.rejected.push_back(fingerprint);
            if self.rejected.len() > Self::MAX_REJECTED {
                self.rejected.pop_front();
            }
            self.sharing.loaded_at = None;
            // Only this token's record is to be marked: a newer one is suspect to no cache yet.
            self.sharing.offer_again();
            self.push_event(Event::Rejected {
                fingerprint,
                replaceable_in,
            });
        }
        Rejection::Suspect { replaceable_in }
    }

    /// Asks for another token than the one held, though that may be fresh: a newer one from the store, or else a renewal.
    /// It keeps to the spacing, the backoff and the lease as any other, and the one held is served meanwhile.
    ///
    /// A cache that holds nothing yet wants another one than it finds in the store.
    pub fn refresh(&mut self) {
        self.refresh = match &self.held {
            Some(held) => Refresh::InsteadOf(held.fingerprint),
            None => Refresh::Wanted,
        };
        self.poll_at = None;
    }

    /// Earlier monotonic times change nothing.
    fn advance(&mut self, now: Moment) -> Moment {
        self.latest = self.latest.max(now.monotonic);
        Moment {
            monotonic: self.latest,
            ..now
        }
    }

    fn begin_report(&mut self, now: Moment) -> Moment {
        let now = self.advance(now);
        self.poll_at = None;
        self.drop_overdue(now);
        now
    }

    fn push_event(&mut self, event: Event) {
        if self.events.len() == Self::MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The one action that is under way from now on.
    fn start(&mut self, what: What, timeout: Duration, now: Moment) -> u64 {
        self.next_id += 1;
        self.in_flight = Some(InFlight {
            id: self.next_id,
            asked: now,
            deadline: now.monotonic.saturating_add(timeout),
            what,
        });
        self.next_id
    }

    fn finish(&mut self, id: u64) -> Option<InFlight> {
        self.in_flight.take_if(|it| it.id == id)
    }

    /// A ticket or a step that was dropped ends here.
    fn drop_overdue(&mut self, now: Moment) {
        let overdue = |it: &mut InFlight| it.deadline <= now.monotonic;
        let Some(InFlight { what, asked, .. }) = self.in_flight.take_if(overdue) else {
            return;
        };
        match what {
            What::Fetch => self.fetch_failed(Failure::Dropped, now),
            What::Call(call) => {
                self.call_failed(call, &StoreError::new("no answer in time"), asked, now);
            }
        }
    }
}
