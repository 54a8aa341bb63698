//! One run: hosts, caches, the network, the platform and the store, over virtual time.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pan123_token::{AccessToken, BaseUrl, Credentials, GetAccessToken};
use pan123_token_cache::{
    FetchTicket, Moment, StoreDone, StoreKey, StoreSession, StoreStep, TokenCache,
};

use super::clock::{At, HostClock};
use super::fault::Fault;
use super::platform::{Platform, TokenId, Verdict};
use super::queue::Queue;
use super::random::Random;
use super::rules::{Broken, Check};
use super::scenario::{Blow, Scenario, Sharing};
use super::store::{Kind, ModelStore, OpenStore, Seen, Version};
use super::tally::Tally;
use super::watch::Watch;

pub(crate) struct Host {
    pub(crate) clock: HostClock,
    pub(crate) asleep_until: At,
    pub(crate) secret_is_right: bool,
    pub(crate) always_401: bool,
    pub(crate) version: Version,
}

/// A cache, its driver and its callers.
pub(crate) struct Node {
    pub(crate) host: usize,
    pub(crate) cache: TokenCache,
    pub(crate) session: Option<StoreSession>,
    pub(crate) store: Option<Arc<ModelStore>>,
    /// Counts its processes; what was meant for an earlier one is passed over.
    pub(crate) life: u32,
    pub(crate) alive: bool,
    /// Callers that wait for a token, by when they give up.
    pub(crate) waiting: Vec<At>,
    pub(crate) wake: Option<At>,
    pub(crate) watch: Watch,
    /// Its last gap in being served, for the figures.
    pub(crate) unserved_since: Option<At>,
}

pub(crate) struct Exchange {
    pub(crate) node: usize,
    pub(crate) life: u32,
    pub(crate) ticket: Option<FetchTicket>,
    pub(crate) sent: Moment,
    pub(crate) timeout: Duration,
    pub(crate) forced: u32,
    pub(crate) fate: Fate,
}

/// What the network does with an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Well,
    LostReply,
    Delayed,
}

pub(crate) enum Event {
    Call(usize),
    Wake(usize, u32, At),
    Patience(usize, u32),
    StepCarriedOut(usize, u32, StoreStep, u64),
    StepAnswered(usize, u32, StoreDone, Answered),
    Arrives(usize),
    Replied(usize, Verdict, At),
    NoConnection(usize),
    GivesUp(usize),
    Rejected(usize, u32, AccessToken),
    Restarts(usize, u32),
    Strikes(Blow),
    Wakes(usize),
}

/// What the store did in a step.
pub(crate) struct Answered {
    pub(crate) number: u64,
    pub(crate) seen: Seen,
    pub(crate) well: bool,
}

pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) random: Random,
    pub(crate) now: At,
    pub(crate) queue: Queue<Event>,
    pub(crate) platform: Platform,
    pub(crate) right: GetAccessToken,
    pub(crate) stores: Vec<Arc<ModelStore>>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) steps_sent: u64,
    pub(crate) tally: Tally,
    pub(crate) hash: DefaultHasher,
    /// The last lines, if they are wanted.
    pub(crate) trace: Option<Vec<String>>,
    /// The last fault that may concern all who share: of the store alone, and any other.
    pub(crate) fault_at: At,
    pub(crate) store_fault_at: At,
    /// Tokens issued that failures, rejections and the like account for.
    pub(crate) explained: u64,
    /// No more than a forecast: by both clocks no host can be misled.
    pub(crate) clocks_run_evenly: bool,
    /// Where rules about the store's own account of leases hold.
    pub(crate) store_is_sound: bool,
    pub(crate) checks: bool,
    /// When it began, where it goes on in real time.
    began: Option<Instant>,
}

