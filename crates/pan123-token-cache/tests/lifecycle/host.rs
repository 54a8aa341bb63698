//! A host: one cache, and what a driver does for it.

use super::*;

/// One cache, its clock, and the store that it may share.
pub(crate) struct Host {
    pub(crate) cache: TokenCache,
    pub(crate) clock: ManualClock,
    pub(crate) store: Option<StoreSession>,
}

impl Host {
    pub(crate) fn alone() -> Self {
        Self::with(RenewalPolicy::default(), 1)
    }

    pub(crate) fn with(policy: RenewalPolicy, seed: u64) -> Self {
        Self {
            cache: TokenCache::new(policy, seed).unwrap(),
            clock: ManualClock::new(START),
            store: None,
        }
    }

    /// A host of a fleet: the clock is one for all.
    pub(crate) fn sharing(store: &Arc<dyn TokenStore>, clock: &ManualClock, seed: u64) -> Self {
        Self::sharing_with(RenewalPolicy::default(), store, clock, seed)
    }

    /// The same with a policy of its own. Where the store has a fallback, the cache uses it.
    pub(crate) fn sharing_with(
        policy: RenewalPolicy,
        store: &Arc<dyn TokenStore>,
        clock: &ManualClock,
        seed: u64,
    ) -> Self {
        let key = StoreKey::of(&operation());
        let cache = TokenCache::new(policy, seed).unwrap();
        Self {
            cache: match store.fallback() {
                Some(_) => cache.with_fallback(),
                None => cache.sharing(),
            },
            clock: clock.clone(),
            store: Some(StoreSession::new(Arc::clone(store), key)),
        }
    }

    pub(crate) fn on_faulty_store(clock: &ManualClock) -> (Self, Arc<FaultyStore>) {
        let faulty = FaultyStore::new(clock);
        let store: Arc<dyn TokenStore> = Arc::clone(&faulty) as Arc<dyn TokenStore>;
        (Self::sharing(&store, clock, 1), faulty)
    }

    pub(crate) fn now(&self) -> Moment {
        pan123_token_cache::Clock::now(&self.clock)
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Polls, and carries out calls to the store, until there is something else to do.
    pub(crate) fn poll(&mut self) -> Action {
        for _ in 0..20 {
            match self.cache.poll(self.now()) {
                Action::Store(step) => self.run(step),
                action => return action,
            }
        }
        panic!("20 consecutive calls to the store");
    }

    #[track_caller]
    pub(crate) fn ticket(&mut self) -> FetchTicket {
        match self.poll() {
            Action::Fetch(ticket) => ticket,
            other => panic!("no fetch: {other:?}"),
        }
    }

    /// The same, while the store is tried again and then bypassed.
    #[track_caller]
    pub(crate) fn ticket_without_the_store(&mut self) -> FetchTicket {
        for _ in 0..60 {
            match self.poll() {
                Action::Fetch(ticket) => return ticket,
                Action::Wait { until, reason } => {
                    assert_eq!(reason, Reason::StoreDown);
                    self.pass(until.monotonic - self.now().monotonic);
                }
                Action::Store(_) => unreachable!("carried out"),
            }
        }
        panic!("the store isn't bypassed");
    }

    /// The next fetch, however long that is waited for.
    #[track_caller]
    pub(crate) fn next_ticket(&mut self) -> FetchTicket {
        for _ in 0..100 {
            match self.poll() {
                Action::Fetch(ticket) => return ticket,
                Action::Wait { until, .. } => self.pass(until.monotonic - self.now().monotonic),
                Action::Store(_) => unreachable!("carried out"),
            }
        }
        panic!("no fetch in 100 waits");
    }

    /// Fetches, and reports this.
    #[track_caller]
    pub(crate) fn fetch(&mut self, result: Result<Grant, FetchError>) {
        let ticket = self.ticket();
        self.cache.fetched(ticket, result, self.now());
    }

    /// How long there is nothing to do, and why.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> (Duration, Reason) {
        match self.poll() {
            Action::Wait { until, reason } => (until.monotonic - self.now().monotonic, reason),
            other => panic!("no wait: {other:?}"),
        }
    }

    /// Lets the time pass that there is nothing to do.
    #[track_caller]
    pub(crate) fn pass_wait(&mut self) -> Reason {
        let (wait, reason) = self.wait();
        self.pass(wait);
        reason
    }

    /// What a caller without a token gets now.
    #[track_caller]
    pub(crate) fn token_error(&mut self) -> Option<TokenError> {
        match self.poll() {
            Action::Wait { until, reason } => self.cache.token_error(until, reason, self.now()),
            other => panic!("no wait: {other:?}"),
        }
    }

    /// The next step that isn't carried out yet.
    #[track_caller]
    pub(crate) fn step(&mut self) -> StoreStep {
        match self.cache.poll(self.now()) {
            Action::Store(step) => step,
            other => panic!("no store step: {other:?}"),
        }
    }

    /// Carries it out and reports it.
    pub(crate) fn run(&mut self, step: StoreStep) {
        let done = self.store.as_ref().expect("a store").run(step);
        self.cache.stored(done, self.now());
    }

    /// Fetches a token that lives for 30 days.
    #[track_caller]
    pub(crate) fn fetch_30_days(&mut self, secret: &str) {
        let issued = self.now().wall;
        self.fetch(grant(secret, issued, 30 * DAY));
    }

    pub(crate) fn served(&self) -> Option<String> {
        let snapshot = self.cache.snapshot();
        snapshot
            .token(self.now())
            .map(|token| token.secret().to_owned())
    }

    pub(crate) fn token(&self) -> AccessToken {
        self.cache.snapshot().token(self.now()).unwrap().clone()
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.cache.next_event()).collect()
    }
}

pub(crate) fn memory_store(clock: &ManualClock) -> Arc<dyn TokenStore> {
    Arc::new(MemoryStore::new(clock.clone()))
}

#[track_caller]
pub(crate) fn replaceable_in(rejection: Rejection) -> Duration {
    match rejection {
        Rejection::Suspect { replaceable_in } => replaceable_in,
        other => panic!("{other:?}"),
    }
}

/// So many hosts on one store and one clock.
pub(crate) fn fleet(size: u64) -> (Vec<Host>, ManualClock, Arc<dyn TokenStore>) {
    let clock = ManualClock::new(START);
    let store = memory_store(&clock);
    let hosts = (1..=size)
        .map(|seed| Host::sharing(&store, &clock, seed))
        .collect();
    (hosts, clock, store)
}
