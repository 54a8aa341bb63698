//! The shape of a reply: which keys stand in it and what they hold, without judging it.
//!
//! One pass over the text, borrowing what it can. Nothing here fails because of a value's type: an odd `message` must
//! not hide the `code` next to it. So a key holds a [`Field`], and what a field means is decided by who asks.

use std::borrow::Cow;
use std::fmt;
use std::str;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

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
            Ok(object) if object.ambiguous => Self::Ambiguous,
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

/// The envelope's keys. Those that are missing are [`Field::Missing`]; unknown ones are passed over.
#[derive(Debug, Default)]
pub(crate) struct Object<'a> {
    code: Field<'a>,
    pub(crate) message: Field<'a>,
    pub(crate) trace_id: Field<'a>,
    pub(crate) data: Data<'a>,
    ambiguous: bool,
}

/// What stands under `data`.
#[derive(Debug, Default)]
pub(crate) enum Data<'a> {
    #[default]
    Missing,
    Null,
    Object(TokenData<'a>),
    Other,
}

/// The keys of `data`.
#[derive(Debug, Default)]
pub(crate) struct TokenData<'a> {
    pub(crate) access_token: Field<'a>,
    pub(crate) expired_at: Field<'a>,
    /// Whether one of the two stands in it twice.
    pub(crate) ambiguous: bool,
    /// Tokens that a later `accessToken` took the place of: kept so that they can be redacted.
    pub(crate) replaced_tokens: Vec<Cow<'a, str>>,
}

/// What stands under a key.
#[derive(Debug, Default)]
pub(crate) enum Field<'a> {
    #[default]
    Missing,
    Null,
    Integer(i64),
    Text(Cow<'a, str>),
    /// A boolean, an array, an object, or a number that is no integer of 64 bits.
    Other,
}

impl Field<'_> {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer that the field is, or that its string spells (the platform's load balancer sends `"403"`).
    fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            Self::Text(text) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                // `parse` alone would take a plus sign.
                let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
                text.parse().ok().filter(|_| all_digits)
            }
            _ => None,
        }
    }
}

/// Puts `value` under a key; true where one stood there before.
fn put<'a>(field: &mut Field<'a>, value: Field<'a>) -> bool {
    !matches!(std::mem::replace(field, value), Field::Missing)
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        // Written by hand: a derived one would take an array of the same values, too.
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut object = Object::default();
                while let Some(key) = map.next_key()? {
                    object.ambiguous |= match key {
                        Key::Code => put(&mut object.code, map.next_value()?),
                        Key::Message => put(&mut object.message, map.next_value()?),
                        Key::TraceId => put(&mut object.trace_id, map.next_value()?),
                        Key::Data => {
                            let data = map.next_value()?;
                            !matches!(std::mem::replace(&mut object.data, data), Data::Missing)
                        }
                        Key::AccessToken | Key::ExpiredAt | Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                            false
                        }
                    };
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// The keys that are known, at either level.
enum Key {
    Code,
    Message,
    TraceId,
    Data,
    AccessToken,
    ExpiredAt,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "code" => Key::Code,
                    "message" => Key::Message,
                    "x-traceID" => Key::TraceId,
                    "data" => Key::Data,
                    "accessToken" => Key::AccessToken,
                    "expiredAt" => Key::ExpiredAt,
                    _ => Key::Other,
                })
            }
        }

        deserializer.deserialize_identifier(KeyVisitor)
    }
}

impl<'de> Deserialize<'de> for Field<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor;

        impl<'de> Visitor<'de> for FieldVisitor {
            type Value = Field<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<Field<'de>, E> {
                Ok(Field::Null)
            }

            fn visit_i64<E>(self, value: i64) -> Result<Field<'de>, E> {
                Ok(Field::Integer(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Field<'de>, E> {
                Ok(value.try_into().map_or(Field::Other, Field::Integer))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Field<'de>, E> {
                Ok(Field::Text(Cow::Borrowed(text)))
            }

            // A string with escapes.
            fn visit_str<E>(self, text: &str) -> Result<Field<'de>, E> {
                Ok(Field::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Field<'de>, E> {
                Ok(Field::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Field<'de>, E> {
                Ok(Field::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Field<'de>, A::Error> {
                IgnoredAny.visit_seq(seq).map(|_| Field::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field<'de>, A::Error> {
                IgnoredAny.visit_map(map).map(|_| Field::Other)
            }
        }

        deserializer.deserialize_any(FieldVisitor)
    }
}

impl<'de> Deserialize<'de> for Data<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DataVisitor;

        impl<'de> Visitor<'de> for DataVisitor {
            type Value = Data<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data<'de>, A::Error> {
                let mut data = TokenData::default();
                while let Some(key) = map.next_key()? {
                    match key {
                        Key::AccessToken => data.put_access_token(map.next_value()?),
                        Key::ExpiredAt => {
                            data.ambiguous |= put(&mut data.expired_at, map.next_value()?);
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Data::Object(data))
            }

            fn visit_unit<E>(self) -> Result<Data<'de>, E> {
                Ok(Data::Null)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Data<'de>, E> {
                Ok(Data::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Data<'de>, E> {
                Ok(Data::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Data<'de>, E> {
                Ok(Data::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Data<'de>, E> {
                Ok(Data::Other)
            }

            fn visit_str<E>(self, _: &str) -> Result<Data<'de>, E> {
                Ok(Data::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Data<'de>, A::Error> {
                IgnoredAny.visit_seq(seq).map(|_| Data::Other)
            }
        }

        deserializer.deserialize_any(DataVisitor)
    }
}

impl<'a> TokenData<'a> {
    /// Every token in it, the one that stands and those that it took the place of.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &str> {
        let replaced = self.replaced_tokens.iter().map(|token| &**token);
        replaced
            .chain(self.access_token.text())
            .filter(|token| !token.is_empty())
    }

    fn put_access_token(&mut self, value: Field<'a>) {
        match std::mem::replace(&mut self.access_token, value) {
            Field::Missing => return,
            Field::Text(earlier) => self.replaced_tokens.push(earlier),
            _ => {}
        }
        self.ambiguous = true;
    }
}
