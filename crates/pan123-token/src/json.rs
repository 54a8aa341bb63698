//! JSON (RFC 8259), read from front to back.
//!
//! Values are checked and passed over, not built: each comes back as its own piece of the text. `serde_json`, which undoes
//! escapes here, can't do two things that are needed: pass over a key that is no Unicode text (half a surrogate pair), and
//! say whether a text that is no JSON may be the beginning of one.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The text ended too early. It may be the beginning of a JSON text.
    Ended,
    /// It is no JSON, whatever may follow.
    Invalid,
}

/// A string as it stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JsonString<'a> {
    /// With its quotes.
    json: &'a str,
    escapes: bool,
}

impl<'a> JsonString<'a> {
    /// What it says. Nothing where that is no Unicode text: half a surrogate pair.
    #[inline]
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        if self.escapes {
            self.unescaped().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(&self.json[1..self.json.len() - 1]))
        }
    }

    #[cold]
    fn unescaped(self) -> Option<String> {
        serde_json::from_str(self.json).ok()
    }

    pub(crate) fn json(self) -> &'a str {
        self.json
    }
}

/// Stands somewhere in a text. Nothing here recurses.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Whether there are any in the text. In most there are none, so that no string needs to be searched for them.
    has_controls: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            has_controls: has_controls(text.as_bytes()),
        }
    }

    /// Passes over blanks, and looks at the byte behind them.
    pub(crate) fn peek(&mut self) -> Result<u8, Stop> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Stop::Ended),
            }
        }
    }

    /// Whether nothing but blanks follows.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek() == Err(Stop::Ended)
    }

    /// The next string from here on, at whatever depth: a key or a value.
    pub(crate) fn next_string(&mut self) -> Option<JsonString<'a>> {
        self.at += memchr(b'"', &self.text.as_bytes()[self.at..])?;
        self.string().ok()
    }

    /// Reads the members of an object. `each` is called behind each colon and reads the value.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, JsonString<'a>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            return self.expect(b'}');
        }
        loop {
            let key = self.key()?;
            each(self, key)?;
            match self.next()? {
                b',' => {}
                b'}' => return Ok(()),
                _ => return Err(Stop::Invalid),
            }
        }
    }

    /// Runs `read`, and says which piece of the text it has read, without the blanks before it.
    pub(crate) fn read_by(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<&'a str, Stop> {
        self.peek()?;
        let start = self.at;
        read(self)?;
        Ok(&self.text[start..self.at])
    }

    /// Reads any value.
    pub(crate) fn value(&mut self) -> Result<&'a str, Stop> {
        self.read_by(Self::pass_value)
    }

    fn pass_value(&mut self) -> Result<(), Stop> {
        // The bracket or brace of each array and object that isn't closed yet.
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek()? {
                opening @ (b'{' | b'[') => {
                    self.at += 1;
                    if self.peek()? != closing(opening) {
                        open.push(opening);
                        if opening == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                    self.at += 1;
                }
                b'"' => {
                    self.string()?;
                }
                b'-' | b'0'..=b'9' => self.number()?,
                _ => self.word()?,
            }
            // A value has ended; and with it, perhaps, some of those that it stands in.
            loop {
                let Some(opening) = open.last().copied() else {
                    return Ok(());
                };
                match self.next()? {
                    b',' if opening == b'{' => {
                        self.key()?;
                        break;
                    }
                    b',' => break,
                    byte if byte == closing(opening) => open.pop(),
                    _ => return Err(Stop::Invalid),
                };
            }
        }
    }

    fn key(&mut self) -> Result<JsonString<'a>, Stop> {
        self.peek()?;
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Reads a string that begins here, without blanks before it.
    pub(crate) fn string(&mut self) -> Result<JsonString<'a>, Stop> {
        let (start, mut escapes) = (self.at, false);
        if self.byte()? != b'"' {
            return Err(Stop::Invalid);
        }
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let plain = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            if self.has_controls && has_controls(&rest[..plain]) {
                return Err(Stop::Invalid);
            }
            self.at += plain;
            if self.byte()? == b'"' {
                break;
            }
            escapes = true;
            self.escape()?;
        }
        let json = &self.text[start..self.at];
        Ok(JsonString { json, escapes })
    }

    /// What follows a backslash. Four digits need not stand for a character.
    fn escape(&mut self) -> Result<(), Stop> {
        match self.byte()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                for _ in 0..4 {
                    if !self.byte()?.is_ascii_hexdigit() {
                        return Err(Stop::Invalid);
                    }
                }
                Ok(())
            }
            _ => Err(Stop::Invalid),
        }
    }

    fn number(&mut self) -> Result<(), Stop> {
        self.pass(b"-");
        // No digit may follow a zero.
        if !self.pass(b"0") {
            self.digits()?;
        }
        if self.pass(b".") {
            self.digits()?;
        }
        if self.pass(b"eE") {
            self.pass(b"+-");
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Stop> {
        if !self.byte()?.is_ascii_digit() {
            return Err(Stop::Invalid);
        }
        while self.pass(b"0123456789") {}
        Ok(())
    }

    fn word(&mut self) -> Result<(), Stop> {
        let rest = &self.text[self.at..];
        for word in ["true", "false", "null"] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(());
            }
            if word.starts_with(rest) {
                return Err(Stop::Ended);
            }
        }
        Err(Stop::Invalid)
    }

    /// Passes over the next byte if it is one of these.
    fn pass(&mut self, bytes: &[u8]) -> bool {
        let next = self.text.as_bytes().get(self.at);
        let passes = next.is_some_and(|next| bytes.contains(next));
        self.at += usize::from(passes);
        passes
    }

    fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        if self.next()? == byte {
            Ok(())
        } else {
            Err(Stop::Invalid)
        }
    }

    /// The next byte that is no blank.
    fn next(&mut self) -> Result<u8, Stop> {
        self.peek()?;
        self.byte()
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = self.text.as_bytes().get(self.at).ok_or(Stop::Ended)?;
        self.at += 1;
        Ok(*byte)
    }
}

