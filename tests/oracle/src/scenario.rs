//! A run: who takes part, how they live, and what goes wrong.

use std::ops::Range;
use std::time::Duration;

use pan123_token_cache::RenewalPolicy;

use crate::clock::At;
use crate::disturbance::Disturbance;
use crate::fault::Fault;
use crate::platform::{DateHeader, Eviction, Habits, Repeat};
use crate::random::Random;
use crate::store::Version;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

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

/// One host and the processes on it.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// Processes that live for the whole run.
    pub(crate) services: usize,
    /// Processes that begin again and again, ask for one token and end.
    pub(crate) jobs: Vec<Job>,
    pub(crate) policy: RenewalPolicy,
    /// Seconds that its wall clock is ahead.
    pub(crate) clock_ahead: i64,
    /// Parts per million that its wall clock and its monotonic clock are too fast.
    pub(crate) drift: (i32, i32),
    pub(crate) wrong_secret: bool,
    /// It calls an endpoint that always answers 401.
    pub(crate) always_401: bool,
    pub(crate) version: Version,
    /// It can't log in to the store.
    pub(crate) misconfigured: bool,
    /// When none of its packets reach the platform.
    pub(crate) dead_network: Vec<Range<At>>,
    /// Its second service began as a copy of the first.
    pub(crate) forks: bool,
    /// Its processes have providers, made with this policy; the other one is fitted to their timeout.
    pub(crate) provided: Option<RenewalPolicy>,
}

/// A process that is started again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) every: Duration,
    pub(crate) first: At,
    /// How long its caller waits for a token.
    pub(crate) timeout: Duration,
    /// The chance that it is killed in an exchange, or before that is saved, in a thousand.
    pub(crate) killed: u32,
}

/// What the way to the platform does. Chances are in a thousand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    pub(crate) latency: Duration,
    pub(crate) no_connection: u32,
    pub(crate) lost_request: u32,
    pub(crate) lost_reply: u32,
    /// When every reply is lost, though the platform has issued.
    pub(crate) lost_replies: Vec<Range<At>>,
    pub(crate) duplicated: u32,
    /// The reply comes after the timeout, and the driver reports the timeout first.
    pub(crate) delayed: u32,
    /// The same, and the driver waits for it.
    pub(crate) overdue: u32,
    /// The driver drops the ticket; the request goes on.
    pub(crate) ticket_dropped: u32,
    /// The driver gives the fetch up, and its reply comes late.
    pub(crate) superseded: u32,
}

/// What the store does. Chances are in a thousand.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreFaults {
    pub(crate) latency: Duration,
    pub(crate) down: u32,
    pub(crate) answer_lost: u32,
    pub(crate) full: u32,
    /// When it is full, the lease record can't be written either.
    pub(crate) read_only: bool,
    /// The answer comes after the timeout.
    pub(crate) slow: u32,
    /// A load is answered by a replica that lags behind.
    pub(crate) stale: u32,
    pub(crate) lag: Duration,
    /// The driver drops the step before it is carried out.
    pub(crate) step_dropped: u32,
    /// The driver takes an answer, and is kept from polling for up to a minute.
    pub(crate) driver_naps: u32,
    pub(crate) outages: Vec<Range<At>>,
    pub(crate) full_times: Vec<Range<At>>,
}

/// A run: who takes part, how they live, and what goes wrong.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub(crate) seed: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) sharing: Sharing,
    pub(crate) hosts: Vec<Host>,
    pub(crate) habits: Habits,
    pub(crate) network: Network,
    pub(crate) store: StoreFaults,
    pub(crate) disturbances: Vec<(At, Disturbance)>,
    /// Another program on the same client ID asks for a token this often.
    pub(crate) second_program: Option<Duration>,
    pub(crate) faults_end: At,
    pub(crate) ends: At,
    /// The mean time between two API calls of a service.
    pub(crate) call_every: Duration,
    /// When no caller wants anything and no job runs.
    pub(crate) idle: Range<At>,
    /// The store's outage ends as the first request for a token is sent.
    pub(crate) store_back_with_first_fetch: bool,
    /// Each host has a file for its processes, for when the store is out.
    pub(crate) fallback: bool,
    /// Drivers poll when a wait has ended even if no caller needs a token.
    pub(crate) eager: bool,
    /// Keep the stored form, not the record.
    pub(crate) forms: bool,
    /// Callers are idle while nothing can happen, so that a run passes through several lifetimes.
    pub(crate) skips_calm: bool,
    /// A run that takes more events than this fails.
    pub(crate) most_steps: u64,
    /// Whether the rules are checked; the figures of a world that breaks them on purpose are taken without.
    pub(crate) checked: bool,
}

impl Host {
    pub(crate) fn new(services: usize) -> Self {
        Self {
            services,
            jobs: Vec::new(),
            policy: RenewalPolicy::default(),
            clock_ahead: 0,
            drift: (0, 0),
            wrong_secret: false,
            always_401: false,
            version: Version::Ours,
            misconfigured: false,
            dead_network: Vec::new(),
            forks: false,
            provided: None,
        }
    }

