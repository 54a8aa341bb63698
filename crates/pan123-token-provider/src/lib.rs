//! What every provider of the 123pan open platform's access token has in common, whatever its runtime and its HTTP client.
//!
//! A whole adapter, on threads, with a store that blocks:
//!
//! ```
//! use std::sync::Arc;
//! use std::task::{Wake, Waker};
//! use std::thread::{self, Thread};
//! use std::time::{Duration, Instant};
//!
//! use pan123_token::{AccessToken, Credentials, FetchError, GetAccessToken, Grant};
//! use pan123_token_cache::{SystemClock, TokenError, TokenStore};
//! use pan123_token_provider::{Provider, Settings, Turn, Wanted, Work};
//!
//! #[derive(Clone)]
//! struct TokenProvider {
//!     provider: Provider,
//!     store: Arc<dyn TokenStore>,
//! }
//!
//! /// Wakes a thread.
//! struct Unpark(Thread);
//!
//! impl Wake for Unpark {
//!     fn wake(self: Arc<Self>) {
//!         self.0.unpark();
//!     }
//! }
//!
//! impl TokenProvider {
//!     fn token(&self) -> Result<AccessToken, TokenError> {
//!         if let Some(token) = self.provider.fresh() {
//!             return Ok(token);
//!         }
//!         let mut caller = self.provider.caller(Wanted::Usable, self.provider.timeout());
//!         let waker = Waker::from(Arc::new(Unpark(thread::current())));
//!         let begun = Instant::now();
//!         loop {
//!             match caller.turn(begun.elapsed(), &waker) {
//!                 Turn::Done(result) => return result,
//!                 // Each job has a thread of its own, wherever it should run.
//!                 Turn::Start(job, _) => self.start(job),
//!                 Turn::Wait(time) => thread::park_timeout(time),
//!             }
//!         }
//!     }
//!
//!     fn start(&self, mut job: pan123_token_provider::Job) {
//!         let store = Arc::clone(&self.store);
//!         thread::spawn(move || {
//!             while let Some(work) = job.next() {
//!                 match work {
//!                     Work::Exchange(exchange) => exchange.run_blocking(send),
//!                     Work::Store(call) => call.run(&*store),
//!                 }
//!             }
//!         });
//!     }
//! }
//!
//! /// Sends the request with an HTTP client that follows no redirect, and reads at most
//! /// `MAX_RESPONSE_BYTES + 1`.
//! fn send(operation: &GetAccessToken, timeout: Duration) -> Result<Grant, FetchError> {
//!     // …
//! #   let _ = timeout;
//! #   let response = pan123_token::http::Response::new(
//! #       r#"{"code":0,"data":{"accessToken":"a.b.c","expiredAt":"2100-01-01T00:00:00+08:00"}}"#,
//! #   );
//! #   Ok(operation.parse_response(&response)?)
//! }
//!
//! # use pan123_token_cache::testing::MemoryStore;
//! let credentials = Credentials::new("my-client-id", "my-client-secret")?;
//! let settings = Settings::new(credentials, SystemClock::new());
//! let provider = TokenProvider {
//!     provider: settings.sharing(true).build()?,
//!     store: Arc::new(MemoryStore::new(SystemClock::new())),
//! };
//! assert_eq!(provider.token()?.secret(), "a.b.c");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an adapter brings
//!
//! - A way to carry out an exchange: one HTTP client.
//! - A way to start a [`Job`]: a task, or a thread. In it, [`Job::next`] gives one [`Work`] after the other.
//! - A way to wait until a [`Waker`](std::task::Waker) is woken or a time has passed, and to say how long a call has lasted.
//! - A [`Clock`](pan123_token_cache::Clock).
//!
//! ```text
//!  token() ──► Provider::fresh ──yes──► the token
//!                   │ no
//!                   ▼
//!  ┌──────► Caller::turn ──Done──► the token, or why there is none
//!  │          │       │
//!  │        Start    Wait ── until woken, or so long ──┐
//!  │          │                                        │
//!  └──────────┴────────────────────────────────────────┘
//!             │ job
//!             ▼
//!  ┌──────► Job::next ──None──► end
//!  │          │
//!  │        Work: an exchange or a call to the store, which reports how it ended
//!  └──────────┘
//! ```
//!
//! # In scope
//!
//! [`Provider`] puts the state machine of `pan123-token-cache` behind one lock and serves many callers from it: it says what
//! a [`Caller`] does next, hands out [`Job`]s that carry out what is due, publishes the token for those who only read it,
//! and delivers events. [`Settings`], [`BuildError`] and [`ProxyVariables`] are what its adapters' builders have in common.
//!
//! # Out of scope
//!
//! No runtime, no thread, no timer, no HTTP client and no clock: those are an adapter's. `pan123-token-hyper`,
//! `pan123-token-reqwest` and `pan123-token-ureq` are adapters that are ready to use; what the first two have in common on
//! tokio stands here, behind a feature. Every rule of the token's life (when to renew, how long to hold
//! back) is the lifecycle's.
//!
//! # Runtimes that end or fall asleep
//!
//! A job may be dropped at any time, with its runtime, say. It costs nothing before it begins. An exchange that is lost
//! counts as one that may have cost a token; callers who wait for it wait for the next one, which starts after
//! [`min_interval`](pan123_token_cache::RenewalPolicy::min_interval); after a second consecutive loss they get an error.
//!
//! A job that doesn't run for 100 ms is helped by a second one [elsewhere](Place::Elsewhere): of the two, the one that asks
//! first carries out what is due. An exchange that was [run](Exchange::run) as a future is pinged by a caller who has
//! waited for it for 2 s; where its runtime doesn't poll it within 1 s, it is superseded, and dropped unpolled when that
//! runtime wakes. There is one exchange at a time, and one call to the store, also where one outlives its deadline.
//!
//! Where no caller waits, since all have a token, each of these patiences is a minute.
//!
//! # Features
//!
//! - `tracing`: events go to `tracing`, too.
//! - `http-body`: `WatchedBody`, a reply's body that is watched for a rejection while it passes.
//! - `tokio`: `on_tokio`, what the adapters on tokio have in common.
//! - `metrics`: figures go to the recorder of the `metrics` facade that is installed when the provider is built. Without one,
//!   they go nowhere.
//!
//! # Metrics
//!
//! The names, the labels and the units are frozen. Each has the label `client_id`, since a program may hold more than one
//! token. None holds a secret, and handing out a token allocates nothing for them.
//!
//! | name | type | what it says |
//! |---|---|---|
//! | `pan123_token_life_left_seconds` | gauge | for how long the token can be used, in whole seconds; 0 without one. Set whenever a caller asks and when the token changes: it stands still while nothing happens |
//! | `pan123_token_issued_total` | counter | tokens that were fetched |
//! | `pan123_token_forced_total` | counter | those of them that were fetched in place of a rejected one |
//! | `pan123_token_adopted_total` | counter | tokens that were taken from the store |
//! | `pan123_token_rejected_total` | counter | tokens that an API call was refused with |
//! | `pan123_token_failures_total` | counter | fetches that brought no token, by `kind`: [`Failure::kind`](pan123_token_cache::Failure::kind) has them |
//! | `pan123_token_renewal_seconds` | histogram | how long each exchange with the platform took, whatever it brought |
//! | `pan123_token_store_up` | gauge | with a store: 0 from a failed call on until the store does again what it is asked for, else 1; a fallback's calls don't count |
//!
//! An alert on `pan123_token_life_left_seconds < 3600` fires while there is time to act: renewal begins up to a day before
//! the end.
//!
//! Without `tokio`, all of it compiles for `wasm32-unknown-unknown`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adapter_methods;
mod build_error;
mod caller;
mod environment;
mod error_line;
mod events;
mod exchange;
mod exchange_watch;
#[cfg(all(test, shuttle))]
mod interleavings;
mod job;
mod jobs;
mod live;
#[cfg_attr(not(feature = "metrics"), path = "no_metrics.rs")]
mod metrics;
#[cfg(feature = "tokio")]
pub mod on_tokio;
mod provider;
mod proxy_variables;
mod settings;
mod since;
mod state;
mod store_call;
mod sync;
mod waiting;
#[cfg(feature = "http-body")]
mod watched_body;
mod wiped;

pub use build_error::BuildError;
pub use caller::{Caller, Turn, Wanted};
pub use environment::{EnvironmentError, credentials_from_env};
pub use error_line::{ErrorLine, causes, is_tls_refusal};
pub use exchange::Exchange;
pub use job::{Job, Work};
pub use jobs::Place;
pub use provider::Provider;
pub use proxy_variables::ProxyVariables;
pub use settings::Settings;
pub use store_call::{StoreCall, StoreReport};
pub use waiting::Flush;
#[cfg(feature = "http-body")]
pub use watched_body::WatchedBody;
pub use wiped::Wiped;

// The crates whose types our signatures name.
pub use {pan123_token, pan123_token_cache};
