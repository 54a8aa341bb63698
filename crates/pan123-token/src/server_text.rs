//! What the server wrote, made fit to be shown: redacted, printable, short.
//!
//! A server may repeat our request in its message, or the token that it issued. So a text is redacted before anything
//! else happens to it, and cut last: a cut can't leave half of a secret.

use crate::envelope::TokenData;

/// What stands in place of a secret. It has no letters, so that it can't spell one.
const REDACTED: &str = "***";

/// The shortest run of token characters after `eyJ` (a JWT's first bytes, `{"` in base64) that counts as one.
const MIN_JWT_BYTES: usize = 8;

/// How much of a secret must stand at the end of a text to be taken for one that was cut there. Fewer bytes end many
/// texts by chance, and give little away.
const MIN_CUT_BYTES: usize = 4;

/// Knows what must not be shown: the client secret, and the tokens of the reply at hand.
pub(crate) struct Redactor<'a> {
    client_secret: &'a str,
    data: Option<&'a TokenData<'a>>,
}

impl<'a> Redactor<'a> {
    pub(crate) fn new(client_secret: &'a str, data: Option<&'a TokenData<'a>>) -> Self {
        Self {
            client_secret,
            data,
        }
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        let tokens = self.data.into_iter().flat_map(TokenData::tokens);
        std::iter::once(self.client_secret).chain(tokens)
    }

    /// At most `max_chars` characters of `text`, all printable, none of them part of a secret.
    pub(crate) fn show(&self, text: &str, max_chars: usize) -> String {
        if text.len() <= max_chars && self.is_harmless(text) {
            return text.to_owned();
        }
        let shown = cut(text, max_chars, |rest| self.secret_at(rest));
        // What took the place of a character or of a secret may have completed another.
        if self.secrets().any(|secret| shown.contains(secret)) {
            return REDACTED.to_owned();
        }
        shown
    }

    /// Whether it is plain to see that `text` can be shown as it is: all of it printable, none of it encoded, and of no
    /// secret even the beginning. True for every real trace id.
    fn is_harmless(&self, text: &str) -> bool {
        let plain = |b: u8| matches!(b, b' '..=b'~') & !matches!(b, b'\\' | b'%' | b'+');
        // Without an early way out, so that it runs over many bytes at once.
        text.bytes().fold(true, |all, b| all & plain(b))
            && !text.contains("eyJ")
            && self
                .secrets()
                .all(|secret| !text.contains(secret.get(..MIN_CUT_BYTES).unwrap_or(secret)))
    }

    /// How many bytes at the start of `text` are a secret.
    fn secret_at(&self, text: &str) -> Option<usize> {
        let encodings: [Decode; 3] = [raw, json_escaped, percent_encoded];
        self.secrets()
            .flat_map(|secret| encodings.map(|decode| encoded_len(text, secret, decode)))
            .chain([jwt_len(text)])
            .flatten()
            .max()
    }
}

/// At most `max_chars` characters of `text`, all printable, for a text that isn't the server's.
pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    cut(text, max_chars, |_| None)
}

/// Copies `text` until there is no more room. `secret_at` tells how many bytes at the start of what is left are a
/// secret.
fn cut(text: &str, max_chars: usize, secret_at: impl Fn(&str) -> Option<usize>) -> String {
    let mut shown = String::with_capacity(text.len().min(max_chars));
    let mut room = max_chars;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let secret = secret_at(rest);
        let taken = if secret.is_some() { REDACTED.len() } else { 1 };
        if taken > room {
            // A character makes way for the mark where there is no room left for it.
            if room == 0 {
                shown.pop();
            }
            shown.push('…');
            break;
        }
        room -= taken;
        if let Some(len) = secret {
            shown.push_str(REDACTED);
            rest = &rest[len..];
        } else {
            shown.push(printable(next));
            rest = &rest[next.len_utf8()..];
        }
    }
    shown
}

