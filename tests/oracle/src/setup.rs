//! A world as it begins, and processes as they begin.

use std::collections::hash_map::DefaultHasher;
use std::time::{Duration, Instant};

use pan123_token::BaseUrl;
use pan123_token_cache::{StoreKey, TokenCache};

use crate::clock::{At, HostClock};
use crate::faults::Faults;
use crate::judged::Judged;
use crate::platform::Platform;
use crate::provided::{Crew, Provided};
use crate::queue::Queue;
use crate::random::Random;
use crate::scenario::{SECOND, Scenario, Sharing};
use crate::store::{Kind, Store};
use crate::tally::Tally;
use crate::world::{Event, HostState, OpenStore, Process, World};

impl World {
    /// Over virtual time, or with real stores over real time.
    pub(crate) fn new(mut scenario: Scenario, traced: bool, open: Option<&OpenStore>) -> Self {
        let mut random = Random::new(scenario.seed ^ 0x5eed);
        let lag = scenario.store.lag;
        let stores = match scenario.sharing {
            Sharing::Alone => 0,
            Sharing::Redis => 1,
            Sharing::File => scenario.hosts.len(),
        };
        let kind = match scenario.sharing {
            Sharing::File => Kind::File,
            _ => Kind::Redis,
        };
        let stores = (0..stores)
            .map(|_| Store::new(kind, scenario.forms, lag))
            .collect();
        let fallbacks = if scenario.fallback {
            scenario.hosts.len()
        } else {
            0
        };
        let fallbacks = (0..fallbacks)
            .map(|_| Store::new(Kind::File, scenario.forms, lag))
            .collect();
        let hosts = scenario
            .hosts
            .iter()
            .map(|host| HostState {
                clock: HostClock::new(
                    host.clock_ahead,
                    host.drift.0,
                    host.drift.1,
                    random.between(Duration::ZERO, Duration::from_secs(1_000_000)),
                ),
                asleep_until: At::ZERO,
                secret_is_right: !host.wrong_secret,
                misconfigured: host.misconfigured,
                version: host.version,
            })
            .collect();
        let platform = Platform::new(scenario.habits.clone(), Random::new(random.next()));
        let disturbances = std::mem::take(&mut scenario.disturbances);
        let mut world = Self {
            now: At::ZERO,
            queue: Queue::new(),
            platform,
            stores,
            fallbacks,
            hosts,
            processes: Vec::new(),
            exchanges: Vec::new(),
            faults: Faults::default(),
            disturbed_at: Vec::new(),
            tally: Tally::default(),
            hash: DefaultHasher::new(),
            trace: traced.then(Vec::new),
            key: StoreKey::new(&BaseUrl::default(), "client"),
            open: open.cloned(),
            began: open.map(|_| Instant::now()),
            random,
            scenario,
        };
        world.set_up_processes();
        world.faults = Faults::of_fleet(world.processes.len());
        world.disturbed_at = disturbances.iter().map(|(at, _)| *at).collect();
        for (at, disturbance) in disturbances {
            world.queue.put(at, Event::Disturbs(disturbance));
        }
        if let Some(every) = world.scenario.second_program {
            world.queue.put(every, Event::SecondProgram);
        }
        world
    }

    fn set_up_processes(&mut self) {
        for host in 0..self.scenario.hosts.len() {
            let plan = self.scenario.hosts[host].clone();
            let services = (0..plan.services).map(|number| (number, None));
            let jobs = plan.jobs.iter().map(|job| (0, Some(*job)));
            for (number, job) in services.chain(jobs) {
                let process = self.processes.len();
                let seed = if plan.forks && number == 1 {
                    // As if it had been forked off its neighbour before either did anything.
                    self.scenario.seed ^ (process as u64 - 1) << 32
                } else {
                    self.scenario.seed ^ (process as u64) << 32
                };
                let store = match self.scenario.sharing {
                    Sharing::Alone => None,
                    Sharing::Redis => Some(0),
                    Sharing::File => Some(host),
                };
                self.processes.push(Process {
                    host,
                    job,
                    judged: None,
                    store,
                    real: None,
                    life: 0,
                    waiting: Vec::new(),
                    wake: None,
                    ending: false,
                    crew: Crew::default(),
                    failing_since: None,
                });
                if let Some(job) = job {
                    self.queue.put(job.first, Event::JobBegins(process));
                    continue;
                }
                self.begin_process(process, seed);
                let spread = self.scenario.call_every.min(20 * SECOND);
                let first = self.random.between(At::ZERO, spread);
                self.queue.put(first, Event::Call(process));
            }
        }
    }

    /// A new process, which holds nothing.
    pub(crate) fn begin_process(&mut self, number: usize, seed: u64) {
        let host = self.processes[number].host;
        let policy = self.scenario.hosts[host].policy.clone();
        let shares = self.processes[number].store.is_some();
        let mut judged = if let Some(given) = &self.scenario.hosts[host].provided {
            self.processes[number].crew = Crew::new(seed.is_multiple_of(2));
            let provided = Provided::new(given.clone(), shares, self.scenario.fallback, seed);
            Judged::over(provided, policy, shares)
        } else {
            let mut cache = TokenCache::new(policy.clone(), seed).unwrap();
            if shares {
                cache = cache.sharing();
            }
            if self.scenario.fallback {
                cache = cache.with_fallback();
            }
            Judged::new(cache, policy, shares)
        };
        if !self.scenario.checked {
            judged = judged.unchecked();
        }
        self.processes[number].judged = Some(judged);
        if let Some(open) = &self.open {
            // Closed before it is opened anew, as by a process.
            self.processes[number].real = None;
            self.processes[number].real = Some(open(host));
        }
    }
}
