//! Providers on one store.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use pan123_token_cache::testing::MemoryStore;
use pan123_token_hyper::clock::TokioClock;
use pan123_token_hyper::http::{Request, Response};
use pan123_token_hyper::store::{
    AsyncTokenStore, Fingerprint, Lease, Owner, Record, Saved, StoreError, StoreKey, Stored,
    TokenStore,
};
use pan123_token_hyper::{AuthorizationLayer, BaseUrl, Bytes, Full, RenewalPolicy, TokenProvider};
use tower::{Layer, ServiceExt};

use crate::platform::{Platform, SECOND, builder, quiet};

/// By paused time.
struct Host {
    clock: TokioClock,
    platform: Platform,
    store: Arc<Moody>,
}

/// A store in memory that isn't always well.
struct Moody {
    memory: MemoryStore,
    mood: Mutex<Mood>,
    mood_changed: Condvar,
    calls: AtomicUsize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Panicking,
    /// No call ends.
    Hanging,
    /// No save ends.
    HangingInSaves,
}

impl Moody {
    fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
        self.mood_changed.notify_all();
    }

    fn enter(&self, hanging: &[Mood]) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mood = self.mood.lock().unwrap();
        let mood = self
            .mood_changed
            .wait_while(mood, |mood| hanging.contains(mood));
        let panics = *mood.unwrap() == Mood::Panicking;
        assert!(!panics, "the store of this test panics");
    }
}

impl TokenStore for Moody {
    fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        self.enter(&[Mood::Hanging]);
        self.memory.load(key)
    }

    fn lease(&self, key: StoreKey, owner: Owner, term: Duration) -> Result<Lease, StoreError> {
        self.enter(&[Mood::Hanging]);
        self.memory.lease(key, owner, term)
    }

    fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        self.enter(&[Mood::Hanging, Mood::HangingInSaves]);
        self.memory.save(key, record, replaces, left)
    }

    fn release(&self, key: StoreKey, owner: Owner, cool: Duration) -> Result<(), StoreError> {
        self.enter(&[Mood::Hanging]);
        self.memory.release(key, owner, cool)
    }
}

impl Host {
    fn new(mood: Mood) -> Self {
        let clock = TokioClock::new();
        Self {
            platform: Platform::new(clock),
            store: Arc::new(Moody {
                memory: MemoryStore::new(clock),
                mood: Mutex::new(mood),
                mood_changed: Condvar::new(),
                calls: AtomicUsize::new(0),
            }),
            clock,
        }
    }

    fn provider(&self) -> TokenProvider {
        builder(&self.platform, self.clock)
            .store(self.store.clone())
            .build()
            .unwrap()
    }
}

