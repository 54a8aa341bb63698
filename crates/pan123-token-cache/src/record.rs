//! What a store keeps of a token, and the frozen form in which it keeps it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use pan123_token::{AccessToken, AccessTokenError, Fingerprint, OffsetDateTime, parse_rfc_3339};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::{RawValue, Value};
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

/// A token as it is shared between processes and hosts.
///
/// ```
/// use pan123_token_cache::{Record, RecordError};
///
/// let stored = concat!(
///     r#"{"version":1,"readableBy":1,"accessToken":"a.b.c","fingerprint":"63304532e299f9ab","#,
///     r#""expiresAt":"2025-03-23T07:48:37Z","issuedAt":"2025-02-21T07:48:37Z","#,
///     r#""lifetimeMs":2592000000,"sentAtMs":1740124117000,"forced":0,"suspect":false}"#,
/// );
/// let record = Record::decode(stored.as_bytes())?;
/// assert_eq!(record.token.secret(), "a.b.c");
/// assert_eq!(record.encode(), stored);
/// assert_eq!(Record::decode(b"{}"), Err(RecordError::Damaged("readableBy")));
/// # Ok::<(), RecordError>(())
/// ```
///
/// # Stored form
///
/// A JSON object of at most 64 KiB. The fields below are frozen: each but the last is required, and none may stand twice,
/// since readers would differ in which one they take. In a time, `T`, `t` or a blank parts date and time. The fields'
/// order doesn't matter, and unknown ones are passed over. `version` is that of the writer; `readableBy` is the oldest
/// version that may read it, and a reader that is older refuses it ([`RecordError::Newer`]) whatever the other fields
/// hold. So a fleet can be upgraded host by host and goes on sharing.
///
/// | field | value |
/// |---|---|
/// | `version`, `readableBy` | 1 |
/// | `accessToken` | the token; or a sealed one, `sealed:`, its fingerprint, `:` and what only its sealer can open |
/// | `fingerprint` | its fingerprint; must match |
/// | `expiresAt` | RFC 3339, UTC |
/// | `issuedAt` | RFC 3339, UTC: the server's clock as it answered, or else the wall clock at sending |
/// | `lifetimeMs` | milliseconds from the sending of the request to the expiry |
/// | `sentAtMs` | when the request was sent, by the wall clock of the host that wrote this, in milliseconds since 1970 |
/// | `forced` | how many consecutive renewals were forced by rejections |
/// | `suspect` | whether an API call was refused with this token |
/// | `maybeIssued` | optional, 0 where it is missing: how many attempts to replace this token may have cost a token |
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
    /// How many consecutive renewals were forced by rejections.
    pub forced: u32,
    /// Whether an API call was refused with this token.
    pub suspect: bool,
    /// How many attempts to replace this token may each have cost a token, though none was received.
    pub maybe_issued: u32,
}

/// The version that this crate writes, and the oldest that may read it.
const VERSION: u64 = 1;

/// How a sealed token begins. No token holds a colon.
const SEALED: &str = "sealed:";

/// The longest form that is read. A real one has some 700 bytes.
const MAX_BYTES: usize = 64 * 1024;

impl Record {
    /// The token's fingerprint; of a sealed record, that of the token within.
    pub fn fingerprint(&self) -> Fingerprint {
        let within = self.parts().map(|(fingerprint, _)| fingerprint);
        within.unwrap_or_else(|| self.token.fingerprint())
    }

    /// This record with a sealed token in place of its own, for a store whose readers shall not see that: visible ASCII,
    /// which only the sealer can open. Expiry, fingerprint and the rest stay readable, so that records are compared, swept
    /// and marked as suspect without a key.
    ///
    /// No cache takes a record that is sealed: to a [step](crate::StoreStep), it is a misconfigured store.
    ///
    /// # Errors
    ///
    /// When the text is anything but visible ASCII.
    pub fn seal_with(&self, sealed: &str) -> Result<Self, AccessTokenError> {
        let text = format!("{SEALED}{}:{sealed}", self.fingerprint());
        Ok(Self {
            token: AccessToken::new(text, self.token.expires_at())?,
            ..self.clone()
        })
    }

    /// What [`seal_with`](Self::seal_with) put into it; `None` where the token isn't sealed.
    pub fn sealed(&self) -> Option<&str> {
        self.parts().map(|(_, sealed)| sealed)
    }

    /// Of a sealed token.
    fn parts(&self) -> Option<(Fingerprint, &str)> {
        let text = self.token.secret().strip_prefix(SEALED)?;
        let (fingerprint, sealed) = text.split_once(':')?;
        Some((fingerprint.parse().ok()?, sealed))
    }

    /// Whether a store that holds `stored` should take this record instead: `stored` is the one that was read under the
    /// lease (`replaces`), or was issued earlier than one that isn't suspect. Of two records of one token, the one that says
    /// more is kept: a later expiry, a suspicion or a count is never undone.
    pub fn may_replace(&self, stored: &Self, replaces: Option<Fingerprint>) -> bool {
        let other = stored.fingerprint();
        if other == self.fingerprint() {
            return !stored.says_more_than(self);
        }
        replaces == Some(other) || !self.suspect && stored.issued_at < self.issued_at
    }

