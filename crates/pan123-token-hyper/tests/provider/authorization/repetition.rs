//! Rejections: reported, and repeated where that is wanted and possible.

use http_body_util::BodyExt;
use pan123_token_hyper::http::{Response, StatusCode};
use pan123_token_hyper::{AuthorizationLayer, Bytes, Full, Rejection, TokenProvider};
use tower::{Layer, ServiceExt};

use super::api::{Api, Frames, Mark, REJECTION, SUCCESS, URI, data, get, json, reply};
use crate::platform::{DAY, Mood, Platform, SECOND, quiet, set_up};
use pan123_token_cache::testing::ManualClock;

type Body = Full<Bytes>;

fn repeating(provider: &TokenProvider) -> AuthorizationLayer<Body> {
    AuthorizationLayer::new(provider.clone()).retry_with(|body: &Body| Some(body.clone()))
}

/// A provider whose token is old enough to be replaced at once.
async fn set_up_with_old_token() -> (TokenProvider, Platform, ManualClock) {
    let (provider, platform, clock) = set_up();
    provider.token().await.unwrap();
    clock.advance(DAY);
    (provider, platform, clock)
}

async fn text(
    response: Response<impl http_body::Body<Data = Bytes, Error = std::io::Error>>,
) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_rejected_call_is_repeated_once_with_another_token() {
    for status in [200, 401] {
        let (provider, platform, _) = set_up_with_old_token().await;
        let api = Api::new([json(status, REJECTION), json(200, SUCCESS)]);
        let service = repeating(&provider).layer(api.clone());
        let mut request = get(URI);
        request.headers_mut().insert("x-mine", "1".parse().unwrap());
        request.extensions_mut().insert(Mark);
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(text(response).await, SUCCESS);

        let [first, second] = &api.calls()[..] else {
            panic!("not two calls: {:?}", api.calls());
        };
        assert_eq!(
            (first.token(), second.token()),
            (Some("token-1"), Some("token-2"))
        );
        assert_eq!(second.uri, URI);
        assert_eq!(second.headers["x-mine"], "1");
        assert_eq!(second.headers.len(), first.headers.len());
        assert!(second.marked);
        assert_eq!(platform.requests(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_without_a_body_is_one_too() {
    let (provider, ..) = set_up_with_old_token().await;
    let empty = Response::builder()
        .status(401)
        .body(Frames::default().of_length(0));
    let api = Api::new([empty.unwrap(), json(200, SUCCESS)]);
    let response = repeating(&provider)
        .layer(api.clone())
        .oneshot(get(URI))
        .await
        .unwrap();
    assert_eq!(text(response).await, SUCCESS);
    assert_eq!(api.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_can_be_sent_only_once_is_sent_once() {
    let (provider, platform, _) = set_up_with_old_token().await;
    let api = Api::new([json(401, REJECTION)]);
    let once = AuthorizationLayer::new(provider.clone()).retry_with(|_: &Body| None);
    let response = once.layer(api.clone()).oneshot(get(URI)).await.unwrap();
    // The answer is the server's, and it is reported.
    assert_eq!(response.status(), 401);
    assert_eq!(provider.current(), None);
    assert_eq!(text(response).await, REJECTION);
    assert_eq!(api.calls().len(), 1);
    assert_eq!(platform.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_repeats_nothing_reports_all_the_same() {
    let (provider, ..) = set_up_with_old_token().await;
    let api = Api::new([json(200, REJECTION)]);
    let layer = AuthorizationLayer::<Body>::new(provider.clone());
    // No reader takes the body.
    drop(layer.layer(api.clone()).oneshot(get(URI)).await.unwrap());
    assert_eq!(provider.current(), None);
    assert_eq!(api.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_not_repeated_with_the_same_token() {
    // It is too young to be replaced.
    let (provider, platform, _) = set_up();
    let api = Api::new([json(401, REJECTION)]);
    let response = repeating(&provider)
        .layer(api.clone())
        .oneshot(get(URI))
        .await
        .unwrap();
    assert_eq!(text(response).await, REJECTION);
    assert_eq!(api.tokens(), [Some("token-1".to_owned())]);
    assert_eq!(platform.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_another_token_the_reply_that_came_is_the_answer() {
    let (provider, platform, _) = set_up_with_old_token().await;
    platform.set_mood(Mood::Down);
    let api = Api::new([json(401, REJECTION)]);
    let response = repeating(&provider)
        .layer(api.clone())
        .oneshot(get(URI))
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(text(response).await, REJECTION);
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_made_with_a_token_that_is_gone_is_repeated_with_the_one_at_hand() {
    let (provider, platform, _) = set_up_with_old_token().await;
    let old = provider.token().await.unwrap();
    // While the call is under way, another one's rejection has the token replaced.
    let api = Api::new([json(401, REJECTION), json(200, SUCCESS)]);
    let service = repeating(&provider).layer(tower::service_fn({
        let (api, provider) = (api.clone(), provider.clone());
        move |request| {
            let (api, provider, old) = (api.clone(), provider.clone(), old.clone());
            async move {
                provider.reject(&old);
                provider.token().await.unwrap();
                api.oneshot(request).await
            }
        }
    }));
    let response = service.oneshot(get(URI)).await.unwrap();
    assert_eq!(text(response).await, SUCCESS);
    assert_eq!(
        api.tokens(),
        ["token-1", "token-2"].map(|it| Some(it.to_owned()))
    );
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_of_any_length_and_form_is_read_beforehand_and_repeated() {
    let cut = || Frames::new([data(&REJECTION[..9]), data(&REJECTION[9..])]);
    let of_type = |content_type: &str| {
        let response = Response::builder().status(401);
        let response = response.header("content-type", content_type);
        response.body(cut()).unwrap()
    };
    let mut untyped = Response::new(cut());
    *untyped.status_mut() = StatusCode::UNAUTHORIZED;
    for response in [
        reply(200, cut()),
        reply(401, cut()),
        of_type("text/plain"),
        untyped,
        reply(200, cut().ending_early()),
    ] {
        let (provider, ..) = set_up_with_old_token().await;
        let api = Api::new([response, json(200, SUCCESS)]);
        let response = repeating(&provider)
            .layer(api.clone())
            .oneshot(get(URI))
            .await
            .unwrap();
        assert_eq!(text(response).await, SUCCESS);
        assert_eq!(api.calls().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_not_read_beforehand_is_reported_and_not_repeated() {
    let plain = Response::new(Frames::new([data(REJECTION)]).of_length(REJECTION.len()));
    // The caller of a body that says where it ends stops there.
    let ends_early = Response::new(Frames::new([data(REJECTION)]).ending_early());
    for response in [plain, ends_early] {
        let (provider, ..) = set_up_with_old_token().await;
        let api = Api::new([response]);
        let response = repeating(&provider)
            .layer(api.clone())
            .oneshot(get(URI))
            .await
            .unwrap();
        assert!(provider.current().is_some(), "it hasn't passed yet");
        let mut body = response.into_body();
        let mut text = Vec::new();
        while let Some(frame) = body.frame().await {
            text.extend(frame.unwrap().into_data().unwrap());
            if http_body::Body::is_end_stream(&body) {
                break;
            }
        }
        assert_eq!(text, REJECTION.as_bytes());
        assert_eq!(provider.current(), None);
        assert_eq!(api.calls().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_verdict_on_the_token_changes_nothing() {
    let page = Response::builder()
        .status(401)
        .header("content-type", "text/html")
        .body(Frames::new([data("<html>who are you?</html>")]));
    let breaks_off = Frames::new([data(REJECTION)]).of_length(4000).then_fails();
    for (response, fails) in [
        (json(401, r#"{"code":403,"message":"not yours"}"#), false),
        (page.unwrap(), false),
        (reply(401, breaks_off), true),
    ] {
        let (provider, ..) = set_up_with_old_token().await;
        let api = Api::new([response]);
        let response = repeating(&provider)
            .layer(api.clone())
            .oneshot(get(URI))
            .await
            .unwrap();
        assert_eq!(response.into_body().collect().await.is_err(), fails);
        assert_eq!(provider.current().unwrap().secret(), "token-1");
        assert_eq!(api.calls().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repetition_is_not_repeated() {
    let (provider, platform, _) = set_up_with_old_token().await;
    let api = Api::new([
        json(401, REJECTION),
        json(401, REJECTION),
        json(200, SUCCESS),
    ]);
    let service = repeating(&provider).layer(api.clone());
    let response = service.oneshot(get(URI)).await.unwrap();
    assert_eq!(response.status(), 401);
    // Reported it is: the token is a suspect, to be replaced once it is old enough.
    let suspect = provider.reject(&provider.current().unwrap());
    assert_eq!(
        suspect,
        Rejection::Suspect {
            replaceable_in: 120 * SECOND
        }
    );
    assert_eq!(api.replies_left(), 1);
    assert_eq!(platform.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_rejects_every_token_costs_as_many_as_the_floor_allows() {
    let (provider, platform, clock) = set_up();
    for _ in 0..2 * 360 {
        let api = Api::new([
            json(401, REJECTION),
            json(200, REJECTION),
            json(200, SUCCESS),
        ]);
        let service = repeating(&provider).layer(api.clone());
        let response = service.oneshot(get(URI)).await.unwrap();
        assert_eq!(text(response).await, REJECTION);
        assert!(api.calls().len() <= 2);
        quiet().await;
        clock.advance(10 * SECOND);
    }
    // Forced renewals after 1, 3, 7, 15, 31 and 63 minutes.
    assert_eq!(platform.requests(), 1 + 6);
}
