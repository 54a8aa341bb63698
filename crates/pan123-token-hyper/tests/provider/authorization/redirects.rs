//! Redirects, followed above the layer.

use http_body_util::BodyExt;
use pan123_token_hyper::AuthorizationLayer;
use pan123_token_hyper::http::Response;
use tower::{Layer, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;

use super::api::{Api, Frames, SUCCESS, URI, get, json};
use crate::platform::set_up;

fn redirect(location: &str) -> Response<Frames> {
    Response::builder()
        .status(307)
        .header("location", location)
        .body(Frames::default())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_another_server_never_carries_the_token() {
    let (provider, ..) = set_up();
    let api = Api::new([
        redirect("/api/v2/user/info"),
        redirect("https://elsewhere.example/"),
        redirect(URI),
        json(200, SUCCESS),
    ]);
    let service = AuthorizationLayer::new(provider).layer(api.clone());
    let service = FollowRedirectLayer::new().layer(service);
    let response = service.oneshot(get(URI)).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, SUCCESS);

    let token = Some("token-1".to_owned());
    assert_eq!(api.tokens(), [token.clone(), token.clone(), None, token]);
    let elsewhere = &api.calls()[2];
    assert_eq!(elsewhere.uri, "https://elsewhere.example/");
    assert!(elsewhere.headers.is_empty());
}