/// The length of `eyJ` and the base64url characters and dots after it. Dots are not counted, so that a token that the
/// server cut is found, too.
fn jwt_len(text: &str) -> Option<usize> {
    if !text.starts_with("eyJ") {
        return None;
    }
    let len = text
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        .count();
    (len >= MIN_JWT_BYTES).then_some(len)
}

/// A character that stands in one line as it is, or the mark for one that would move the cursor, hide, or turn the
/// reading direction.
fn printable(c: char) -> char {
    // `escape_debug` knows which are printable; it also escapes these three, which are.
    if c.is_ascii_graphic() || c == ' ' || c.escape_debug().len() == 1 {
        c
    } else {
        char::REPLACEMENT_CHARACTER
    }
}

/// How many bytes at the start of `text` spell `secret` in one encoding. Where the server cut its text in the middle of
/// one, the half that is left counts, too.
fn encoded_len(text: &str, secret: &str, decode: Decode) -> Option<usize> {
    let (text, mut rest) = (text.as_bytes(), secret.as_bytes());
    let mut len = 0;
    while let [expected, ..] = *rest {
        if len == text.len() && secret.len() - rest.len() >= MIN_CUT_BYTES {
            break;
        }
        let unit = decode(&text[len..], expected)?;
        rest = rest.strip_prefix(&unit.bytes[..unit.len])?;
        len += unit.consumed;
    }
    Some(len)
}

/// Reads the first unit of an encoded text, where the secret goes on with the byte `expected`.
type Decode = fn(text: &[u8], expected: u8) -> Option<Unit>;

/// The bytes that a piece of encoded text stands for.
struct Unit {
    bytes: [u8; 4],
    len: usize,
    consumed: usize,
}

impl Unit {
    fn byte(byte: u8, consumed: usize) -> Self {
        let bytes = [byte, 0, 0, 0];
        Self {
            bytes,
            len: 1,
            consumed,
        }
    }
}

fn raw(text: &[u8], _: u8) -> Option<Unit> {
    text.first().map(|byte| Unit::byte(*byte, 1))
}

fn json_escaped(text: &[u8], expected: u8) -> Option<Unit> {
    match text {
        [b'\\', b'u', ..] => {
            let first = hex(text.get(2..6)?)?;
            let pair = [first, low_surrogate(first, text).unwrap_or_default()];
            let c = char::decode_utf16(pair).next()?.ok()?;
            let mut bytes = [0; 4];
            let len = c.encode_utf8(&mut bytes).len();
            Some(Unit {
                bytes,
                len,
                consumed: 6 * c.len_utf16(),
            })
        }
        [b'\\', escaped @ (b'"' | b'\\' | b'/'), ..] => Some(Unit::byte(*escaped, 2)),
        // No other escape stands for a character that a secret may hold.
        [b'\\', ..] => None,
        _ => raw(text, expected),
    }
}

/// The second half of a pair of `\uXXXX` escapes, where `first` begins one.
fn low_surrogate(first: u16, text: &[u8]) -> Option<u16> {
    let escape = text.get(6..12)?.strip_prefix(b"\\u")?;
    (0xd800..0xdc00).contains(&first).then(|| hex(escape))?
}

fn percent_encoded(text: &[u8], expected: u8) -> Option<Unit> {
    match text {
        [b'%', high, low, ..] if hex(&[*high, *low]).is_some() => {
            let byte = hex(&[*high, *low])?.to_be_bytes()[1];
            Some(Unit::byte(byte, 3))
        }
        // Forms write a blank as a plus sign; elsewhere that stands for itself.
        [b'+', ..] if expected == b' ' => Some(Unit::byte(b' ', 1)),
        _ => raw(text, expected),
    }
}