    /// Whether it knows something of the same token that the other doesn't.
    pub(crate) fn says_more_than(&self, other: &Self) -> bool {
        self.token.expires_at() > other.token.expires_at()
            || self.forced > other.forced
            || self.maybe_issued > other.maybe_issued
            || self.suspect && !other.suspect
    }

    /// Whether it is of the same token and knows all that the other knows, and more.
    pub(crate) fn is_ahead_of(&self, other: &Self) -> bool {
        self.fingerprint() == other.fingerprint()
            && self.says_more_than(other)
            && !other.says_more_than(self)
    }

    /// The stored form. It holds the token: keep it from other users' eyes.
    pub fn encode(&self) -> String {
        // By hand: a tree's order depends on which of serde_json's features others turn on.
        // Older versions don't know the count; it stands there only where it says something.
        let maybe_issued = match self.maybe_issued {
            0 => String::new(),
            count => format!(r#","maybeIssued":{count}"#),
        };
        format!(
            r#"{{"version":{VERSION},"readableBy":{VERSION},"accessToken":{},"fingerprint":"{}","expiresAt":"{}","issuedAt":"{}","lifetimeMs":{},"sentAtMs":{},"forced":{},"suspect":{}{maybe_issued}}}"#,
            Value::from(self.token.secret()),
            self.fingerprint(),
            rfc_3339(self.token.expires_at()),
            rfc_3339(self.issued_at),
            millis(self.lifetime),
            millis(self.sent_at),
            self.forced,
            self.suspect,
        )
    }

    /// Reads a stored form.
    ///
    /// # Errors
    ///
    /// When it is damaged, or was written by a version that says that this one can't read it.
    pub fn decode(stored: &[u8]) -> Result<Self, RecordError> {
        let damaged = RecordError::Damaged;
        if stored.len() > MAX_BYTES {
            return Err(damaged("its size"));
        }
        let text = str::from_utf8(stored).map_err(|_| damaged("its JSON"))?;
        // serde_json's own words would repeat the token.
        let form: Form<'_> = serde_json::from_str(text).map_err(|_| damaged("its JSON"))?;

        if form.number("readableBy")? > VERSION {
            return Err(RecordError::Newer);
        }
        form.number("version")?;
        let token = AccessToken::new(form.text("accessToken")?, form.time("expiresAt")?)
            .map_err(|_| damaged("accessToken"))?;
        let forced = form.number("forced")?;
        let record = Self {
            token,
            issued_at: form.time("issuedAt")?,
            lifetime: Duration::from_millis(form.number("lifetimeMs")?),
            sent_at: Duration::from_millis(form.number("sentAtMs")?),
            forced: forced.try_into().map_err(|_| damaged("forced"))?,
            suspect: form.flag("suspect")?,
            maybe_issued: form.count("maybeIssued")?,
        };
        if record.token.secret().starts_with(SEALED) && record.sealed().is_none() {
            return Err(damaged("accessToken"));
        }
        if form.text("fingerprint")? != record.fingerprint().to_string() {
            return Err(damaged("fingerprint"));
        }
        Ok(record)
    }
}

/// The fields as they stand in the text; `None` for one that stands there twice.
struct Form<'a>(BTreeMap<String, Option<&'a RawValue>>);

impl<'a> Form<'a> {
    fn number(&self, name: &'static str) -> Result<u64, RecordError> {
        self.field(name, |json| json.parse().ok())
    }

    /// A number that may be missing, and then is zero.
    fn count(&self, name: &'static str) -> Result<u32, RecordError> {
        if !self.0.contains_key(name) {
            return Ok(0);
        }
        self.field(name, |json| json.parse().ok())
    }

    fn flag(&self, name: &'static str) -> Result<bool, RecordError> {
        self.field(name, |json| json.parse().ok())
    }

    fn text(&self, name: &'static str) -> Result<String, RecordError> {
        self.field(name, |json| serde_json::from_str(json).ok())
    }

    fn time(&self, name: &'static str) -> Result<OffsetDateTime, RecordError> {
        let text = self.text(name)?;
        parse_rfc_3339(&text)
            .and_then(utc)
            .ok_or(RecordError::Damaged(name))
    }

    fn field<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, RecordError> {
        let json = self.0.get(name).copied().flatten();
        json.and_then(|json| read(json.get()))
            .ok_or(RecordError::Damaged(name))
    }
}

impl<'de> Deserialize<'de> for Form<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FormVisitor)
    }
}

struct FormVisitor;

impl<'de> Visitor<'de> for FormVisitor {
    type Value = Form<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form<'de>, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            fields
                .entry(name)
                .and_modify(|twice| *twice = None)
                .or_insert(Some(value));
        }
        Ok(Form(fields))
    }
}

/// In UTC, where its year can be written in RFC 3339.
fn utc(time: OffsetDateTime) -> Option<OffsetDateTime> {
    time.checked_to_offset(UtcOffset::UTC)
        .filter(|utc| (0..=9999).contains(&utc.year()))
}

pub(crate) fn rfc_3339(time: OffsetDateTime) -> String {
    // The years were checked on the way in; another date that was put in by hand gives a form that counts as damaged.
    utc(time)
        .and_then(|utc| utc.format(&Rfc3339).ok())
        .unwrap_or_default()
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
            .field("maybe_issued", &self.maybe_issued)
            .finish()
    }
}

/// Why a stored form can't be used. It names the part, never its content.
///
/// An example is with [`Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// This part of it is missing, stands there twice, or isn't what it should be.
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
