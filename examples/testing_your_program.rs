//! Tests of one's own program against an emulator of the platform: in the same process, on a free port, with clocks that
//! the test moves. No network, no account, and none of the 3 tokens that a client ID has.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_cache::testing::ManualClock;
use pan123_token_ureq::http::Request;
use pan123_token_ureq::{AccessToken, BaseUrl, Credentials, OffsetDateTime, TokenProvider, agent};

/// What is to be tested: it takes its provider and its address, and makes neither.
fn user_info(
    provider: &TokenProvider,
    api: &BaseUrl,
) -> Result<String, Box<dyn std::error::Error>> {
    let request = Request::get(format!("{api}/api/v1/user/info")).body("")?;
    let mut response = provider.call(&agent()?, request)?;
    Ok(response.body_mut().read_to_string()?)
}

/// As the program makes it, but for the address, the clock, and the store, so that nothing is left behind.
fn provider(emulator: &Emulator, clock: &ManualClock) -> (TokenProvider, BaseUrl) {
    let api: BaseUrl = emulator.url().parse().unwrap();
    let credentials = Credentials::new(CLIENT_ID, CLIENT_SECRET).unwrap();
    let builder = TokenProvider::builder(credentials).base_url(api.clone());
    (builder.clock(clock.clone()).build().unwrap(), api)
}

#[test]
fn all_calls_share_a_token() {
    let emulator = Emulator::builder().start().unwrap();
    let (provider, api) = provider(&emulator, &ManualClock::default());
    for _ in 0..3 {
        assert!(user_info(&provider, &api).unwrap().contains("\"code\":0"));
    }
    assert_eq!(emulator.token_requests(), 1);
}

#[test]
fn a_token_that_was_taken_offline_is_replaced_within_the_call() {
    let emulator = Emulator::builder().start().unwrap();
    let clock = ManualClock::default();
    let (provider, api) = provider(&emulator, &clock);
    user_info(&provider, &api).unwrap();
    // Another program with the same client ID takes three tokens: ours is the fourth.
    for _ in 0..3 {
        emulator.issue(CLIENT_ID).unwrap();
    }
    // Within its first minute a token isn't replaced by force: the reply is the platform's refusal.
    assert!(user_info(&provider, &api).unwrap().contains("\"code\":401"));
    clock.advance(Duration::from_secs(61));
    assert!(user_info(&provider, &api).unwrap().contains("\"code\":0"));
    assert_eq!(emulator.token_requests(), 2);
}

#[test]
fn a_token_that_has_expired_is_replaced_before_the_call() {
    let lifetime = Duration::from_secs(30 * 86_400);
    let emulator = Emulator::builder().lifetime(lifetime).start().unwrap();
    let clock = ManualClock::default();
    let (provider, api) = provider(&emulator, &clock);
    user_info(&provider, &api).unwrap();
    // Both clocks: the program's and the platform's.
    clock.advance(lifetime);
    emulator.advance(lifetime);
    assert!(user_info(&provider, &api).unwrap().contains("\"code\":0"));
    assert_eq!(emulator.token_requests(), 2);
}

#[test]
fn a_rate_limit_is_an_error_that_says_when_to_come_again() {
    let fault = "retry-after:2".parse().unwrap();
    let emulator = Emulator::builder().fault(fault).start().unwrap();
    let (provider, api) = provider(&emulator, &ManualClock::default());
    let error = user_info(&provider, &api).unwrap_err().to_string();
    assert!(error.contains("rate limited"), "{error}");
    assert!(error.contains("try again in 2 s"), "{error}");
}

#[test]
fn code_that_needs_a_token_and_no_platform() {
    let expires_at = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(4_102_444_800);
    let provider = TokenProvider::fixed(AccessToken::new("a.b.c", expires_at).unwrap());
    assert_eq!(provider.token().unwrap().secret(), "a.b.c");
}
