//! The access token of the [123pan open platform](https://www.123pan.com/developer), without I/O.
//!
//! ```
//! use pan123_token::{Credentials, ErrorKind, GetAccessToken};
//!
//! let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
//!
//! // Send this with any HTTP client. Don't follow redirects: the body holds the client secret.
//! let request: http::Request<Vec<u8>> = operation.request();
//! assert_eq!(request.method(), "POST");
//! assert_eq!(request.uri(), "https://open-api.123pan.com/api/v1/access_token");
//! assert_eq!(request.headers()["platform"], "open_platform");
//! assert_eq!(request.headers()["content-type"], "application/json");
//!
//! // Pass every reply in, whatever its status; stop reading one byte after `MAX_RESPONSE_BYTES`.
//! let response = http::Response::builder()
//!     .status(200)
//!     .header("date", "Fri, 21 Feb 2025 07:48:37 GMT")
//!     .body(
//!         r#"{"code":0,"message":"ok",
//!             "data":{"accessToken":"eyJhbGciOi.eyJzdWIi.c2ln",
//!                     "expiredAt":"2025-03-23T15:48:37+08:00"},
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
//! # Concepts
//!
//! - One API operation, both of its halves: [`GetAccessToken::request`] builds the [`http::Request`], and
//!   [`GetAccessToken::parse_response`] answers the [`http::Response`] with a [`Grant`], or with a [`ResponseError`] that
//!   says what happened and what to do. Around it stand [`Credentials`], [`BaseUrl`] and [`AccessToken`]; and
//!   [`FetchError`], in which an adapter reports how an exchange failed.
//! - An *API call* is any other call of the platform; it carries the token. [`Authorization`] puts the token into its
//!   headers, [`Origins`] are the servers that may see it, and [`token_rejected`] and [`RejectionWatch`] say whether the
//!   call was refused because of it.
//! - Clients with request and response types of their own pass in parts: [`GetAccessToken::parse_parts`],
//!   [`Authorization::of_parts`], [`RejectionWatch::of_parts`], [`token_rejected_parts`].
//!
//! # How a reply is classified
//!
//! An *envelope* is a JSON object whose `code` is an integer or a string that holds one. One that 64 bits don't hold counts
//! as a code that isn't 0. In this order:
//!
//! 1. HTTP 429, or an envelope with code 429, is [`RateLimited`](ErrorKind::RateLimited). HTTP 408 and 5xx (not 501,
//!    505) are [`Unavailable`](ErrorKind::Unavailable).
//! 2. More than [`MAX_RESPONSE_BYTES`] under a status below 400 is [`TooLarge`](ErrorKind::TooLarge).
//! 3. An envelope with code 0, a 2xx status and a usable token is a [`Grant`]; with code 0 and anything else
//!    [`Malformed`](ErrorKind::Malformed), and so is an object that gives one of the envelope's keys twice. An envelope
//!    with any other code is [`Refused`](ErrorKind::Refused).
//! 4. Anything else is [`NotApi`](ErrorKind::NotApi): a proxy's page, a redirect, an array, no `code`.
//!
//! Unknown keys are ignored, whatever their name. No reply takes more than 20 ms.
//!
//! # Authorizing API calls
//!
//! Each API call carries two headers, `Authorization` and `Platform`, and its reply may say that the token is no longer
//! valid: it expired, or newer ones took it offline. A client that carries such calls out goes through these steps, as
//! `pan123-token-hyper` and `pan123-token-ureq` do:
//!
//! 1. [`Authorization::of`] the request. There is none for a server that is not among the [`Origins`], and none where
//!    the caller has set that header: such a request goes out as it is.
//! 2. [`Authorization::authorize`] puts the token in.
//! 3. The reply is checked: by [`token_rejected`] where its body is there, else by a [`RejectionWatch`] while the body
//!    passes by. A rejection is reported to what keeps the token.
//! 4. A rejected call may be sent again, once and with another token: [`Authorized::retry`].
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
//! Neither the client secret nor a token appears in `Debug`, in `Display` or in an error of this crate. What the server
//! wrote is redacted, made printable and cut before it is kept: any 8 bytes of the client secret (as it is, JSON-escaped or
//! percent-encoded), tokens of the same reply, and anything that is shaped like a JWT. [`Credentials`], [`GetAccessToken`]
//! and [`AccessToken`] wipe their memory on drop. The [`http::Request`] can't: its body is a plain `Vec<u8>`, its `Debug`
//! prints that body's bytes, and the buffers of an HTTP client and the kernel are beyond reach.
//!
//! # Scope
//!
//! This crate opens no socket, reads no clock, file or environment variable, starts no thread and holds no lock; its
//! `clippy.toml` bans the calls. Time is an argument. Sending the request is left to an adapter (`pan123-token-hyper`,
//! `pan123-token-ureq`) or to a runtime of your own; keeping and renewing the token to `pan123-token-cache`.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

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

pub use access_token::{AccessToken, AccessTokenError, Fingerprint, FingerprintError};
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
#[doc(no_inline)]
pub use time::{self, OffsetDateTime};
