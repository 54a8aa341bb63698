//! The life of the 123pan open platform's access token, without I/O: when to fetch, use, renew, wait and share it.
//!
//! # In scope
//!
//! [`TokenCache`] is a state machine. A driver asks it what to do ([`poll`](TokenCache::poll)), does that one thing, and
//! reports how it ended. Everything that decides lives here: freshness, early renewal, spacing, backoff, what to do about a
//! rejected token, when to take a token from a store that is shared with other processes and hosts, and when to give one
//! to it. [`TokenStore`] is what a store must do; [`Record`] is what it keeps.
//!
//! # Out of scope
//!
//! This crate opens no socket and no file, reads no clock, draws no randomness, starts no thread and holds no lock; its
//! `clippy.toml` bans the calls. Time ([`Moment`]) and a seed are arguments. The exchange itself is the core's
//! (`pan123-token`), and carrying it out is a driver's: `pan123-token-hyper`, `pan123-token-ureq`, or your own, of which
//! there is one [below](#a-driver).
//!
//! # Theory of operation
//!
//! The machine has at most one action under way: an exchange with the platform, or one call to the store. It asks for a
//! next one only when that is reported, or when its deadline has passed. So a future that is cancelled, a thread that
//! panics or a process that dies costs no more than the deadline.
//!
//! ```text
//!                    ┌────────────── fresh: wait until renewal falls due ◄─────────────────┐
//!                    ▼                                                                     │
//!   poll ──► is a token due, over, or rejected? ──yes──► look into the store ──newer one───┤
//!                    ▲                                          │ none, or older           │
//!                    │                                          ▼                          │
//!                    │                 shut: wait ◄──── take the lease ─────newer one──────┤
//!                    │                                          │ granted                  │
//!                    │                                          ▼                          │
//!                    ├── wait: backoff, spacing ◄──failure─── fetch ──token──► save, give ─┘
//!                    │                                          │              the lease back
//!                    └──────────────────────────────────────────┘
//!                        deadline passed: as a failure that may have cost a token
//! ```
//!
//! Without a store, the way leads straight from the need to the fetch. A store that fails is tried again for a few seconds
//! first, since a fleet in which every failing call costs a token of its own knocks itself offline. And while its token is
//! fresh, a cache looks into the store every few minutes, so that it follows the others before the platform drops it.
//!
//! What holds at any time:
//!
//! - A token that is over, by the wall clock or by the monotonic one, is never handed out. Its life is counted from the
//!   moment *before* the request was sent, and told by the server's own `Date` where there is one, so that a wrong clock
//!   on this host doesn't matter. The last stretch counts as over.
//! - One fetch at a time per cache, and one per key through a working store.
//! - Fetches keep their distance and honour `Retry-After`; rate limiting is shared through the store, other failures are
//!   not.
//! - While a token can be used, nobody waits or fails because of a renewal.
//! - A rejected token is replaced by a newer one from the store, or by a forced renewal once it is old enough; until then
//!   it is still handed out, and by caches that only heard of the rejection until there is another. A host that calls an
//!   endpoint which rejects every token disturbs no other host.
//! - Nothing received is lost: a token that comes late is taken, one that can't be saved is offered to the store again.
//! - Store trouble costs sharing, and not the token.
//!
//! # Walking the graph
//!
//! ```
//! use std::time::Duration;
//!
//! use pan123_token::{Credentials, GetAccessToken, http};
//! use pan123_token_cache::{Action, Moment, Reason, RenewalPolicy, TokenCache};
//!
//! // A made-up clock: 2025-02-21T07:48:37Z by the wall, and one minute since the process began.
//! let start = Moment {
//!     wall: Duration::from_secs(1_740_124_117),
//!     monotonic: Duration::from_secs(60),
//! };
//! let mut cache = TokenCache::new(RenewalPolicy::default(), 42)?;
//!
//! // Nothing is held, so a token is to be fetched.
//! assert!(cache.snapshot().wants_poll(start));
//! let Action::Fetch(ticket) = cache.poll(start) else { unreachable!() };
//! // One at a time: whoever else asks is told to wait.
//! assert!(matches!(cache.poll(start), Action::Wait { reason: Reason::Fetching, .. }));
//!
//! // The driver fetches, for at most `ticket.timeout()`, and reports.
//! let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
//! let response = http::Response::builder()
//!     .header("date", "Fri, 21 Feb 2025 07:48:37 GMT")
//!     .body(r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2025-03-23T15:48:37+08:00"}}"#)?;
//! let result = operation.parse_response(&response).map_err(Into::into);
//! let now = start.after(Duration::from_secs(1));
//! cache.fetched(ticket, result, now);
//! assert!(matches!(cache.poll(now), Action::Wait { reason: Reason::Fresh, .. }));
//!
//! // Callers take the token from a snapshot.
//! let snapshot = cache.snapshot();
//! assert_eq!(snapshot.token(now).unwrap().secret(), "a.b.c");
//! assert!(!snapshot.wants_poll(now));
//!
//! // The token lives for 30 days. It is renewed in the last day, and meanwhile still handed out.
//! let day = Duration::from_secs(86_400);
//! let window = start.after(30 * day - day / 2);
//! assert!(snapshot.wants_poll(window) && snapshot.token(window).is_some());
//! let Action::Fetch(ticket) = cache.poll(window) else { unreachable!() };
//! // A ticket may be dropped; from its deadline on, it counts as a failure.
//! drop(ticket);
//! let later = window.after(Duration::from_secs(31));
//! assert!(matches!(cache.poll(later), Action::Wait { reason: Reason::Backoff, .. }));
//! assert!(cache.snapshot().token(later).is_some());
//!
//! // At its end it is not handed out any more.
//! assert!(cache.snapshot().token(start.after(30 * day)).is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A driver
//!
//! All that a runtime of one's own needs: something that sends a request, something that waits, and a clock.
//!
//! ```
//! use std::time::Duration;
//!
//! use pan123_token::{AccessToken, FetchError, GetAccessToken, Grant};
//! use pan123_token_cache::{Action, Clock, Event, Failure, StoreSession, TokenCache};
//!
//! /// A made-up single-threaded runtime.
//! trait Runtime: Clock {
//!     /// Sends the request, without following redirects, and reads at most `MAX_RESPONSE_BYTES + 1` of the reply.
//!     fn exchange(&self, operation: &GetAccessToken, timeout: Duration) -> Result<Grant, FetchError>;
//!     fn sleep(&self, time: Duration);
//!     fn log(&self, event: Event);
//! }
//!
//! struct Driver<R> {
//!     runtime: R,
//!     operation: GetAccessToken,
//!     cache: TokenCache,
//!     /// With a cache that is `sharing()`.
//!     store: Option<StoreSession>,
//! }
//!
//! impl<R: Runtime> Driver<R> {
//!     /// A token that can be used now; or why there is none, within `patience`.
//!     fn token(&mut self, patience: Duration) -> Result<AccessToken, Option<Failure>> {
//!         let give_up = self.runtime.now().after(patience).monotonic;
//!         loop {
//!             let now = self.runtime.now();
//!             let snapshot = self.cache.snapshot();
//!             // A due renewal is worth one step, but never worth a wait.
//!             if let (Some(token), false) = (snapshot.token(now), snapshot.wants_poll(now)) {
//!                 return Ok(token.clone());
//!             }
//!             match self.cache.poll(now) {
//!                 Action::Fetch(ticket) => {
//!                     let result = self.runtime.exchange(&self.operation, ticket.timeout());
//!                     self.cache.fetched(ticket, result, self.runtime.now());
//!                 }
//!                 Action::Store(step) => {
//!                     // Without a session the step is dropped, and the machine goes on alone at its deadline.
//!                     if let Some(store) = &self.store {
//!                         self.cache.stored(store.run(step), self.runtime.now());
//!                     }
//!                 }
//!                 Action::Wait { until, .. } => {
//!                     if let Some(token) = snapshot.token(now) {
//!                         return Ok(token.clone());
//!                     }
//!                     if until.monotonic > give_up {
//!                         return Err(self.cache.last_failure().cloned());
//!                     }
//!                     self.runtime.sleep(until.monotonic - now.monotonic);
//!                 }
//!             }
//!             while let Some(event) = self.cache.next_event() {
//!                 self.runtime.log(event);
//!             }
//!         }
//!     }
//! }
//! #
//! # use std::cell::{Cell, RefCell};
//! # use pan123_token::{Credentials, http};
//! # use pan123_token_cache::{Moment, RenewalPolicy};
//! # struct MadeUp { now: std::sync::Mutex<Moment>, asked: std::sync::atomic::AtomicU32, log: std::sync::Mutex<Vec<Event>> }
//! # impl Clock for MadeUp { fn now(&self) -> Moment { *self.now.lock().unwrap() } }
//! # impl Runtime for MadeUp {
//! #     fn exchange(&self, operation: &GetAccessToken, _: Duration) -> Result<Grant, FetchError> {
//! #         // The first reply is a rate limit, the second a token for 30 days.
//! #         let body = match self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
//! #             0 => r#"{"code":429,"message":"请求太频繁","data":null}"#,
//! #             _ => r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2025-03-23T15:48:37+08:00"}}"#,
//! #         };
//! #         operation.parse_response(&http::Response::new(body)).map_err(Into::into)
//! #     }
//! #     fn sleep(&self, time: Duration) { let mut now = self.now.lock().unwrap(); *now = now.after(time); }
//! #     fn log(&self, event: Event) { self.log.lock().unwrap().push(event); }
//! # }
//! # let mut driver = Driver {
//! #     runtime: MadeUp {
//! #         now: std::sync::Mutex::new(Moment { wall: Duration::from_secs(1_740_124_117), monotonic: Duration::ZERO }),
//! #         asked: 0.into(),
//! #         log: Vec::new().into(),
//! #     },
//! #     operation: GetAccessToken::new(Credentials::new("id", "secret").unwrap()),
//! #     cache: TokenCache::new(RenewalPolicy::default(), 7).unwrap(),
//! #     store: None,
//! # };
//! # assert!(driver.token(Duration::ZERO).is_err());
//! # assert_eq!(driver.token(Duration::from_secs(60)).unwrap().secret(), "a.b.c");
//! # assert_eq!(driver.token(Duration::ZERO).unwrap().secret(), "a.b.c");
//! # assert_eq!(driver.runtime.asked.load(std::sync::atomic::Ordering::Relaxed), 2);
//! # assert!(matches!(driver.runtime.log.lock().unwrap()[..], [Event::RateLimited { .. }, Event::RenewalFailed { .. }, Event::Renewed { .. }]));
//! ```
//!
//! # Secrets
//!
//! Tokens appear in no event, no error and no `Debug`; [fingerprints](pan123_token::Fingerprint) stand for them. A
//! [`Record`]'s stored form holds the token: a store keeps it from other users' eyes.

