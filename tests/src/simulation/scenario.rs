//! What goes wrong in a run, picked by its seed.

use std::ops::Range;
use std::time::Duration;

use pan123_token_cache::RenewalPolicy;

use super::clock::At;
use super::fault::Fault;
use super::random::Random;

/// Through what the caches share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Through nothing: each has a token of its own.
    Alone,
    /// One store with a clock for all hosts.
    Redis,
    /// One store without a clock on each host.
    File,
}

/// Which of more than three live tokens is dropped. The platform doesn't say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eviction {
    Oldest,
    NewestButOne,
    Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateHeader {
    Right,
    Missing,
    /// By so many seconds.
    Wrong(i64),
}

/// Whether the platform hands out the newest live token again instead of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Never,
    Unchanged,
    Extended,
}

/// How the platform behaves. Chances are in a thousand.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    pub(crate) lifetime: Duration,
    /// Requests for tokens that it takes per second.
    pub(crate) rate: usize,
    pub(crate) eviction: Eviction,
    pub(crate) says_retry_after: u32,
    /// In seconds.
    pub(crate) longest_retry_after: u64,
    pub(crate) overload: u32,
    pub(crate) unavailable: u32,
    pub(crate) gateway_timeout: u32,
    pub(crate) garbage: u32,
    pub(crate) born_over: u32,
    pub(crate) date: DateHeader,
    pub(crate) repeat: Repeat,
    pub(crate) outages: Vec<Range<At>>,
}

/// What the way to the platform does. Chances are in a thousand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    pub(crate) latency: Duration,
    pub(crate) no_connection: u32,
    pub(crate) lost_request: u32,
    pub(crate) lost_reply: u32,
    pub(crate) duplicated: u32,
    /// The reply comes after the timeout, and the driver reports the timeout first.
    pub(crate) delayed: u32,
    /// The same, and the driver waits for it.
    pub(crate) overdue: u32,
    /// The driver drops the ticket; the request goes on.
    pub(crate) ticket_dropped: u32,
}

/// What the store does. Chances are in a thousand.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreFaults {
    pub(crate) latency: Duration,
    pub(crate) down: u32,
    pub(crate) deaf: u32,
    pub(crate) full: u32,
    /// When it is full, the gate can't be written either.
    pub(crate) read_only: bool,
    /// The answer comes after the timeout.
    pub(crate) slow: u32,
    /// The driver drops the step before it is carried out.
    pub(crate) step_dropped: u32,
    /// The driver takes an answer, and is kept from polling for up to a minute.
    pub(crate) driver_naps: u32,
    pub(crate) outages: Vec<Range<At>>,
    pub(crate) full_times: Vec<Range<At>>,
}

/// What befalls a host, a process or the store at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Blow {
    Death {
        cache: usize,
        restart: Duration,
    },
    Jump {
        host: usize,
        seconds: i64,
    },
    Sleep {
        host: usize,
        time: Duration,
        frozen: bool,
    },
    Flush,
    LeaseLost,
    LockStuck {
        time: Duration,
    },
    SecretRight {
        host: usize,
    },
}

/// A run: who takes part, how they live, and what goes wrong.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub(crate) seed: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) sharing: Sharing,
    pub(crate) hosts: usize,
    pub(crate) caches_per_host: usize,
    pub(crate) policy: RenewalPolicy,
    pub(crate) habits: Habits,
    pub(crate) network: Network,
    pub(crate) store: StoreFaults,
    pub(crate) blows: Vec<(At, Blow)>,
    pub(crate) faults_end: At,
    pub(crate) ends: At,
    /// The mean time between two business calls of a cache.
    pub(crate) call_every: Duration,
    /// Drivers poll when a wait is over even if nobody needs a token.
    pub(crate) eager: bool,
    /// Seconds that each host's wall clock is ahead.
    pub(crate) offsets: Vec<i64>,
    pub(crate) drifts: Vec<(i32, i32)>,
    pub(crate) wrong_secrets: Vec<bool>,
    pub(crate) always_401: Vec<bool>,
    pub(crate) versions: Vec<super::store::Version>,
    pub(crate) forks: bool,
    /// Keep the stored form, not the record.
    pub(crate) forms: bool,
    /// The most events that are carried out.
    pub(crate) most_steps: u64,
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

