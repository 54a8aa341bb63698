//! A run: who takes part, how they live, and what goes wrong.

use std::ops::Range;
use std::time::Duration;

use pan123_token_cache::RenewalPolicy;

use crate::clock::At;
use crate::disturbance::Disturbance;
use crate::fault::Fault;
use crate::platform::{DateHeader, Eviction, Habits, Repeat};
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
    /// The same with providers, which do nothing that no caller waits for.
    #[must_use]
    pub fn with_providers(mut self) -> Self {
        self.eager = false;
        // Each caller takes turns of its own.
        self.most_steps *= 4;
        for host in &mut self.hosts {
            if let Ok(fitted) = host.policy.clone().fitted_to(30 * SECOND) {
                host.provided = Some(std::mem::replace(&mut host.policy, fitted.policy));
            }
        }
        self
    }

    /// The same with a store of each host beside the one that all share.
    #[must_use]
    pub fn with_fallback(mut self) -> Self {
        self.fallback = self.sharing == Sharing::Redis;
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
            most_steps: 40_000_000,
            checked: true,
        }
    }
}