impl Drop for Host {
    /// A runtime ends only once its threads have.
    fn drop(&mut self) {
        self.store.set_mood(Mood::Well);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_provider_takes_over_what_the_first_has_saved() {
    let host = Host::new(Mood::Well);
    let (one, other) = (host.provider(), host.provider());
    assert_eq!(one.token().await.unwrap().secret(), "token-1");
    assert!(one.flush(SECOND).await);
    assert_eq!(other.token().await.unwrap().secret(), "token-1");
    assert_eq!(host.platform.requests(), 1);
}

#[tokio::test]
async fn the_first_token_is_handed_out_a_moment_after_it_came_though_it_cannot_be_saved() {
    let host = Host::new(Mood::HangingInSaves);
    let provider = host.provider();
    let begun = Instant::now();
    let waiting = tokio::spawn({
        let provider = provider.clone();
        async move { provider.token().await }
    });
    // A caller's own limit doesn't cost it a token that is there.
    let limit = Duration::from_millis(100);
    let token = provider.token_within(limit).await.unwrap();
    assert_eq!(token.secret(), "token-1");
    assert!(begun.elapsed() >= limit && begun.elapsed() < 2 * limit);
    assert_eq!(waiting.await.unwrap().unwrap().secret(), "token-1");
    let patience = Duration::from_millis(250);
    assert!(begun.elapsed() >= patience && begun.elapsed() < 2 * patience);
    // A caller who comes later finds it.
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");

    assert!(!provider.flush(Duration::ZERO).await);
    host.store.set_mood(Mood::Well);
    assert!(provider.flush(SECOND).await);
    let key = StoreKey::new(&BaseUrl::default(), "my-id");
    let stored = host.store.memory.load(key).unwrap().unwrap();
    assert_eq!(stored.record.token.secret(), "token-1");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_costs_its_deadlines_and_not_the_token() {
    let host = Host::new(Mood::Panicking);
    let provider = host.provider();
    let begun = tokio::time::Instant::now();
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    // Each call fails at once, and the store is bypassed once it has failed for most of what a caller waits.
    let waited = begun.elapsed();
    assert!(waited > 25 * SECOND && waited < 28 * SECOND, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_its_deadlines_one_thread_and_not_the_token() {
    let host = Host::new(Mood::Hanging);
    let provider = host.provider();
    let asking = tokio::spawn({
        let provider = provider.clone();
        async move { provider.token().await }
    });
    while host.store.calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    // Paused time doesn't move by itself while a thread is busy.
    while !asking.is_finished() {
        tokio::task::yield_now().await;
        tokio::time::advance(SECOND).await;
    }
    assert_eq!(asking.await.unwrap().unwrap().secret(), "token-1");
    // The store is tried again and again; but a thread hangs there already.
    for _ in 0..30 {
        tokio::time::advance(60 * SECOND).await;
        assert_eq!(provider.token().await.unwrap().secret(), "token-1");
        tokio::task::yield_now().await;
    }
    assert_eq!(host.store.calls.load(Ordering::SeqCst), 1);

    host.store.set_mood(Mood::Well);
    quiet().await;
    for _ in 0..3 {
        tokio::time::advance(900 * SECOND).await;
        assert_eq!(provider.token().await.unwrap().secret(), "token-1");
        quiet().await;
    }
    assert!(host.store.calls.load(Ordering::SeqCst) > 1);
    assert_eq!(host.platform.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_whose_calls_are_all_refused_disturbs_no_other() {
    let host = Host::new(Mood::Well);
    let (refused, healthy) = (host.provider(), host.provider());
    for _ in 0..2 * 360 {
        let token = refused.token().await.unwrap();
        refused.reject(&token);
        // No other host's calls fail, and each is made with a token that the platform still knows.
        let token = healthy.token().await.unwrap();
        let number = token.secret().strip_prefix("token-").unwrap();
        let number: usize = number.parse().unwrap();
        assert!(
            number + 3 > host.platform.issued(),
            "{number} was taken offline"
        );
        quiet().await;
        tokio::time::advance(10 * SECOND).await;
    }
    // Forced renewals after 1, 3, 7, 15, 31 and 63 minutes.
    assert!(
        host.platform.issued() <= 1 + 6,
        "{}",
        host.platform.issued()
    );
}

/// The same store, asked asynchronously, with a pause in each call.
struct Unhurried(Arc<Moody>);

impl AsyncTokenStore for Unhurried {
    async fn load(&self, key: StoreKey) -> Result<Option<Stored>, StoreError> {
        tokio::time::sleep(SECOND / 10).await;
        self.0.load(key)
    }

    async fn lease(
        &self,
        key: StoreKey,
        owner: Owner,
        term: Duration,
    ) -> Result<Lease, StoreError> {
        tokio::time::sleep(SECOND / 10).await;
        self.0.lease(key, owner, term)
    }

    async fn save(
        &self,
        key: StoreKey,
        record: &Record,
        replaces: Option<Fingerprint>,
        left: Duration,
    ) -> Result<Saved, StoreError> {
        tokio::time::sleep(SECOND / 10).await;
        self.0.save(key, record, replaces, left)
    }

    async fn release(&self, key: StoreKey, owner: Owner, cool: Duration) -> Result<(), StoreError> {
        tokio::time::sleep(SECOND / 10).await;
        self.0.release(key, owner, cool)
    }
}

#[tokio::test(start_paused = true)]
async fn an_async_store_is_shared_as_a_blocking_one() {
    let host = Host::new(Mood::Well);
    let provider = || {
        builder(&host.platform, host.clock)
            .async_store(Arc::new(Unhurried(host.store.clone())))
            .build()
            .unwrap()
    };
    let (one, other) = (provider(), provider());
    let begun = tokio::time::Instant::now();
    assert_eq!(one.token().await.unwrap().secret(), "token-1");
    // Look, lease, save.
    assert_eq!(begun.elapsed(), SECOND * 3 / 10);
    assert!(one.flush(SECOND).await);
    assert_eq!(other.token().await.unwrap().secret(), "token-1");
    assert_eq!(host.platform.requests(), 1);
}

#[tokio::test]
async fn a_call_that_was_refused_waits_for_a_hanging_store_as_long_as_the_policy_says() {
    let host = Host::new(Mood::Well);
    let mut policy = RenewalPolicy::default();
    policy.store_timeout = SECOND / 10;
    let provider = builder(&host.platform, host.clock)
        .store(host.store.clone())
        .policy(policy)
        .build()
        .unwrap();
    provider.token().await.unwrap();
    assert!(provider.flush(SECOND).await);
    host.store.set_mood(Mood::Hanging);

    let refusing = tower::service_fn(async |_: Request<Full<Bytes>>| {
        let refusal = r#"{"code":401,"message":"token is invalid","data":null}"#;
        let mut response = Response::new(Full::new(Bytes::from_static(refusal.as_bytes())));
        let json = "application/json".parse().unwrap();
        response.headers_mut().insert("content-type", json);
        Ok::<_, Infallible>(response)
    });
    let service = AuthorizationLayer::new(provider)
        .retry_with(|body: &Full<Bytes>| Some(body.clone()))
        .layer(refusing);
    let begun = Instant::now();
    let request = Request::get("https://open-api.123pan.com/api/v1/user/info");
    let response = service.oneshot(request.body(Full::default()).unwrap());
    assert_eq!(response.await.unwrap().status(), 200);
    let waited = begun.elapsed();
    println!("answered after {waited:?}");
    assert!(waited >= SECOND / 10 && waited < SECOND, "{waited:?}");
}
