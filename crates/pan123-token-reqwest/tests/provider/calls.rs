//! API calls to the emulator.

use pan123_emulator::{CLIENT_ID, Emulator, Rejection};
use serde_json::{Value, json};

use crate::{HOUR, builder, client, clock, provider, user_info};

#[tokio::test]
async fn the_first_call_fetches_the_token_and_carries_both_headers() {
    let emulator = Emulator::builder().start().unwrap();
    let provider = provider(&emulator.url());
    let response = provider.send(client().get(user_info(&emulator))).await;
    let reply: Value = response.unwrap().json().await.unwrap();
    assert_eq!(reply["code"], json!(0), "{reply}");

    let requests = emulator.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].header("authorization"), None);
    let token = provider.current().unwrap();
    let expected = format!("Bearer {}", token.secret());
    assert_eq!(requests[1].header("authorization"), Some(&*expected));
    assert_eq!(requests[1].header("platform"), Some("open_platform"));

    let second = provider.send(client().get(user_info(&emulator))).await;
    assert_eq!(second.unwrap().status(), 200);
    assert_eq!(emulator.token_requests(), 1);
}

#[tokio::test]
async fn a_token_is_lent_once_there_is_one() {
    let emulator = Emulator::builder().start().unwrap();
    let provider = provider(&emulator.url());
    for _ in 0..2 {
        let lent = provider.with_token(|token| token.secret().to_owned()).await;
        assert_eq!(lent.ok(), emulator.live_tokens(CLIENT_ID).pop());
    }
    assert_eq!(emulator.token_requests(), 1);
}

async fn a_token_that_was_taken_offline_is_replaced(rejection: Rejection) {
    let emulator = Emulator::builder().rejection(rejection).start().unwrap();
    let clock = clock();
    let provider = builder(&emulator.url(), &clock).build().unwrap();
    let first = provider.token().await.unwrap();
    let call = async || {
        let request = client().get(user_info(&emulator));
        let reply: Value = provider.send(request).await.unwrap().json().await.unwrap();
        reply["code"].clone()
    };
    let evict = || {
        let token = provider.current().unwrap();
        assert!(emulator.evict(token.secret()));
    };

    clock.advance(HOUR);
    evict();
    assert_eq!(call().await, json!(0));
    assert_eq!(emulator.token_requests(), 2);
    assert_ne!(provider.current().unwrap(), first);
    assert_eq!(emulator.live_tokens(CLIENT_ID).len(), 1);

    // Right after a renewal, it isn't worth another: the caller gets what the platform said.
    evict();
    let before = emulator.requests().len();
    assert_eq!(call().await, json!(401));
    assert_eq!(emulator.requests().len(), before + 1);
}

#[tokio::test]
async fn a_call_refused_with_http_200_is_sent_again_with_another_token() {
    a_token_that_was_taken_offline_is_replaced(Rejection::Http200).await;
}

#[tokio::test]
async fn a_call_refused_with_http_401_is_sent_again_with_another_token() {
    a_token_that_was_taken_offline_is_replaced(Rejection::Http401).await;
}

#[tokio::test]
async fn a_call_that_authorizes_itself_goes_out_as_it_is() {
    let emulator = Emulator::builder().start().unwrap();
    let provider = provider(&emulator.url());
    let token = emulator.issue(CLIENT_ID).unwrap();
    let request = client().get(user_info(&emulator));
    let request = request
        .bearer_auth(&token)
        .header("platform", "open_platform");
    assert_eq!(provider.send(request).await.unwrap().status(), 200);
    assert_eq!(emulator.token_requests(), 0);
}

#[tokio::test]
async fn refresh_gets_another_token_and_a_fixed_provider_keeps_its_own() {
    let emulator = Emulator::builder().start().unwrap();
    let clock = clock();
    let provider = builder(&emulator.url(), &clock).build().unwrap();
    let first = provider.token().await.unwrap();
    clock.advance(HOUR);
    let second = provider.refresh().await.unwrap();
    assert_ne!(second, first);
    assert_eq!(provider.current(), Some(second.clone()));

    let fixed = pan123_token_reqwest::TokenProvider::fixed(first.clone());
    fixed.allow_origin(&emulator.url().parse().unwrap());
    let request = client().get(user_info(&emulator));
    assert_eq!(fixed.send(request).await.unwrap().status(), 200);
    assert_eq!(fixed.refresh().await.unwrap(), first);
    assert_eq!(emulator.token_requests(), 2);
}
