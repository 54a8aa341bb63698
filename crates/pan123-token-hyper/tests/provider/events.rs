//! What the provider tells its listener.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pan123_token_hyper::{Event, TokenProvider};

use crate::platform::{DAY, Mood, Platform, SECOND, START, builder};
use pan123_token_cache::testing::ManualClock;

/// The event's name.
fn name(event: &Event) -> String {
    let text = format!("{event:?}");
    assert!(
        !text.contains("SENTINEL") && !text.contains("token-"),
        "{text}"
    );
    text.split([' ', '{', '(']).next().unwrap().to_owned()
}

/// A provider whose listener does this with each event's name.
fn listening(
    listener: impl Fn(String) + Send + Sync + 'static,
) -> (TokenProvider, Platform, ManualClock) {
    let clock = ManualClock::new(START);
    let platform = Platform::new(clock.clone());
    let provider = builder(&platform, clock.clone())
        .on_event(move |event| listener(name(event)))
        .build()
        .unwrap();
    (provider, platform, clock)
}

#[tokio::test(start_paused = true)]
async fn a_listener_hears_everything_in_order() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (provider, platform, clock) = listening({
        let heard = Arc::clone(&heard);
        move |name| heard.lock().unwrap().push(name)
    });
    platform.set_mood(Mood::Status(429));
    provider.token().await.unwrap_err();
    clock.advance(SECOND);
    platform.set_mood(Mood::Well);
    let token = provider.token().await.unwrap();
    clock.advance(DAY);
    provider.reject(&token);
    provider.reject(&token);
    provider.token().await.unwrap();
    let expected = [
        "RateLimited",
        "RenewalFailed",
        "Renewed",
        "Rejected",
        "Renewed",
    ];
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_hears_the_next_event_all_the_same() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (provider, platform, clock) = listening({
        let heard = Arc::clone(&heard);
        move |name| {
            heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(name);
            panic!("the listener of this test panics");
        }
    });
    platform.set_mood(Mood::Status(429));
    provider.token().await.unwrap_err();
    clock.advance(SECOND);
    platform.set_mood(Mood::Well);
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*heard, ["RateLimited", "RenewalFailed", "Renewed"]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_may_call_the_provider() {
    let handle = Arc::new(OnceLock::<TokenProvider>::new());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (provider, ..) = listening({
        let (handle, heard) = (Arc::clone(&handle), Arc::clone(&heard));
        move |name| {
            let provider = handle.get().unwrap();
            let token = provider.current().unwrap();
            // Tells an event itself: it comes after this one, and not within it.
            provider.reject(&token);
            heard.lock().unwrap().push(name);
        }
    });
    handle.set(provider.clone()).unwrap();
    provider.token().await.unwrap();
    assert_eq!(*heard.lock().unwrap(), ["Renewed", "Rejected"]);
}
