//! Which business calls get a token, and which one.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use pan123_token::http::{HeaderMap, Request, Uri};
use pan123_token::{AccessToken, Authorization, BaseUrl, OffsetDateTime, Origins};

const URI: &str = "https://open-api.123pan.com/api/v1/user/info";

fn request(uri: &str, headers: &[(&'static str, &'static str)]) -> Request<()> {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn authorization(request: &Request<()>) -> Option<Authorization> {
    Authorization::of(request, &Origins::of(&BaseUrl::default()))
}

fn token(secret: &str, expires_at: i64) -> AccessToken {
    let expires_at = OffsetDateTime::from_unix_timestamp(expires_at).unwrap();
    AccessToken::new(secret, expires_at).unwrap()
}

/// Every value of the two headers.
fn carried(headers: &HeaderMap) -> Vec<&str> {
    ["authorization", "platform"]
        .into_iter()
        .flat_map(|name| headers.get_all(name))
        .map(|value| value.to_str().unwrap())
        .collect()
}

#[test]
fn a_call_to_the_origin_gets_both_headers() {
    let mut request = request(URI, &[("platform", "web"), ("accept", "*/*")]);
    let authorization = authorization(&request).unwrap();
    let authorized = authorization.authorize(request.headers_mut(), &token("a.b.c", 1));
    assert_eq!(
        carried(request.headers()),
        ["Bearer a.b.c", "open_platform"]
    );
    assert_eq!(request.headers()["accept"], "*/*");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(authorized.token(), &token("a.b.c", 1));
}

#[test]
fn a_call_elsewhere_gets_none() {
    for uri in [
        "https://upload.example/part?signature=x",
        "http://open-api.123pan.com/api/v1/user/info",
        "/api/v1/user/info",
    ] {
        assert!(authorization(&request(uri, &[])).is_none(), "{uri}");
    }
}

#[test]
fn a_call_that_its_caller_authorizes_gets_none() {
    for own in ["Bearer own", "Basic own", ""] {
        let request = request(URI, &[("authorization", own)]);
        assert!(authorization(&request).is_none(), "{own:?}");
    }
    // What authorizes towards a proxy is another matter.
    assert!(authorization(&request(URI, &[("proxy-authorization", "Basic own")])).is_some());
}

#[test]
fn a_call_is_retried_with_another_token_only() {
    let retry = |token_again: AccessToken| {
        let mut request = request(URI, &[]);
        let authorization = authorization(&request).unwrap();
        let authorized = authorization.authorize(request.headers_mut(), &token("a.b.c", 1));
        let retried = authorized.retry(request.headers_mut(), &token_again);
        (retried, carried(request.headers()).join(" "))
    };
    let unchanged = (false, "Bearer a.b.c open_platform".to_owned());
    assert_eq!(retry(token("a.b.c", 1)), unchanged);
    // The same token with another expiry is the one that was rejected.
    assert_eq!(retry(token("a.b.c", 2)), unchanged);
    let changed = (true, "Bearer d.e.f open_platform".to_owned());
    assert_eq!(retry(token("d.e.f", 1)), changed);
}

#[test]
fn headers_kept_from_before_the_first_attempt_will_do() {
    let mut request = request(URI, &[("accept", "*/*")]);
    let mut kept = request.headers().clone();
    let authorization = authorization(&request).unwrap();
    let authorized = authorization.authorize(request.headers_mut(), &token("a.b.c", 1));
    assert!(authorized.retry(&mut kept, &token("d.e.f", 1)));
    assert_eq!(carried(&kept), ["Bearer d.e.f", "open_platform"]);
    assert_eq!(kept["accept"], "*/*");
}

#[test]
fn a_client_with_request_types_of_its_own_needs_no_request() {
    let origins = Origins::of(&BaseUrl::default());
    let mut headers = HeaderMap::new();
    let uri: Uri = URI.parse().unwrap();
    let authorization = Authorization::of_parts(&uri, &headers, &origins).unwrap();
    let authorized = authorization.authorize(&mut headers, &token("a.b.c", 1));
    assert_eq!(carried(&headers), ["Bearer a.b.c", "open_platform"]);
    // It carries one now.
    assert!(Authorization::of_parts(&uri, &headers, &origins).is_none());
    assert!(authorized.retry(&mut headers, &token("d.e.f", 1)));
    assert_eq!(carried(&headers), ["Bearer d.e.f", "open_platform"]);

    let elsewhere: Uri = "https://upload.example/part".parse().unwrap();
    assert!(Authorization::of_parts(&elsewhere, &HeaderMap::new(), &origins).is_none());
}

#[test]
fn debug_never_shows_the_token() {
    let authorization = authorization(&request(URI, &[])).unwrap();
    let authorized = authorization.authorize(&mut HeaderMap::new(), &token("SENTINEL", 1));
    let shown = format!("{authorized:?}");
    assert!(shown.contains("63e2f14994cf49ad"), "{shown}");
    assert!(!shown.contains("SENTINEL"), "{shown}");
}
