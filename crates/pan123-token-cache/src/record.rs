//! What a store keeps of a token, and the frozen form in which it keeps it.

use std::fmt;
use std::time::Duration;

use pan123_token::{AccessToken, Fingerprint, OffsetDateTime};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;

/// A token as it is shared between processes and hosts.
///
/// # Stored form
///
/// A JSON object. The fields below are frozen; unknown ones are passed over. `version` is that of the writer; `readableBy`
/// is the oldest version that may read it, and a reader that is older refuses it ([`RecordError::Newer`]). So a fleet can
/// be upgraded host by host and goes on sharing.
///
/// | field | value |
/// |---|---|
/// | `version`, `readableBy` | 1 |
/// | `accessToken` | the token |
/// | `fingerprint` | its fingerprint; must match |
/// | `expiresAt` | RFC 3339, UTC |
/// | `issuedAt` | RFC 3339, UTC: the server's clock as it answered, or else the wall clock at sending |
/// | `lifetimeMs` | milliseconds from the sending of the request to the expiry |
/// | `sentAtMs` | the wall clock of the host that asked, as it sent the request, in milliseconds since 1970 |
/// | `forced` | how many renewals in a row were forced by rejections |
/// | `suspect` | whether a business call was refused with this token |
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The token and its expiry.
    pub token: AccessToken,
    /// When it was issued: the server's clock as it answered, or else the wall clock at sending.
    pub issued_at: OffsetDateTime,
    /// From the sending of the request to the expiry.
    pub lifetime: Duration,
    /// The wall clock of the host that asked, as it sent the request: since 1970, in UTC.
    pub sent_at: Duration,
    /// How many renewals in a row were forced by rejections.
    pub forced: u32,
    /// Whether a business call was refused with this token.
    pub suspect: bool,
}

/// The version that this crate writes, and the oldest that may read it.
const VERSION: u64 = 1;

/// The longest form that is read. A real one has some 700 bytes.
const MAX_BYTES: usize = 64 * 1024;

impl Record {
    /// The token's mark.
    pub fn fingerprint(&self) -> Fingerprint {
        self.token.fingerprint()
    }

    /// Whether a store that holds `stored` should take this record instead: `stored` is the one that was read under the
    /// lease (`replaces`), or was issued earlier.
    pub fn may_replace(&self, stored: &Self, replaces: Option<Fingerprint>) -> bool {
        replaces == Some(stored.fingerprint()) || stored.issued_at < self.issued_at
    }

    /// The stored form. It holds the token: keep it from other users' eyes.
    pub fn encode(&self) -> String {
        // Years are within 0 to 9999, which was checked on the way in; there is no other case.
        let rfc_3339 = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
        serde_json::json!({
            "version": VERSION,
            "readableBy": VERSION,
            "accessToken": self.token.secret(),
            "fingerprint": self.fingerprint().to_string(),
            "expiresAt": rfc_3339(self.token.expires_at()),
            "issuedAt": rfc_3339(self.issued_at),
            "lifetimeMs": millis(self.lifetime),
            "sentAtMs": millis(self.sent_at),
            "forced": self.forced,
            "suspect": self.suspect,
        })
        .to_string()
    }

    /// Reads a stored form.
    ///
    /// # Errors
    ///
    /// When it is damaged, or was written by a version that says that this one can't read it.
    pub fn decode(stored: &[u8]) -> Result<Self, RecordError> {
        if stored.len() > MAX_BYTES {
            return Err(RecordError::Damaged("its size"));
        }
        let damaged = RecordError::Damaged;
        // serde_json's own words would repeat the token.
        let value: Value = serde_json::from_slice(stored).map_err(|_| damaged("its JSON"))?;
        let number = |name| value.get(name).and_then(Value::as_u64);
        let readable_by = number("readableBy").ok_or(damaged("`readableBy`"))?;
        if readable_by > VERSION {
            return Err(RecordError::Newer);
        }
        let text = |name| value.get(name).and_then(Value::as_str);
        let time = |name| {
            let time = OffsetDateTime::parse(text(name)?, &Rfc3339).ok()?;
            let utc = time.checked_to_offset(time::UtcOffset::UTC)?;
            (0..=9999).contains(&utc.year()).then_some(utc)
        };
        let secret = text("accessToken").ok_or(damaged("`accessToken`"))?;
        let expires_at = time("expiresAt").ok_or(damaged("`expiresAt`"))?;
        let token = AccessToken::new(secret, expires_at).map_err(|_| damaged("`accessToken`"))?;
        if text("fingerprint") != Some(&*token.fingerprint().to_string()) {
            return Err(damaged("`fingerprint`"));
        }
        let forced = number("forced").and_then(|forced| forced.try_into().ok());
        Ok(Self {
            token,
            issued_at: time("issuedAt").ok_or(damaged("`issuedAt`"))?,
            lifetime: number("lifetimeMs")
                .map(Duration::from_millis)
                .ok_or(damaged("`lifetimeMs`"))?,
            sent_at: number("sentAtMs")
                .map(Duration::from_millis)
                .ok_or(damaged("`sentAtMs`"))?,
            forced: forced.ok_or(damaged("`forced`"))?,
            suspect: value
                .get("suspect")
                .and_then(Value::as_bool)
                .ok_or(damaged("`suspect`"))?,
        })
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("token", &self.token)
            .field("issued_at", &self.issued_at)
            .field("lifetime", &self.lifetime)
            .field("sent_at", &self.sent_at)
            .field("forced", &self.forced)
            .field("suspect", &self.suspect)
            .finish()
    }
}

/// Why a stored form can't be used. It names the part, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// This part of it is missing, or isn't what it should be.
    Damaged(&'static str),
    /// A newer version wrote it, and says that this one can't read it. Leave it where it is.
    Newer,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(part) => write!(f, "the stored token is damaged: {part}"),
            Self::Newer => f.write_str(
                "the stored token was written by a newer version that this one can't read",
            ),
        }
    }
}

impl std::error::Error for RecordError {}
