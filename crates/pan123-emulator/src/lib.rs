//! An emulator of the 123pan open platform for tests: its token endpoint, its API calls' token check and its upload, as a
//! server on the loopback.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use std::time::Duration;
//!
//! use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator, Fault};
//!
//! /// Stands for the program under test: it asks for a token and returns the reply.
//! fn program(base_url: &str) -> std::io::Result<String> {
//!     let host = base_url.trim_start_matches("http://");
//!     let body = format!(r#"{{"clientID":"{CLIENT_ID}","clientSecret":"{CLIENT_SECRET}"}}"#);
//!     let mut stream = TcpStream::connect(host)?;
//!     write!(
//!         stream,
//!         "POST /api/v1/access_token HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
//!          Platform: open_platform\r\nContent-Type: application/json\r\n\
//!          Content-Length: {}\r\n\r\n{body}",
//!         body.len(),
//!     )?;
//!     let mut reply = String::new();
//!     stream.read_to_string(&mut reply)?;
//!     Ok(reply)
//! }
//!
//! let emulator = Emulator::builder()
//!     .lifetime(Duration::from_secs(30 * 86_400))
//!     .fault("gateway:503".parse()?)
//!     .fault(Fault::Truncate)
//!     .start()?;
//!
//! // First the script: a gateway's error, then a reply that breaks off.
//! assert!(program(&emulator.url())?.starts_with("HTTP/1.1 503 "));
//! assert!(!program(&emulator.url())?.ends_with('}'));
//! // Then normal service. The token of the reply that broke off lives on: only its client doesn't
//! // know it.
//! let reply = program(&emulator.url())?;
//! let live = emulator.live_tokens(CLIENT_ID);
//! assert_eq!(live.len(), 2);
//! assert!(reply.contains(&live[1]));
//!
//! // 30 days later.
//! emulator.advance(Duration::from_secs(30 * 86_400));
//! assert!(emulator.live_tokens(CLIENT_ID).is_empty());
//! assert_eq!((emulator.token_requests(), emulator.issued()), (3, 2));
//! assert_eq!(emulator.requests()[0].header("platform"), Some("open_platform"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Scope
//!
//! In scope: `POST /api/v1/access_token`; the API call `GET /api/v1/user/info`, which shows whether a token is good, and
//! further ones that a test adds ([`Builder::route`]); the upload, version 2, on two origins ([`Emulator::upload_url`]);
//! the limits that clients meet (requests per second, live tokens per client, lifetimes); and replies that were
//! seen, or that are possible and hard on clients, by script ([`Fault`]). Out of scope: files, shares, and load: this
//! server runs on one thread.
//!
//! It shares no code with any client, so that it can't share a client's mistakes.
//!
//! # In other languages
//!
//! All that an [`Emulator`] can do, `/__admin/` on the same port can, over HTTP and with JSON; `GET /__admin/` lists it,
//! and the README has examples. Admin requests are neither recorded nor counted, and meet no faults. Recorded requests are
//! shown without client secrets, and with the tokens that this emulator issued, but no others.
//!
//! # What is known, and what is assumed
//!
//! Nothing was tried against the live service. \[doc\] is the platform's own documentation (the page
//! 「获取 `access_token`」, updated 2025-06-17, and its neighbours), \[seen\] a payload or a measurement that was
//! published, \[assumed\] neither.
//!
#![doc = include_str!("known.md")]
//!
//! # Bounds
//!
//! At most 1,024 connections are served at once, and as many wait. A request's head and body may have 64 KiB each; the
//! head must come within 30 seconds of the connection's last use, the body within 10. An admin request's body may have 1
//! MiB, and one to the upload host 64 KiB more than a slice, within 60 seconds. What is kept of the requests is bounded
//! ([`Emulator::requests`], [`Emulator::uploads`]), and so is what is remembered of tokens, so that an emulator may run for months.
//!
//! # Features
//!
//! `tls`: `Builder::tls`, for clients that refuse plain http. Off by default: it brings rustls, ring and rcgen.
//! `testing` is for this workspace's own checks.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod admin;
mod api_call;
mod builder;
mod clock;
mod duration;
mod emulator;
mod fault;
mod gzip;
mod mint;
mod multipart;
mod platform;
mod received;
mod reply;
mod route;
mod server;
mod service;
mod socket;
#[cfg(feature = "tls")]
mod tls;
mod token_call;
mod upload;

pub use builder::{Builder, CLIENT_ID, CLIENT_SECRET};
pub use duration::{DurationError, parse_duration};
pub use emulator::Emulator;
pub use fault::{Fault, FaultError, WrongDate};
pub use platform::Eviction;
pub use received::Received;
pub use route::ApiReply;
pub use service::{ASSUMED_CODE_BAD_CREDENTIALS, ASSUMED_CODE_BAD_REQUEST, Rejection, Throttling};
pub use upload::{Slice, Upload};

/// The fields of a form by name and content. For the checks of this workspace, and no part of the interface.
#[cfg(feature = "testing")]
#[doc(hidden)]
pub fn form_fields<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<(String, &'a [u8])>> {
    let fields = multipart::parse(content_type, body)?;
    let fields = fields.into_iter().map(|field| (field.name, field.content));
    Some(fields.collect())
}

/// Compiles and runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
