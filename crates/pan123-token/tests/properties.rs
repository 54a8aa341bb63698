//! What must hold for any input, not only for what the vectors thought of.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use pan123_token::http::{Response, StatusCode};
use pan123_token::{BaseUrl, Credentials, ErrorKind, GetAccessToken, token_rejected};
use proptest::prelude::*;

/// Any text without control characters that fits.
fn credential() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 1..60).prop_filter_map(
        "a control character",
        |chars| {
            let text: String = chars.into_iter().filter(|c| !c.is_control()).collect();
            (!text.is_empty()).then_some(text)
        },
    )
}

/// Texts around a secret, each way of writing it included.
fn around(secret: &str) -> impl Strategy<Value = String> + use<> {
    let json = serde_json::to_string(secret).unwrap();
    let escaped = json[1..json.len() - 1].to_owned();
    let unicode = secret.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
    let unicode = unicode.collect::<Vec<_>>().concat();
    let percent = secret.bytes().map(|byte| format!("%{byte:02x}"));
    let percent = percent.collect::<Vec<_>>().concat();
    let written = prop::sample::select(vec![secret.to_owned(), escaped, unicode, percent]);
    (any::<String>(), written, any::<String>())
        .prop_map(|(before, written, after)| format!("{before}{written}{after}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_body_is_json_that_holds_both_credentials(id in credential(), secret in credential()) {
        let operation = GetAccessToken::new(Credentials::new(&*id, &*secret).unwrap());
        let body: serde_json::Value = serde_json::from_slice(operation.request().body()).unwrap();
        prop_assert_eq!(body, serde_json::json!({ "clientID": id, "clientSecret": secret }));
    }

    #[test]
    fn a_base_url_reads_back_as_it_is_written(text in "(https?|HTTP)://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[0-9]{0,5})?(/[a-zA-Z0-9./%-]*)?") {
        if let Ok(base_url) = text.parse::<BaseUrl>() {
            prop_assert_eq!(base_url.to_string().parse::<BaseUrl>(), Ok(base_url));
        }
    }

    #[test]
    fn no_reply_panics_and_every_error_is_one_short_line(
        status in 100u16..1000,
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let operation = GetAccessToken::new(Credentials::new("id", "secret").unwrap());
        let response = Response::builder().status(status).body(body).unwrap();
        token_rejected(&response);
        let error = operation.parse_response(&response).unwrap_err();
        prop_assert_eq!(error.status(), StatusCode::from_u16(status).unwrap());
        let line = error.to_string();
        prop_assert!(line.len() <= 2048 && !line.contains(char::is_control), "{}", line);
        prop_assert_eq!(
            error.is_retryable(),
            matches!(error.kind(), ErrorKind::RateLimited | ErrorKind::Unavailable)
        );
    }

    #[test]
    fn the_secret_is_never_shown_however_the_server_writes_it(
        (secret, text) in "[!-~密é]{5,40}".prop_flat_map(|secret| {
            let text = around(&secret);
            (Just(secret), text)
        }),
    ) {
        let operation = GetAccessToken::new(Credentials::new("id", &*secret).unwrap());
        let body = serde_json::json!({ "code": 1, "message": text, "x-traceID": text }).to_string();
        let error = operation.parse_response(&Response::new(body)).unwrap_err();
        for shown in [error.message().unwrap(), error.trace_id().unwrap()] {
            prop_assert!(!shown.contains(&secret), "{}", shown);
            // In the usual case the mark shows that something was taken out.
            prop_assert!(shown.contains("***") || shown.ends_with('…'), "{}", shown);
        }
        let debug = format!("{error:?}");
        prop_assert!(!debug.contains(&secret), "{}", debug);
    }

    #[test]
    fn no_eight_bytes_of_the_secret_are_shown_however_the_server_writes_them(
        (secret, text) in "[!-~密é]{8,40}".prop_flat_map(|secret| {
            let chars: Vec<char> = secret.chars().collect();
            let piece = (0..chars.len() - 7, 8..=chars.len()).prop_flat_map(move |(start, len)| {
                let end = chars.len().min(start + len);
                around(&chars[start..end].iter().collect::<String>())
            });
            (Just(secret), piece)
        }),
    ) {
        let operation = GetAccessToken::new(Credentials::new("id", &*secret).unwrap());
        let body = serde_json::json!({ "code": 1, "message": text, "x-traceID": text }).to_string();
        let error = operation.parse_response(&Response::new(body)).unwrap_err();
        for shown in [error.message().unwrap(), error.trace_id().unwrap()] {
            for piece in secret.as_bytes().windows(8) {
                let is_shown = shown.as_bytes().windows(8).any(|eight| eight == piece);
                prop_assert!(!is_shown, "{secret} in {shown}");
            }
        }
    }

    #[test]
    fn plain_texts_that_share_much_with_the_secret_show_no_piece_of_it(
        secret in "[ab]{1,20}",
        token in "[ab]{1,20}",
        text in "[ab]{0,60}",
    ) {
        let operation = GetAccessToken::new(Credentials::new("id", &*secret).unwrap());
        let body = serde_json::json!({ "code": 1, "message": text, "data": { "accessToken": token } });
        let error = operation.parse_response(&Response::new(body.to_string())).unwrap_err();
        let shown = error.message().unwrap();
        prop_assert!(!shown.contains(&secret) && !shown.contains(&token), "{}", shown);
        for piece in secret.as_bytes().windows(8) {
            prop_assert!(!shown.as_bytes().windows(8).any(|it| it == piece), "{}", shown);
        }
    }

    #[test]
    fn texts_that_share_much_with_the_secret_and_the_token_show_neither(
        secret in "[密寇éèa%\\\\]{1,12}",
        token in "[密寇éèa%\\\\]{1,12}",
        text in "[密寇éèa%\\\\]{0,60}",
    ) {
        let operation = GetAccessToken::new(Credentials::new("id", &*secret).unwrap());
        let body = serde_json::json!({ "code": 1, "message": text, "data": { "accessToken": token } });
        let error = operation.parse_response(&Response::new(body.to_string())).unwrap_err();
        let shown = error.message().unwrap();
        prop_assert!(!shown.contains(&secret) && !shown.contains(&token), "{}", shown);
    }
}
