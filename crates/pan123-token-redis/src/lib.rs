//! A store for the access token of the 123pan open platform in Redis, shared by all hosts of a fleet.
//!
//! # In scope
//!
//! [`RedisStore`] is a [`TokenStore`](pan123_token_cache::TokenStore): a record, and a gate beside it that says who may
//! fetch. When to look, fetch and save is the lifecycle's business (`pan123-token-cache`).
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use pan123_token_cache::pan123_token::{Credentials, GetAccessToken};
//! use pan123_token_cache::{StoreKey, StoreSession};
//! use pan123_token_redis::RedisStore;
//!
//! let store = RedisStore::new("rediss://pan123:password@redis.example:6379/0")?;
//! let operation = GetAccessToken::new(Credentials::new("my-client-id", "my-client-secret")?);
//! let session = StoreSession::new(Arc::new(store), StoreKey::of(&operation));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Out of scope
//!
//! One server, or whatever stands at its address, is all this knows: no Sentinel, no following of a cluster's redirects, no
//! Unix sockets, no client certificates.
//!
//! # What it keeps there
//!
//! `<key>` is the [`StoreKey`](pan123_token_cache::StoreKey): 32 hexadecimal digits that stand for the base URL and the
//! client ID. The braces keep both keys on one node of a cluster.
//!
//! | key | value | lives as long as |
//! |---|---|---|
//! | `pan123-token:{<key>}:v1:record` | the [stored form](pan123_token_cache::Record) | the token |
//! | `pan123-token:{<key>}:v1:gate` | the owner, as 16 hexadecimal digits; or `cool` | the lease; the time that nobody may ask |
//!
//! All times are told by the server's clock. Each call is one script, which the server runs as a whole; a save is two: one
//! looks, and one replaces what was seen. It says when the token ends and not how long it lives, since a server that was
//! stopped carries it out late.
//!
//! - A value of another type, or one that can't be read, counts as absent: the next save replaces it. It isn't reported.
//! - A record of a version that this one can't read is left alone, and is an error.
//! - A gate without an end, or of another type, is open: nothing locks a fleet out for good.
//!
//! The record holds the token. Whoever may read these keys may use it.
//!
//! # The server
//!
//! Redis 6 or newer. The tests run on 7.0.15; nothing else was tried. A user of one's own needs this, and `+select` for a
//! database other than 0:
//!
//! ```text
//! ACL SETUSER pan123 on >password ~pan123-token:* +eval +type +getrange +pttl +set +pexpire +del +time
//! ```
//!
//! Nothing need be persisted: a server that comes back empty costs one more token, of which 3 per client ID are alive at
//! once. The same goes for what an eviction policy drops (`allkeys-lru` may take the gate or the record, and so may
//! `volatile-ttl`: both keys have an expiry), and for a failover to a replica that hasn't heard of the last write: two hosts
//! may then hold the lease at once.
//!
//! That is why a lease isn't fenced with a counter. The most that a lost lease costs is one token more, and the newer one
//! stays in the end. A counter in a server that was emptied starts anew, and then locks out every host that remembers a
//! larger one.
//!
//! # Failures
//!
//! A call that fails says in one line where the server is, what went wrong and what to do. Neither the password nor a value
//! is in it, and of the server's own words no more than an error's code and the address of a cluster's node. Whoever shares
//! through the store then goes on alone.
#![cfg_attr(
    feature = "rustls",
    doc = "
# TLS

`rediss://` uses rustls with ring and Mozilla's root certificates, or those given to [`RedisStore::ca_pem`]. The server's
certificate is always checked. The server must not ask for one of the client's (`tls-auth-clients no`)."
)]

mod connection;
mod failure;
mod route;
mod scheme;
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
