//! The access token, and how it goes into the headers of an API call.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use hmac_sha256::Hash as Sha256;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use time::{OffsetDateTime, UtcOffset};
use zeroize::Zeroizing;

const SCHEME: &str = "Bearer ";
const PLATFORM: HeaderName = HeaderName::from_static("platform");
const OPEN_PLATFORM: HeaderValue = HeaderValue::from_static("open_platform");

/// An access token and the time at which it expires.
///
/// ```
/// use pan123_token::{AccessToken, AccessTokenError, parse_rfc_3339};
///
/// let expires_at = parse_rfc_3339("2025-03-23T15:48:37+08:00").ok_or("no RFC 3339 time")?;
/// let token = AccessToken::new("a.b.c", expires_at)?;
/// assert!(!token.is_usable_at(expires_at));
///
/// let mut headers = http::HeaderMap::new();
/// token.authorize(&mut headers);
/// assert_eq!(headers["authorization"], "Bearer a.b.c");
/// assert_eq!(headers["platform"], "open_platform");
///
/// assert_eq!(AccessToken::new("", expires_at), Err(AccessTokenError::Empty));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Cheap to clone: clones share one text, which is wiped when the last of them (and of the header values made
/// from them) is dropped. `Debug` shows the [fingerprint](Self::fingerprint) and the expiry, never the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(
    // As small as a pointer, since it is handed out more often than anything else happens to it.
    Arc<Issued>,
);

#[derive(PartialEq, Eq)]
struct Issued {
    /// `Bearer …`: the one form in which a token is used, so it is made once.
    authorization: HeaderValue,
    expires_at: OffsetDateTime,
}

impl AccessToken {
    /// Takes a token as the platform issued it, and the `expiredAt` that came with it.
    ///
    /// The text passed in stays the caller's to wipe.
    ///
    /// # Errors
    ///
    /// When the token is empty or holds anything but visible ASCII characters, which no header could carry unharmed; and
    /// when the expiry in UTC lies outside the years 0 to 9999, which RFC 3339 can't write.
    pub fn new(
        secret: impl AsRef<str>,
        expires_at: OffsetDateTime,
    ) -> Result<Self, AccessTokenError> {
        let secret = secret.as_ref();
        if secret.is_empty() {
            return Err(AccessTokenError::Empty);
        }
        // Without an early way out, so that it runs over many bytes at once.
        let header_safe = secret
            .bytes()
            .fold(true, |safe, b| safe & b.is_ascii_graphic());
        if !header_safe {
            return Err(AccessTokenError::NotHeaderSafe);
        }
        let expires_at = expires_at
            .checked_to_offset(UtcOffset::UTC)
            // Beyond it, RFC 3339 can't write the expiry down.
            .filter(|utc| (0..=9999).contains(&utc.year()))
            .ok_or(AccessTokenError::ExpiryOutOfRange)?;
        let mut text = Zeroizing::new(Vec::with_capacity(SCHEME.len() + secret.len()));
        text.extend_from_slice(SCHEME.as_bytes());
        text.extend_from_slice(secret.as_bytes());
        let mut authorization = HeaderValue::from_maybe_shared(Bytes::from_owner(text))
            .map_err(|_| AccessTokenError::NotHeaderSafe)?;
        authorization.set_sensitive(true);
        Ok(Self(Arc::new(Issued {
            authorization,
            expires_at,
        })))
    }

    /// The token itself. Handle it as a password.
    pub fn secret(&self) -> &str {
        // Both steps were checked at the door; there is no other case.
        self.0
            .authorization
            .to_str()
            .map_or("", |text| &text[SCHEME.len()..])
    }

    /// When the platform says that the token ends, in UTC.
    ///
    /// Only `expiredAt` counts: the documented lifetime (30 days) and the one measured (90 days) disagree, and the `exp`
    /// inside the token is reported to be unreliable.
    pub fn expires_at(&self) -> OffsetDateTime {
        self.0.expires_at
    }

    /// Whether `now` lies before the expiry.
    ///
    /// It says nothing of a token that was taken offline because more than 3 were issued; only an API call shows
    /// that ([`token_rejected`](crate::token_rejected)).
    pub fn is_usable_at(&self, now: OffsetDateTime) -> bool {
        now < self.0.expires_at
    }

    /// `Bearer <accessToken>`, marked as sensitive. Allocates nothing: the value shares the token's memory.
    pub fn authorization(&self) -> HeaderValue {
        self.0.authorization.clone()
    }

    /// Puts in the two headers that every API call carries: `Authorization` and `Platform`. Earlier values of either are
    /// replaced.
    ///
    /// The slices of an upload V2 carry them, too, on hosts that the API names at run time. They do not belong on the
    /// pre-signed URLs of an upload V1, nor on a server that is none of the platform's.
    /// [`Authorization`](crate::Authorization) sees to that.
    pub fn authorize(&self, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.authorization());
        insert_platform(headers);
    }

    /// A short mark that stands for the token in logs and comparisons, equal on every host.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.secret())
    }
}

/// `Platform: open_platform`, which every call of the platform needs.
pub(crate) fn insert_platform(headers: &mut HeaderMap) {
    headers.insert(PLATFORM, OPEN_PLATFORM);
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("fingerprint", &self.fingerprint())
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}

/// The first 64 bits of a SHA-256 over a token, as 16 hexadecimal digits.
///
/// ```
/// use pan123_token::{AccessToken, Fingerprint, OffsetDateTime};
///
/// let token = AccessToken::new("a.b.c", OffsetDateTime::UNIX_EPOCH)?;
/// let text = token.fingerprint().to_string();
/// assert_eq!(text, "63304532e299f9ab");
/// assert_eq!(text.parse::<Fingerprint>()?, token.fingerprint());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Tokens that share it are the same token for every practical purpose; the token can't be derived from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    fn of(secret: &str) -> Self {
        let mut hash = Sha256::new();
        // Set apart from every other hash of the same text.
        hash.update(b"pan123-token fingerprint\0");
        hash.update(secret);
        let first_64_bits = hash.finalize().into_iter().take(8);
        Self(first_64_bits.fold(0, |bits, byte| bits << 8 | u64::from(byte)))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Reads what `Display` writes, and nothing else.
impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let written = |bits: &Self| bits.to_string() == text;
        let bits = u64::from_str_radix(text, 16).map(Self).ok();
        bits.filter(written).ok_or(FingerprintError)
    }
}

/// The text is no fingerprint: 16 hexadecimal digits, in lower case.
///
/// From [`Fingerprint`], which has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FingerprintError;

impl fmt::Display for FingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fingerprint is 16 hexadecimal digits, in lower case")
    }
}

impl std::error::Error for FingerprintError {}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text can't be an access token. It says what is wrong, never with which text.
///
/// An example is with [`AccessToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessTokenError {
    /// The token is empty.
    Empty,
    /// The token holds something other than visible ASCII characters.
    NotHeaderSafe,
    /// The expiry in UTC lies outside the years 0 to 9999.
    ExpiryOutOfRange,
}

impl fmt::Display for AccessTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the access token is empty",
            Self::NotHeaderSafe => "the access token holds characters that no header can carry",
            Self::ExpiryOutOfRange => "the access token's expiry lies outside the calendar",
        })
    }
}

impl std::error::Error for AccessTokenError {}
