//! The shape of a reply: which keys stand in it and what they hold, without judging it.
//!
//! One pass over the text, borrowing what it can. Nothing here fails because of a value: an odd `message` must not hide the
//! `code` next to it. So a key holds a [`Field`], its value as it stands in the text, and what that means is decided by who
//! asks.

use std::borrow::Cow;
use std::fmt;
use std::str;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A body, as far as it can be read.
#[derive(Debug)]
pub(crate) enum Reply<'a> {
    /// A JSON object that has a code.
    Envelope(i64, Object<'a>),
    /// A JSON object in which a key of the envelope stands twice: it has no single reading.
    Ambiguous,
    /// A JSON object without a code that can be read.
    NoCode(Object<'a>),
    /// JSON, but no object.
    NotAnObject,
    /// No JSON text (which is UTF-8 by definition).
    NotJson,
    /// Nothing.
    Empty,
    /// More than is looked into.
    TooLarge,
    /// It didn't come whole.
    BrokenOff,
}

impl<'a> Reply<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Self {
        if body.is_empty() {
            return Self::Empty;
        }
        let Ok(text) = str::from_utf8(body) else {
            return Self::NotJson;
        };
        match serde_json::from_str::<Object<'a>>(text) {
            Ok(object) if object.envelope_twice => Self::Ambiguous,
            Ok(object) => match object.code.integer() {
                Some(code) => Self::Envelope(code, object),
                None => Self::NoCode(object),
            },
            // Its text repeats the input, a token perhaps; so only the kind of failure is looked at.
            Err(error) if error.is_data() => Self::NotAnObject,
            Err(_) => Self::NotJson,
        }
    }

    pub(crate) fn code(&self) -> Option<i64> {
        match self {
            Self::Envelope(code, _) => Some(*code),
            _ => None,
        }
    }

    /// The object, where there is one reading of it.
    pub(crate) fn object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Envelope(_, object) | Self::NoCode(object) => Some(object),
            _ => None,
        }
    }
}

/// The known keys of an object, whether it is the envelope or its `data`. Unknown ones are passed over.
#[derive(Debug, Default)]
pub(crate) struct Object<'a> {
    pub(crate) code: Field<'a>,
    pub(crate) message: Field<'a>,
    pub(crate) trace_id: Field<'a>,
    pub(crate) data: Field<'a>,
    pub(crate) access_token: Field<'a>,
    pub(crate) expired_at: Field<'a>,
    /// Whether a key of the envelope stands in it twice.
    envelope_twice: bool,
    /// Whether a key of the envelope's `data` stands in it twice.
    pub(crate) data_twice: bool,
}

impl<'a> Object<'a> {
    /// What may be a token in it: an `accessToken`, and every string in `data`, however deep.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let in_data = self.data.object().and_then(|data| data.access_token.text());
        [self.access_token.text(), in_data]
            .into_iter()
            .flatten()
            .chain(self.data.strings())
    }

    fn put(&mut self, key: Key, value: Field<'a>) {
        let (field, twice) = match key {
            Key::Code => (&mut self.code, &mut self.envelope_twice),
            Key::Message => (&mut self.message, &mut self.envelope_twice),
            Key::TraceId => (&mut self.trace_id, &mut self.envelope_twice),
            Key::Data => (&mut self.data, &mut self.envelope_twice),
            Key::AccessToken => (&mut self.access_token, &mut self.data_twice),
            Key::ExpiredAt => (&mut self.expired_at, &mut self.data_twice),
        };
        *twice |= field.0.is_some();
        *field = value;
    }
}

/// What stands under a key, if it is there: the value's own piece of the text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Field<'a>(Option<&'a RawValue>);

impl<'a> Field<'a> {
    /// The string, if it is one.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        unquoted(self.0?.get())
    }

    /// The strings in it that are values and not keys, and may be tokens: long enough, and made of visible ASCII characters.
    fn strings(self) -> impl Iterator<Item = Cow<'a, str>> {
        const MIN_BYTES: usize = 8;

        let mut rest = self.0.map_or("", RawValue::get);
        let strings = std::iter::from_fn(move || {
            let from_quote = &rest[rest.find('"')?..];
            let mut escaped = false;
            let inner = from_quote[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })?;
            let (string, behind) = from_quote.split_at(inner + 2);
            rest = behind;
            let is_key = behind.trim_ascii_start().starts_with(':');
            Some(if is_key { None } else { unquoted(string) })
        });
        strings
            .flatten()
            .filter(|string| string.len() >= MIN_BYTES)
            .filter(|string| string.bytes().all(|b| b.is_ascii_graphic()))
    }

    /// The object, if it is one.
    pub(crate) fn object(self) -> Option<Object<'a>> {
        serde_json::from_str(self.0?.get()).ok()
    }

    /// The integer that the field is, or that its string spells (the platform's load balancer sends `"403"`).
    fn integer(self) -> Option<i64> {
        let text = self.text();
        let text = match &text {
            Some(text) => text,
            None => self.0?.get(),
        };
        // `parse` alone would take a plus sign.
        text.parse().ok().filter(|_| !text.starts_with('+'))
    }

    /// Which of three things to say of a field that isn't what it should be: that it is missing, null, or something else.
    pub(crate) fn flaw(self, [missing, null, other]: [&'static str; 3]) -> &'static str {
        match self.0.map(RawValue::get) {
            None => missing,
            Some("null") => null,
            Some(_) => other,
        }
    }
}

/// The text of a JSON string. One that is no Unicode text (with half a surrogate pair in it) has none.
fn unquoted(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        // Written by hand: a derived one would take an array of the same values, too, and fail at a key given twice.
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut object = Object::default();
                while let Some(MaybeKey(key)) = map.next_key()? {
                    match key {
                        Some(key) => object.put(key, Field(Some(map.next_value()?))),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// The keys that are known.
#[derive(Clone, Copy)]
enum Key {
    Code,
    Message,
    TraceId,
    Data,
    AccessToken,
    ExpiredAt,
}

/// A key, if it is known.
struct MaybeKey(Option<Key>);

impl<'de> Deserialize<'de> for MaybeKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl Visitor<'_> for KeyVisitor {
            type Value = MaybeKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<MaybeKey, E> {
                Ok(MaybeKey(match key {
                    "code" => Some(Key::Code),
                    "message" => Some(Key::Message),
                    "x-traceID" => Some(Key::TraceId),
                    "data" => Some(Key::Data),
                    "accessToken" => Some(Key::AccessToken),
                    "expiredAt" => Some(Key::ExpiredAt),
                    _ => None,
                }))
            }
        }

        deserializer.deserialize_identifier(KeyVisitor)
    }
}
