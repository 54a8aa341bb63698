//! The request for a token, and what is made of replies.

use std::borrow::Cow;
use std::hint::black_box;

use pan123_token::http::header::DATE;
use pan123_token::http::{Request, Response};
use pan123_token::{
    AccessToken, Credentials, GetAccessToken, OffsetDateTime, RejectionWatch, token_rejected,
};
use serde::Deserialize;
use tame_oauth::gcp::{MetadataServerProvider, TokenProvider as _};
use time::format_description::well_known::Rfc3339;

use crate::measure::{Group, Scene, rounds};

/// The documented reply, with a token as long as real ones.
pub const GRANT: &str = r#"{"code":0,"message":"ok","data":{"accessToken":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NDI3MTYxMTcsImlhdCI6MTc0MDEyNDExNywiaWQiOjE4MTQ0MzU5NTUsIm1haWwiOiIiLCJuaWNrbmFtZSI6InVzZXIiLCJ1c2VybmFtZSI6IjE4ODg4ODg4ODg4IiwidiI6MH0.c2lnbmF0dXJlLW9mLXRoaXJ0eS10d28tYnl0ZXMtaW4","expiredAt":"2100-03-23T15:48:37+08:00"},"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;

/// The same token, as OAuth 2.0 writes it.
pub const OAUTH_GRANT: &str = r#"{"access_token":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NDI3MTYxMTcsImlhdCI6MTc0MDEyNDExNywiaWQiOjE4MTQ0MzU5NTUsIm1haWwiOiIiLCJuaWNrbmFtZSI6InVzZXIiLCJ1c2VybmFtZSI6IjE4ODg4ODg4ODg4IiwidiI6MH0.c2lnbmF0dXJlLW9mLXRoaXJ0eS10d28tYnl0ZXMtaW4","token_type":"Bearer","expires_in":7776000}"#;

/// The documented text of a rate limit.
const ERROR: &str = r#"{"code":429,"message":"请求太频繁","data":null,"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;

/// A string that is borrowed where it can be: serde owns a bare `Cow`.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BareData<'a> {
    #[serde(borrow)]
    access_token: Text<'a>,
    #[serde(borrow)]
    expired_at: Text<'a>,
}

#[derive(Deserialize)]
struct Bare<'a> {
    code: i64,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<BareData<'a>>,
    #[serde(borrow, rename = "x-traceID")]
    trace_id: Option<Text<'a>>,
}

pub fn operation() -> GetAccessToken {
    let secret = "0123456789abcdef0123456789abcdef";
    GetAccessToken::new(Credentials::new("fedcba9876543210", secret).unwrap())
}

