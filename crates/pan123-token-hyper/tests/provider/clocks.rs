//! Clocks that are wrong, or jump.

use std::time::Duration;

use pan123_token_cache::testing::ManualClock;
use pan123_token_hyper::TokenProvider;
use pan123_token_hyper::clock::{Clock, Moment};

use crate::platform::{DAY, HOUR, LIFETIME, Platform, START, builder, set_up};

/// A provider whose host's wall clock shows something else than the platform's.
fn set_up_with_wall(wall: Duration) -> (TokenProvider, Platform, ManualClock, ManualClock) {
    let truth = ManualClock::new(START);
    let host = ManualClock::new(Moment { wall, ..START });
    let platform = Platform::new(truth.clone());
    let provider = builder(&platform, host.clone()).build().unwrap();
    (provider, platform, truth, host)
}

#[tokio::test(start_paused = true)]
async fn a_laptop_that_slept_through_the_expiry_asks_for_another() {
    let (provider, platform, clock) = set_up();
    provider.token().await.unwrap();
    clock.advance(HOUR);
    // Its monotonic clock stands still while it sleeps.
    clock.set_wall(START.wall + LIFETIME);
    assert_eq!(provider.current(), None);
    assert_eq!(provider.token().await.unwrap().secret(), "token-2");
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_a_year_lets_no_token_live_longer() {
    let (provider, platform, truth, host) = set_up_with_wall(START.wall);
    provider.token().await.unwrap();
    host.set_wall(START.wall - 365 * DAY);
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    assert_eq!(platform.requests(), 1);
    for clock in [&truth, &host] {
        clock.advance(LIFETIME);
    }
    assert_eq!(provider.current(), None);
    assert_eq!(provider.token().await.unwrap().secret(), "token-2");
    assert_eq!(provider.token().await.unwrap().secret(), "token-2");
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_always_wrong_does_not_matter() {
    let wrong = [
        START.wall + 3 * HOUR,
        START.wall - 3 * HOUR,
        // Beyond the token's expiry, and before any.
        START.wall + 60 * DAY,
        Duration::ZERO,
    ];
    for wall in wrong {
        let (provider, platform, truth, host) = set_up_with_wall(wall);
        for clock in [&truth, &host] {
            assert_eq!(provider.token().await.unwrap().secret(), "token-1");
            clock.advance(LIFETIME - DAY);
        }
        assert_eq!(provider.current().unwrap().secret(), "token-1");
        assert_eq!(platform.requests(), 1, "{wall:?}");
        for clock in [&truth, &host] {
            clock.advance(DAY);
        }
        assert_eq!(provider.current(), None);
        assert_eq!(provider.token().await.unwrap().secret(), "token-2");
        assert!(host.now().wall != truth.now().wall);
    }
}
