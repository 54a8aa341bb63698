//! The request on the wire, beside the documented one.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use pan123_token::{BaseUrl, Credentials, GetAccessToken};
use pan123_token_support::scripted_server::ScriptedServer;
use pan123_token_tests::adapters;

const REPLY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// What an HTTP client adds by itself. `authorization` is not among it.
const ADDED_BY_CLIENTS: [&str; 5] = [
    "host",
    "content-length",
    "accept",
    "accept-encoding",
    "user-agent",
];

#[test]
fn the_request_is_the_documented_one_byte_for_byte() {
    for (adapter, fetch) in adapters::ALL {
        let server = ScriptedServer::reply(REPLY);
        let credentials = Credentials::new("my-id", r#"sl/ash "quote" back\slash 密"#).unwrap();
        let operation = GetAccessToken::new(credentials).with_base_url(server.base_url());
        fetch(&operation, Duration::from_secs(10)).unwrap_err();

        let [request] = &server.received()[..] else {
            panic!("{adapter}: one request")
        };
        assert_eq!(request.request_line, "POST /api/v1/access_token HTTP/1.1");
        assert_eq!(request.header("platform"), ["open_platform"], "{adapter}");
        assert_eq!(
            request.header("content-type"),
            ["application/json"],
            "{adapter}"
        );
        assert_eq!(
            String::from_utf8_lossy(&request.body),
            r#"{"clientID":"my-id","clientSecret":"sl/ash \"quote\" back\\slash 密"}"#,
            "{adapter}"
        );
        assert_eq!(request.header("content-length"), ["70"], "{adapter}");
        for (name, _) in &request.headers {
            assert!(
                ["platform", "content-type"].contains(&&**name)
                    || ADDED_BY_CLIENTS.contains(&&**name),
                "{adapter} sends {name}"
            );
        }
    }
}

#[test]
fn a_path_prefix_is_kept() {
    for (adapter, fetch) in adapters::ALL {
        let server = ScriptedServer::reply(REPLY);
        let base_url: BaseUrl = format!("{}/pan/", server.url()).parse().unwrap();
        let credentials = Credentials::new("id", "secret").unwrap();
        let operation = GetAccessToken::new(credentials).with_base_url(base_url);
        fetch(&operation, Duration::from_secs(10)).unwrap_err();
        assert_eq!(
            server.received()[0].request_line,
            "POST /pan/api/v1/access_token HTTP/1.1",
            "{adapter}"
        );
    }
}