fn response(body: &'static str) -> Response<&'static str> {
    let response = Response::builder().header("date", "Fri, 21 Feb 2025 07:48:37 GMT");
    response.body(body).unwrap()
}

/// The same product as a grant, without a single check.
fn bare_grant(response: &Response<&str>) -> (AccessToken, Option<OffsetDateTime>, Option<String>) {
    let bare: Bare<'_> = serde_json::from_slice(response.body().as_bytes()).unwrap();
    let data = bare.data.unwrap();
    black_box((bare.code, bare.message.map(|message| message.0.len())));
    let expires_at = OffsetDateTime::parse(&data.expired_at.0, &Rfc3339).unwrap();
    let sent = response.headers()[DATE].to_str().unwrap();
    let server_time = httpdate::parse_http_date(sent).unwrap().into();
    (
        AccessToken::new(&data.access_token.0, expires_at).unwrap(),
        Some(server_time),
        bare.trace_id.map(|text| text.0.into_owned()),
    )
}

/// What an error keeps, without a single check.
fn bare_error(response: &Response<&str>) -> (i64, Option<String>, Option<String>) {
    let bare: Bare<'_> = serde_json::from_slice(response.body().as_bytes()).unwrap();
    black_box(bare.data.is_none());
    let owned = |text: Option<Text<'_>>| text.map(|text| text.0.into_owned());
    (bare.code, owned(bare.message), owned(bare.trace_id))
}

pub fn reply() -> Group {
    Group {
        title: "The documented reply, parsed",
        scenes: vec![
            Scene {
                name: "bare: serde_json, the same product, no checks",
                make: || {
                    let response = response(GRANT);
                    rounds(move || bare_grant(black_box(&response)))
                },
            },
            Scene {
                name: "`GetAccessToken::parse_response`",
                make: || {
                    let (operation, response) = (operation(), response(GRANT));
                    rounds(move || operation.parse_response(black_box(&response)).unwrap())
                },
            },
            Scene {
                name: "tame-oauth's `parse_token_response`, a reply of OAuth 2.0",
                make: || {
                    let (provider, response) =
                        (MetadataServerProvider::new(None), response(OAUTH_GRANT));
                    rounds(move || {
                        let response = black_box(&response).clone();
                        provider.parse_token_response(0, response).unwrap()
                    })
                },
            },
        ],
    }
}

/// The reply to an API call.
const API_REPLY: &str = r#"{"code":0,"message":"ok","data":{"uid":1814435955,"nickname":"user","headImage":"https://image.example/head.png","passport":"18888888888","mail":"","spaceUsed":30754635,"spacePermanent":2199023255552,"spaceTemp":0,"spaceTempExpr":"","vip":false,"directTraffic":0,"isHideUID":false},"x-traceID":"16f60c4d-f022-42d3-b3df-85d1fe2a3ac5_kong-db-5898fdd8c6-wgsts"}"#;

#[derive(Deserialize)]
struct Code {
    code: i64,
}

fn watched(response: &Response<&str>) -> bool {
    let mut watch = RejectionWatch::new(response, Some(response.body().len() as u64));
    watch.push(response.body().as_bytes());
    watch.finish()
}

pub fn api_reply() -> Group {
    Group {
        title: "The reply to an API call, with or without a rejection",
        scenes: vec![
            Scene {
                name: "bare: serde_json, the code alone",
                make: || {
                    let response = response(API_REPLY);
                    rounds(move || {
                        let body = black_box(&response).body().as_bytes();
                        serde_json::from_slice::<Code>(body).unwrap().code == 401
                    })
                },
            },
            Scene {
                name: "`token_rejected`",
                make: || {
                    let response = response(API_REPLY);
                    rounds(move || token_rejected(black_box(&response)))
                },
            },
            Scene {
                name: "`RejectionWatch`, while it passes",
                make: || {
                    let response = response(API_REPLY);
                    rounds(move || watched(black_box(&response)))
                },
            },
        ],
    }
}

const BODY: &[u8] =
    br#"{"clientID":"fedcba9876543210","clientSecret":"0123456789abcdef0123456789abcdef"}"#;

pub fn request() -> Group {
    Group {
        title: "The request for a token, built",
        scenes: vec![
            Scene {
                name: "bare: `http::Request`",
                make: || {
                    rounds(|| {
                        Request::post("https://open-api.123pan.com/api/v1/access_token")
                            .header("platform", "open_platform")
                            .header("content-type", "application/json")
                            .body(black_box(BODY).to_vec())
                            .unwrap()
                    })
                },
            },
            Scene {
                name: "`GetAccessToken::request`",
                make: || {
                    let operation = operation();
                    rounds(move || black_box(&operation).request())
                },
            },
        ],
    }
}

pub fn error() -> Group {
    Group {
        title: "An error with Chinese text, parsed",
        scenes: vec![
            Scene {
                name: "bare: serde_json, the same texts, no checks",
                make: || {
                    let response = response(ERROR);
                    rounds(move || bare_error(black_box(&response)))
                },
            },
            Scene {
                name: "`GetAccessToken::parse_response`",
                make: || {
                    let (operation, response) = (operation(), response(ERROR));
                    rounds(move || operation.parse_response(black_box(&response)).unwrap_err())
                },
            },
        ],
    }
}
