//! API calls through `TokenProvider::call`, without the layer.

use http_body_util::BodyExt;
use pan123_token_hyper::AuthorizationError;
use pan123_token_hyper::http::Request;

use super::api::{Api, Frames, REJECTION, SUCCESS, URI, get, json};
use crate::platform::{DAY, Mood, SECOND, set_up};

#[tokio::test(start_paused = true)]
async fn a_call_carries_both_headers() {
    let (provider, ..) = set_up();
    let api = Api::new([json(200, SUCCESS)]);
    let response = provider.call(api.clone(), get(URI)).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, SUCCESS);
    assert_eq!(api.tokens(), [Some("token-1".to_owned())]);
    assert_eq!(api.calls()[0].headers["platform"], "open_platform");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_call_is_sent_once_more_where_its_body_can_be() {
    for once in [false, true] {
        let (provider, _, clock) = set_up();
        provider.token().await.unwrap();
        clock.advance(DAY);
        let api = Api::new([json(401, REJECTION), json(200, SUCCESS)]);
        let response = if once {
            // A body of a type that can't be cloned.
            let request = Request::post(URI).body(Frames::default()).unwrap();
            provider.call_once(api.clone(), request).await.unwrap()
        } else {
            provider.call(api.clone(), get(URI)).await.unwrap()
        };
        assert_eq!(response.status(), if once { 401 } else { 200 });
        assert_eq!(api.calls().len(), if once { 1 } else { 2 });
        assert_eq!(api.replies_left(), usize::from(once));
        // The next call carries another one either way.
        assert_eq!(provider.token().await.unwrap().secret(), "token-2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_to_another_server_waits_for_no_token() {
    let (provider, platform, _) = set_up();
    platform.shut();
    let api = Api::new([json(401, "")]);
    let uri = "https://upload.example/part?signature=x";
    let response = provider.call(api.clone(), get(uri)).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!((api.tokens(), platform.requests()), (vec![None], 0));
}

#[tokio::test(start_paused = true)]
async fn without_a_token_nothing_is_sent() {
    let (provider, platform, _) = set_up();
    platform.set_mood(Mood::Down);
    let api = Api::new([]);
    let error = provider.call(api.clone(), get(URI)).await.unwrap_err();
    assert!(matches!(error, AuthorizationError::Token(_)), "{error}");
    assert!(api.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_may_be_dropped_while_it_waits_for_a_token() {
    let (provider, platform, _) = set_up();
    platform.shut();
    let api = Api::new([]);
    let call = provider.call(api.clone(), get(URI));
    tokio::time::timeout(SECOND, call).await.unwrap_err();
    platform.open();
    assert_eq!(provider.token().await.unwrap().secret(), "token-1");
    assert_eq!(platform.requests(), 1);
    assert!(api.calls().is_empty());
}