impl World {
    /// Over virtual time, or with real stores over real time.
    pub(crate) fn new(scenario: Scenario, traced: bool, real: Option<&OpenStore>) -> Self {
        let mut random = Random::new(scenario.seed ^ 0x5eed);
        let operation =
            GetAccessToken::new(Credentials::new("client", "a-secret-nobody-sees").unwrap());
        let key = StoreKey::new(&BaseUrl::default(), "client");
        let stores: Vec<_> = match scenario.sharing {
            Sharing::Alone => Vec::new(),
            Sharing::Redis => vec![Arc::new(ModelStore::new(Kind::Redis, scenario.forms))],
            Sharing::File => (0..scenario.hosts)
                .map(|_| Arc::new(ModelStore::new(Kind::File, scenario.forms)))
                .collect(),
        };
        let hosts = (0..scenario.hosts)
            .map(|host| Host {
                clock: HostClock::new(
                    scenario.offsets[host],
                    scenario.drifts[host].0,
                    scenario.drifts[host].1,
                    random.between(Duration::ZERO, Duration::from_secs(1_000_000)),
                ),
                asleep_until: At::ZERO,
                secret_is_right: !scenario.wrong_secrets[host],
                always_401: scenario.always_401[host],
                version: scenario.versions[host],
            })
            .collect();
        let platform = Platform::new(scenario.habits.clone(), Random::new(random.next()));
        let had = |fault: &Fault| scenario.faults.contains(fault);
        let clocks_run_evenly = ![Fault::Jumps, Fault::Suspends, Fault::Drift]
            .iter()
            .any(had);
        let store_is_sound = ![
            Fault::Jumps,
            Fault::Suspends,
            Fault::Drift,
            Fault::StoreForgets,
        ]
        .iter()
        .any(had);
        let mut world = Self {
            now: At::ZERO,
            queue: Queue::new(),
            platform,
            right: operation,
            hosts,
            nodes: Vec::new(),
            exchanges: Vec::new(),
            steps_sent: 0,
            tally: Tally::default(),
            hash: DefaultHasher::new(),
            trace: traced.then(Vec::new),
            fault_at: At::ZERO,
            store_fault_at: At::ZERO,
            explained: 0,
            clocks_run_evenly,
            store_is_sound,
            checks: true,
            began: real.map(|_| Instant::now()),
            random,
            stores,
            scenario,
        };
        world.people(key, real);
        world
    }

    /// Sets up the caches, their callers, and what befalls them.
    fn people(&mut self, key: StoreKey, real: Option<&OpenStore>) {
        for host in 0..self.scenario.hosts {
            for number in 0..self.scenario.caches_per_host {
                let store = match (real, self.scenario.sharing) {
                    (_, Sharing::Alone) => None,
                    (Some(open), _) => Some(Arc::new(ModelStore::before(open, host))),
                    (None, Sharing::Redis) => Some(Arc::clone(&self.stores[0])),
                    (None, Sharing::File) => Some(Arc::clone(&self.stores[host])),
                };
                let session = store
                    .as_ref()
                    .map(|store| StoreSession::new(Arc::<ModelStore>::clone(store), key));
                let node = self.nodes.len();
                let seed = if self.scenario.forks && number == 1 {
                    // As if it had been forked off its neighbour before either did anything.
                    self.scenario.seed ^ (node as u64 - 1) << 32
                } else {
                    self.scenario.seed ^ (node as u64) << 32
                };
                let cache = self.empty_cache(seed);
                self.nodes.push(Node {
                    host,
                    cache,
                    session,
                    store,
                    life: 0,
                    alive: true,
                    waiting: Vec::new(),
                    wake: None,
                    watch: Watch::default(),
                    unserved_since: None,
                });
                let first = self.random.between(
                    At::ZERO,
                    self.scenario.call_every.min(Duration::from_secs(20)),
                );
                self.queue.put(first, Event::Call(node));
            }
        }
        for (at, blow) in std::mem::take(&mut self.scenario.blows) {
            self.queue.put(at, Event::Strikes(blow));
        }
    }

    pub(crate) fn empty_cache(&self, seed: u64) -> TokenCache {
        let cache = TokenCache::new(self.scenario.policy.clone(), seed).unwrap();
        if self.scenario.sharing == Sharing::Alone {
            cache
        } else {
            cache.sharing()
        }
    }

    pub(crate) fn clock(&self, node: usize) -> Moment {
        self.hosts[self.nodes[node].host].clock.at(self.now)
    }

