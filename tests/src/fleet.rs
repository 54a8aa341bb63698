//! Providers that live on one store, against the emulator, in real time: what they get while something befalls the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_cache::{RenewalPolicy, TokenStore};
use pan123_token_ureq::{AgentBuilder, Credentials, TokenProvider};

/// How long tokens live, so that a run sees some renewals. The last tenth of it counts as expired, and must be longer than
/// the second to which a `Date` is rounded.
pub const LIFETIME: Duration = Duration::from_secs(12);

/// A policy for lives of a few seconds.
pub fn policy() -> RenewalPolicy {
    let millis = Duration::from_millis;
    let mut policy = RenewalPolicy::default();
    policy.min_interval = millis(200);
    policy.fetch_timeout = millis(1000);
    policy.store_timeout = millis(500);
    policy.lease_term = millis(2500);
    policy.backoff_base = millis(100);
    policy.backoff_cap = millis(1000);
    policy.backoff_cap_serving = millis(1000);
    policy.refused_base = millis(500);
    policy.store_patience = millis(600);
    policy.store_retry_base = millis(500);
    policy.store_retry_cap = millis(1000);
    policy.lease_poll = millis(100);
    policy.load_interval = millis(500);
    policy
}

/// What became of the calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Times that a token was asked for.
    pub calls: u64,
    /// Times that there was none within 3 seconds.
    pub unserved: u64,
    /// Tokens that were handed out after their end. Never.
    pub dead: u64,
    /// Tokens that the platform had dropped for newer ones.
    pub dropped: u64,
    /// The longest that anyone waited.
    pub longest: Duration,
    /// Tokens that the platform issued.
    pub issued: usize,
    /// Requests for tokens.
    pub requests: usize,
    /// Events that said that the store failed.
    pub store_failures: u64,
}

/// A provider on this store.
pub fn provider(
    emulator: &Emulator,
    store: Arc<dyn TokenStore>,
    policy: RenewalPolicy,
    on_store_failure: impl Fn() + Send + Sync + 'static,
) -> TokenProvider {
    let credentials = Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap();
    TokenProvider::builder(credentials)
        .base_url(emulator.url().parse().unwrap())
        .agent(AgentBuilder::default().no_proxy().build().unwrap())
        .policy(policy)
        .timeout(Duration::from_secs(3))
        .store(store)
        .on_event(move |event| {
            if matches!(event, pan123_token_cache::Event::StoreFailed { .. }) {
                on_store_failure();
            }
        })
        .build()
        .unwrap()
}

/// Lets providers, one for each store, ask for tokens again and again, until `trouble` has come to its end.
pub fn live(stores: Vec<Arc<dyn TokenStore>>, trouble: impl FnOnce()) -> Outcome {
    let emulator = Emulator::builder().lifetime(LIFETIME).start().unwrap();
    let emulator = Arc::new(emulator);
    let over = Arc::new(AtomicBool::new(false));
    let failures = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let hosts: Vec<_> = stores
        .into_iter()
        .map(|store| {
            let (emulator, over) = (Arc::clone(&emulator), Arc::clone(&over));
            let count = Arc::clone(&failures);
            let on_failure = move || {
                count.fetch_add(1, Ordering::Relaxed);
            };
            thread::spawn(move || {
                let provider = provider(&emulator, store, policy(), on_failure);
                let mut outcome = Outcome::default();
                while !over.load(Ordering::Relaxed) {
                    call(&provider, &emulator, &mut outcome);
                    thread::sleep(Duration::from_millis(20));
                }
                provider.flush(Duration::from_secs(5));
                outcome
            })
        })
        .collect();
    trouble();
    over.store(true, Ordering::Relaxed);
    let mut all = Outcome::default();
    for host in hosts {
        let one = host.join().unwrap();
        all.calls += one.calls;
        all.unserved += one.unserved;
        all.dead += one.dead;
        all.dropped += one.dropped;
        all.longest = all.longest.max(one.longest);
    }
    all.issued = emulator.issued();
    all.requests = emulator.token_requests();
    all.store_failures = failures.load(Ordering::Relaxed);
    all
}

fn call(provider: &TokenProvider, emulator: &Emulator, outcome: &mut Outcome) {
    let begun = Instant::now();
    let token = provider.token();
    outcome.calls += 1;
    outcome.longest = outcome.longest.max(begun.elapsed());
    let Ok(token) = token else {
        outcome.unserved += 1;
        return;
    };
    if emulator.now() >= std::time::SystemTime::from(token.expires_at()) {
        outcome.dead += 1;
    }
    let alive = emulator.live_tokens(CLIENT_ID);
    if !alive.iter().any(|alive| alive == token.secret()) {
        outcome.dropped += 1;
        let _ = provider.reject(&token);
    }
}
