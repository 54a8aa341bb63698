//! The client ID and secret at the door, and out of sight behind it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use pan123_token::{Credentials, GetAccessToken};

#[track_caller]
fn refused(client_id: &str, client_secret: &str) -> String {
    let error = Credentials::new(client_id, client_secret).unwrap_err();
    error.to_string()
}

#[test]
fn what_cannot_be_a_credential_is_refused_by_name() {
    assert_eq!(refused("", "secret"), "the client ID is empty");
    assert_eq!(refused("id", ""), "the client secret is empty");
    assert_eq!(
        refused("id\n", "secret"),
        "the client ID ends in a line break; remove it"
    );
    assert_eq!(
        refused("id", "secret\r"),
        "the client secret ends in a line break; remove it"
    );
    assert_eq!(
        refused("id", "sec\tret"),
        "the client secret holds a control character"
    );
    assert_eq!(
        refused("\u{85}id", "secret"),
        "the client ID holds a control character"
    );
    assert_eq!(
        refused(&"x".repeat(1025), "secret"),
        "the client ID is longer than 1024 bytes"
    );
    assert_eq!(
        refused("id", &"x".repeat(1025)),
        "the client secret is longer than 1024 bytes"
    );
}

#[test]
fn anything_else_is_taken_as_it_is() {
    for text in ["x", " ", "密码", "a\"b\\c/d", &"x".repeat(1024)] {
        let credentials = Credentials::new(text, text).unwrap();
        assert_eq!(credentials.client_id(), text);
    }
}

#[test]
fn debug_shows_the_id_and_never_the_secret() {
    let credentials = Credentials::new("my-id", "SENTINEL").unwrap();
    assert_eq!(
        format!("{credentials:?}"),
        r#"Credentials { client_id: "my-id", .. }"#
    );
    let operation = GetAccessToken::new(credentials);
    assert_eq!(
        format!("{operation:?}"),
        r#"GetAccessToken { client_id: "my-id", base_url: BaseUrl("https://open-api.123pan.com"), .. }"#
    );
}
