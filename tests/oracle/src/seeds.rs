//! The scenarios that seeds lead to.

use std::time::Duration;

use pan123_token_cache::RenewalPolicy;

use crate::fault::Fault;
use crate::platform::Eviction;
use crate::random::Random;
use crate::scenario::{DAY, HOUR, MINUTE, SECOND, Scenario, Sharing};

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
