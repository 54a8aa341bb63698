//! What is visible of one cache: what it was handed, what it asked for, and what its callers got. No word of its own.

mod callers;
mod fetches;
mod storing;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use pan123_token::OffsetDateTime;
use pan123_token_cache::{Moment, Owner, RenewalPolicy, Tier};

use crate::life::Life;
use crate::platform::TokenId;

pub(crate) use callers::Refresh;
pub use fetches::FetchEnd;
pub(crate) use fetches::end_of;
pub(crate) use storing::{StoreSeen, Unsaved};

/// Accounts that differ by less say the same.
const ROUNDING: Duration = Duration::from_micros(100);

/// A lease as it was granted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseSeen {
    pub(crate) ends: Moment,
    /// The record that was read with it.
    pub(crate) record: Option<(TokenId, Life)>,
    /// That it kept another one instead of what was to be saved was answered since.
    pub(crate) outdated: bool,
    /// In which store it is.
    pub(crate) tier: Tier,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedLease {
    pub(crate) tier: Tier,
    /// `None` where the provider itself had it fail.
    pub(crate) owner: Option<Owner>,
    /// It may have been granted, and wasn't tried to be released.
    pub(crate) open: bool,
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
        /// In which store the lease is.
        leased: Option<Tier>,
    },
    Step {
        tier: Tier,
        writes: bool,
        /// A release says nothing of whether records can be written.
        proves: bool,
        asked: Moment,
    },
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
    /// Since the last failure another was waited for: one that has the lease, or is to have it.
    pub(crate) gave_way: bool,
    pub(crate) maybe_issued: u32,
    /// The same, with tokens that came and are of no use, and replies of a platform that is away.
    pub(crate) spent: u32,
    pub(crate) store: StoreSeen,
    /// The lease that the next fetch may be drawn under.
    pub(crate) lease: Option<LeaseSeen>,
    /// Not released yet: in which store, and until when.
    pub(crate) holds_lease: Option<(Tier, Duration)>,
    /// Under a lease that is not released yet: in which store it is, and until when it must cool down.
    pub(crate) cooldown: Option<(Tier, Duration)>,
    /// The last lease that was asked for in each store.
    pub(crate) asked: Vec<AskedLease>,
    /// The last token that was fetched.
    pub(crate) received: Option<TokenId>,
    /// In which store the lease was that the last fetch was drawn under.
    pub(crate) was_leased: Option<Tier>,
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
            gave_way: false,
            gaps: Vec::new(),
            maybe_issued: 0,
            spent: 0,
            store: StoreSeen::default(),
            lease: None,
            holds_lease: None,
            cooldown: None,
            asked: Vec::new(),
            received: None,
            was_leased: None,
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
            // Clocks that drift and slow stores make most of them: one that says neither the most nor the least.
            let between = |it: &Life| lies_between(it, lives, life.since);
            let old = lives[24..].iter().position(between).unwrap_or(0);
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

    /// What the passing of time ends.
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
                FlightKind::Step {
                    tier,
                    writes,
                    asked,
                    ..
                } => {
                    self.call_failed(tier, asked, flight.ends, writes, false);
                }
            }
        }
        // What has expired is not saved, be it by a wall clock that is set back later.
        let unsaved = self.unsaved.take();
        self.unsaved = unsaved.filter(|it| self.is_surely_usable(it.token, now));
    }
}

/// Whether others of the same counts are as young and as old, and have as much and as little of their life left.
fn lies_between(life: &Life, lives: &[Life], now: Moment) -> bool {
    let alike = |it: &&Life| {
        !std::ptr::eq(*it, life)
            && it.expires_at == life.expires_at
            && it.forced == life.forced
            && it.maybe_issued == life.maybe_issued
    };
    let (mut younger, mut older, mut more, mut less) = (false, false, false, false);
    for it in lives.iter().filter(alike) {
        younger |= it.age_at(now) <= life.age_at(now);
        older |= it.age_at(now) >= life.age_at(now);
        more |= it.left_at(now) >= life.left_at(now);
        less |= it.left_at(now) <= life.left_at(now);
    }
    younger && older && more && less
}
