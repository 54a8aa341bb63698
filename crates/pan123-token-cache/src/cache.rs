//! The state machine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use pan123_token::{AccessToken, FetchError, Fingerprint, Grant, OffsetDateTime};

use crate::action::{Action, FetchTicket, Lineage, Reason};
use crate::event::Event;
use crate::failure::Failure;
use crate::held::{Held, Life};
use crate::moment::Moment;
use crate::policy::{PolicyError, RenewalPolicy, doubled};
use crate::random::Random;
use crate::sharing::{HeldLease, Sharing};
use crate::snapshot::Snapshot;
use crate::store::{Answer, Call, Lease, Owner, Saved, StoreDone, StoreError, StoreStep, Stored};

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

/// Until when no attempt is made, and why.
#[derive(Clone, Copy, Debug)]
struct Hold {
    /// By the monotonic clock, while a token can be served.
    serving: Duration,
    /// While none can.
    without: Duration,
    reason: Reason,
}

/// What is to be done about the token.
enum Need {
    Nothing {
        until: Moment,
        reason: Reason,
    },
    /// A newer token from the store would do; nothing else may be done yet.
    Look {
        until: Moment,
        reason: Reason,
    },
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
        if let Some(call) = self.duty(now) {
            return self.call(call, now);
        }
        match self.need(now) {
            Need::Nothing { until, reason } => Action::Wait { until, reason },
            Need::Look { until, reason } => match self.look_again_at(now) {
                Some(again) => Action::Wait {
                    until: earlier(until, again, now),
                    reason,
                },
                None => self.call(Call::Look, now),
            },
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
        self.give_up_overdue(now);
        let in_time = self.land(ticket.id).is_some();
        match result {
            Ok(grant) => self.granted(&ticket, &grant, in_time, now),
            Err(error) if in_time => self.failed(error.into(), now),
            Err(_) => {}
        }
    }

