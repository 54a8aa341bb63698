//! What the server wrote, made fit to be shown: redacted, printable, short.
//!
//! A server may repeat our request in its message, or the token that it issued. So a text is redacted before anything
//! else happens to it, and cut last: a cut can't leave half of a secret.

use std::borrow::Cow;
use std::ops::Range;

/// What stands in place of a secret. It has no letters, so that it can't spell one.
const REDACTED: &str = "***";

/// The shortest run of token characters after a JWT's first bytes that counts as one.
const MIN_JWT_BYTES: usize = 8;

/// How much of a secret must stand at the end of a text to be taken for one that the server cut there. Fewer bytes end
/// many texts by chance, and give little away.
const MIN_CUT_BYTES: usize = 4;

/// How much of a secret must stand anywhere else to be taken for one that the server cut.
const MIN_PART_BYTES: usize = 8;

/// What of a text is looked at. The rest isn't shown: a long one must not cost more than a short one.
const MAX_LOOK_BYTES: usize = 2048;

/// Knows what must not be shown: the client secret, and the tokens of the reply at hand.
pub(crate) struct Redactor<'a> {
    client_secret: &'a str,
    tokens: &'a [Cow<'a, str>],
}

impl<'a> Redactor<'a> {
    pub(crate) fn new(client_secret: &'a str, tokens: &'a [Cow<'a, str>]) -> Self {
        Self {
            client_secret,
            tokens,
        }
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        let tokens = self.tokens.iter().map(|token| &**token);
        tokens
            .chain([self.client_secret])
            .filter(|secret| !secret.is_empty())
    }

    /// At most `max_chars` characters of `text`, all printable, none of them part of a secret.
    pub(crate) fn show(&self, text: &str, max_chars: usize) -> String {
        if text.len() <= max_chars && self.is_harmless(text) {
            return text.to_owned();
        }
        let is_looked_at = |(at, _): &(usize, char)| *at < MAX_LOOK_BYTES;
        let end = text.char_indices().take_while(is_looked_at).last();
        let text = &text[..end.map_or(0, |(at, last)| at + last.len_utf8())];
        let shown = cut(text, max_chars, &self.ranges(text));
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
            && !text
                .match_indices('e')
                .any(|(at, _)| begins_jwt(&text[at..]))
            && self
                .secrets()
                .all(|secret| !text.contains(secret.get(..MIN_CUT_BYTES).unwrap_or(secret)))
    }

    /// Where secrets stand in `text`, in order; they may overlap.
    fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        let encodings: [Decode; 3] = [raw, json_escaped, percent_encoded];
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (at, _) in text.char_indices() {
            let rest = &text[at..];
            let longest = self
                .secrets()
                .flat_map(|secret| encodings.map(|decode| encoded_len(rest, secret, decode)))
                .chain([jwt_len(rest)])
                .flatten()
                .max();
            let Some(mut end) = longest.map(|len| at + len) else {
                continue;
            };
            // A part of a secret may end within a character.
            while !text.is_char_boundary(end) {
                end += 1;
            }
            // One within another adds nothing.
            if ranges.last().is_none_or(|last| last.end < end) {
                ranges.push(at..end);
            }
        }
        ranges
    }
}

/// At most `max_chars` characters of `text`, all printable, for a text that can't hold a secret.
pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    cut(text, max_chars, &[])
}

/// Copies `text` with a mark for each of the ranges, until there is no more room.
fn cut(text: &str, max_chars: usize, ranges: &[Range<usize>]) -> String {
    let mut shown = String::with_capacity(text.len().min(max_chars));
    let mut room = max_chars;
    let mut ranges = ranges.iter().peekable();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let mut secret_end = None;
        // Secrets that overlap or touch are one to the eye.
        while let Some(range) = ranges.next_if(|range| range.start <= secret_end.unwrap_or(at)) {
            secret_end = Some(range.end);
        }
        let taken = if secret_end.is_some() {
            REDACTED.len()
        } else {
            1
        };
        if taken > room {
            // A character makes way for the mark where there is no room left for it.
            if room == 0 {
                shown.pop();
            }
            shown.push('…');
            break;
        }
        room -= taken;
        if let Some(end) = secret_end {
            shown.push_str(REDACTED);
            at = end;
        } else {
            shown.push(printable(next));
            at += next.len_utf8();
        }
    }
    shown
}

/// Whether it begins as a JWT does: with `{"`, `{ "` or `{` and a line break in base64.
fn begins_jwt(text: &str) -> bool {
    ["eyJ", "eyA", "ewo"]
        .iter()
        .any(|start| text.starts_with(start))
}

