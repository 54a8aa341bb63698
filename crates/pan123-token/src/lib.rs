//! The access token of the [123pan open platform](https://www.123pan.com/developer), without I/O.
//!
//! # In scope
//!
//! One API operation, both of its halves: [`GetAccessToken::request`] builds the [`http::Request`], and
//! [`GetAccessToken::parse_response`] judges the [`http::Response`] and answers with a [`Grant`] or with a
//! [`ResponseError`] that says what happened and what to do. Around it stand the nouns of the exchange:
//! [`Credentials`], [`BaseUrl`], [`AccessToken`]; and [`FetchError`], in which an adapter reports how an exchange failed.
//!
//! And what every other call of the platform, a *business call*, has to do with the token: [`Authorization`] puts it into
//! the head, [`Origins`] are the servers that may see it, and [`token_rejected`] and [`RejectionWatch`] tell whether the
//! call was refused because of it.
//!
//! # Out of scope
//!
//! This crate opens no socket, reads no clock, file or environment variable, starts no thread and holds no lock; its
//! `clippy.toml` bans the calls. Time is an argument. Carrying out the request is the business of an adapter
//! (`pan123-token-hyper`, `pan123-token-ureq`) or of the runtime that embeds the core.
//!
//! # An exchange
//!
//! ```
//! use pan123_token::{Credentials, ErrorKind, GetAccessToken};
//!
//! let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
//!
//! // Send this with whatever speaks HTTP. Don't follow redirects: the body holds the client secret.
//! let request: http::Request<Vec<u8>> = operation.request();
//! assert_eq!(request.method(), "POST");
//! assert_eq!(request.uri(), "https://open-api.123pan.com/api/v1/access_token");
//! assert_eq!(request.headers()["platform"], "open_platform");
//! assert_eq!(request.headers()["content-type"], "application/json");
//!
//! // Hand every reply over, whatever its status; stop reading one byte after `MAX_RESPONSE_BYTES`.
//! let response = http::Response::builder()
//!     .status(200)
//!     .header("date", "Fri, 21 Feb 2025 07:48:37 GMT")
//!     .body(
//!         r#"{"code":0,"message":"ok",
//!             "data":{"accessToken":"eyJhbGciOi.eyJzdWIi.c2ln","expiredAt":"2025-03-23T15:48:37+08:00"},
//!             "x-traceID":"16f60c4d_kong-db"}"#,
//!     )?;
//! let grant = operation.parse_response(&response)?;
//! assert_eq!(grant.token.secret(), "eyJhbGciOi.eyJzdWIi.c2ln");
//! assert_eq!(grant.lifetime(), Some(std::time::Duration::from_secs(30 * 86_400)));
//!
//! // Under most statuses the code in the body decides.
//! let response = http::Response::new(r#"{"code":429,"message":"请求太频繁","data":null}"#);
//! let error = operation.parse_response(&response).unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::RateLimited);
//! assert_eq!(
//!     error.to_string(),
//!     "rate limited (HTTP 200, code 429, message \"请求太频繁\"); try again later"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How a reply is judged
//!
//! An *envelope* is a JSON object whose `code` is an integer of 64 bits or a string that holds one. In this order:
//!
//! 1. HTTP 429, or an envelope with code 429, is [`RateLimited`](ErrorKind::RateLimited). HTTP 408 and 5xx (not 501,
//!    505) are [`Unavailable`](ErrorKind::Unavailable).
//! 2. More than [`MAX_RESPONSE_BYTES`] under a status below 400 is [`TooLarge`](ErrorKind::TooLarge).
//! 3. An envelope with code 0, a 2xx status and a usable token is a [`Grant`]; with code 0 and anything else
//!    [`Malformed`](ErrorKind::Malformed), and so is an object that gives one of the envelope's keys twice. An envelope
//!    with any other code is [`Refused`](ErrorKind::Refused).
//! 4. Anything else is [`NotApi`](ErrorKind::NotApi): a proxy's page, a redirect, an array, no `code`.
//!
//! # Authorizing business calls
//!
//! Each business call carries two headers, `Authorization` and `Platform`, and its reply may say that the token is none
//! any more: it ended, or newer ones took it offline. Whoever carries such calls out goes through these steps, as
//! `pan123-token-hyper` and `pan123-token-ureq` do:
//!
//! 1. [`Authorization::of`] the request. There is none for a server that is not among the [`Origins`], and none where
//!    the caller authorizes the request himself: such a request goes out as it is.
//! 2. [`Authorization::authorize`] puts the token in.
//! 3. The reply is judged: by [`token_rejected`] where its body is at hand, else by a [`RejectionWatch`] while the body
//!    passes by. A rejection is reported to whoever keeps the token.
//! 4. A rejected call may be repeated, once and with another token: [`Authorized::retry`].
//!
//! ```
//! use pan123_token::{AccessToken, Authorization, Authorized, BaseUrl, Origins, token_rejected};
//! # use http::{Request, Response};
//! # let expiry = pan123_token::OffsetDateTime::UNIX_EPOCH;
//! # let (token, newer) = (AccessToken::new("a.b.c", expiry)?, AccessToken::new("d.e.f", expiry)?);
//! # let send = |request: &Request<()>| Response::new(match request.headers()["authorization"].to_str() {
//! #     Ok("Bearer d.e.f") => r#"{"code":0,"message":"ok","data":{"username":"me"}}"#,
//! #     _ => r#"{"code":401,"message":"tokens number has exceeded the limit","data":null}"#,
//! # });
//!
//! let origins = Origins::of(&BaseUrl::default());
//! let mut request = Request::get("https://open-api.123pan.com/api/v1/user/info").body(())?;
//! let Some(authorization) = Authorization::of(&request, &origins) else { unreachable!() };
//!
//! let authorized: Authorized = authorization.authorize(request.headers_mut(), &token);
//! assert_eq!(request.headers()["authorization"], "Bearer a.b.c");
//! assert_eq!(request.headers()["platform"], "open_platform");
//!
//! let mut response = send(&request);
//! if token_rejected(&response) && authorized.retry(request.headers_mut(), &newer) {
//!     response = send(&request);
//! }
//! assert!(!token_rejected(&response));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Secrets
//!
//! Neither the client secret nor a token appears in `Debug`, in `Display` or in an error of this crate; what the server
//! wrote is redacted, made printable and cut before it is kept. [`Credentials`], [`GetAccessToken`] and [`AccessToken`]
//! wipe their memory on drop. The [`http::Request`] that is handed out can't: its body is a plain `Vec<u8>`, its `Debug`
//! prints that body's bytes, and the buffers of an HTTP client and the kernel are beyond reach.

mod access_token;
mod authorization;
mod base_url;
mod credentials;
mod dates;
mod envelope;
mod fetch_error;
mod get_access_token;
mod grant;
mod json;
mod origins;
mod redactor;
mod rejection;
mod response_error;
mod server_text;
mod spelling;

pub use access_token::{AccessToken, AccessTokenError, Fingerprint};
pub use authorization::{Authorization, Authorized};
pub use base_url::{BaseUrl, BaseUrlError};
pub use credentials::{Credentials, CredentialsError};
pub use dates::parse_rfc_3339;
pub use fetch_error::{Cause, FetchError};
pub use get_access_token::{GetAccessToken, MAX_RESPONSE_BYTES};
pub use grant::Grant;
pub use origins::Origins;
pub use rejection::{MAX_REJECTION_BYTES, RejectionWatch, token_rejected, token_rejected_parts};
pub use response_error::{ErrorKind, ResponseError};

// The types of other crates that our signatures name, so that a caller needs no second copy of them.
pub use http;
pub use time::{self, OffsetDateTime};
