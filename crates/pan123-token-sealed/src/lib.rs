//! Seals the access token of the 123pan open platform before a store sees it: those who can read the store, its backups or
//! its logs can't use the token.
//!
//! ```
//! use std::sync::Arc;
//!
//! use pan123_token_cache::testing::{ManualClock, MemoryStore};
//! use pan123_token_cache::{StoreKey, TokenStore};
//! use pan123_token_sealed::{Seal, SealedStore};
//!
//! // In a program: a `RedisStore`, a `FileStore`, or a `FallbackStore` of both.
//! let store = Arc::new(MemoryStore::new(ManualClock::default()));
//! let sealed = SealedStore::new(store, Seal::new("my-client-secret"));
//! let key = StoreKey::new(&"https://open-api.123pan.com".parse()?, "my-client-id");
//! assert_eq!(sealed.load(key)?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`SealedStore`] is a [`TokenStore`](pan123_token_cache::TokenStore) over any other: give it to an adapter's provider, on
//! each host that uses the store. For an async store of your own, [`Seal`] seals and opens records by itself.
//!
//! # What holds
//!
//! - *A reader of the store* learns the expiry, the fingerprint, the other fields of the
//!   [stored form](pan123_token_cache::Record) and how long the token is; of the token, not a byte.
//! - *A writer of the store* can't plant a token of another account, nor change an expiry: a record that isn't sealed, was
//!   sealed with another secret, was changed, or was copied from another key counts as absent. Such a writer can put an
//!   older sealed record back, mark a token as suspect, or remove it: that costs tokens, and sharing at the worst.
//! - *Without the secret* records are still loaded, compared, swept and marked as suspect: expiry and fingerprint stand
//!   there as plain text. `pan123-token status` and `reject` need none.
//! - *A host that doesn't seal* can't use the store: it fails as
//!   [misconfigured](pan123_token_cache::StoreError::is_misconfigured) and leaves the sealed token where it is.
//!
//! What has the secret has the token anyway, for it can ask for one: in memory, on the wire and in the environment nothing
//! is sealed.
//!
//! # The secret
//!
//! The key is derived from the client secret, which all hosts have, or from a secret that is for this alone. A wrong one
//! costs one token: what is stored counts as absent, another is fetched and takes its place. The same goes for the first
//! start on a store that holds a token in plain text; that stays there until then.
//!
//! *Rotation.* Give the new secret to all hosts, and beside it the old one to [`Seal::also_opens`]: the token that is stored
//! is used on, and sealed with the new secret when it is renewed. A host that still has the old secret alone can't open what
//! was sealed with the new one, and goes on with the token in its memory; a program that starts there fetches one of its own.
//! So rotate within minutes, or seal with a secret that isn't rotated with the client's.
//!
//! # Stored form
//!
//! That of a [`Record`](pan123_token_cache::Record), with this for `accessToken`:
//!
//! ```text
//! sealed:FINGERPRINT:v1.BASE64URL     without padding, of: nonce (12 bytes), ciphertext, tag (16)
//! ```
//!
//! - The key: HKDF-SHA256 (RFC 5869) of the secret's bytes, without a salt, for `pan123-token sealed v1`; 32 bytes.
//! - The seal: ChaCha20-Poly1305 (RFC 8439) with a random nonce. A token is sealed a few times in its life, far from the
//!   2³² times after which a random nonce of 96 bits should not be relied on.
//! - Authenticated with it, joined by line feeds: `pan123-token sealed v1`, the
//!   [store key](pan123_token_cache::StoreKey), the fingerprint, `expiresAt` and `issuedAt` in nanoseconds since 1970,
//!   `lifetimeMs`, `sentAtMs`. Not `forced`, `suspect` and `maybeIssued`: they are raised without the secret.
//!
//! `tests/vectors.json` has examples, which `tests/vectors.py` made with Python's `cryptography`.
//!
//! # Out of scope
//!
//! Keys in hardware or of a key service, and secrets that people can remember: nothing slows down guessing them.

mod seal;
mod store;

pub use seal::Seal;
pub use store::SealedStore;

// The crate whose types our signatures name.
pub use pan123_token_cache;

/// Compiles the README's program.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