impl Scenario {
    /// The scenario of a seed: calm, one fault, or a mixture of them.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let families = Fault::ALL.len() as u64 + 16;
        let family = usize::try_from(seed % families).unwrap_or(0);
        let faults: Vec<Fault> = match family {
            0 | 1 => Vec::new(),
            _ if family - 2 < Fault::ALL.len() => vec![Fault::ALL[family - 2]],
            _ => {
                let density = random.pick(&[80, 200, 400]);
                Fault::ALL
                    .into_iter()
                    .filter(|_| random.chance(density))
                    .collect()
            }
        };
        let needs_store = faults.len() == 1 && faults[0].is_of_the_store();
        let sharing = if needs_store {
            random.pick(&[Sharing::Redis, Sharing::Redis, Sharing::File])
        } else {
            random.pick(&[
                Sharing::Redis,
                Sharing::Redis,
                Sharing::File,
                Sharing::Alone,
            ])
        };
        let hosts = random.pick(&[1, 1, 2, 3, 4, 5, 7, 10]);
        let caches_per_host = random.pick(&[1, 1, 2, 3]);
        let lifetime = random.pick(&[
            12 * SECOND,
            MINUTE,
            5 * MINUTE,
            20 * MINUTE,
            HOUR,
            6 * HOUR,
            DAY,
            30 * DAY,
            90 * DAY,
        ]);
        let mut scenario = Self::plain(seed, sharing, hosts, caches_per_host, lifetime);
        scenario.eager = random.chance(600);
        scenario.forms = random.chance(60);
        scenario.faults_end = (lifetime * 2).clamp(10 * MINUTE, 70 * DAY);
        if lifetime > DAY {
            // Through the first renewal.
            scenario.faults_end = lifetime + HOUR;
        }
        scenario.ends = scenario.faults_end + lifetime.clamp(10 * MINUTE, 2 * DAY).max(2 * HOUR);
        scenario.call_every = scenario.ends / random.pick(&[60, 150, 300]);
        scenario.habits.rate = random.pick(&[1, 2, 8, 10]);
        scenario.habits.eviction =
            random.pick(&[Eviction::Oldest, Eviction::NewestButOne, Eviction::Random]);
        scenario.network.latency = random.pick(&[20, 200, 2000]) * SECOND / 1000;
        scenario.store.latency = random.pick(&[1, 10, 300]) * SECOND / 1000;
        if random.chance(150) && lifetime >= 5 * MINUTE {
            scenario.policy = other_policy(&mut random);
        }
        for fault in faults {
            scenario.suffer(fault, &mut random);
        }
        scenario
    }

    /// One that is over in less than a minute of real time: tokens that live 12 seconds, and one or two faults.
    ///
    /// What befalls the store itself is left out: here it is a real one.
    pub fn short(seed: u64, sharing: Sharing) -> Self {
        const FAULTS: [Fault; 15] = [
            Fault::WrongClocks,
            Fault::Forks,
            Fault::Deaths,
            Fault::NoConnection,
            Fault::Losses,
            Fault::Delays,
            Fault::Duplicates,
            Fault::Dropped,
            Fault::Overload,
            Fault::Gateway,
            Fault::NoDate,
            Fault::Always401,
            Fault::StoreFails,
            Fault::StoreSlow,
            Fault::StoreFull,
        ];
        let mut random = Random::new(seed);
        let (hosts, caches) = match sharing {
            Sharing::File => (2, 3),
            _ => (3, 2),
        };
        let mut scenario = Self::plain(seed, sharing, hosts, caches, 12 * SECOND);
        scenario.policy = quick_policy();
        scenario.call_every = SECOND / 5;
        scenario.faults_end = 20 * SECOND;
        scenario.ends = 35 * SECOND;
        scenario.network.latency = SECOND / 50;
        scenario.store.latency = SECOND / 100;
        for fault in [
            Some(random.pick(&FAULTS)),
            random.chance(500).then(|| random.pick(&FAULTS)),
        ]
        .into_iter()
        .flatten()
        {
            scenario.suffer(fault, &mut random);
        }
        scenario.habits.longest_retry_after = scenario.habits.longest_retry_after.min(3);
        scenario
    }

    /// Without anything that goes wrong.
    pub(crate) fn plain(
        seed: u64,
        sharing: Sharing,
        hosts: usize,
        caches_per_host: usize,
        lifetime: Duration,
    ) -> Self {
        Self {
            seed,
            faults: Vec::new(),
            sharing,
            hosts,
            caches_per_host,
            policy: RenewalPolicy::default(),
            habits: Habits {
                lifetime,
                rate: 10,
                eviction: Eviction::Oldest,
                says_retry_after: 0,
                longest_retry_after: 1,
                overload: 0,
                unavailable: 0,
                gateway_timeout: 0,
                garbage: 0,
                born_over: 0,
                date: DateHeader::Right,
                repeat: Repeat::Never,
                outages: Vec::new(),
            },
            network: Network {
                latency: SECOND / 5,
                ..Network::default()
            },
            store: StoreFaults {
                latency: SECOND / 100,
                ..StoreFaults::default()
            },
            blows: Vec::new(),
            faults_end: At::ZERO,
            ends: 2 * lifetime,
            call_every: MINUTE,
            eager: true,
            offsets: vec![0; hosts],
            drifts: vec![(0, 0); hosts],
            wrong_secrets: vec![false; hosts],
            always_401: vec![false; hosts],
            versions: vec![super::store::Version::Ours; hosts],
            forks: false,
            forms: false,
            most_steps: 40_000,
        }
    }
}

