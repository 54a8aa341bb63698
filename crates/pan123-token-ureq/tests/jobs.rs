//! Who asks the platform, when, and who waits for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unchecked_time_subtraction,
    reason = "a panic is how a test reports"
)]

mod common;

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::store::{Script, Scripted};
use common::{Answer, DAY, LIFE, Platform, SECOND, clock, credentials, default_agent};
use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_cache::testing::MemoryStore;
use pan123_token_cache::{
    FallbackStore, Lease, Owner, Record, Saved, StoreError, StoreKey, Stored, TokenStore,
};
use pan123_token_ureq::pan123_token::Fingerprint;
use pan123_token_ureq::{
    Credentials, Event, Failure, FetchError, RenewalPolicy, TokenError, TokenProvider,
};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn threads_that_ask_at_once_after_expiry_cause_one_request() {
    let emulator = Emulator::builder().start().unwrap();
    let clock = clock();
    let provider = TokenProvider::builder(Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap())
        .agent(default_agent())
        .base_url(emulator.url().parse().unwrap())
        .clock(clock.clone())
        .build()
        .unwrap();
    for requests in 1..=3 {
        let barrier = Barrier::new(64);
        let tokens: Vec<String> = thread::scope(|scope| {
            let threads: Vec<_> = (0..64)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        provider.token().unwrap().secret().to_owned()
                    })
                })
                .collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert_eq!(emulator.token_requests(), requests);
        assert_eq!(
            tokens,
            vec![emulator.live_tokens(CLIENT_ID).pop().unwrap(); 64]
        );
        clock.advance(90 * DAY);
    }
}

#[test]
fn a_caller_who_gives_up_costs_no_token_and_leaves_none_waiting() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    platform.hold();
    let limit = Duration::from_millis(10);
    assert_eq!(
        provider.token_within(limit).unwrap_err(),
        TokenError::TimedOut(limit)
    );
    assert_eq!(
        provider.token_within(Duration::ZERO).unwrap_err(),
        TokenError::TimedOut(Duration::ZERO)
    );
    assert!(provider.current().is_none());

    let others: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn({
                let provider = provider.clone();
                move || provider.token_within(LONG)
            })
        })
        .collect();
    platform.release();
    for other in others {
        assert_eq!(other.join().unwrap().unwrap().secret(), "token-1");
    }
    assert_eq!(provider.current().unwrap().secret(), "token-1");
    assert_eq!(platform.requests(), 1);
}

#[test]
fn in_the_renewal_window_a_token_comes_at_once_while_a_job_runs_beside() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    assert_eq!(provider.token().unwrap().secret(), "token-1");
    assert!(provider.flush(LONG));
    clock.advance(LIFE - DAY / 2);
    platform.hold();
    for _ in 0..3 {
        assert_eq!(
            provider.token_within(Duration::ZERO).unwrap().secret(),
            "token-1"
        );
    }
    assert!(!provider.flush(Duration::ZERO));
    platform.release();
    assert!(provider.flush(LONG));
    assert_eq!(provider.token().unwrap().secret(), "token-2");
    assert_eq!(platform.requests(), 2);
}

#[test]
fn a_fresh_token_starts_nothing() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    assert!(provider.current().is_none());
    assert_eq!(platform.requests(), 0);
    provider.token().unwrap();
    clock.advance(LIFE - 2 * DAY);
    for _ in 0..100 {
        provider.token().unwrap();
    }
    assert!(provider.flush(Duration::ZERO));
    assert_eq!(platform.requests(), 1);
}

#[test]
fn a_token_is_lent_as_it_is_handed_out() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    let lent = || provider.with_token(|token| token.secret().to_owned());
    platform.answers_with(Answer::Dead);
    assert!(lent().is_err());
    platform.answers_with(Answer::Grant);
    clock.advance(DAY);
    let first = lent().unwrap();
    assert_eq!(lent().unwrap(), first);
    assert_eq!(provider.token().unwrap().secret(), first);
    clock.advance(LIFE);
    assert_ne!(lent().unwrap(), first);
}

#[test]
fn providers_on_one_store_share_a_token() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let provider = || {
        platform
            .provider(&clock)
            .store(store.clone())
            .build()
            .unwrap()
    };
    let (one, other) = (provider(), provider());
    assert_eq!(one.token().unwrap().secret(), "token-1");
    assert!(one.flush(LONG), "the token is saved");
    assert_eq!(other.token().unwrap().secret(), "token-1");
    assert_eq!(platform.requests(), 1);
}

