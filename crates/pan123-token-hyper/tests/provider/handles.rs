//! What a provider is as a value.

use std::time::Duration;

use pan123_token_hyper::{
    AccessToken, AuthorizationLayer, Credentials, OffsetDateTime, Rejection, RenewalPolicy,
    TokenProvider,
};

use crate::platform::{SECOND, START, set_up};

fn token(secret: &str) -> AccessToken {
    AccessToken::new(secret, OffsetDateTime::UNIX_EPOCH + START.wall).unwrap()
}

#[test]
fn a_provider_goes_wherever_its_user_goes() {
    fn anywhere<T: Clone + Send + Sync + Unpin + 'static>() {}
    fn spawnable<T: Send>(_: &T) {}
    anywhere::<TokenProvider>();
    anywhere::<AuthorizationLayer<std::rc::Rc<()>>>();
    let (provider, ..) = set_up();
    spawnable(&provider.token());
    spawnable(&provider.token_within(SECOND));
}

#[tokio::test(start_paused = true)]
async fn debug_shows_neither_the_secret_nor_the_token() {
    let (provider, ..) = set_up();
    let token = provider.token().await.unwrap();
    let credentials = Credentials::new("my-id", "SENTINEL-secret").unwrap();
    let texts = [
        format!("{provider:?}"),
        format!("{:?}", AuthorizationLayer::<()>::new(provider)),
        format!("{:?}", TokenProvider::builder(credentials)),
        format!("{:?}", TokenProvider::fixed(token)),
    ];
    for text in texts {
        assert!(
            !text.contains("SENTINEL") && !text.contains("token-1"),
            "{text}"
        );
        assert!(text.contains("Token"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fixed_provider_hands_out_its_token_whatever_happens() {
    let fixed = token("fixed");
    let provider = TokenProvider::fixed(fixed.clone());
    assert_eq!(provider.token().await.unwrap(), fixed);
    let never = Rejection::Suspect {
        replaceable_in: Duration::MAX,
    };
    assert_eq!(provider.reject(&fixed), never);
    assert_eq!(provider.reject(&token("another")), Rejection::NotCurrent);
    assert_eq!(provider.token_within(Duration::ZERO).await.unwrap(), fixed);
    assert_eq!(provider.current().unwrap(), fixed);
    let uri = "https://open-api.123pan.com/api/v1/user/info";
    assert!(provider.origins().contains(&uri.parse().unwrap()));
}

#[test]
fn figures_that_do_not_fit_together_are_refused_at_the_door() {
    let builder = || {
        let credentials = Credentials::new("my-id", "my-secret").unwrap();
        TokenProvider::builder(credentials).client(axum::Router::new())
    };
    let error = builder().timeout(Duration::ZERO).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the renewal policy's fetch_timeout must not be zero"
    );
    let mut policy = RenewalPolicy::default();
    policy.lease_term = SECOND;
    assert!(builder().policy(policy.clone()).build().is_err());
    // An exchange that may take no longer than the callers wait fits into a shorter lease.
    policy.lease_term = 10 * SECOND;
    builder()
        .policy(policy)
        .timeout(4 * SECOND)
        .build()
        .unwrap();
}