    /// Reports how a call to the store ended.
    pub fn stored(&mut self, done: StoreDone, now: Moment) {
        let now = self.advance(now);
        self.give_up_overdue(now);
        let Some(flight) = self.land(done.id) else {
            return;
        };
        let FlightKind::Store(call) = flight.kind else {
            return;
        };
        match done.answer {
            Ok(answer) => self.store_answered(call, answer, flight.asked, now),
            Err(error) => self.call_failed(&call, error, now),
        }
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
            if !held.life.suspect {
                Arc::make_mut(held).life.suspect = true;
            }
            self.rejected.push_back(fingerprint);
            if self.rejected.len() > Self::MAX_REJECTED {
                self.rejected.pop_front();
            }
            if let Some(sharing) = &mut self.sharing {
                sharing.looked_at = None;
                sharing.unmarked = true;
            }
            self.tell(Event::Rejected {
                fingerprint,
                replaceable_in,
            });
        }
        Rejection::Suspect { replaceable_in }
    }

    /// What is held now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.held.clone())
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
                self.call_failed(&call, StoreError::new("no answer in time"), now);
            }
        }
    }

    fn call(&mut self, call: Call, now: Moment) -> Action {
        let id = self.take_off(
            now,
            self.policy.store_timeout,
            FlightKind::Store(call.clone()),
        );
        Action::Store(StoreStep { id, call })
    }

    /// What is owed to the store, whether or not anyone needs a token.
    fn duty(&mut self, now: Moment) -> Option<Call> {
        let sharing = self.sharing.as_mut()?;
        if sharing.left_alone_until(now).is_some() {
            // A store that is full may still free its gate, for which the others wait.
            let (owner, cool_until) = sharing.give_back.take_if(|_| sharing.save_failed)?;
            sharing.save_failed = false;
            let cool = cool_until.saturating_sub(now.monotonic);
            return Some(Call::GiveBack { owner, cool });
        }
        let held = self.held.as_ref();
        if let (true, Some(held)) = (sharing.unsaved, held) {
            let left = held.left_at(now);
            if !left.is_zero() {
                return Some(Call::Save {
                    record: held.record(),
                    replaces: sharing.replaces,
                    left,
                });
            }
            sharing.unsaved = false;
        }
        if let Some((owner, cool_until)) = sharing.give_back {
            let cool = cool_until.saturating_sub(now.monotonic);
            return Some(Call::GiveBack { owner, cool });
        }
        if let (true, Some(held)) = (sharing.unmarked, held) {
            let left = held.left_at(now);
            return Some(Call::MarkSuspect {
                record: held.record(),
                left,
            });
        }
        None
    }

    fn need(&self, now: Moment) -> Need {
        let Some(held) = self.held.as_ref().filter(|held| held.is_served_at(now)) else {
            return Need::Renewal { serving: false };
        };
        let left_alone_until = self
            .sharing
            .as_ref()
            .and_then(|it| it.left_alone_until(now));
        if held.is_due_at(now) {
            return if self.maybe_issued >= 2 && !held.life.suspect {
                // Each of them may have cost one of the 3 tokens; another could cost this one.
                Need::Nothing {
                    until: held.end(),
                    reason: Reason::MaybeIssued,
                }
            } else if left_alone_until.is_some() && !held.is_pressing_at(now) {
                Need::Nothing {
                    until: earlier(
                        held.pressing(),
                        left_alone_until.unwrap_or(Duration::MAX),
                        now,
                    ),
                    reason: Reason::StoreDown,
                }
            } else {
                Need::Renewal { serving: true }
            };
        }
        if held.life.suspect {
            let until = now.after(held.until_forced(now));
            return Need::Look {
                until,
                reason: Reason::Suspect,
            };
        }
        let until = held.due();
        // What the store still has to get is offered to it again.
        let unsaved = self.sharing.as_ref().is_some_and(|it| it.unsaved);
        let offer_again = left_alone_until
            .filter(|_| unsaved)
            .unwrap_or(Duration::MAX);
        Need::Nothing {
            until: earlier(until, offer_again, now),
            reason: Reason::Fresh,
        }
    }

    /// When the store may be looked into again for the sake of a suspect token; `None` if at once.
    fn look_again_at(&self, now: Moment) -> Option<Duration> {
        let Some(sharing) = &self.sharing else {
            return Some(Duration::MAX);
        };
        sharing
            .left_alone_until(now)
            .or_else(|| sharing.look_again_at(self.policy.store_retry_base, now))
    }

    fn renew(&mut self, serving: bool, now: Moment) -> Action {
        if let Some(lease) = self.sharing.as_ref().and_then(|sharing| sharing.lease) {
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
                self.trouble(
                    "lease",
                    StoreError::new("the lease came too late to be used"),
                    now,
                );
            }
            // Without it, and perhaps without the store, there may be less of a need.
            return self.poll(now);
        }
        let hold = self.hold;
        let until = if serving { hold.serving } else { hold.without };
        if now.monotonic < until {
            return Action::Wait {
                until: now.after(until.saturating_sub(now.monotonic)),
                reason: hold.reason,
            };
        }
        match &self.sharing {
            Some(sharing) if sharing.left_alone_until(now).is_none() => {
                // Two processes that were forked from one draw the same numbers, though not at the same time.
                let at = u64::try_from(now.monotonic.as_nanos()).unwrap_or(u64::MAX);
                let call = match sharing.look_again_at(self.policy.lease_poll, now) {
                    None => Call::Look,
                    Some(_) => Call::Lease {
                        owner: Owner(self.random.next() ^ at),
                        term: self.policy.lease_term,
                    },
                };
                self.call(call, now)
            }
            _ => self.fetch(now),
        }
    }

    fn fetch(&mut self, now: Moment) -> Action {
        let timeout = self.policy.fetch_timeout;
        let lineage = self.lineage(now);
        if let Some(sharing) = &mut self.sharing {
            sharing.late_leases = 0;
        }
        let id = self.take_off(now, timeout, FlightKind::Fetch);
        Action::Fetch(FetchTicket {
            id,
            sent: now,
            timeout,
            lineage,
        })
    }

    fn lineage(&self, now: Moment) -> Lineage {
        // A suspect in the store is replaced even by a cache that never held it: the row of forced renewals goes on.
        let lease = self.sharing.as_ref().and_then(|sharing| sharing.lease);
        let none = Lineage {
            forced: false,
            in_a_row: 0,
        };
        lease
            .and_then(|lease| lease.lineage)
            .or_else(|| Some(self.lineage_of(self.held.as_ref()?, now)))
            .unwrap_or(none)
    }

    /// What a fetch that replaces this token hands on.
    fn lineage_of(&self, held: &Held, now: Moment) -> Lineage {
        // A token that lives for less than that has settled halfway.
        let settled = self.policy.settled_after.min(held.life.lifetime / 2);
        let before = if held.age_at(now) >= settled {
            0
        } else {
            held.life.forced
        };
        let forced = held.is_usable_at(now) && held.may_be_forced_at(now);
        Lineage {
            forced,
            in_a_row: before.saturating_add(u32::from(forced)),
        }
    }

    fn granted(&mut self, ticket: &FetchTicket, grant: &Grant, in_time: bool, now: Moment) {
        let sent = ticket.sent;
        let lifetime = grant
            .lifetime()
            .unwrap_or_else(|| unix(grant.token.expires_at()).saturating_sub(sent.wall));
        let fresh = self.hold_token(
            grant.token.clone(),
            Life {
                since: sent,
                left: lifetime,
                age: Duration::ZERO,
                lifetime,
                issued_at: grant.server_time.unwrap_or_else(|| date(sent.wall)),
                sent_at: sent.wall,
                forced: ticket.lineage.in_a_row,
                suspect: false,
            },
        );
        let failure = if !fresh.is_usable_at(now) {
            Some(Failure::BornOver)
        } else if self.rejected.contains(&fresh.fingerprint) {
            Some(Failure::Unchanged)
        } else {
            match &self.held {
                Some(held) if held.fingerprint == fresh.fingerprint => {
                    let extended = fresh.token.expires_at() > held.token.expires_at();
                    (!extended).then_some(Failure::Unchanged)
                }
                // It comes late, and a newer one came before it.
                Some(held)
                    if !in_time
                        && held.is_served_at(now)
                        && held.life.issued_at >= fresh.life.issued_at =>
                {
                    return;
                }
                _ => None,
            }
        };
        match failure {
            Some(failure) if in_time => self.failed(failure, now),
            Some(_) => {}
            None => self.renewed(fresh, ticket.lineage.forced, now),
        }
    }

    fn renewed(&mut self, fresh: Held, forced: bool, now: Moment) {
        self.tell(Event::Renewed {
            fingerprint: fresh.fingerprint,
            expires_at: fresh.token.expires_at(),
            forced,
        });
        self.held = Some(Arc::new(fresh));
        self.failures = 0;
        self.maybe_issued = 0;
        self.last_failure = None;
        self.hold_until(
            self.policy.min_interval,
            self.policy.min_interval,
            Reason::Spacing,
            now,
        );
        if let Some(sharing) = &mut self.sharing {
            sharing.unsaved = true;
            sharing.replaces = sharing.lease.and_then(|lease| lease.replaces);
            sharing.unmarked = false;
            // One that came late leaves the lease to the fetch that is under way.
            if self.flight.is_none() {
                sharing.end_lease(self.policy.min_interval, now);
            }
        }
    }

    fn failed(&mut self, failure: Failure, now: Moment) {
        let policy = &self.policy;
        let serving_old = self
            .held
            .as_ref()
            .is_some_and(|held| held.is_served_at(now));
        let (base, cap) = if failure.is_refused() {
            (policy.refused_base, policy.backoff_cap_serving)
        } else if serving_old {
            (policy.backoff_base, policy.backoff_cap_serving)
        } else {
            (policy.backoff_base, policy.backoff_cap)
        };
        let jittered = self.random.up_to(doubled(base, self.failures, cap));
        let least = if failure.is_refused() {
            policy.refused_base
        } else {
            Duration::ZERO
        };
        let asked_for = failure
            .retry_after()
            .unwrap_or_default()
            .max(policy.min_interval);
        let serving = jittered.max(least).max(asked_for);
        // A token that ends meanwhile makes it more urgent, but for a refusal.
        let without = if failure.is_refused() {
            serving
        } else {
            jittered.min(policy.backoff_cap).max(asked_for)
        };

        let (rate_limited, min_interval) = (failure.is_rate_limited(), policy.min_interval);
        let reason = if rate_limited {
            Reason::RateLimited
        } else {
            Reason::Backoff
        };
        if let Some(retry_after) = failure.retry_after() {
            let until = now.monotonic.saturating_add(retry_after);
            self.not_before = self.not_before.max(until);
        }
        self.hold_until(serving, without, reason, now);
        self.failures = self.failures.saturating_add(1);
        if failure.may_have_issued() {
            self.maybe_issued = self.maybe_issued.saturating_add(1);
        }
        if let Some(sharing) = &mut self.sharing {
            // Only rate limiting is everyone's; a wrong secret or a bad network is this host's own.
            sharing.end_lease(if rate_limited { without } else { min_interval }, now);
            sharing.looked_at = None;
        }
        let next_attempt = if serving_old { serving } else { without };
        if rate_limited {
            self.tell(Event::RateLimited { wait: next_attempt });
        }
        self.tell(Event::RenewalFailed {
            failure: failure.clone(),
            serving_old,
            next_attempt,
        });
        self.last_failure = Some(failure);
    }

    fn hold_until(&mut self, serving: Duration, without: Duration, reason: Reason, now: Moment) {
        self.hold = Hold {
            serving: now.monotonic.saturating_add(serving).max(self.not_before),
            without: now.monotonic.saturating_add(without).max(self.not_before),
            reason,
        };
    }

    fn call_failed(&mut self, call: &Call, error: StoreError, now: Moment) {
        if let Some(sharing) = &mut self.sharing {
            match call {
                // It may have been granted.
                Call::Lease { owner, .. } => sharing.give_back = Some((*owner, Duration::ZERO)),
                Call::Save { .. } => sharing.save_failed = true,
                _ => {}
            }
        }
        self.trouble(call.name(), error, now);
    }

    fn trouble(&mut self, call: &'static str, error: StoreError, now: Moment) {
        if let Some(sharing) = &mut self.sharing {
            sharing.failed(&self.policy, &mut self.random, now);
            self.tell(Event::StoreFailed { call, error });
        }
    }

    fn store_answered(&mut self, call: Call, answer: Answer, asked: Moment, now: Moment) {
        let Some(sharing) = &mut self.sharing else {
            return;
        };
        // A store that is full gives leases back all the same.
        let recovered = !matches!(call, Call::GiveBack { .. }) && sharing.recovered();
        match (call, answer) {
            (Call::Look, Answer::Looked(stored)) => {
                sharing.looked_at = Some(now.monotonic);
                self.adopt(stored, asked, now);
            }
            (Call::Lease { owner, term }, Answer::Leased(lease)) => {
                self.leased(owner, term, lease, asked, now);
            }
            (Call::Save { record, .. }, Answer::Saved(saved)) => {
                let at_hand = self.held.as_ref().map(|held| held.fingerprint);
                if at_hand == Some(record.fingerprint()) {
                    sharing.unsaved = false;
                }
                if let Saved::Newer(stored) = saved {
                    self.adopt(Some(stored), asked, now);
                }
            }
            (Call::MarkSuspect { .. }, answer) => {
                sharing.unmarked = false;
                if let Answer::Looked(stored) = answer {
                    self.adopt(stored, asked, now);
                }
            }
            (Call::GiveBack { .. }, _) => sharing.give_back = None,
            // No step leads to another answer than its own.
            _ => {}
        }
        if recovered {
            self.tell(Event::StoreRecovered);
        }
    }

    fn leased(&mut self, owner: Owner, term: Duration, lease: Lease, asked: Moment, now: Moment) {
        let Some(sharing) = &mut self.sharing else {
            return;
        };
        let (wait, stored, reason) = match lease {
            Lease::Granted(stored) => {
                sharing.shut = 0;
                sharing.lease = Some(HeldLease {
                    owner,
                    ends: asked.after(term),
                    replaces: stored.as_ref().map(|stored| stored.record.fingerprint()),
                    lineage: None,
                });
                let read = stored.clone().map(|stored| self.read(stored, asked));
                let lineage = read.map(|read| self.lineage_of(&read, now));
                if let Some(lease) = self.sharing.as_mut().and_then(|it| it.lease.as_mut()) {
                    lease.lineage = lineage.filter(|lineage| lineage.forced);
                }
                self.adopt(stored, asked, now);
                if !matches!(self.need(now), Need::Renewal { .. }) {
                    // What was to be fetched came meanwhile.
                    if let Some(sharing) = &mut self.sharing {
                        sharing.end_lease(Duration::ZERO, now);
                    }
                }
                return;
            }
            Lease::Held(wait, stored) if wait.is_zero() => {
                // A holder that stopped, or a lock that a forked child keeps alive.
                self.adopt(stored, asked, now);
                self.trouble(
                    "lease",
                    StoreError::new("another process has had the lease for longer than its term"),
                    now,
                );
                return;
            }
            Lease::Held(wait, stored) => (wait, stored, Reason::Leased),
            Lease::Cool(wait, stored) => (wait, stored, Reason::RateLimited),
        };
        // Whoever has no token looks again soon: the holder may be done long before its term ends.
        let soon = doubled(
            self.policy.lease_poll,
            sharing.shut.min(3),
            self.policy.backoff_cap,
        );
        let soon = soon / 2 + self.random.up_to(soon / 2);
        sharing.shut = sharing.shut.saturating_add(1);
        sharing.looked_at = None;
        self.adopt(stored, asked, now);
        let serving = wait.min(self.policy.backoff_cap_serving).max(soon);
        self.hold_until(serving, wait.min(soon), reason, now);
    }

    /// A stored token, as it would be in this cache's hands.
    fn read(&self, stored: Stored, asked: Moment) -> Held {
        let Stored { record, left } = stored;
        let left = left.unwrap_or_else(|| {
            // Without a clock of the store's own, this host's tells; but not where it was set back since.
            match asked.wall.checked_sub(record.sent_at) {
                Some(elapsed) => record.lifetime.saturating_sub(elapsed),
                None => unix(record.token.expires_at()).saturating_sub(asked.wall),
            }
        });
        let left = left.min(record.lifetime);
        self.hold_token(
            record.token,
            Life {
                since: asked,
                left,
                age: record.lifetime.saturating_sub(left),
                lifetime: record.lifetime,
                issued_at: record.issued_at,
                sent_at: record.sent_at,
                forced: record.forced,
                suspect: record.suspect,
            },
        )
    }

    /// Takes over a stored token, if it is better than the one at hand.
    fn adopt(&mut self, stored: Option<Stored>, asked: Moment, now: Moment) {
        let Some(stored) = stored else {
            return;
        };
        let stored = self.read(stored, asked);
        if !stored.is_usable_at(now) || self.rejected.contains(&stored.fingerprint) {
            return;
        }
        if let Some(held) = self.held.as_ref().filter(|held| held.is_usable_at(now)) {
            let better = if held.is_served_at(now) && !stored.is_served_at(now) {
                // Another cache's suspect, which is to be replaced: no reason to stop serving.
                false
            } else if held.fingerprint == stored.fingerprint {
                stored.token.expires_at() > held.token.expires_at()
            } else {
                // A `Date` that was wrong once must not keep a cache on a token that is due or suspect.
                stored.life.issued_at >= held.life.issued_at
                    || held.life.suspect
                    || held.is_due_at(now) && !stored.is_due_at(now)
            };
            if !better {
                return;
            }
        }
        self.tell(Event::Adopted {
            fingerprint: stored.fingerprint,
            expires_at: stored.token.expires_at(),
        });
        self.held = Some(Arc::new(stored));
        self.failures = 0;
        self.maybe_issued = 0;
        self.last_failure = None;
        if let Some(sharing) = &mut self.sharing {
            sharing.unsaved = false;
            sharing.unmarked = false;
        }
    }

    fn hold_token(&self, token: AccessToken, life: Life) -> Held {
        Held::new(token, life, &self.policy, self.share)
    }
}

/// The earlier of two times, of which one is by the monotonic clock alone. Clock by clock: the two may have gone apart
/// since the first of them was reckoned.
fn earlier(moment: Moment, monotonic: Duration, now: Moment) -> Moment {
    let other = now.after(monotonic.saturating_sub(now.monotonic));
    Moment {
        wall: moment.wall.min(other.wall),
        monotonic: moment.monotonic.min(other.monotonic),
    }
}

/// Since 1970; zero before that.
fn unix(time: OffsetDateTime) -> Duration {
    Duration::try_from(time - OffsetDateTime::UNIX_EPOCH).unwrap_or_default()
}

/// The date of a wall clock, where there is one; 1970 otherwise.
fn date(wall: Duration) -> OffsetDateTime {
    time::Duration::try_from(wall)
        .ok()
        .and_then(|wall| OffsetDateTime::UNIX_EPOCH.checked_add(wall))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
