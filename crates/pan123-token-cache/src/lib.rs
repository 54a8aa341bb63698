//! The life of the 123pan open platform's access token, without I/O: when to fetch, use, renew, wait and share it.
//!
//! ```
//! use std::time::Duration;
//!
//! use pan123_token::{AccessToken, FetchError, GetAccessToken, Grant};
//! use pan123_token_cache::{Action, Clock, Event, RenewalPolicy, StoreSession};
//! use pan123_token_cache::{TokenCache, TokenError};
//!
//! /// A made-up single-threaded runtime.
//! trait Runtime: Clock {
//!     /// Sends the request, without following redirects, and reads at most
//!     /// `MAX_RESPONSE_BYTES + 1` of the reply.
//!     fn exchange(&self, it: &GetAccessToken, timeout: Duration) -> Result<Grant, FetchError>;
//!     fn sleep(&self, time: Duration);
//!     fn log(&self, event: &Event);
//! }
//!
//! struct Driver<R> {
//!     runtime: R,
//!     operation: GetAccessToken,
//!     cache: TokenCache,
//!     /// From `RenewalPolicy::fitted_to`, as the cache's policy is: the machine waits a second
//!     /// longer for the report.
//!     exchange_timeout: Duration,
//!     /// With a cache that is `sharing()`.
//!     store: Option<StoreSession>,
//! }
//!
//! impl<R: Runtime> Driver<R> {
//!     /// A token that can be used now, or why there is none. Waits for at most `limit`.
//!     fn token(&mut self, limit: Duration) -> Result<AccessToken, TokenError> {
//!         let deadline = self.runtime.now().after(limit).monotonic;
//!         loop {
//!             let now = self.runtime.now();
//!             let snapshot = self.cache.snapshot();
//!             // This runtime has one thread, so that a caller makes a renewal that is due; it
//!             // doesn't wait for a later one. With a second thread or task, hand the token out
//!             // and renew there.
//!             if let (Some(token), false) = (snapshot.token(now), snapshot.wants_poll(now)) {
//!                 return Ok(token.clone());
//!             }
//!             match self.cache.poll(now) {
//!                 Action::Fetch(ticket) => {
//!                     let timeout = self.exchange_timeout;
//!                     let result = self.runtime.exchange(&self.operation, timeout);
//!                     self.cache.fetched(ticket, result, self.runtime.now());
//!                 }
//!                 Action::Store(step) => {
//!                     // Without a session it is dropped, and fails at its deadline.
//!                     if let Some(store) = &self.store {
//!                         self.cache.stored(store.run(step), self.runtime.now());
//!                     }
//!                 }
//!                 Action::Wait { until, reason } => {
//!                     if let Some(token) = self.cache.snapshot().token(now) {
//!                         return Ok(token.clone());
//!                     }
//!                     // Too long: the error says why, and when the next attempt is made.
//!                     if until.monotonic > deadline {
//!                         let error = self.cache.token_error(until, reason, now);
//!                         return Err(error.unwrap_or(TokenError::TimedOut(limit)));
//!                     }
//!                     self.runtime.sleep(until.monotonic - now.monotonic);
//!                 }
//!             }
//!             while let Some(event) = self.cache.next_event() {
//!                 self.runtime.log(&event);
//!             }
//!         }
//!     }
//! }
//! #
//! # use std::cell::{Cell, RefCell};
//! # use pan123_token::{Credentials, http};
//! # use pan123_token_cache::Moment;
//! # struct MadeUp { now: std::sync::Mutex<Moment>, asked: std::sync::atomic::AtomicU32, log: std::sync::Mutex<Vec<String>> }
//! # impl Clock for MadeUp { fn now(&self) -> Moment { *self.now.lock().unwrap() } }
//! # impl Runtime for MadeUp {
//! #     fn exchange(&self, it: &GetAccessToken, _: Duration) -> Result<Grant, FetchError> {
//! #         // The first reply is a rate limit, the second a token for 30 days.
//! #         let body = match self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
//! #             0 => r#"{"code":429,"message":"请求太频繁","data":null}"#,
//! #             _ => r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2025-03-23T15:48:37+08:00"}}"#,
//! #         };
//! #         it.parse_response(&http::Response::new(body)).map_err(Into::into)
//! #     }
//! #     fn sleep(&self, time: Duration) { let mut now = self.now.lock().unwrap(); *now = now.after(time); }
//! #     fn log(&self, event: &Event) { self.log.lock().unwrap().push(event.to_string()); }
//! # }
//! let fitted = RenewalPolicy::default().fitted_to(Duration::from_secs(30))?;
//! let cache = TokenCache::new(fitted.policy, 7)?; // a seed of your own
//! # let exchange_timeout = fitted.exchange_timeout;
//! # let mut driver = Driver {
//! #     runtime: MadeUp {
//! #         now: std::sync::Mutex::new(Moment { wall: Duration::from_secs(1_740_124_117), monotonic: Duration::ZERO }),
//! #         asked: 0.into(),
//! #         log: Vec::new().into(),
//! #     },
//! #     operation: GetAccessToken::new(Credentials::new("id", "secret").unwrap()),
//! #     cache,
//! #     exchange_timeout,
//! #     store: None,
//! # };
//! # assert!(driver.token(Duration::ZERO).is_err());
//! # assert_eq!(driver.token(Duration::from_secs(60)).unwrap().secret(), "a.b.c");
//! # assert_eq!(driver.token(Duration::ZERO).unwrap().secret(), "a.b.c");
//! # assert_eq!(driver.runtime.asked.load(std::sync::atomic::Ordering::Relaxed), 2);
//! # let log = driver.runtime.log.lock().unwrap();
//! # assert!(log[0].starts_with("rate limited") && log[1].starts_with("renewal failed") && log[2].starts_with("token renewed"), "{log:#?}");
//! # Ok::<(), pan123_token_cache::PolicyError>(())
//! ```
//!
//! # Concepts
//!
//! [`TokenCache`] is a state machine. A driver, as above, asks it what to do ([`poll`](TokenCache::poll)), does that one thing,
//! and reports how it ended. All that it needs of a runtime: something that sends a request, something that waits, and a
//! clock. Ready-made drivers are `pan123-token-hyper`, `pan123-token-ureq` and `pan123-token-reqwest`; this crate is for a
//! runtime of one's own, and holds the rules.
//!
//! The machine has at most one action under way: an exchange with the platform, or one call to the store. It asks for the
//! next one when that is reported, or when its deadline has passed. So a future that is cancelled, a thread that panics or
//! a process that dies costs no more than the deadline. Each [`poll`](TokenCache::poll) walks this way from the top:
//!
//! ```text
//! Is an action under way? ──────────── yes ──► Wait: Fetching, Storing
//!    │ no
//! Is a store call pending? ─────────── yes ──► Store: load, save, then release
//!    │ no
//! Is there a demand? The token is
//! missing, expired, due, or rejected
//! and old enough; or a refresh is      no  ──► Wait: Fresh, Suspect, MaybeIssued, StoreDown
//! wanted. ─────────────────────────────────►   (and now and then Store: load)
//!    │ yes
//! Is the lease held? ───────────────── yes ──► Fetch ──► then Store: save, release
//!    │ no
//! Spacing, backoff, a rate limit,
//! another's lease? ─────────────────── yes ──► Wait: Spacing, Backoff, RateLimited, Leased
//!    │ no                                      (and now and then Store: load)
//! Is there no store? ───────────────── yes ──► Fetch
//!    │ no
//! Is the store down, and is it too
//! early to bypass it? ──────────────── yes ──► Wait: StoreDown, then Store: load
//!    │ no
//! Store: load ──────── a newer token ────────► adopted: no demand any more
//!    │ none, or the store is bypassed
//! Is it bypassed, and there is no
//! store of the host? ───────────────── yes ──► Fetch
//!    │ no
//! Store: lease ──┬──── granted ──────────────► Fetch, at the next poll
//!                └──── held, cooling down ───► Wait: Leased, Spacing, RateLimited
//! ```
//!
//! Load and lease go to the shared store ([`Tier::Shared`]), and while that is bypassed to the host's ([`Tier::Host`]),
//! where there is one. A process that failed by itself gives the first lease that it is granted back, so that others go
//! first.
//!
//! ## What happens when an API call is refused with the token
//!
//! The driver sees that by [`token_rejected`](pan123_token::token_rejected) and calls [`TokenCache::reject`], which makes
//! the token a suspect and answers when it may be replaced: once its age has reached the minimum token age, 60 s that
//! double with each consecutive forced renewal, up to 1 h. [`poll`](TokenCache::poll) then asks for a save (the mark, for
//! others) and a load: a newer token in the store is adopted, and that is all. Otherwise it waits ([`Reason::Suspect`]),
//! and [`Snapshot::token`] still hands the token out. From that age on there is no token for callers; `poll` asks for the
//! lease and for a fetch, a forced renewal. [`TokenCache::fetched`] takes the new token, and a save counts it in
//! [`Record::forced`]. Other hosts go on using the suspect until there is another.
//!
//! ## What happens when a reply is lost
//!
//! The driver reports the failure with [`TokenCache::fetched`]; where it can't, the ticket's deadline does. Where
//! [`Failure::may_have_issued`], the platform may have issued a token all the same, and it keeps 3 alive. So each such
//! failure is counted with the token held ([`Record::maybe_issued`]) and saved before the lease is released: the count is
//! the fleet's. [`poll`](TokenCache::poll) backs off, and after two waits ([`Reason::MaybeIssued`]) for the last quarter of
//! the renewal window, in which the fleet makes one more attempt, and then none until the token has expired or is suspect.
//! A token that comes late is taken by `fetched` all the same. Without a token there is none to lose: only the backoff holds.
//!
//! ## What happens when the store is dead
//!
//! Each step is answered with a [`StoreError`], or its deadline passes; [`TokenCache::stored`] notes the failure
//! ([`Event::StoreFailed`]). [`poll`](TokenCache::poll) waits ([`Reason::StoreDown`]) and tries again every second or so;
//! after 4 tries and 27 s it bypasses the store and tries it every 1 to 15 min. A cache without a token then takes the
//! lease of the host's store ([`FallbackStore`]; if that fails: [`Event::HostStoreFailed`]) or fetches at once. One with a
//! token serves it, and renews it in the last quarter of its window at the earliest. What was fetched is offered to the
//! store at once and at each further try; when that answers again ([`Event::StoreRecovered`]), the newest good token wins. A store that is misconfigured is not waited
//! for: [`TokenCache::token_error`] gives its error at once. [`StoreRole`] says whether a store may be bypassed.
//!
//! ## What holds at any time
//!
//! - A token that has expired, by the wall clock or by the monotonic one, is never handed out. Its life is counted from the
//!   moment *before* the request was sent, by the server's own `Date` where there is one, so that a wrong clock on this
//!   host doesn't matter. The last stretch counts as expired.
//! - One fetch at a time per cache, and one per key through a working store.
//! - Fetches keep their distance and honour `Retry-After`; rate limiting is shared through the store, other failures are
//!   not. A host that failed by itself lets the waiting ones go first.
//! - While a token can be used, no caller waits or fails because of a renewal.
//! - Nothing received is lost: a token that comes late is taken, one that can't be saved is offered to the store again, and
//!   a store that was emptied gets it back.
//! - A cache that waits for a reason of its own still loads the record now and then, and adopts what others fetched.
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
//! // One at a time: until that is reported, there is nothing else to do.
//! assert!(matches!(cache.poll(start), Action::Wait { reason: Reason::Fetching, .. }));
//!
//! // The driver fetches, for at most `ticket.timeout()`, and reports.
//! let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
//! let response = http::Response::builder()
//!     .header("date", "Fri, 21 Feb 2025 07:48:37 GMT")
//!     .body(
//!         r#"{
//!             "code": 0,
//!             "data": {"accessToken": "a.b.c", "expiredAt": "2025-03-23T15:48:37+08:00"}
//!         }"#,
//!     )?;
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
//! # Words
//!
//! | | |
//! |---|---|
//! | record | a token and what the fleet knows of it, as a store keeps it: [`Record`] |
//! | load, lease, save, release | the four calls to a store: [`StoreStep`] |
//! | lease, lease record | the right to fetch, for a term; what a store keeps of it beside the record |
//! | cooldown | until its end no owner is granted a lease: the spacing, or a rate limit, for the whole fleet |
//! | adopt | take a newer token from the store |
//! | demand | the reason for which another token is to be had |
//! | renewal window | the last day of a life, or its last fifth: renewal falls due in it |
//! | last resort | the last quarter of that window, when a renewal waits neither for a dead store nor for lost replies |
//! | suspect | a token that an API call was refused with: here, or elsewhere |
//! | forced renewal | the replacement of a suspect; allowed from the minimum token age on |
//! | backing off | making no attempt for a while after a failure |
//! | bypass | fetch without the store, which isn't asked for a while |
//! | jitter | each cache's own part, drawn from its seed, of a window, an interval or a backoff |
//!
//! # Scope
//!
//! Everything that decides lives here: freshness, early renewal, spacing, backoff, what to do about a rejected token, when
//! to take a token from a store and when to give it one. [`TokenStore`] and [`AsyncTokenStore`] are what a store must do.
//!
//! This crate opens no socket and no file, reads no clock, draws no randomness, starts no thread and holds no lock; its
//! `clippy.toml` bans the calls. Time ([`Moment`]) and a seed are arguments. The exchange itself is the core's
//! (`pan123-token`), and carrying it out is a driver's.
//!
//! # Secrets
//!
//! Tokens appear in no event, no error and no `Debug`; [fingerprints](pan123_token::Fingerprint) stand for them. A
//! [`Record`]'s stored form holds the token: a store keeps it from other users' eyes.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod action;
mod answer;
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
pub use moment::{Alarm, Clock, Moment};
pub use policy::{FittedPolicy, PolicyError, RenewalPolicy, StoreRole};
pub use record::{Record, RecordError};
pub use snapshot::Snapshot;
pub use step::{Load, Release, Save, Step, StoreCall, StoreDone, StoreStep, TakeLease, Tier};
pub use store::{Lease, LeaseRecord, Owner, Saved, StoreError, StoreKey, Stored, TokenStore};
pub use store_session::StoreSession;

#[cfg(feature = "system-clock")]
pub use system_clock::SystemClock;
pub use token_error::TokenError;

// The crate whose types our signatures name.
pub use pan123_token;

// The program in the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