#[test]
fn a_token_is_handed_out_before_it_is_saved() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let store = Arc::new(Scripted::new(&clock, Script::HangInSave));
    let provider = platform
        .provider(&clock)
        .store(store.clone())
        .build()
        .unwrap();
    assert_eq!(provider.token().unwrap().secret(), "token-1");
    assert!(!provider.flush(Duration::ZERO));
    store.now_it_is(Script::Nothing);
    assert!(provider.flush(LONG));
    let key = StoreKey::new(&"https://open-api.123pan.com".parse().unwrap(), "my-id");
    assert_eq!(
        store.load(key).unwrap().unwrap().record.token.secret(),
        "token-1"
    );
}

#[test]
fn providers_of_a_host_share_a_token_while_the_shared_store_is_out() {
    struct Out;
    impl TokenStore for Out {
        fn load(&self, _: StoreKey) -> Result<Option<Stored>, StoreError> {
            Err(StoreError::new("connection refused"))
        }
        fn lease(&self, _: StoreKey, _: Owner, _: Duration) -> Result<Lease, StoreError> {
            Err(StoreError::new("connection refused"))
        }
        fn save(
            &self,
            _: StoreKey,
            _: &Record,
            _: Option<Fingerprint>,
            _: Duration,
        ) -> Result<Saved, StoreError> {
            Err(StoreError::new("connection refused"))
        }
        fn release(&self, _: StoreKey, _: Owner, _: Duration) -> Result<(), StoreError> {
            Err(StoreError::new("connection refused"))
        }
    }
    let clock = clock();
    let platform = Platform::new(&clock);
    let mut policy = RenewalPolicy::default();
    policy.store_tries = 1;
    policy.store_patience = Duration::ZERO;
    let host = Arc::new(MemoryStore::new(clock.clone()));
    let store = Arc::new(FallbackStore::new(Arc::new(Out), host));
    for _ in 0..3 {
        let provider = platform.provider(&clock).policy(policy.clone());
        let provider = provider.store(store.clone()).build().unwrap();
        assert_eq!(provider.token_within(LONG).unwrap().secret(), "token-1");
        assert!(provider.flush(LONG));
    }
    assert_eq!(platform.requests(), 1);
}

#[test]
fn a_provider_that_is_dropped_still_saves_what_it_asked_for() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let (delivered, events) = mpsc::channel();
    let provider = platform
        .provider(&clock)
        .store(store.clone())
        .on_event(move |event| delivered.send(event.clone()).unwrap())
        .build()
        .unwrap();
    platform.hold();
    provider.token_within(Duration::ZERO).unwrap_err();
    drop(provider);
    platform.release();
    assert!(matches!(
        events.recv_timeout(LONG).unwrap(),
        Event::Renewed { .. }
    ));
    // The job ends once the token is saved, and takes the listener with it.
    assert_eq!(
        events.recv_timeout(LONG),
        Err(mpsc::RecvTimeoutError::Disconnected)
    );
    let another = platform.provider(&clock).store(store).build().unwrap();
    assert_eq!(another.token().unwrap().secret(), "token-1");
}

#[test]
fn a_client_that_panics_is_a_failure_at_once() {
    let clock = clock();
    let platform = Platform::new(&clock);
    let provider = platform.provider(&clock).build().unwrap();
    platform.answers_with(Answer::Panic);
    let error = provider.token_within(LONG).unwrap_err();
    let Some(Failure::Fetch(failure @ FetchError::Panicked(_))) = error.failure() else {
        panic!("{error}");
    };
    assert!(
        failure.to_string().contains("the HTTP client panicked"),
        "{failure}"
    );
    assert!(provider.flush(LONG));
    platform.answers_with(Answer::Grant);
    clock.advance(error.next_attempt().unwrap());
    assert_eq!(provider.token_within(LONG).unwrap().secret(), "token-2");
}

#[test]
fn a_store_that_panics_or_hangs_costs_sharing_and_not_the_token() {
    for script in [Script::Panic, Script::HangInLoad] {
        // The machine's patience with a store is real time here: a hanging one must not be waited for.
        let mut policy = RenewalPolicy::default();
        policy.store_timeout = Duration::from_millis(20);
        policy.store_patience = Duration::from_millis(50);
        policy.lease_poll = Duration::from_millis(10);
        let clock = clock();
        let platform = Platform::new(&clock);
        let store = Arc::new(Scripted::new(&clock, script));
        let provider = TokenProvider::builder(credentials())
            .agent(platform.agent())
            .policy(policy)
            .store(store.clone())
            .build()
            .unwrap();
        // The platform's clock is this test's, and its tokens have long expired by today's; but not by its `Date`.
        assert_eq!(provider.token_within(LONG).unwrap().secret(), "token-1");
        assert_eq!(platform.requests(), 1);
        if script == Script::HangInLoad {
            assert_eq!(store.hung(), 1, "no second thread hangs in it");
            assert!(!provider.flush(Duration::ZERO), "the first still does");
            store.now_it_is(Script::Nothing);
        }
        assert!(provider.flush(LONG));
    }
}

