//! The provider and the layer on real connections, with the emulator for a platform.

use http_body_util::BodyExt;
use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_cache::testing::ManualClock;
use pan123_token_hyper::http::{Request, Response};
use pan123_token_hyper::{
    AuthorizationLayer, Bytes, Client, Credentials, Full, TokenProvider, TokenProviderBuilder,
    client,
};
use tower::{Layer, ServiceExt};

use crate::platform::{DAY, SECOND, START};

fn builder(emulator: &Emulator, clock: &ManualClock) -> TokenProviderBuilder {
    TokenProvider::builder(Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap())
        .base_url(emulator.url().parse().unwrap())
        .clock(clock.clone())
}

/// What the platform says to an API call that is repeated where it may be.
async fn call(provider: &TokenProvider, client: &Client, emulator: &Emulator) -> String {
    let service = AuthorizationLayer::new(provider.clone())
        .retry_with(|body: &Full<Bytes>| Some(body.clone()))
        .layer(client.clone());
    let uri = format!("{}/api/v1/user/info", emulator.url());
    let request = Request::get(uri).body(Full::default()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_token_that_newer_ones_took_offline_is_replaced_and_the_call_repeated() {
    let emulator = Emulator::builder().start().unwrap();
    let clock = ManualClock::new(START);
    let provider = builder(&emulator, &clock).build().unwrap();
    let client = client().unwrap();
    let reply = call(&provider, &client, &emulator).await;
    assert!(reply.contains(r#""code":0"#), "{reply}");

    // Other programs of this client ID take the token offline.
    let taken_offline = |clock: &ManualClock| {
        for _ in 0..3 {
            emulator.issue(CLIENT_ID).unwrap();
        }
        clock.advance(DAY);
    };
    taken_offline(&clock);
    let reply = call(&provider, &client, &emulator).await;
    assert!(reply.contains(r#""code":0"#), "{reply}");
    assert_eq!(emulator.token_requests(), 2);
    let token = provider.current().unwrap();
    assert!(
        emulator
            .live_tokens(CLIENT_ID)
            .contains(&token.secret().to_owned())
    );

    // Right after a renewal, it isn't worth another.
    for _ in 0..3 {
        emulator.issue(CLIENT_ID).unwrap();
    }
    clock.advance(SECOND);
    let reply = call(&provider, &client, &emulator).await;
    assert!(reply.contains(r#""code":401"#), "{reply}");
    assert_eq!(emulator.token_requests(), 2);
}

#[tokio::test]
async fn reqwest_carries_out_an_exchange() {
    let emulator = Emulator::builder().start().unwrap();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let service = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let client = client.clone();
        async move {
            let request = request.map(reqwest::Body::wrap).try_into()?;
            Ok::<Response<reqwest::Body>, reqwest::Error>(client.execute(request).await?.into())
        }
    });
    let provider = builder(&emulator, &ManualClock::new(START)).client(service);
    let token = provider.build().unwrap().token().await.unwrap();
    assert_eq!(emulator.live_tokens(CLIENT_ID), [token.secret()]);
}
