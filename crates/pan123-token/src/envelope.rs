//! The shape of a reply: which keys stand in it and what they hold, before anything is made of it.
//!
//! One pass over the text, borrowing what it can. Nothing here fails because of a value: an odd `message` must not hide the
//! `code` next to it. So a key holds a [`Field`], its value as it stands in the text, and what that means is decided by who
//! asks.

use std::borrow::Cow;
use std::str;

use crate::json::{JsonString, Reader, Stop};

/// A body, as far as it can be read.
#[derive(Debug)]
pub(crate) enum Reply<'a> {
    /// A JSON object that has a code.
    Envelope(Code, Object<'a>),
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

/// An envelope's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Number(i64),
    /// An integer that 64 bits don't hold. It isn't 0, and none that is known.
    OutOfRange,
}

impl<'a> Reply<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Self {
        if body.is_empty() {
            return Self::Empty;
        }
        let Ok(text) = str::from_utf8(body) else {
            return Self::NotJson;
        };
        let mut reader = Reader::new(text);
        if reader.peek() == Ok(b'{') {
            return match Object::read(&mut reader) {
                Ok(object) if reader.is_at_end() => Self::of(object),
                _ => Self::NotJson,
            };
        }
        match reader.value() {
            Ok(_) if reader.is_at_end() => Self::NotAnObject,
            _ => Self::NotJson,
        }
    }

    fn of(object: Object<'a>) -> Self {
        if object.twice {
            return Self::Ambiguous;
        }
        match object.code.code() {
            Some(code) => Self::Envelope(code, object),
            None => Self::NoCode(object),
        }
    }

    /// The code, where it is a number that can be shown.
    pub(crate) fn code(&self) -> Option<i64> {
        match self {
            Self::Envelope(Code::Number(code), _) => Some(*code),
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

/// Whether a body that begins like this may still be an envelope with this code. Answered as soon as its code stands there.
pub(crate) fn may_have_code(wanted: i64, beginning: &[u8]) -> bool {
    let text = match str::from_utf8(beginning) {
        Ok(text) => text,
        // Cut within a character.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&beginning[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let mut reader = Reader::new(text);
    let mut found = false;
    let object = reader.object(|reader, key| {
        let value = Value::read(reader)?;
        if key.text().is_some_and(|key| key == "code") {
            // Only what follows shows that a number has ended.
            reader.peek()?;
            if found || Field(Some(value)).code() != Some(Code::Number(wanted)) {
                return Err(Stop::Invalid);
            }
            found = true;
        }
        Ok(())
    });
    match object {
        Ok(()) => found && reader.is_at_end(),
        Err(stop) => stop == Stop::Ended,
    }
}

/// The known keys of an envelope. Unknown ones are ignored.
#[derive(Debug, Default)]
pub(crate) struct Object<'a> {
    code: Field<'a>,
    pub(crate) message: Field<'a>,
    pub(crate) trace_id: Field<'a>,
    pub(crate) data: Field<'a>,
    /// What stands in `data`, if that is an object.
    pub(crate) in_data: Option<Data<'a>>,
    /// Where it doesn't belong. It is to be redacted all the same.
    access_token: Field<'a>,
    /// Those that stood there before it.
    earlier_access_tokens: Vec<Field<'a>>,
    /// Whether one of the first four stands in it twice.
    twice: bool,
}

/// The known keys of `data`.
#[derive(Debug, Default)]
pub(crate) struct Data<'a> {
    pub(crate) access_token: Field<'a>,
    pub(crate) expired_at: Field<'a>,
    /// Whether one of them stands in it twice.
    pub(crate) twice: bool,
    /// Whether it holds more than a string for each of them.
    more: bool,
}

impl<'a> Object<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Stop> {
        let mut object = Self::default();
        reader.object(|reader, key| {
            let field = match &*key.text().unwrap_or_default() {
                "code" => &mut object.code,
                "message" => &mut object.message,
                "x-traceID" => &mut object.trace_id,
                "data" => {
                    if reader.peek()? == b'{' {
                        let in_data = &mut object.in_data;
                        let json = reader.read_by(|reader| {
                            *in_data = Some(Data::read(reader)?);
                            Ok(())
                        })?;
                        object.twice |= object.data.put(Value::Other(json));
                        return Ok(());
                    }
                    &mut object.data
                }
                "accessToken" => {
                    let earlier = object.access_token.0.replace(Value::read(reader)?);
                    if earlier.is_some() {
                        object.earlier_access_tokens.push(Field(earlier));
                    }
                    return Ok(());
                }
                _ => return reader.value().map(|_| ()),
            };
            object.twice |= field.put(Value::read(reader)?);
            Ok(())
        })?;
        Ok(object)
    }

    /// What may be a token in it: an `accessToken`, and every string in `data` and in each `accessToken` outside of it, however
    /// deep.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let in_data = self.in_data.as_ref().map(|data| data.access_token);
        let outside = self.earlier_access_tokens.iter().copied();
        [Some(self.access_token), in_data]
            .into_iter()
            .flatten()
            .filter_map(Field::text)
            .chain(self.data.strings())
            .chain(outside.flat_map(Field::strings))
            .chain(self.access_token.strings())
    }

    /// The same where they are the two of the documented reply: without reading `data` once more, which is half of all work.
    pub(crate) fn documented_tokens(&self) -> Option<[Cow<'a, str>; 2]> {
        let data = self.in_data.as_ref().filter(|data| !data.more)?;
        if self.access_token.0.is_some() {
            return None;
        }
        let expired_at = data.expired_at.text().filter(|it| may_be_token(it))?;
        Some([data.access_token.text()?, expired_at])
    }
}