mod action;
mod async_store;
mod cache;
mod event;
mod failure;
mod fallback_store;
mod held;
mod moment;
mod pacing;
mod policy;
mod random;
mod record;
mod sharing;
mod snapshot;
mod step;
mod store;
mod store_session;
#[cfg(feature = "system-clock")]
mod system_clock;
#[cfg(feature = "testing")]
pub mod testing;
mod token_error;
#[cfg(feature = "tracing")]
mod trace;

pub use action::{Action, FetchTicket, Reason};
pub use async_store::{AsyncTokenStore, Blocking};
pub use cache::{Rejection, TokenCache};
pub use event::Event;
pub use failure::Failure;
pub use fallback_store::FallbackStore;
pub use moment::{Clock, Moment};
pub use policy::{FittedPolicy, PolicyError, RenewalPolicy, StoreRole};
pub use record::{Record, RecordError};
pub use snapshot::Snapshot;
pub use step::{Load, Release, Save, Step, StoreCall, StoreDone, StoreStep, TakeLease, Tier};
pub use store::{Lease, Owner, Saved, StoreError, StoreKey, Stored, TokenStore};
pub use store_session::StoreSession;

#[cfg(feature = "system-clock")]
pub use system_clock::SystemClock;
pub use token_error::TokenError;

// The crate whose types our signatures name.
pub use pan123_token;
