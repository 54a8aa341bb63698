//! Redirects: a token never follows one to another server.

use pan123_token_reqwest::reqwest::{Client, redirect::Policy};
use pan123_token_reqwest::{Credentials, GetAccessToken, SendError, fetch};

use crate::server::{Server, json, redirect, write};
use crate::{HOUR, builder, client, clock, provider};

/// Redirects to itself, then answers.
fn elsewhere() -> Server {
    Server::start(|request, stream| {
        if request.call.ends_with("/1") {
            write(stream, &redirect(307, "/2"));
        } else {
            write(stream, &json(200, r#"{"code":0}"#));
        }
    })
}

fn redirecting(status: u16, to: &str) -> Server {
    let reply = redirect(status, to);
    Server::platform(move |_, stream| write(stream, &reply))
}

/// Why [`SendError::Redirects`] exists. Should this fail with a newer reqwest, clients that follow redirects can be let in.
#[tokio::test]
async fn reqwest_by_itself_takes_the_token_along_on_the_second_request_to_another_server() {
    let elsewhere = elsewhere();
    // The same host on another port.
    let platform = redirecting(302, &format!("{}/1", elsewhere.url()));
    let request = Client::new().get(format!("{}/call", platform.url()));
    let response = request.bearer_auth("token").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let tokens = elsewhere.tokens();
    assert_eq!(tokens, [None, Some("token".to_owned())]);
}

#[tokio::test]
async fn a_client_that_may_follow_redirects_gets_no_token_and_sends_nothing() {
    let elsewhere = elsewhere();
    let platform = redirecting(302, &format!("{}/1", elsewhere.url()));
    let provider = provider(&platform.url());
    let policies = [
        Policy::default(),
        Policy::limited(0),
        Policy::limited(3),
        Policy::custom(|attempt| match attempt.previous().len() {
            0..5 => attempt.follow(),
            _ => attempt.stop(),
        }),
    ];
    for policy in policies {
        let client = Client::builder().redirect(policy).build().unwrap();
        let request = client.get(format!("{}/call", platform.url()));
        let error = provider.send(request).await.unwrap_err();
        assert!(matches!(error, SendError::Redirects));
        assert_eq!(
            error.to_string(),
            "the client may follow redirects, and take the token along to another server; \
             build it with .redirect(reqwest::redirect::Policy::none())"
        );
    }
    // Its own default headers don't deceive.
    let header = [(
        "x".parse().unwrap(),
        "redirect_policy: \"Policy(None)\"".parse().unwrap(),
    )];
    let client = Client::builder().default_headers(header.into_iter().collect());
    let request = client
        .build()
        .unwrap()
        .get(format!("{}/call", platform.url()));
    let error = provider.send(request).await.unwrap_err();
    assert!(matches!(error, SendError::Redirects));
    assert!(platform.calls().is_empty() && elsewhere.calls().is_empty());
}

#[tokio::test]
async fn a_redirect_of_an_api_call_is_the_reply_and_goes_nowhere() {
    let elsewhere = elsewhere();
    for to in [
        elsewhere.url(),
        format!("http://localhost:{}", elsewhere.port()),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let platform = redirecting(status, &format!("{to}/1"));
            let provider = provider(&platform.url());
            for request in [
                client().get(platform.url()),
                client().post(platform.url()).body("x"),
            ] {
                let response = provider.send(request).await.unwrap();
                assert_eq!(response.status(), status);
                assert_eq!(response.headers()["location"], format!("{to}/1"));
            }
            assert_eq!(platform.tokens().len(), 2);
        }
    }
    assert!(elsewhere.calls().is_empty());
}

#[tokio::test]
async fn a_call_that_carries_no_token_may_be_redirected() {
    let elsewhere = elsewhere();
    let other = redirecting(302, &format!("{}/1", elsewhere.url()));
    let platform = redirecting(302, "/");
    let provider = provider(&platform.url());
    let request = Client::new().get(other.url());
    assert_eq!(provider.send(request).await.unwrap().status(), 200);
    assert_eq!(elsewhere.tokens(), [None, None]);
}

/// The client's secret goes nowhere but to the platform, even through a client that was brought and follows redirects; and a
/// grant that comes from elsewhere is none.
#[tokio::test]
async fn the_client_secret_follows_no_redirect() {
    let grant =
        r#"{"code":0,"data":{"accessToken":"forged","expiredAt":"2100-01-01T00:00:00+08:00"}}"#;
    let elsewhere = Server::start(move |_, stream| write(stream, &json(200, grant)));
    for status in [301, 302, 303, 307, 308] {
        let reply = redirect(status, &elsewhere.url());
        let platform = Server::start(move |_, stream| write(stream, &reply));
        let limited = Client::builder().redirect(Policy::limited(0));
        for client in [client(), Client::new(), limited.build().unwrap()] {
            let credentials = Credentials::new("id", "SENTINEL-secret").unwrap();
            let operation = GetAccessToken::new(credentials);
            let operation = operation.with_base_url(platform.url().parse().unwrap());
            let error = fetch(&client, &operation, HOUR).await.unwrap_err();
            let response = error.response().unwrap();
            assert!(response.status().is_redirection());
            assert!(!error.may_have_issued());
            assert!(error.to_string().contains("a redirect"), "{error}");
        }
    }
    // reqwest's own policy followed some, with nothing in hand.
    assert_eq!(elsewhere.calls().len(), 3);
    for call in elsewhere.calls() {
        assert_eq!(call.body, b"");
    }
}

#[tokio::test]
async fn a_provider_of_its_own_client_follows_no_redirect_to_a_token() {
    let elsewhere = elsewhere();
    let reply = redirect(307, &elsewhere.url());
    let platform = Server::start(move |_, stream| write(stream, &reply));
    let provider = builder(&platform.url(), &clock()).build().unwrap();
    let error = provider.token().await.unwrap_err();
    assert!(error.to_string().contains("a redirect"), "{error}");
    assert!(elsewhere.calls().is_empty());
}
