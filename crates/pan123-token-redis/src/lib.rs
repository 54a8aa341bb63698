//! Keeps the access token of the 123pan open platform in Redis, shared by all hosts of a fleet.
//!
//! ```no_run
//! use std::error::Error;
//! use std::sync::Arc;
//!
//! use pan123_token_redis::RedisStore;
//! use pan123_token_ureq::{TokenProvider, credentials_from_env};
//!
//! /// One for the whole program; its clones share the token.
//! fn provider() -> Result<TokenProvider, Box<dyn Error>> {
//!     // rediss://user:password@redis.example:6380/0
//!     let url = std::env::var("PAN123_TOKEN_STORE").map_err(|_| "set PAN123_TOKEN_STORE")?;
//!     let store = RedisStore::new(&url)?;
//!     Ok(TokenProvider::builder(credentials_from_env()?)
//!         .store(Arc::new(store))
//!         .build()?)
//! }
//! ```
//!
//! [`RedisStore`] is a [`TokenStore`](pan123_token_cache::TokenStore): give it to an adapter's provider, or to a driver of
//! your own. It keeps a record, and beside it a lease record that says who may fetch. [`RedisStore::new`] has the URLs: one
//! server, a cluster, Sentinel, a Unix socket, with TLS and a client certificate.
//!
//! # What it keeps there
//!
//! `<key>` is the [`StoreKey`](pan123_token_cache::StoreKey): 32 hexadecimal digits that stand for the base URL and the
//! client ID. The braces keep both keys in one slot of a cluster.
//!
//! | key | value | lives as long as |
//! |---|---|---|
//! | `pan123-token:{<key>}:v1:record` | the [stored form](pan123_token_cache::Record) | the token |
//! | `pan123-token:{<key>}:v1:gate` | the lease record: the owner, as 16 hexadecimal digits; or `cool` in a cooldown | the lease, or the cooldown |
//!
//! All times run by the server's clock. Each call is one script, which the server runs as a whole; a save is two: one
//! looks, and one replaces what was seen. It says when the token ends and not how long it lives, since a server that was
//! stopped carries it out late.
//!
//! - A value of another type, or one that can't be read, counts as absent: the next save replaces it. It isn't reported.
//! - A record of a version that this one can't read stays as it is, and is an error.
//! - A lease record without an end, or of another type, counts as absent: nothing locks a fleet out for good.
//!
//! # The server
//!
//! Redis 6 or newer; the tests run on 7.0.15. A user of one's own needs this, and `+select` for a database other than 0, and
//! `+asking` on a cluster:
//!
//! ```text
//! ACL SETUSER pan123 on >password ~pan123-token:* +eval +type +getrange +pttl +set +pexpire +del +time
//! ```
//!
//! The record holds the token: those who may read these keys can use it. `MONITOR` and `SLOWLOG` show it as well, since it is
//! an argument of a script. The README has an ACL that keeps other users from all three; and
//! `pan123-token-sealed` seals the token before it comes here.
//!
//! Nothing need be persisted: a server that comes back empty costs one more token, of which 3 per client ID are alive at
//! once. The same goes for what an eviction policy drops (`allkeys-lru` may take either record, and so may `volatile-ttl`:
//! both keys have an expiry), and for a failover to a replica that hasn't heard of the last write: two hosts may then hold
//! the lease at once.
//!
//! That is why a lease isn't fenced with a counter. The most that a lost lease costs is one token more, and the newer one
//! stays in the end. A counter in a server that was emptied starts anew, and then locks out every host that remembers a
//! larger one.
//!
//! # Failures
//!
//! A call that fails says in one line where the server is, what went wrong and what to do; the README has a table of them.
//! A wrong setting [is misconfigured](pan123_token_cache::StoreError::is_misconfigured), anything else is an outage. Neither
//! the password nor a value is in the line, and of the server's own words no more than an error's code and the address of
//! another node.
//!
//! # Out of scope
//!
//! When to load, fetch and save, and what to do while the store is in trouble, is decided by `pan123-token-cache`. The calls
//! block. Nothing is sent to a cluster's replicas.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connection;
mod failure;
mod refusal;
mod route;
mod scheme;
mod script;
mod socket;
mod store;
mod target;
#[cfg_attr(not(feature = "rustls"), path = "no_tls.rs")]
mod tls;
mod url;

pub use store::RedisStore;
pub use url::RedisUrlError;

// The crate whose trait this implements.
pub use pan123_token_cache;

/// Compiles the README's program.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