/// The length of a JWT's first bytes and the base64url characters and dots after it. Dots are not counted, so that a token
/// that the server cut is found, too.
fn jwt_len(text: &str) -> Option<usize> {
    if !begins_jwt(text) {
        return None;
    }
    let mut len = 0;
    loop {
        len += match text.as_bytes()[len..] {
            [
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.',
                ..,
            ] => 1,
            // A dot, percent-encoded.
            [b'%', b'2', b'E' | b'e', ..] => 3,
            _ => break,
        };
    }
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

/// How many bytes at the start of `text` spell `secret` in one encoding, or so much of it that it must be one that the
/// server cut.
fn encoded_len(text: &str, secret: &str, decode: Decode) -> Option<usize> {
    let (text, mut wanted) = (text.as_bytes(), secret.as_bytes());
    let mut len = 0;
    while let [expected, ..] = *wanted {
        let spelled = decode(&text[len..], expected)
            .and_then(|unit| Some((wanted.strip_prefix(&unit.bytes[..unit.len])?, unit.consumed)));
        match spelled {
            Some((rest, consumed)) => {
                wanted = rest;
                len += consumed;
            }
            None => break,
        }
    }
    let spelled = secret.len() - wanted.len();
    if wanted.is_empty() || spelled >= MIN_PART_BYTES {
        return Some(len);
    }
    // The text may end here, perhaps in the middle of an escape.
    let ends = match text[len..] {
        [] => true,
        [b'%', ref rest @ ..] => rest.len() < 2,
        [b'\\', ref rest @ ..] => rest.len() < 5,
        _ => false,
    };
    (ends && spelled >= MIN_CUT_BYTES).then_some(text.len())
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

    fn shown(secret: &str, text: &str) -> String {
        Redactor::new(secret, &[]).show(text, 200)
    }

    #[test]
    fn a_secret_is_redacted_as_it_is() {
        assert_eq!(
            shown("s3cret", "bad s3cret, s3crets3cret!"),
            "bad ***, ***!"
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
        let tokens = ["abcdef".into()];
        let redactor = Redactor::new("abc", &tokens);
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
    fn secrets_that_overlap_leave_nothing_between_them() {
        assert_eq!(
            shown("SENTINEL-secret", "eyJhbGciOi.SENTINEL-secret x"),
            "*** x"
        );
        assert_eq!(shown("abcab", "<abcabcab>"), "<***>");
        let tokens = ["token-SENTINEL".into()];
        let redactor = Redactor::new("SENTINEL-secret", &tokens);
        assert_eq!(redactor.show("<token-SENTINEL-secret>", 200), "<***>");
    }

    #[test]
    fn a_part_that_ends_within_a_character_takes_the_whole_of_it() {
        // Both characters begin with the same two bytes.
        assert_eq!(shown("密密密", "<密密寇>"), "<***>");
        assert_eq!(shown("密密密", "密密寇"), "***");
        let tokens = ["密密密".into()];
        assert_eq!(Redactor::new("q", &tokens).show("密密寇", 2), "…");
    }

    #[test]
    fn a_long_text_costs_no_more_than_a_short_one() {
        let token = "a".repeat(30_000);
        let tokens = [Cow::Borrowed(&*token)];
        let redactor = Redactor::new("secret", &tokens);
        let text = format!("{}b", "a".repeat(29_999));
        assert_eq!(redactor.show(&text, 200), "***");
    }

    #[test]
    fn a_secret_is_redacted_before_the_text_is_cut() {
        let text = format!("{}s3cret", "x".repeat(8));
        // Six characters of the secret would have fitten into 10 in part.
        let redactor = Redactor::new("s3cret", &[]);
        assert_eq!(redactor.show(&text, 10), "xxxxxxxx…");
        assert_eq!(redactor.show(&text, 11), "xxxxxxxx***");
    }

    #[test]
    fn a_secret_that_the_server_cut_is_redacted() {
        let secret = r#"s3cret/password "x"#;
        for text in [
            "s3cret/password ",
            "s3cr",
            "s3cret%2",
            "s3cret%",
            "s3cret%2Fp",
            r"s3cret\/",
            r"s3cret\",
            r"s3cret\u00",
        ] {
            assert_eq!(
                shown(secret, &format!("body: {text}")),
                "body: ***",
                "{text}"
            );
        }
        assert_eq!(shown(secret, "body: s3c"), "body: s3c");
        // Not at the end of the text, more of it must stand there.
        for mark in ["...", "…", "\"", "\n"] {
            let text = format!("body: s3cret%2Fpass{mark}");
            assert_eq!(
                shown(secret, &text),
                format!("body: ***{}", mark.replace('\n', "\u{fffd}"))
            );
        }
        assert_eq!(shown(secret, "s3cret/..."), "s3cret/...");
    }

    #[test]
    fn a_long_text_is_cut_to_its_bound_with_a_mark() {
        let redactor = Redactor::new("q", &[]);
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