/// One for lives of a few seconds.
fn quick_policy() -> RenewalPolicy {
    let millis = Duration::from_millis;
    let mut policy = RenewalPolicy::default();
    policy.min_interval = millis(300);
    policy.fetch_timeout = SECOND;
    policy.store_timeout = SECOND;
    policy.lease_term = 4 * SECOND;
    policy.backoff_base = millis(200);
    policy.backoff_cap = 2 * SECOND;
    policy.backoff_cap_serving = 3 * SECOND;
    policy.refused_base = SECOND;
    policy.min_token_age = SECOND;
    policy.min_token_age_cap = 4 * SECOND;
    policy.store_patience = SECOND;
    policy.store_retry_base = SECOND;
    policy.store_retry_cap = 3 * SECOND;
    policy.lease_poll = millis(200);
    policy.load_interval = 2 * SECOND;
    policy
}

/// One in which each figure differs from the default.
fn other_policy(random: &mut Random) -> RenewalPolicy {
    let mut policy = RenewalPolicy::default();
    policy.min_interval = random.pick(&[3, 20]) * SECOND;
    policy.fetch_timeout = random.pick(&[5, 12]) * SECOND;
    policy.store_timeout = random.pick(&[1, 2]) * SECOND;
    policy.lease_term =
        policy.fetch_timeout + 2 * policy.store_timeout + random.pick(&[4, 30]) * SECOND;
    let (window, margin) = random.pick(&[(20, 5), (7200, 200)]);
    policy.renewal_window = window * SECOND;
    policy.expiry_margin = margin * SECOND;
    policy.backoff_base = random.pick(&[2, 5]) * SECOND;
    policy.backoff_cap = random.pick(&[20, 90]) * SECOND;
    policy.backoff_cap_serving = random.pick(&[100, 400]) * SECOND;
    policy.refused_base = random.pick(&[10, 60]) * SECOND;
    policy.min_token_age = random.pick(&[20, 100]) * SECOND;
    policy.min_token_age_cap = random.pick(&[200, 1800]) * SECOND;
    policy.settled_after = random.pick(&[1, 10]) * HOUR;
    policy.store_retry_base = random.pick(&[10, 30]) * SECOND;
    policy.store_retry_cap = random.pick(&[60, 300]) * SECOND;
    policy.lease_poll = random.pick(&[2, 4]) * SECOND;
    policy.store_patience = random.pick(&[0, 10]) * SECOND;
    policy.load_interval = random.pick(&[1, 20]) * MINUTE;
    policy
}
