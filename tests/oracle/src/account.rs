//! What is visible of one cache: what it was handed, what it asked for, and what its callers got. No word of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use pan123_token::{AccessToken, ErrorKind, FetchError, Grant, OffsetDateTime};
use pan123_token_cache::{Lease, Moment, RenewalPolicy, Saved, StoreStep};

use crate::life::Life;
use crate::platform::{TokenId, token_id};
use crate::rules::{self, Broken, Check};
use crate::store::Answer;

/// Accounts that differ by less say the same.
const ROUNDING: Duration = Duration::from_micros(100);

/// How a fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchEnd {
    /// A token came that can be used.
    Token,
    /// A token came that has expired on issue.
    Useless,
    /// The current token came again.
    Unchanged,
    /// After its deadline.
    Late,
    /// The platform refused.
    Refused,
    /// It limits the rate, perhaps until then.
    RateLimited(Option<Duration>),
    /// A token may have been issued and lost.
    MaybeIssued,
    /// The platform is away, for everyone.
    Unavailable,
    /// The request never left this host.
    NotSent,
}

/// A lease as it was granted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseSeen {
    pub(crate) ends: Moment,
    /// The record that was read with it.
    pub(crate) record: Option<(TokenId, Life)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlight {
    pub(crate) number: u64,
    /// By the monotonic clock.
    pub(crate) ends: Duration,
    pub(crate) kind: FlightKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlightKind {
    Fetch {
        leased: bool,
    },
    Step {
        writes: bool,
        /// A release says nothing of whether records can be written.
        proves: bool,
        asked: Moment,
    },
}

/// What is known of the store from its answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreSeen {
    /// By the monotonic clock: since when calls fail.
    pub(crate) failing_since: Option<Duration>,
    pub(crate) failed_calls: u32,
    /// It can't be written. That it can be read is no end of that.
    pub(crate) writing: bool,
    /// There is no point in trying again: a holder that never releases, or leases that come too late.
    pub(crate) useless: bool,
    pub(crate) only_misconfigured: bool,
    pub(crate) late_leases: u32,
}

