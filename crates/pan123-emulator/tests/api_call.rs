//! The API call `user/info`, which shows whether a token is good.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Reply, Request};
use pan123_emulator::{CLIENT_ID, Emulator, Eviction, Rejection};
use serde_json::json;

const DAY: Duration = Duration::from_secs(86_400);

fn fetch(emulator: &Emulator) -> String {
    Request::token().send(emulator).token()
}

fn call(emulator: &Emulator, token: &str) -> Reply {
    Request::user_info(token).send(emulator)
}

fn refusal(reply: &Reply) -> (u16, i64, String) {
    assert_eq!(reply.json()["data"], json!(null));
    (reply.status, reply.code(), reply.message())
}

#[test]
fn a_live_token_opens_it() {
    let emulator = Emulator::builder().start().unwrap();
    let reply = call(&emulator, &fetch(&emulator));
    assert_eq!((reply.status, reply.code()), (200, 0));
    assert!(reply.json()["data"]["uid"].is_u64());
    assert_eq!(emulator.token_requests(), 1);
}

#[test]
fn the_platform_header_is_required_here_too() {
    let emulator = Emulator::builder().start().unwrap();
    let request = Request::user_info(&fetch(&emulator)).without("Platform");
    assert_eq!(
        request.send(&emulator).text(),
        r#"{"code":1,"message":"Please include the platform field in the request header"}"#
    );
}

#[test]
fn an_unknown_token_is_refused() {
    let emulator = Emulator::builder().start().unwrap();
    let refused = (200, 401, "access_token无效".to_owned());
    assert_eq!(refusal(&call(&emulator, "eyJ.eyJ.x")), refused);
    assert_eq!(refusal(&call(&emulator, "")).1, 401);
}

#[test]
fn a_missing_or_odd_authorization_is_refused() {
    let emulator = Emulator::builder().start().unwrap();
    let token = fetch(&emulator);
    let bare = || Request::user_info("").without("Authorization");
    let odd = [
        bare(),
        bare().with("Authorization", &token),
        bare().with("Authorization", &format!("Basic {token}")),
        bare().with("Authorization", &format!("Bearer  {token}")),
        Request::user_info(&token).with("Authorization", &format!("Bearer {token}")),
    ];
    for request in odd {
        assert_eq!(request.send(&emulator).code(), 401);
    }
}

#[test]
fn a_token_expires_after_its_lifetime() {
    let emulator = Emulator::builder().start().unwrap();
    let token = fetch(&emulator);
    emulator.advance(89 * DAY);
    assert_eq!(call(&emulator, &token).code(), 0);
    emulator.advance(DAY);
    let expired = (200, 401, "token is expired".to_owned());
    assert_eq!(refusal(&call(&emulator, &token)), expired);
    assert_eq!(emulator.live_tokens(CLIENT_ID), Vec::<String>::new());
}

#[test]
fn a_short_life_ends_by_itself() {
    let builder = Emulator::builder().lifetime(Duration::from_millis(1));
    let emulator = builder.start().unwrap();
    let token = fetch(&emulator);
    emulator.advance(Duration::from_millis(1));
    assert_eq!(call(&emulator, &token).message(), "token is expired");
}

#[test]
fn a_fourth_token_takes_the_first_offline() {
    let emulator = Emulator::builder().start().unwrap();
    let first = fetch(&emulator);
    let rest = [(); 3].map(|()| fetch(&emulator));
    let evicted = (200, 401, "tokens number has exceeded the limit".to_owned());
    assert_eq!(refusal(&call(&emulator, &first)), evicted);
    for token in &rest {
        assert_eq!(call(&emulator, token).code(), 0);
    }
    assert_eq!(emulator.live_tokens(CLIENT_ID), rest);
}

#[test]
fn how_many_live_and_which_one_goes_can_be_set() {
    let emulator = Emulator::builder()
        .max_tokens(2)
        .eviction(Eviction::NewestButOne)
        .start()
        .unwrap();
    let tokens = [(); 3].map(|()| fetch(&emulator));
    let codes = tokens.map(|token| call(&emulator, &token).code());
    assert_eq!(codes, [0, 401, 0]);
}

#[test]
fn one_token_lives_at_least() {
    let emulator = Emulator::builder().max_tokens(0).start().unwrap();
    fetch(&emulator);
    assert_eq!(call(&emulator, &fetch(&emulator)).code(), 0);
    assert_eq!(emulator.live_tokens(CLIENT_ID).len(), 1);
}

#[test]
fn refusals_can_show_in_the_status() {
    let builder = Emulator::builder().rejection(Rejection::Http401);
    let emulator = builder.start().unwrap();
    let refused = (401, 401, "access_token无效".to_owned());
    assert_eq!(refusal(&call(&emulator, "eyJ.eyJ.x")), refused);
    assert_eq!(call(&emulator, &fetch(&emulator)).status, 200);
}

#[test]
fn another_program_of_the_client_can_take_tokens_offline() {
    let emulator = Emulator::builder().max_tokens(1).start().unwrap();
    let mine = fetch(&emulator);
    let theirs = emulator.issue(CLIENT_ID).unwrap();
    assert_eq!(call(&emulator, &mine).code(), 401);
    assert_eq!(call(&emulator, &theirs).code(), 0);
    assert_eq!((emulator.token_requests(), emulator.issued()), (1, 2));
    assert_eq!(emulator.issue("unknown"), None);
}