    /// Faults happen only until then.
    pub(crate) fn is_faulty(&self) -> bool {
        self.now < self.scenario.faults_end
    }

    pub(crate) fn say(&mut self, node: usize, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!(
                "{:>16.6} cache {node}: {}",
                self.now.as_secs_f64(),
                line()
            ));
        }
    }

    pub(crate) fn note(&mut self, what: impl Hash) {
        what.hash(&mut self.hash);
    }

    /// Carries out everything until the end, or until a rule is broken.
    pub(crate) fn run(&mut self) -> Result<(), Broken> {
        while let Some((at, event)) = self.queue.take() {
            if at > self.scenario.ends || self.tally.steps >= self.scenario.most_steps {
                break;
            }
            if let Some(began) = self.began {
                thread::sleep(at.saturating_sub(began.elapsed()));
            }
            self.now = at;
            self.tally.steps += 1;
            self.happen(event)?;
        }
        self.finish()
    }

    fn happen(&mut self, event: Event) -> Check {
        let host = self.node_of(&event).map(|node| self.nodes[node].host);
        // Nothing happens on a host that sleeps.
        let event = match host {
            Some(host) if self.hosts[host].asleep_until > self.now => {
                let awake = self.hosts[host].asleep_until;
                self.queue.put(awake, event);
                return Ok(());
            }
            _ => event,
        };
        let concerned = self.node_of(&event);
        let result = match event {
            Event::Call(node) => self.business_call(node),
            Event::Wake(node, life, at) => self.wake(node, life, at),
            Event::Patience(node, life) => {
                self.lose_patience(node, life);
                Ok(())
            }
            Event::StepCarriedOut(node, life, step, number) => {
                self.carry_out(node, life, step, number)
            }
            Event::StepAnswered(node, life, done, answered) => {
                self.step_answered(node, life, done, &answered)
            }
            Event::Arrives(exchange) => {
                self.arrives(exchange);
                Ok(())
            }
            Event::Replied(exchange, verdict, at) => self.replied(exchange, verdict, at),
            Event::NoConnection(exchange) => self.no_connection(exchange),
            Event::GivesUp(exchange) => self.gives_up(exchange),
            Event::Rejected(node, life, token) => self.report_rejection(node, life, &token),
            Event::Restarts(node, life) => self.restart(node, life),
            Event::Strikes(blow) => self.strike(blow),
            Event::Wakes(host) => self.host_wakes(host),
        };
        result.map_err(|mut broken| {
            if let Some(node) = concerned {
                broken.what = format!("{} (cache {node})", broken.what);
            }
            broken
        })
    }

    /// The cache whose driver it is for.
    fn node_of(&self, event: &Event) -> Option<usize> {
        Some(match event {
            Event::Call(node)
            | Event::Wake(node, ..)
            | Event::Patience(node, _)
            | Event::StepCarriedOut(node, ..)
            | Event::StepAnswered(node, ..)
            | Event::Rejected(node, ..)
            | Event::Restarts(node, _) => *node,
            Event::Replied(exchange, ..)
            | Event::NoConnection(exchange)
            | Event::GivesUp(exchange) => self.exchanges[*exchange].node,
            Event::Arrives(_) | Event::Strikes(_) | Event::Wakes(_) => return None,
        })
    }

    /// A fault that may keep this cache, or those it shares with, from a token.
    pub(crate) fn fault(&mut self, node: usize, until: At) {
        let watch = &mut self.nodes[node].watch;
        watch.fault_at = watch.fault_at.max(until);
        self.fault_at = self.fault_at.max(until);
    }

    /// The same, but it is this cache's alone.
    pub(crate) fn own_fault(&mut self, node: usize, until: At) {
        let watch = &mut self.nodes[node].watch;
        watch.fault_at = watch.fault_at.max(until);
    }

    pub(crate) fn store_fault(&mut self, node: usize) {
        self.nodes[node].watch.store_fault_at = self.now;
        self.store_fault_at = self.now;
    }

    pub(crate) fn served(&self, node: usize) -> Option<TokenId> {
        let now = self.clock(node);
        let snapshot = self.nodes[node].cache.snapshot();
        snapshot.token(now).map(super::platform::token_id)
    }
}