/// Whether a caller asked for another token than the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    No,
    Any,
    InsteadOf(TokenId),
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) policy: RenewalPolicy,
    pub(crate) shares: bool,
    /// Each account of each token's life that this cache could have.
    pub(crate) lives: BTreeMap<TokenId, Vec<Life>>,
    /// What a caller got last.
    pub(crate) held: Option<TokenId>,
    /// With this expiry.
    pub(crate) held_expires_at: Option<OffsetDateTime>,
    /// Whether a caller gets it still.
    pub(crate) serving: bool,
    /// Tokens that were rejected here: the last sixteen.
    pub(crate) rejected: VecDeque<TokenId>,
    /// Tokens that are suspect, here or elsewhere.
    pub(crate) suspects: Vec<TokenId>,
    pub(crate) refresh: Refresh,
    pub(crate) in_flight: Option<InFlight>,
    /// By the monotonic clock: when the last fetch ended.
    pub(crate) last_end: Option<Duration>,
    /// By the monotonic clock: the end of the longest `Retry-After`.
    pub(crate) not_before: Duration,
    pub(crate) refused_at: Option<Duration>,
    pub(crate) useless_at: Option<Duration>,
    /// Consecutive failures, and the waits after the late ones of them.
    pub(crate) failures: u32,
    pub(crate) failed_at: Option<Duration>,
    pub(crate) gaps: Vec<Duration>,
    pub(crate) maybe_issued: u32,
    /// The same, with tokens that came and are of no use, and replies of a platform that is away.
    pub(crate) spent: u32,
    pub(crate) store: StoreSeen,
    /// The lease that the next fetch may be drawn under.
    pub(crate) lease: Option<LeaseSeen>,
    /// Not released yet, until then.
    pub(crate) holds_lease_until: Option<Duration>,
    /// Under a lease that is not released yet: until when it must cool down.
    pub(crate) cooldown_until: Option<Duration>,
    /// Whether the last fetch was drawn under a lease.
    pub(crate) was_leased: bool,
    /// For how long the last lease that was denied is not to be had, by the monotonic clock.
    pub(crate) denied_until: Duration,
    /// A token that the store doesn't have yet, with how many forced renewals may have led to it, and since when.
    pub(crate) unsaved: Option<Unsaved>,
    /// The next step must be a save, of this token, and by which rule.
    pub(crate) must_save: Option<(TokenId, &'static str)>,
    pub(crate) last_poll: Duration,
    pub(crate) polls_at_once: u32,
    pub(crate) calls_at_once: u32,
    pub(crate) last_load: Option<Duration>,
    /// By the monotonic clock: when each of the last intervals between loads while fresh began and how long it was.
    pub(crate) load_intervals: Vec<Duration>,
    /// By the monotonic clock: until when something that went wrong may still delay it.
    pub(crate) excused_until: Duration,
    /// How fetches ended since the last time that was asked for.
    pub(crate) ends: Vec<FetchEnd>,
    /// By the monotonic clock: when it was last handed something new, failed, or was refused.
    pub(crate) changed_at: Duration,
    /// Since when renewal has been due, whatever the jitter, and nothing excuses it.
    pub(crate) due_since: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(crate) struct Unsaved {
    pub(crate) token: TokenId,
    pub(crate) forced: BTreeSet<u32>,
    pub(crate) since: Duration,
}

impl Account {
    pub(crate) fn new(policy: RenewalPolicy, shares: bool) -> Self {
        Self {
            policy,
            shares,
            lives: BTreeMap::new(),
            held: None,
            held_expires_at: None,
            serving: false,
            rejected: VecDeque::new(),
            suspects: Vec::new(),
            refresh: Refresh::No,
            in_flight: None,
            last_end: None,
            not_before: Duration::ZERO,
            refused_at: None,
            useless_at: None,
            failures: 0,
            failed_at: None,
            gaps: Vec::new(),
            maybe_issued: 0,
            spent: 0,
            store: StoreSeen::default(),
            lease: None,
            holds_lease_until: None,
            cooldown_until: None,
            was_leased: false,
            denied_until: Duration::ZERO,
            unsaved: None,
            must_save: None,
            last_poll: Duration::ZERO,
            polls_at_once: 0,
            calls_at_once: 0,
            last_load: None,
            load_intervals: Vec::new(),
            excused_until: Duration::ZERO,
            ends: Vec::new(),
            changed_at: Duration::ZERO,
            due_since: None,
        }
    }

    pub(crate) fn lives_of(&self, token: TokenId) -> &[Life] {
        self.lives.get(&token).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn held_lives(&self) -> &[Life] {
        self.held.map_or(&[], |token| self.lives_of(token))
    }

    pub(crate) fn was_rejected(&self, token: TokenId) -> bool {
        self.rejected.contains(&token)
    }

    pub(crate) fn is_suspect(&self, token: TokenId) -> bool {
        self.suspects.contains(&token)
    }

    /// By each account of it.
    pub(crate) fn is_surely_usable(&self, token: TokenId, now: Moment) -> bool {
        let lives = self.lives_of(token);
        !lives.is_empty() && lives.iter().all(|it| it.is_usable_at(now, &self.policy))
    }

    /// By one account of it at least.
    pub(crate) fn may_be_usable(&self, token: TokenId, now: Moment) -> bool {
        let lives = self.lives_of(token);
        lives.iter().any(|it| it.is_usable_at(now, &self.policy))
    }

    /// How long until it may be replaced because of a rejection: at least, and at most. Records of one token may differ:
    /// the cache keeps the most forced renewals that any of them counts, and may take the age from another.
    pub(crate) fn until_replaceable(&self, token: TokenId, now: Moment) -> (Duration, Duration) {
        let lives = self.lives_of(token);
        let min_ages = || lives.iter().map(|life| life.min_age(&self.policy));
        let ages = || lives.iter().map(|life| life.age_at(now));
        let bound = |min_age: Option<Duration>, age: Option<Duration>| {
            min_age
                .unwrap_or_default()
                .saturating_sub(age.unwrap_or_default())
        };
        (
            bound(min_ages().min(), ages().max()),
            bound(min_ages().max(), ages().min()),
        )
    }

    pub(crate) fn excuse(&mut self, until: Duration) {
        self.excused_until = self.excused_until.max(until);
        self.due_since = None;
    }

    /// Whether something that went wrong here may still delay it.
    pub(crate) fn now_excused(&self, now: Moment) -> bool {
        now.monotonic < self.excused_until
    }

    fn later_than_held(&self, life: &Life) -> bool {
        let held = self.held_lives();
        held.iter().all(|it| life.expires_at > it.expires_at)
    }

    fn learn(&mut self, token: TokenId, life: Life) {
        let lives = self.lives.entry(token).or_default();
        let close = |one: Duration, other: Duration| one.abs_diff(other) < ROUNDING;
        let same = |it: &Life| {
            it.expires_at == life.expires_at
                && it.issued_at == life.issued_at
                && it.lifetime == life.lifetime
                && it.forced == life.forced
                && it.maybe_issued == life.maybe_issued
                && close(it.left_at(life.since), life.left)
                && close(it.age_at(life.since), life.age)
        };
        if lives.iter().any(same) {
            return;
        }
        if lives.len() >= 96 {
            // Not one that it may have taken; clocks that drift make most of the others.
            let other = |it: &Life| Some(it.expires_at) != self.held_expires_at;
            let old = lives[24..].iter().position(other).unwrap_or(0);
            lives.remove(24 + old);
        }
        lives.push(life);
        if self.lives.len() > 24 {
            let oldest = self
                .lives
                .keys()
                .find(|it| Some(**it) != self.held && **it != token);
            if let Some(oldest) = oldest.copied() {
                self.lives.remove(&oldest);
            }
        }
    }

    // What the passing of time ends.

    pub(crate) fn pass_to(&mut self, now: Moment) {
        if let Some(flight) = self
            .in_flight
            .take_if(|flight| flight.ends <= now.monotonic)
        {
            match flight.kind {
                FlightKind::Fetch { leased } => {
                    self.fetch_ended(leased, flight.ends);
                    self.failed(FetchEnd::MaybeIssued, now);
                }
                FlightKind::Step { writes, asked, .. } => {
                    self.call_failed(asked, flight.ends, writes, false);
                    self.lease = None;
                    self.holds_lease_until = None;
                }
            }
        }
        // Nobody saves what has expired, be it by a wall clock that is set back later.
        let unsaved = self.unsaved.take();
        self.unsaved = unsaved.filter(|it| self.is_surely_usable(it.token, now));
    }

    // Fetches.

    pub(crate) fn fetch_begins(&mut self, number: u64, timeout: Duration, now: Moment) {
        if let Some(at) = self.failed_at.take() {
            let gap = now.monotonic.saturating_sub(at);
            let by_itself = now.monotonic > self.not_before + Duration::from_secs(1);
            // By the eighth failure each backoff has come to its cap.
            if self.failures >= 8 && by_itself {
                self.gaps.push(gap);
            } else {
                self.gaps.clear();
            }
        }
        let leased = self.lease.is_some();
        self.in_flight = Some(InFlight {
            number,
            ends: now.monotonic + timeout,
            kind: FlightKind::Fetch { leased },
        });
        self.store.late_leases = 0;
        self.due_since = None;
        self.calls_at_once = 0;
    }

    /// How many forced renewals the token may have that is fetched now.
    pub(crate) fn forced_next(&self, now: Moment) -> BTreeSet<u32> {
        let mut next = BTreeSet::new();
        // A suspect of the store is replaced also by a cache that never held it.
        if let Some((token, life)) = self.lease.and_then(|lease| lease.record)
            && self.may_be_forced(token, &[life], now)
        {
            next.extend(self.forced_before(&[life], now).iter().map(|it| it + 1));
        }
        let Some(held) = self.held else {
            next.insert(0);
            return next;
        };
        let lives = self.lives_of(held);
        for before in self.forced_before(lives, now) {
            if self.may_be_forced(held, lives, now) {
                next.insert(before + 1);
            }
            if !self.must_be_forced(held, lives, now) {
                next.insert(before);
            }
        }
        next
    }

    // Records of one token may differ: the cache keeps the most forced renewals that any of them counts, and may take age
    // and expiry from another.

    /// How many forced renewals before it still count.
    fn forced_before(&self, lives: &[Life], now: Moment) -> BTreeSet<u32> {
        let is_settled = |life: &Life| life.is_settled_at(now, &self.policy);
        let mut before = BTreeSet::new();
        if lives.iter().any(is_settled) {
            before.insert(0);
        }
        if !lives.iter().all(is_settled) {
            before.extend(lives.iter().map(|life| life.forced));
        }
        before
    }

    fn may_be_forced(&self, token: TokenId, lives: &[Life], now: Moment) -> bool {
        self.is_suspect(token)
            && lives.iter().any(|it| it.is_usable_at(now, &self.policy))
            && lives
                .iter()
                .any(|it| it.is_old_enough_at(now, &self.policy))
    }

    /// That it is suspect may also be hearsay, which the cache may not have taken.
    fn must_be_forced(&self, token: TokenId, lives: &[Life], now: Moment) -> bool {
        self.was_rejected(token)
            && lives.iter().all(|it| it.is_usable_at(now, &self.policy))
            && self.until_replaceable(token, now).1.is_zero()
    }

    fn fetch_ended(&mut self, leased: bool, at: Duration) {
        self.last_end = Some(at);
        self.lease = None;
        self.was_leased = leased;
        if leased {
            self.cooldown_until = Some(at + self.policy.min_interval);
        }
    }

    /// Takes the fetch of this number as ended, if it is in flight. Returns whether it was leased.
    pub(crate) fn end_fetch(&mut self, number: u64, now: Moment) -> Option<bool> {
        let flight = self.in_flight.take_if(|flight| flight.number == number)?;
        match flight.kind {
            FlightKind::Fetch { leased } => {
                self.fetch_ended(leased, now.monotonic);
                Some(leased)
            }
            FlightKind::Step { .. } => None,
        }
    }

    /// Gives up what is fetched.
    pub(crate) fn supersede(&mut self, now: Moment) -> bool {
        let Some(flight) = self
            .in_flight
            .take_if(|flight| matches!(flight.kind, FlightKind::Fetch { .. }))
        else {
            return false;
        };
        if let FlightKind::Fetch { leased } = flight.kind {
            self.fetch_ended(leased, now.monotonic);
        }
        self.failed(FetchEnd::MaybeIssued, now);
        true
    }

    pub(crate) fn failed(&mut self, end: FetchEnd, now: Moment) {
        self.ends.push(end);
        self.changed_at = now.monotonic;
        self.failures += 1;
        self.failed_at = Some(now.monotonic);
        self.refused_at = None;
        self.useless_at = None;
        match end {
            FetchEnd::Refused => self.refused_at = Some(now.monotonic),
            FetchEnd::RateLimited(retry_after) => {
                let until = now.monotonic + retry_after.unwrap_or_default();
                self.not_before = self.not_before.max(until);
                if self.was_leased {
                    self.cooldown_until = self.cooldown_until.max(Some(self.not_before));
                }
            }
            FetchEnd::MaybeIssued => {
                self.maybe_issued += 1;
                self.spent += 1;
            }
            FetchEnd::Useless => {
                self.useless_at = Some(now.monotonic);
                self.spent += 1;
            }
            FetchEnd::Unavailable => self.spent += 1,
            _ => {}
        }
        self.excuse(self.not_before.max(now.monotonic + self.longest_backoff()));
    }

    /// The longest wait after a failure, by the policy.
    pub(crate) fn longest_backoff(&self) -> Duration {
        if self.serving || self.refused_at.is_some() || self.useless_at.is_some() {
            self.policy.backoff_cap_serving
        } else {
            self.policy.backoff_cap.max(self.policy.min_interval)
        }
    }

    /// A token came. What it is, and whether it must be served at once.
    pub(crate) fn granted(
        &mut self,
        grant: &Grant,
        sent: Moment,
        in_time: bool,
        forced: BTreeSet<u32>,
        leased: bool,
        now: Moment,
    ) -> (FetchEnd, Option<(TokenId, &'static str)>) {
        let token = token_id(&grant.token);
        let least = forced.iter().min().copied().unwrap_or(0);
        let came = Life::of_grant(grant, sent, least);
        let usable = came.is_usable_at(now, &self.policy);
        let known = self.held == Some(token);
        let rejected = self.was_rejected(token);
        let later = self
            .held_lives()
            .iter()
            .all(|life| came.expires_at > life.expires_at);
        let newer = self
            .held_lives()
            .iter()
            .all(|life| came.issued_at > life.issued_at);
        let expired = known && !self.may_be_usable(token, now);
        for forced in &forced {
            let life = Life {
                forced: *forced,
                ..came
            };
            self.learn(token, life);
        }
        // The platform has confirmed a suspect that it sends again.
        let unchanged = known && self.is_suspect(token) && !later && !expired;
        let confirmed = in_time && usable && (rejected || unchanged);
        let good = usable
            && !rejected
            && if known {
                later || expired
            } else {
                in_time || newer
            };
        if !good && !confirmed {
            if !in_time {
                return (FetchEnd::Late, None);
            }
            let end = if usable {
                FetchEnd::Unchanged
            } else {
                FetchEnd::Useless
            };
            self.failed(end, now);
            return (end, None);
        }
        self.rejected.retain(|it| *it != token);
        if !confirmed {
            self.suspects.retain(|it| *it != token);
        }
        self.renewed();
        self.refresh = Refresh::No;
        self.changed_at = now.monotonic;
        if self.shares {
            self.unsaved = Some(Unsaved {
                token,
                forced,
                since: now.monotonic,
            });
            if in_time && !leased {
                self.must_save = Some((token, "fetched-alone-is-offered-at-once"));
            }
        }
        let rule = if confirmed {
            "confirmed-is-served"
        } else {
            "received-is-served"
        };
        (FetchEnd::Token, Some((token, rule)))
    }

    fn renewed(&mut self) {
        self.failures = 0;
        self.failed_at = None;
        self.gaps.clear();
        self.maybe_issued = 0;
        self.spent = 0;
        self.refused_at = None;
        self.useless_at = None;
    }

    // The store.

    pub(crate) fn step_begins(&mut self, number: u64, step: &StoreStep, now: Moment) {
        let writes = !matches!(step, StoreStep::Load(_));
        let proves = !matches!(step, StoreStep::Release(_));
        self.in_flight = Some(InFlight {
            number,
            ends: now.monotonic + self.policy.store_timeout,
            kind: FlightKind::Step {
                writes,
                proves,
                asked: now,
            },
        });
        self.calls_at_once += 1;
        if matches!(step, StoreStep::Release(_)) {
            self.lease = None;
        }
        if matches!(step, StoreStep::Load(_))
            && let Some(before) = self.last_load.replace(now.monotonic)
            && self.serving
            && self.excused_until < before
            && self.load_intervals.len() < 64
        {
            let interval = now.monotonic.saturating_sub(before);
            self.load_intervals.push(interval);
        }
    }

    /// The store is tried again from when it was asked first.
    fn call_failed(&mut self, asked: Moment, at: Duration, writes: bool, misconfigured: bool) {
        if self.store.failing_since.is_none() {
            self.store.only_misconfigured = true;
        }
        self.store.failing_since.get_or_insert(asked.monotonic);
        self.store.failed_calls += 1;
        self.store.writing |= writes;
        self.store.only_misconfigured &= misconfigured;
        self.must_save = None;
        self.excuse(at + self.policy.store_retry_cap);
    }

    /// The store's answer to a step. Returns a token that must be served now.
    pub(crate) fn answered(
        &mut self,
        number: u64,
        answer: &Answer,
        step: &StoreStep,
        now: Moment,
    ) -> Option<(TokenId, &'static str)> {
        let flight = self.in_flight.take_if(|flight| flight.number == number)?;
        let FlightKind::Step {
            writes,
            proves,
            asked,
        } = flight.kind
        else {
            return None;
        };
        if let Some(error) = answer.error() {
            self.call_failed(asked, now.monotonic, writes, error.is_misconfigured());
            self.lease = None;
            // A release that failed leaves it to its term.
            self.holds_lease_until = None;
            return None;
        }
        if let (Answer::Save(Ok(Saved::Newer(stored))), StoreStep::Save(step)) = (answer, step) {
            let (asked_for, kept) = (&step.call().record, &stored.record);
            let behind = asked_for.fingerprint() == kept.fingerprint()
                && asked_for.token.expires_at() >= kept.token.expires_at()
                && asked_for.forced >= kept.forced
                && asked_for.maybe_issued >= kept.maybe_issued
                && asked_for.suspect >= kept.suspect;
            // It keeps what it was to replace.
            if behind {
                self.call_failed(asked, now.monotonic, writes, false);
                self.lease = None;
                self.holds_lease_until = None;
                return None;
            }
        }
        let stuck = matches!(answer, Answer::Lease(Ok(Lease::Stuck(_))));
        if proves && !stuck && (writes || !self.store.writing) {
            let late_leases = self.store.late_leases;
            self.store = StoreSeen {
                late_leases,
                ..StoreSeen::default()
            };
        }
        match (answer, step) {
            (Answer::Lease(Ok(lease)), StoreStep::Lease(step)) => {
                self.leased(lease, asked, step.call().term, now);
            }
            (Answer::Save(Ok(_)), StoreStep::Save(_)) => self.unsaved = None,
            (Answer::Release(Ok(())), _) => {
                self.holds_lease_until = None;
                self.cooldown_until = None;
            }
            _ => {}
        }
        let better = answer
            .stored()
            .and_then(|stored| self.read(stored, asked, now));
        if matches!(answer, Answer::Load(_)) {
            self.must_give_back(answer, now);
        }
        better
    }

    fn leased(&mut self, lease: &Lease, asked: Moment, term: Duration, now: Moment) {
        match lease {
            Lease::Granted(stored) => {
                let record = stored.as_ref().map(|stored| {
                    (
                        token_id(&stored.record.token),
                        Life::of_stored(stored, asked),
                    )
                });
                let ends = asked.after(term);
                self.lease = Some(LeaseSeen { ends, record });
                self.holds_lease_until = Some(ends.monotonic);
                self.cooldown_until = None;
            }
            Lease::Stuck(_) => {
                self.store.useless = true;
                self.excuse(now.monotonic + self.policy.store_retry_cap);
            }
            Lease::Held(wait, _) | Lease::CoolingDown(wait, _) => {
                self.denied_until = now.monotonic + *wait;
                let wait = (*wait).min(self.policy.backoff_cap_serving);
                self.excuse(now.monotonic + wait);
            }
        }
    }

    /// A record was read. Returns its token, if it must be served now.
    fn read(
        &mut self,
        stored: &pan123_token_cache::Stored,
        asked: Moment,
        now: Moment,
    ) -> Option<(TokenId, &'static str)> {
        let token = token_id(&stored.record.token);
        let life = Life::of_stored(stored, asked);
        if stored.record.suspect && !self.suspects.contains(&token) {
            self.suspects.push(token);
            if self.suspects.len() > 64 {
                self.suspects.remove(0);
            }
        }
        let renewed_elsewhere = self.held == Some(token) && self.later_than_held(&life);
        if renewed_elsewhere {
            // The same token with a later expiry is a success.
            self.renewed();
        }
        self.learn(token, life);
        let policy = &self.policy;
        let usable = life.is_usable_at(now, policy);
        let other = |unsaved: &Unsaved| unsaved.token != token || renewed_elsewhere;
        if usable && self.unsaved.as_ref().is_some_and(other) {
            self.unsaved = None;
        }
        if self.held == Some(token) {
            self.maybe_issued = self.maybe_issued.max(life.maybe_issued);
            self.spent = self.spent.max(self.maybe_issued);
        }
        let current = self.held.filter(|_| self.serving);
        let newer = self
            .held_lives()
            .iter()
            .all(|it| life.issued_at > it.issued_at);
        let must = usable
            && !self.was_rejected(token)
            && !stored.record.suspect
            && current != Some(token)
            && (current.is_none() || newer);
        must.then_some((token, "stored-is-adopted"))
    }

    /// A store that turns out empty gets the token that is held.
    fn must_give_back(&mut self, answer: &Answer, now: Moment) {
        let Some(held) = self.held.filter(|_| self.serving) else {
            return;
        };
        let fresh = !self.is_suspect(held)
            && self
                .lives_of(held)
                .iter()
                .all(|life| life.left_at(now) > life.window(&self.policy));
        if answer.stored().is_none() && answer.error().is_none() && fresh {
            self.must_save = Some((held, "empty-store-gets-the-token-back"));
        }
    }

    // Callers.

    /// What a caller gets now.
    pub(crate) fn serves(&mut self, token: Option<&AccessToken>) {
        self.serving = token.is_some();
        self.held_expires_at = token.map_or(self.held_expires_at, |it| Some(it.expires_at()));
        let Some(token) = token.map(token_id) else {
            self.due_since = None;
            return;
        };
        if self.held != Some(token) {
            if self.held.is_some() || self.failures > 0 {
                self.renewed();
            }
            self.held = Some(token);
            self.due_since = None;
            let counted = self.lives_of(token).iter().map(|it| it.maybe_issued).max();
            self.maybe_issued = counted.unwrap_or(0);
            self.spent = self.maybe_issued;
            if self.unsaved.as_ref().is_some_and(|it| it.token != token) {
                self.unsaved = None;
            }
            if self.must_save.is_some_and(|(it, _)| it != token) {
                self.must_save = None;
            }
        }
        if self.refresh == Refresh::Any {
            self.refresh = Refresh::InsteadOf(token);
        }
    }

    pub(crate) fn refresh(&mut self) {
        self.refresh = self.held.map_or(Refresh::Any, Refresh::InsteadOf);
        self.calls_at_once = 0;
    }

    pub(crate) fn rejects(&mut self, token: TokenId, now: Moment) {
        if self.held != Some(token) {
            return;
        }
        self.calls_at_once = 0;
        if !self.suspects.contains(&token) {
            self.suspects.push(token);
        }
        if !self.was_rejected(token) {
            self.changed_at = now.monotonic;
            self.rejected.push_back(token);
            if self.rejected.len() > 16 {
                self.rejected.pop_front();
            }
        }
        self.must_save = None;
        self.due_since = None;
    }
}

/// As the design has it, not as the core says it.
pub(crate) fn end_of(error: &FetchError) -> FetchEnd {
    match error {
        FetchError::Timeout(_) | FetchError::Body(_) => FetchEnd::MaybeIssued,
        FetchError::Response(response) => match response.kind() {
            ErrorKind::Refused => FetchEnd::Refused,
            ErrorKind::RateLimited => FetchEnd::RateLimited(response.retry_after()),
            ErrorKind::Unavailable if matches!(response.status().as_u16(), 502 | 504) => {
                FetchEnd::MaybeIssued
            }
            ErrorKind::TooLarge | ErrorKind::Malformed | ErrorKind::NotApi
                if response.status().is_success() =>
            {
                FetchEnd::MaybeIssued
            }
            _ => FetchEnd::Unavailable,
        },
        _ => FetchEnd::NotSent,
    }
}

/// Judges a check by the list of pending rules.
pub(crate) fn unless_pending(check: Check, pending: &mut Vec<Broken>) -> Check {
    let Err(broken) = check else {
        return Ok(());
    };
    if !rules::is_pending(broken.name) {
        return Err(broken);
    }
    if pending.iter().all(|it| it.name != broken.name) {
        pending.push(broken);
    }
    Ok(())
}
