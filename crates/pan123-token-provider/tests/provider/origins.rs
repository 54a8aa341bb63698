//! Where the token goes.

use pan123_token::http::Request;

use crate::host::Host;

fn allowed(provider: &pan123_token_provider::Provider, uri: &str) -> bool {
    let request = Request::get(uri).body(()).unwrap();
    provider.authorization(&request).is_some()
}

#[test]
fn an_origin_that_is_allowed_later_counts_for_all_clones_at_once() {
    let host = Host::new(false);
    let clone = host.provider.clone();
    assert!(allowed(
        &clone,
        "https://open-api.123pan.com/api/v1/user/info"
    ));
    assert!(!allowed(&clone, "https://upload.example/slice"));
    let upload = "https://upload.example".parse().unwrap();
    host.provider.allow_origin(&upload);
    assert!(allowed(&clone, "https://upload.example/slice"));
    assert!(!allowed(&clone, "https://upload.example:8443/slice"));
    assert!(
        clone
            .origins()
            .contains(&"https://upload.example/".parse().unwrap())
    );
}

#[test]
fn a_request_without_a_token_is_an_event_once_for_each_origin() {
    let host = Host::new(false);
    for _ in 0..3 {
        assert!(!allowed(
            &host.provider,
            "https://upload.example/slice?signature=x"
        ));
    }
    assert_eq!(host.events(), ["UnauthorizedOrigin"]);
    assert!(!allowed(&host.provider, "https://UPLOAD.example:443/other"));
    assert!(host.events().is_empty());
    assert!(!allowed(&host.provider, "http://upload.example/"));
    assert_eq!(host.events(), ["UnauthorizedOrigin"]);
}

#[test]
fn a_request_with_an_authorization_of_its_own_is_no_event() {
    let host = Host::new(false);
    let request = Request::get("https://upload.example/slice")
        .header("authorization", "Basic eDp5")
        .body(())
        .unwrap();
    assert!(host.provider.authorization(&request).is_none());
    assert!(host.events().is_empty());
}

#[test]
fn debug_shows_neither_the_secret_nor_the_token() {
    let host = Host::new(false);
    host.token(1);
    let mut caller = host.caller();
    let texts = [
        format!("{:?}", host.provider),
        format!("{:?}", caller.turn()),
        format!("{:?}", crate::host::settings(&host.clock)),
    ];
    for text in texts {
        assert!(
            !text.contains("SENTINEL") && !text.contains("token-1"),
            "{text}"
        );
    }
}
