//! Which calls carry the token, and what else becomes of them.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::{fmt, io};

use http_body_util::BodyExt;
use pan123_token_hyper::http::{Request, Response};
use pan123_token_hyper::{AuthorizationError, AuthorizationLayer, Bytes, Event, Full, TokenError};
use tower::{Layer, ServiceExt};

use super::api::{Api, Frames, Mark, SUCCESS, URI, get, json};
use crate::platform::{Mood, Platform, SECOND, START, builder, set_up};
use pan123_token_cache::testing::ManualClock;

#[tokio::test(start_paused = true)]
async fn a_call_carries_both_headers() {
    let (provider, ..) = set_up();
    let api = Api::new([json(200, SUCCESS)]);
    let service = AuthorizationLayer::new(provider).layer(api.clone());
    let response = service.oneshot(get(URI)).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, SUCCESS);
    let [call] = &api.calls()[..] else {
        panic!("not one call: {:?}", api.calls());
    };
    assert_eq!(call.headers["authorization"], "Bearer token-1");
    assert!(call.headers["authorization"].is_sensitive());
    assert_eq!(call.headers["platform"], "open_platform");
    assert_eq!(call.headers.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_to_another_server_goes_out_as_it_is_and_waits_for_no_token() {
    let (provider, platform, _) = set_up();
    platform.shut();
    let elsewhere = [
        "https://upload.example/part?signature=x",
        "https://open-api.123pan.com.evil.example/api/v1/user/info",
        "http://open-api.123pan.com/api/v1/user/info",
        "https://open-api.123pan.com:8443/api/v1/user/info",
        "/api/v1/user/info",
    ];
    let api = Api::new(elsewhere.map(|_| json(401, "")));
    let service = AuthorizationLayer::new(provider).layer(api.clone());
    for uri in elsewhere {
        let mut request = get(uri);
        request.headers_mut().insert("x-mine", "1".parse().unwrap());
        request.extensions_mut().insert(Mark);
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 401);
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "");
    }
    for (call, uri) in api.calls().iter().zip(elsewhere) {
        assert_eq!(call.uri, uri);
        assert_eq!(call.headers.len(), 1);
        assert!(call.marked);
    }
    assert_eq!(platform.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_its_caller_authorizes_is_left_alone() {
    let (provider, platform, _) = set_up();
    let api = Api::new([json(401, "")]);
    let service = AuthorizationLayer::new(provider).layer(api.clone());
    let mut request = get(URI);
    let own = "Bearer mine".parse().unwrap();
    request.headers_mut().insert("authorization", own);
    service.oneshot(request).await.unwrap();
    assert_eq!(api.tokens(), [Some("mine".to_owned())]);
    assert_eq!(platform.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_to_an_origin_that_was_added_carries_the_token() {
    let clock = ManualClock::new(START);
    let provider = builder(&Platform::new(clock.clone()), clock)
        .base_url("https://localhost:1234/pan".parse().unwrap())
        .allow_origin("https://mirror.example:8443/pan".parse().unwrap())
        .build()
        .unwrap();
    let tokens = [
        ("https://localhost:1234/anywhere", true),
        ("https://mirror.example:8443/", true),
        ("https://mirror.example/pan", false),
        (URI, false),
    ];
    let api = Api::new(tokens.map(|_| json(200, SUCCESS)));
    let service = AuthorizationLayer::new(provider).layer(api.clone());
    for (uri, _) in tokens {
        service.clone().oneshot(get(uri)).await.unwrap();
    }
    let carried = api.tokens();
    let carried: Vec<_> = carried.iter().map(Option::is_some).collect();
    assert_eq!(carried, tokens.map(|(_, carries)| carries));
}

#[tokio::test(start_paused = true)]
async fn without_a_token_nothing_is_sent() {
    let (provider, platform, _) = set_up();
    platform.set_mood(Mood::Down);
    let api = Api::new([json(200, SUCCESS)]);
    let service = AuthorizationLayer::new(provider).layer(api.clone());
    let error = service.oneshot(get(URI)).await.unwrap_err();
    assert!(api.calls().is_empty());
    assert!(matches!(
        error,
        AuthorizationError::Token(TokenError::Renewal { .. })
    ));
    let line = error.to_string();
    assert!(line.starts_with("no access token for the call: "), "{line}");
    assert!(line.contains("connection refused"), "{line}");
    // A program may look for what failed in the chain.
    assert!(error.source().unwrap().is::<TokenError>());
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_service_underneath_is_told_from_a_missing_token() {
    let (provider, ..) = set_up();
    let failing = tower::service_fn(async |_: Request<Full<Bytes>>| {
        let cause = io::Error::from(io::ErrorKind::ConnectionReset);
        Err::<Response<Frames>, _>(Lost(cause))
    });
    let service = AuthorizationLayer::new(provider).layer(failing);
    let error = service.oneshot(get(URI)).await.unwrap_err();
    assert_eq!(error.to_string(), "the call was lost: connection reset");
    // No cause is passed over.
    let lost = error.source().unwrap();
    assert!(lost.is::<Lost>());
    let io: &io::Error = lost.source().unwrap().downcast_ref().unwrap();
    assert_eq!(io.kind(), io::ErrorKind::ConnectionReset);
    let AuthorizationError::Service(error) = error else {
        panic!("{error}");
    };
    assert!(error.is::<Lost>());
}

/// An error with a cause.
#[derive(Debug)]
struct Lost(io::Error);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call was lost")
    }
}

impl Error for Lost {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_while_it_waits_for_a_token_stops_nothing() {
    let (provider, platform, _) = set_up();
    platform.shut();
    let api = Api::new([json(200, SUCCESS)]);
    let service = AuthorizationLayer::new(provider.clone()).layer(api.clone());
    let call = service.oneshot(get(URI));
    tokio::time::timeout(SECOND, call).await.unwrap_err();
    platform.open();
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    assert_eq!(platform.requests(), 1);
    assert!(api.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_layer_sees_at_once_that_a_server_was_allowed() {
    let clock = ManualClock::new(START);
    let platform = Platform::new(clock.clone());
    let events = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&events);
    let provider = builder(&platform, clock)
        .on_event(move |event| log.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    let upload = "https://upload.example/upload/v2/file/slice";
    let api = Api::new([(); 3].map(|()| json(200, SUCCESS)));
    let service = AuthorizationLayer::new(provider.clone()).layer(api.clone());
    for _ in 0..2 {
        service.clone().oneshot(get(upload)).await.unwrap();
    }
    let origin = "https://upload.example".to_owned();
    assert_eq!(
        *events.lock().unwrap(),
        [Event::UnauthorizedOrigin { origin }]
    );
    provider.allow_origin(&upload.parse().unwrap());
    service.oneshot(get(upload)).await.unwrap();
    let tokens: Vec<_> = api
        .calls()
        .iter()
        .map(|call| call.token().is_some())
        .collect();
    assert_eq!(tokens, [false, false, true]);
}