fn has_controls(bytes: &[u8]) -> bool {
    // Without an early way out, so that it runs over many bytes at once.
    bytes.iter().fold(u8::MAX, |least, byte| least.min(*byte)) < b' '
}

fn closing(opening: u8) -> u8 {
    if opening == b'{' { b'}' } else { b']' }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    /// The one value that the text is.
    fn read(text: &str) -> Result<&str, Stop> {
        let mut reader = Reader::new(text);
        let value = reader.value()?;
        if reader.is_at_end() {
            Ok(value)
        } else {
            Err(Stop::Invalid)
        }
    }

    #[test]
    fn a_value_is_its_own_piece_of_the_text() {
        for value in [
            "{}",
            "[ ]",
            r#"{"a" : [1, {"b":null} ], "":{"c":"}"}}"#,
            r#""""#,
            r#""a\"\\\/\b\f\n\r\t\uD83dx密""#,
            "0",
            "-0",
            "-10.50e+07",
            "1E400",
            "true",
            "false",
            "null",
        ] {
            assert_eq!(read(value), Ok(value));
            assert_eq!(read(&format!("\r\n\t {value} \n")), Ok(value));
        }
    }

    #[test]
    fn what_may_go_on_is_told_from_what_is_no_json() {
        for text in [
            "", " ", "{", "[", "[1", "[1,", r#"{"a"#, r#"{"a":"#, r#""\"#, r#""\u00"#, "-", "1.",
            "1e", "nul",
        ] {
            assert_eq!(read(text), Err(Stop::Ended), "{text}");
        }
        for text in [
            "}",
            "[}",
            "{]",
            "[,",
            "[1 2",
            "[1,]",
            "{,",
            "{1",
            r#"{"a",""#,
            r#"{"a":1,}"#,
            r#"{"a":1 "b""#,
            "nil",
            r#""\x"#,
            r#""\u00g"#,
            "\"\n",
            "01",
            "+1",
            ".5",
            "1.e",
            "1e+-",
            "--",
            "密",
            "\u{feff}{}",
            "\u{c}1",
            "1 1",
        ] {
            assert_eq!(read(text), Err(Stop::Invalid), "{text}");
        }
    }

    #[test]
    fn the_members_of_an_object_come_in_order() {
        let mut members = Vec::new();
        let text = r#" { "a" : 1 , "\u0061":[ 2 ],"a":"3"} "#;
        let mut reader = Reader::new(text);
        let end = reader.object(|reader, key| {
            members.push((key.json(), reader.value()?));
            Ok(())
        });
        assert_eq!(end, Ok(()));
        assert!(reader.is_at_end());
        let expected = [
            (r#""a""#, "1"),
            (r#""\u0061""#, "[ 2 ]"),
            (r#""a""#, r#""3""#),
        ];
        assert_eq!(members, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn what_serde_json_takes_for_json_is_json(
            text in r#"([{}\[\]:, ]|"a"|"\\\\(u[0-9a-f]{3,4}|["n/x\\\\])?"|-?[01]|[.eE][+-]?|true|nul|[\n\x0c\x00])*"#,
        ) {
            let expected = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(read(&text).is_ok(), expected, "{}", text);
        }
    }
}