fn hex(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |value: u16, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        value
            .checked_mul(16)?
            .checked_add(u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Field;

    fn shown(secret: &str, text: &str) -> String {
        Redactor::new(secret, None).show(text, 200)
    }

    #[test]
    fn a_secret_is_redacted_as_it_is() {
        assert_eq!(
            shown("s3cret", "bad s3cret, s3crets3cret!"),
            "bad ***, ******!"
        );
    }

    #[test]
    fn a_secret_is_redacted_in_json_escapes() {
        let secret = "a\"b\\c/d";
        assert_eq!(shown(secret, r#"{"s":"a\"b\\c/d"}"#), r#"{"s":"***"}"#);
        assert_eq!(shown(secret, r#"{"s":"a\"b\\c\/d"}"#), r#"{"s":"***"}"#);
        assert_eq!(shown(secret, r"\u0061\u0022b\u005Cc\u002fd"), "***");
        assert_eq!(shown("密🔑", r"<\u5bc6\uD83D\udd11>"), "<***>");
        // Half a pair is no character.
        assert_eq!(shown("密🔑", r"<\u5bc6\uD83D>"), r"<\u5bc6\uD83D>");
    }

    #[test]
    fn a_secret_is_redacted_in_percent_encoding() {
        let secret = "p&q+r s/密";
        for text in [
            "p%26q%2Br%20s%2F%E5%AF%86",
            "p%26q%2br+s%2f%e5%af%86",
            "p&q+r%20s/密",
            "%70%26%71%2B%72%20%73%2F%E5%AF%86",
        ] {
            assert_eq!(shown(secret, text), "***", "{text}");
        }
    }

    #[test]
    fn the_longest_secret_wins_where_one_begins_another() {
        let data = TokenData {
            access_token: Field::Text("abcdef".into()),
            ..TokenData::default()
        };
        let redactor = Redactor::new("abc", Some(&data));
        assert_eq!(redactor.show("<abcdef> <abcde>", 200), "<***> <***de>");
    }

    #[test]
    fn anything_shaped_like_a_jwt_is_redacted_even_if_cut_short() {
        assert_eq!(
            shown("s", "Bearer:eyJhbGciOi.eyJzdWIi.c2ln-_ x"),
            "Bearer:*** x"
        );
        assert_eq!(shown("q", "tokeneyJhbGciOi…"), "token***…");
        assert_eq!(shown("q", "eyJhb"), "eyJhb");
    }

    #[test]
    fn a_secret_is_redacted_before_the_text_is_cut() {
        let text = format!("{}s3cret", "x".repeat(8));
        // Six characters of the secret would have fitten into 10 in part.
        let redactor = Redactor::new("s3cret", None);
        assert_eq!(redactor.show(&text, 10), "xxxxxxxx…");
        assert_eq!(redactor.show(&text, 11), "xxxxxxxx***");
    }

    #[test]
    fn a_secret_that_the_server_cut_is_redacted() {
        assert_eq!(shown("s3cretpassword", "body: s3cre"), "body: ***");
        assert_eq!(shown("s3cretpassword", "body: s3c"), "body: s3c");
    }

    #[test]
    fn a_long_text_is_cut_to_its_bound_with_a_mark() {
        let redactor = Redactor::new("q", None);
        assert_eq!(redactor.show("请求太频繁", 5), "请求太频繁");
        assert_eq!(redactor.show("请求太频繁", 4), "请求太…");
    }

    #[test]
    fn what_is_not_printable_becomes_a_mark() {
        assert_eq!(
            shown(
                "q",
                "a\r\n\t\u{0}\u{1b}[31m\u{7f}\u{202e}\u{200b}\u{2028}\u{feff}z"
            ),
            "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}z"
        );
        assert_eq!(shown("q", r#"'"\ ~é密🔑"#), r#"'"\ ~é密🔑"#);
    }

    #[test]
    fn a_secret_that_marks_put_together_is_not_shown() {
        // The mark for the control character completes the secret.
        assert_eq!(shown("a\u{fffd}b", "a\u{7}b"), "***");
        // The mark for the inner secret completes the outer one.
        assert_eq!(shown("a***b", "aa***bb"), "***");
    }
}