    /// A host on which nothing but this job runs.
    pub(crate) fn with_job(every: Duration, first: At) -> Self {
        let mut host = Self::new(0);
        host.jobs.push(Job {
            every,
            first,
            timeout: 30 * SECOND,
            killed: 0,
        });
        host
    }
}

impl Scenario {
    /// The scenario of a seed: calm, one fault, or a mixture of them.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let families = Fault::ALL.len() as u64 + 18;
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
        let needs_store = faults.len() == 1 && faults[0].needs_a_store();
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
        let services = random.pick(&[1, 1, 2, 3]);
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
        // One family is a fleet that wants for nothing, in which jitter can be seen.
        let well = family == 0;
        let (sharing, hosts, lifetime) = if well {
            let lifetime = random.pick(&[HOUR, 6 * HOUR, DAY]);
            (Sharing::Redis, hosts.max(5), lifetime)
        } else {
            (sharing, hosts, lifetime)
        };
        // These never let a fleet rest.
        let restless = [
            Fault::Always401,
            Fault::SecondProgram,
            Fault::UnreadableVersions,
            Fault::SameToken,
            Fault::WrongSecret,
            Fault::Misconfigured,
        ];
        // Nor has it rest with more tokens than may live at a time.
        let stores = match sharing {
            Sharing::Alone => hosts * services,
            Sharing::File => hosts,
            Sharing::Redis => 1,
        };
        let lifetime = if stores > 3 || faults.iter().any(|it| restless.contains(it)) {
            lifetime.min(6 * HOUR)
        } else {
            lifetime
        };
        let mut scenario = Self::calm(seed, sharing, hosts, services, lifetime);
        scenario.eager = well || random.chance(600);
        scenario.forms = random.chance(60);
        scenario.faults_end = (lifetime * 2).max(10 * MINUTE);
        if lifetime > HOUR {
            // Through two renewals, or three; the calm between them is skipped.
            scenario.faults_end = lifetime * random.pick(&[2, 3]) + HOUR;
            scenario.skips_calm = !faults.is_empty() || lifetime > DAY;
        }
        scenario.ends = scenario.faults_end + lifetime.clamp(10 * MINUTE, 2 * DAY).max(2 * HOUR);
        let window = scenario.hosts[0].policy.renewal_window.min(lifetime / 5);
        scenario.call_every = (window / random.pick(&[4, 10, 30])).clamp(SECOND, 20 * MINUTE);
        scenario.habits.rate = random.pick(&[1, 2, 8, 10]);
        scenario.habits.eviction =
            random.pick(&[Eviction::Oldest, Eviction::NewestButOne, Eviction::Random]);
        scenario.network.latency = random.pick(&[20, 200, 2000]) * SECOND / 1000;
        scenario.store.latency = random.pick(&[1, 10, 300]) * SECOND / 1000;
        if random.chance(150) && lifetime >= 5 * MINUTE && !well {
            let policy = other_policy(&mut random);
            for host in &mut scenario.hosts {
                host.policy = policy.clone();
            }
        }
        for fault in faults {
            scenario.suffer(fault, &mut random);
        }
        scenario
    }

    /// One that takes less than a minute of real time: tokens that live 12 seconds, and one or two faults.
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
        let mut scenario = Self::calm(seed, sharing, hosts, caches, 12 * SECOND);
        for host in &mut scenario.hosts {
            host.policy = quick_policy();
        }
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

    /// The same with providers, which do nothing that no caller waits for.
    #[must_use]
    pub fn with_providers(mut self) -> Self {
        self.eager = false;
        // Each caller takes turns of its own.
        self.most_steps *= 4;
        for host in &mut self.hosts {
            let fitted = host.policy.clone().fitted_to(30 * SECOND).unwrap();
            host.provided = Some(std::mem::replace(&mut host.policy, fitted.policy));
        }
        self
    }

    /// Without anything that goes wrong.
    pub(crate) fn calm(
        seed: u64,
        sharing: Sharing,
        hosts: usize,
        services: usize,
        lifetime: Duration,
    ) -> Self {
        Self {
            seed,
            faults: Vec::new(),
            sharing,
            hosts: vec![Host::new(services); hosts],
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
                issued_expired: 0,
                date: DateHeader::Right,
                repeat: Repeat::Never,
                outages: Vec::new(),
                refusals: Vec::new(),
                expiry_behind: Duration::ZERO,
                year_9900: false,
                next_replies: Vec::new(),
            },
            network: Network {
                latency: SECOND / 5,
                ..Network::default()
            },
            store: StoreFaults {
                latency: SECOND / 100,
                lag: 2 * SECOND,
                ..StoreFaults::default()
            },
            disturbances: Vec::new(),
            second_program: None,
            faults_end: At::ZERO,
            ends: 2 * lifetime,
            call_every: MINUTE,
            idle: At::ZERO..At::ZERO,
            store_back_with_first_fetch: false,
            fallback: false,
            eager: true,
            forms: false,
            skips_calm: false,
            most_steps: 2_000_000,
            checked: true,
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
pub(crate) fn other_policy(random: &mut Random) -> RenewalPolicy {
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
