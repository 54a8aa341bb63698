//! The token as a user holds it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use pan123_token::http::{HeaderMap, HeaderValue};
use pan123_token::{AccessToken, AccessTokenError, Fingerprint, OffsetDateTime};
use time::format_description::well_known::Rfc3339;

fn at(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).unwrap()
}

fn token(secret: &str) -> AccessToken {
    AccessToken::new(secret, at("2025-03-23T15:48:37+08:00")).unwrap()
}

#[test]
fn a_token_gives_back_what_it_was_made_of() {
    let token = token("eyJhbGciOi.eyJzdWIi.c2ln-_~+/=");
    assert_eq!(token.secret(), "eyJhbGciOi.eyJzdWIi.c2ln-_~+/=");
    assert_eq!(token.expires_at(), at("2025-03-23T07:48:37Z"));
    assert!(token.expires_at().offset().is_utc());
    assert_eq!(token.clone(), token);
}

#[test]
fn a_token_is_usable_until_the_second_in_which_it_expires() {
    let token = token("a");
    let end = at("2025-03-23T07:48:37Z");
    assert!(token.is_usable_at(end - Duration::from_nanos(1)));
    assert!(!token.is_usable_at(end));
    assert!(!token.is_usable_at(end + Duration::from_nanos(1)));
}

#[test]
fn what_no_header_can_carry_is_no_token() {
    let new = |secret: &str| AccessToken::new(secret, at("2025-03-23T15:48:37+08:00"));
    assert_eq!(new(""), Err(AccessTokenError::Empty));
    for secret in [
        " ",
        "a b",
        "a\t",
        "\na",
        "a\0",
        "a\u{7f}",
        "é",
        "密",
        "a\r\nx: y",
    ] {
        assert_eq!(
            new(secret),
            Err(AccessTokenError::NotHeaderSafe),
            "{secret:?}"
        );
    }
}

#[test]
fn why_a_text_is_no_token_is_said_in_one_line() {
    for (error, line) in [
        (AccessTokenError::Empty, "the access token is empty"),
        (
            AccessTokenError::NotHeaderSafe,
            "the access token holds characters that no header can carry",
        ),
        (
            AccessTokenError::ExpiryOutOfRange,
            "the access token's expiry lies outside the calendar",
        ),
    ] {
        assert_eq!(error.to_string(), line);
    }
}

#[test]
fn an_expiry_that_rfc_3339_cannot_write_in_utc_is_refused() {
    for text in ["9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01"] {
        assert_eq!(
            AccessToken::new("a", at(text)),
            Err(AccessTokenError::ExpiryOutOfRange)
        );
    }
    for text in ["9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"] {
        assert!(AccessToken::new("a", at(text)).is_ok());
    }
}

#[test]
fn an_api_call_gets_both_headers_and_keeps_its_others() {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Basic x"));
    headers.append("authorization", HeaderValue::from_static("Basic y"));
    headers.insert("accept", HeaderValue::from_static("*/*"));
    token("a.b.c").authorize(&mut headers);
    let values: Vec<_> = headers.get_all("authorization").iter().collect();
    assert_eq!(values, ["Bearer a.b.c"]);
    assert!(values[0].is_sensitive());
    assert_eq!(headers["platform"], "open_platform");
    assert_eq!(headers["accept"], "*/*");
    assert_eq!(headers.len(), 3);
}

#[test]
fn debug_shows_the_fingerprint_and_never_the_token() {
    let token = token("SENTINEL");
    assert_eq!(
        format!("{token:?}"),
        "AccessToken { fingerprint: 63e2f14994cf49ad, expires_at: 2025-03-23 7:48:37.0 +00:00:00, .. }"
    );
    assert_eq!(format!("{:?}", token.authorization()), "Sensitive");
}

#[test]
fn a_fingerprint_is_equal_for_equal_tokens_on_every_host() {
    let fingerprint: Fingerprint = token("SENTINEL").fingerprint();
    // SHA-256 of "pan123-token fingerprint", a NUL and the token; its first 16 digits, as sha256sum prints them.
    assert_eq!(fingerprint.to_string(), "63e2f14994cf49ad");
    assert_eq!(fingerprint, token("SENTINEL").fingerprint());
    assert_ne!(fingerprint, token("SENTINEM").fingerprint());
}

#[test]
fn a_fingerprint_is_read_as_it_is_written_and_in_no_other_way() {
    let fingerprint = token("SENTINEL").fingerprint();
    assert_eq!("63e2f14994cf49ad".parse(), Ok(fingerprint));
    assert_eq!(
        "000000000000000a"
            .parse::<Fingerprint>()
            .unwrap()
            .to_string(),
        "000000000000000a"
    );
    for other in [
        "",
        "a",
        "63E2F14994CF49AD",
        "+3e2f14994cf49ad",
        "063e2f14994cf49ad",
        "63e2f14994cf49ag",
    ] {
        let error = other.parse::<Fingerprint>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a fingerprint is 16 hexadecimal digits, in lower case",
            "{other}"
        );
    }
}
