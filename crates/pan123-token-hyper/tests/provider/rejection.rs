//! Tokens that an API call was refused with.

use std::time::Duration;

use pan123_token_hyper::Rejection;

use crate::platform::{DAY, SECOND, quiet, set_up};

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_replaced_as_soon_as_that_is_allowed() {
    let (provider, platform, clock) = set_up();
    let token = provider.token().await.unwrap();
    clock.advance(20 * SECOND);
    let suspect = Rejection::Suspect {
        replaceable_in: 40 * SECOND,
    };
    assert_eq!(provider.reject(&token), suspect);
    // Until then it is still handed out.
    assert_eq!(provider.token().await.unwrap(), token);
    quiet().await;
    assert_eq!(platform.requests(), 1);

    clock.advance(40 * SECOND);
    assert_eq!(provider.current(), None);
    assert_eq!(provider.token().await.unwrap().secret(), "token-2");
    assert_eq!(provider.reject(&token), Rejection::NotCurrent);
    assert_eq!(provider.token().await.unwrap().secret(), "token-2");
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_old_token_is_replaced_at_once_and_everyone_waits_for_that() {
    let (provider, platform, clock) = set_up();
    let token = provider.token().await.unwrap();
    clock.advance(DAY);
    let suspect = Rejection::Suspect {
        replaceable_in: Duration::ZERO,
    };
    assert_eq!(provider.reject(&token), suspect);
    assert_eq!(provider.reject(&token), suspect);
    let (one, other) = tokio::join!(provider.token(), provider.token());
    assert_eq!(one.unwrap().secret(), "token-2");
    assert_eq!(other.unwrap().secret(), "token-2");
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_rejects_every_token_costs_as_many_as_the_floor_allows() {
    let (provider, platform, clock) = set_up();
    // Each consecutive forced renewal doubles the age that the next needs: 1, 2, 4, 8, 16, 32 and then 60 minutes.
    for _ in 0..2 * 3600 {
        let token = provider.token().await.unwrap();
        provider.reject(&token);
        clock.advance(SECOND);
    }
    // After 1, 3, 7, 15, 31 and 63 minutes; the next would come after 123.
    assert_eq!(platform.requests(), 1 + 6);
}