/// Long enough, and made of visible ASCII characters.
fn may_be_token(string: &str) -> bool {
    const MIN_BYTES: usize = 8;

    // Without an early way out, so that it runs over many bytes at once.
    let visible = |all, b: u8| all & b.is_ascii_graphic();
    string.len() >= MIN_BYTES && string.bytes().fold(true, visible)
}

impl<'a> Data<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Stop> {
        let mut data = Self::default();
        reader.object(|reader, key| {
            let field = match &*key.text().unwrap_or_default() {
                "accessToken" => &mut data.access_token,
                "expiredAt" => &mut data.expired_at,
                _ => {
                    data.more = true;
                    return reader.value().map(|_| ());
                }
            };
            let value = Value::read(reader)?;
            let is_string = matches!(value, Value::String(_));
            let twice = field.put(value);
            data.twice |= twice;
            data.more |= twice || !is_string;
            Ok(())
        })?;
        Ok(data)
    }
}

/// What stands under a key, if it is there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Field<'a>(Option<Value<'a>>);

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    String(JsonString<'a>),
    /// Its own piece of the text.
    Other(&'a str),
}

impl<'a> Value<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Stop> {
        if reader.peek()? == b'"' {
            reader.string().map(Self::String)
        } else {
            reader.value().map(Self::Other)
        }
    }

    fn json(self) -> &'a str {
        match self {
            Self::String(string) => string.json(),
            Self::Other(json) => json,
        }
    }
}

impl<'a> Field<'a> {
    /// Puts in a value. True if there was one.
    fn put(&mut self, value: Value<'a>) -> bool {
        self.0.replace(value).is_some()
    }

    /// The string, if it is one.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self.0? {
            Value::String(string) => string.text(),
            Value::Other(_) => None,
        }
    }

    /// The strings in it that are values and not keys, and may be tokens.
    fn strings(self) -> impl Iterator<Item = Cow<'a, str>> {
        let mut reader = Reader::new(self.0.map_or("", Value::json));
        let strings = std::iter::from_fn(move || {
            let string = reader.next_string()?;
            let is_key = reader.peek() == Ok(b':');
            Some(if is_key { None } else { string.text() })
        });
        strings.flatten().filter(|it| may_be_token(it))
    }

    /// The integer that the field is, or that its string spells (the platform's load balancer sends `"403"`).
    fn code(self) -> Option<Code> {
        let text = match self.0? {
            Value::String(string) => string.text()?,
            Value::Other(json) => Cow::Borrowed(json),
        };
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let is_integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        // Only digits, so the one way to fail is not to fit.
        is_integer.then(|| text.parse().map_or(Code::OutOfRange, Code::Number))
    }

    /// Which of three things to say of a field that isn't what it should be: that it is missing, null, or something else.
    pub(crate) fn flaw(self, [missing, null, other]: [&'static str; 3]) -> &'static str {
        match self.0.map(Value::json) {
            None => missing,
            Some("null") => null,
            Some(_) => other,
        }
    }
}
