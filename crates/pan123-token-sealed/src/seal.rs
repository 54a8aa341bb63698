//! The seal: a key, and what it does to a record.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Generate as _, Nonce, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _};
use hmac_sha256::HKDF;
use pan123_token_cache::pan123_token::AccessToken;
use pan123_token_cache::{Record, StoreError, StoreKey};
use zeroize::Zeroizing;

/// What the key is derived for, and the first line of what is authenticated.
const PURPOSE: &str = "pan123-token sealed v1";
/// How what follows the fingerprint begins.
const VERSION: &str = "v1.";
const NONCE_BYTES: usize = 12;

/// Seals tokens with the key of one secret, and opens those of others, too. Its keys are wiped on drop.
///
/// ```
/// use pan123_token_cache::{Record, StoreKey};
/// use pan123_token_sealed::Seal;
///
/// # let record = Record::decode(
/// #     br#"{"version": 1, "readableBy": 1, "accessToken": "ISSUED-token-1", "fingerprint": "722d271f3ad017f6",
/// #          "expiresAt": "2025-03-23T07:48:37Z", "issuedAt": "2025-02-21T07:48:37Z",
/// #          "lifetimeMs": 2592000000, "sentAtMs": 1740124116750, "forced": 0, "suspect": false}"#,
/// # )?;
/// // `record` has the token ISSUED-token-1.
/// let key = StoreKey::new(&"https://open-api.123pan.com".parse()?, "my-client-id");
/// let seal = Seal::new("my-client-secret");
/// let sealed = seal.seal(key, &record)?;
/// assert!(!sealed.encode().contains("ISSUED-token-1"));
/// assert_eq!(seal.open(key, &sealed).as_ref(), Some(&record));
///
/// // A seal with another secret can't open it, unless it is given the earlier secret, too.
/// let next = Seal::new("my-next-secret");
/// assert_eq!(next.open(key, &sealed), None);
/// assert_eq!(next.also_opens("my-client-secret").open(key, &sealed), Some(record));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Seal {
    seals: ChaCha20Poly1305,
    /// Keys of earlier secrets.
    opens: Vec<ChaCha20Poly1305>,
}

impl Seal {
    /// Derives the key from this secret: the client secret, or one that is for this alone. It must be as hard to guess as a
    /// key: 128 random bits at least, no password that a person made up.
    pub fn new(secret: &str) -> Self {
        Self {
            seals: cipher(secret),
            opens: Vec::new(),
        }
    }

    /// Also opens what was sealed with this secret: the one before the last rotation.
    #[must_use]
    pub fn also_opens(mut self, earlier: &str) -> Self {
        self.opens.push(cipher(earlier));
        self
    }

    /// The record as a store may have it, under this key.
    ///
    /// # Errors
    ///
    /// When the operating system has no randomness.
    pub fn seal(&self, key: StoreKey, record: &Record) -> Result<Record, StoreError> {
        let nonce = Nonce::<ChaCha20Poly1305>::try_generate()
            .map_err(|_| StoreError::new("the operating system has no randomness to seal with"))?;
        let aad = associated_data(key, record);
        let plain = Payload {
            msg: record.token.secret().as_bytes(),
            aad: aad.as_bytes(),
        };
        // Beyond 256 GiB.
        let sealed = self
            .seals
            .encrypt(&nonce, plain)
            .map_err(|_| StoreError::new("the token is too long to be sealed"))?;
        let bytes = [&nonce[..], &sealed].concat();
        let text = VERSION.to_owned() + &BASE64_URL_SAFE_NO_PAD.encode(bytes);
        record.seal_with(&text).map_err(StoreError::new)
    }

    /// The record that was sealed; `None` where it wasn't sealed under this key with a secret that is known here, or was
    /// changed since.
    pub fn open(&self, key: StoreKey, record: &Record) -> Option<Record> {
        let text = record.sealed()?.strip_prefix(VERSION)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let aad = associated_data(key, record);
        let open = |cipher: &ChaCha20Poly1305| {
            let sealed = Payload {
                msg: sealed,
                aad: aad.as_bytes(),
            };
            cipher.decrypt(&(*nonce).into(), sealed).ok()
        };
        let mut ciphers = std::iter::once(&self.seals).chain(&self.opens);
        let plain = Zeroizing::new(ciphers.find_map(open)?);
        let text = str::from_utf8(&plain).ok()?;
        let mut opened = record.clone();
        opened.token = AccessToken::new(text, record.token.expires_at()).ok()?;
        (opened.fingerprint() == record.fingerprint()).then_some(opened)
    }
}

fn cipher(secret: &str) -> ChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    // Without a salt.
    let secret = Zeroizing::new(HKDF::extract([], secret));
    HKDF::expand(&mut *key, *secret, PURPOSE);
    let key: &Key = (&*key).into();
    ChaCha20Poly1305::new(key)
}

/// All that doesn't change while a token lives, in one form: dates in nanoseconds since 1970, lengths in milliseconds. What
/// is marked or counted without a key (`suspect`, `forced`, `maybeIssued`) is left out.
fn associated_data(key: StoreKey, record: &Record) -> String {
    format!(
        "{PURPOSE}\n{key}\n{}\n{}\n{}\n{}\n{}",
        record.fingerprint(),
        record.token.expires_at().unix_timestamp_nanos(),
        record.issued_at.unix_timestamp_nanos(),
        record.lifetime.as_millis(),
        record.sent_at.as_millis(),
    )
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").finish_non_exhaustive()
    }
}