#[test]
fn a_store_that_hangs_in_every_call_keeps_no_caller_from_the_platform() {
    let millis = Duration::from_millis;
    let mut policy = RenewalPolicy::default();
    policy.store_timeout = millis(20);
    policy.store_patience = millis(50);
    policy.lease_poll = millis(10);
    policy.store_retry_base = millis(100);
    policy.store_retry_cap = millis(100);
    policy.min_interval = millis(10);
    policy.min_token_age = millis(10);
    let clock = clock();
    let platform = Platform::new(&clock);
    let store = Arc::new(Scripted::new(&clock, Script::Hang));
    let provider = TokenProvider::builder(credentials())
        .agent(platform.agent())
        .policy(policy)
        .store(store.clone())
        .build()
        .unwrap();
    // The exchange takes so long that the store is to be tried again when it ends.
    platform.hold();
    let slow = {
        let platform = platform.clone();
        thread::spawn(move || {
            thread::sleep(millis(400));
            platform.release();
        })
    };
    let first = provider.token_within(LONG).unwrap();
    slow.join().unwrap();
    thread::sleep(millis(300));
    provider.reject(&first);
    let begun = Instant::now();
    while provider
        .token_within(LONG)
        .is_ok_and(|token| token == first)
    {
        assert!(begun.elapsed() < LONG, "it isn't replaced");
        thread::sleep(millis(10));
    }
    assert_eq!(provider.token_within(LONG).unwrap().secret(), "token-2");
    assert_eq!(store.hung(), 1, "no second thread hangs in it");
    store.now_it_is(Script::Nothing);
    assert!(provider.flush(LONG));
}

#[test]
fn an_exchange_that_takes_all_of_its_time_is_reported_as_that() {
    // Accepts connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let (delivered, events) = mpsc::channel();
    let timeout = Duration::from_millis(100);
    let provider = TokenProvider::builder(credentials())
        .agent(default_agent())
        .base_url(url.parse().unwrap())
        .timeout(timeout)
        .on_event(move |event| delivered.send(event.clone()).unwrap())
        .build()
        .unwrap();
    let started = Instant::now();
    provider.token().unwrap_err();
    assert!(started.elapsed() < LONG);
    let Event::RenewalFailed { failure, .. } = events.recv_timeout(LONG).unwrap() else {
        panic!("another event");
    };
    assert_eq!(failure, Failure::Fetch(FetchError::Timeout(timeout)));
    // From then on, callers get it at once.
    assert_eq!(provider.token().unwrap_err().failure(), Some(&failure));
}

#[test]
fn a_fixed_token_is_all_there_is() {
    let clock = clock();
    let token = Platform::new(&clock)
        .provider(&clock)
        .build()
        .unwrap()
        .token()
        .unwrap();
    let provider = TokenProvider::fixed(token.clone());
    assert_eq!(provider.token().unwrap(), token);
    assert_eq!(provider.current().unwrap(), token);
    let forever = pan123_token_ureq::Rejection::Suspect {
        replaceable_in: Duration::MAX,
    };
    assert_eq!(provider.reject(&token), forever);
    assert_eq!(provider.token().unwrap(), token);
    assert!(provider.flush(SECOND));
}

#[test]
fn no_secret_is_in_any_debug() {
    let clock = clock();
    let builder = Platform::new(&clock).provider(&clock);
    let text = format!("{builder:?}");
    assert!(!text.contains("SENTINEL"), "{text}");
    let provider = builder.build().unwrap();
    provider.token().unwrap();
    let text = format!("{provider:?}");
    assert!(
        !text.contains("SENTINEL") && !text.contains("token-1"),
        "{text}"
    );
}

#[test]
fn a_policy_that_fits_to_the_second_is_one() {
    let mut policy = RenewalPolicy::default();
    // A fetch, and two calls to the store.
    policy.lease_term = 36 * SECOND;
    let builder = Platform::new(&clock()).provider(&clock()).policy(policy);
    assert!(builder.build().is_ok());
}

#[test]
fn a_policy_that_does_not_fit_together_makes_no_provider() {
    let mut policy = RenewalPolicy::default();
    policy.min_interval = Duration::ZERO;
    let builder = Platform::new(&clock()).provider(&clock()).policy(policy);
    let error = builder.build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the renewal policy's min_interval must not be zero"
    );
}
