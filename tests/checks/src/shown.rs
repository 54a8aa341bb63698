//! What may be shown of a server's text, and what never.

use std::collections::HashSet;

/// `{"`, and `{` with each of JSON's blanks, in base64.
const JWT_STARTS: [&str; 5] = ["eyJ", "eyA", "ewo", "ew0", "ewk"];

/// The text as it must be shown, where that is plain: no character in it that this doesn't know, nothing encoded, and
/// nothing in common with a secret. `None` where it isn't.
pub(crate) fn plainly(text: &str, max_chars: usize, secrets: &[&str]) -> Option<String> {
    let chars: Option<String> = text.chars().map(printable).collect();
    let all = chars?;
    let mut shown: String = all.chars().take(max_chars).collect();
    if all.chars().count() > max_chars {
        shown.pop();
        shown.push('…');
    }
    let encoded = text.contains(['\\', '%', '+']);
    let jwt = JWT_STARTS.iter().any(|start| text.contains(start));
    let shares = secrets.iter().any(|secret| {
        let in_common = |part: &[u8]| has(text.as_bytes(), part) || has(all.as_bytes(), part);
        let mut parts = secret.as_bytes().windows(secret.len().clamp(1, 4));
        parts.any(in_common)
    });
    (!encoded && !jwt && !shares).then_some(shown)
}

fn printable(c: char) -> Option<char> {
    match c {
        ' '..='~' | '\u{4e00}'..='\u{9fff}' => Some(c),
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}' => Some('\u{fffd}'),
        c if c.is_control() => Some('\u{fffd}'),
        _ => None,
    }
}

/// Panics if any piece of the secret can be read in what is shown, in whatever encoding: 8 bytes of it, or all of it where
/// it is shorter.
pub(crate) fn assert_hidden(secret: &str, shown: &str) {
    let piece = secret.len().min(8);
    // As numbers: a fuzzer looks into each comparison of bytes, which takes most of the time.
    let pieces_of = |bytes: &[u8]| -> Vec<u64> {
        let number = |part: &[u8]| part.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        bytes.windows(piece).map(number).collect()
    };
    let pieces: HashSet<_> = pieces_of(secret.as_bytes()).into_iter().collect();
    for decoded in decodings(shown) {
        let found = pieces_of(&decoded).iter().any(|it| pieces.contains(it));
        assert!(!found, "{secret:?} can be read in {shown:?}");
    }
}

/// Panics if the token is shown. 3 bytes or fewer may stand anywhere; without its first bytes it opens nothing.
pub(crate) fn assert_no_token(token: &str, shown: &str) {
    let start = &token.as_bytes()[..token.len().min(8)];
    if start.len() > 3 {
        for decoded in decodings(shown) {
            assert!(
                !has(&decoded, start),
                "the token {token:?} is shown: {shown:?}"
            );
        }
    }
}

/// Panics if the text ends with the beginning of the secret, which the server may have cut there: also in the middle of an
/// escape.
pub(crate) fn assert_no_end_of_it(secret: &str, shown: &str) {
    for text in [shown, without_cut_escape(shown)] {
        for len in 4..=secret.len() {
            let cut = &secret.as_bytes()[..len];
            assert!(!text.as_bytes().ends_with(cut), "{secret:?} ends {shown:?}");
        }
    }
}

fn without_cut_escape(text: &str) -> &str {
    let Some(at) = text.rfind(['\\', '%']) else {
        return text;
    };
    let digits = match text[at..].strip_prefix("\\u") {
        Some(digits) if digits.len() < 4 => digits,
        None if text[at..].len() < 3 => &text[at + 1..],
        _ => return text,
    };
    let is_cut = digits.bytes().all(|b| b.is_ascii_hexdigit());
    if is_cut { &text[..at] } else { text }
}

/// Panics if a JWT is shown.
pub(crate) fn assert_no_jwt(shown: &str) {
    for start in JWT_STARTS {
        for (at, _) in shown.match_indices(start) {
            let text = shown[at..].replace("%2E", ".").replace("%2e", ".");
            let in_jwt = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
            let len = text.bytes().take_while(in_jwt).count();
            assert!(len < 8, "a JWT is shown: {shown:?}");
        }
    }
}

/// The text as it is, and what it says in JSON's escapes, percent-encoded, and as a form. Escapes that say nothing part it.
fn decodings(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let json = text.contains('\\').then(|| json_unescaped(text));
    let encoded = text.contains(['%', '+']);
    let percent = encoded.then(|| percent_decoded(text.as_bytes()));
    let form = encoded.then(|| percent_decoded(text.replace('+', " ").as_bytes()));
    let raw = Some(text.as_bytes().to_vec());
    [raw, json, percent, form].into_iter().flatten()
}

/// No UTF-8 holds it.
const PART: u8 = 0xff;

fn json_unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let unit = |text: &str| {
            let digits = text.strip_prefix('u')?.get(..4)?;
            let digits = digits
                .bytes()
                .all(|b| b.is_ascii_hexdigit())
                .then_some(digits)?;
            u16::from_str_radix(digits, 16).ok()
        };
        let pair = escape.get(5..).and_then(|it| unit(it.strip_prefix('\\')?));
        let chars = |units: &[u16]| String::from_utf16(units).ok();
        let (said, len) = match (unit(escape), escape.chars().next()) {
            (None, Some(c @ ('"' | '\\' | '/'))) => (Some(c.to_string()), 1),
            (Some(unit), _) => match (chars(&[unit]), pair) {
                (None, Some(pair)) if chars(&[unit, pair]).is_some() => (chars(&[unit, pair]), 11),
                (None, _) => (None, 0),
                (said, _) => (said, 5),
            },
            _ => (None, 0),
        };
        match said {
            Some(said) => bytes.extend_from_slice(said.as_bytes()),
            None => bytes.push(PART),
        }
        rest = &escape[len..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        let byte = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high << 4 | low).ok(),
            _ => None,
        };
        bytes.push(byte.unwrap_or(*first));
        rest = &rest[if byte.is_some() { 3 } else { 1 }..];
    }
    bytes
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes
        .windows(part.len())
        .any(|it| it[0] == part[0] && it == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_undone() {
        let all: Vec<_> = decodings(r"a+%2Fb\u002F\/\ud83d\udd11\x").collect();
        assert_eq!(all[1], b"a+%2Fb//\xf0\x9f\x94\x91\xffx");
        assert_eq!(all[2], br"a+/b\u002F\/\ud83d\udd11\x");
        assert_eq!(all[3], br"a /b\u002F\/\ud83d\udd11\x");
    }

    #[test]
    fn a_cut_escape_is_left_out() {
        for text in ["ab\\", "ab\\u", "ab\\u00f", "ab%", "ab%2"] {
            assert_eq!(without_cut_escape(text), "ab");
        }
        for text in ["ab", "ab\\u00ff", "ab%2f", "ab\\xyz"] {
            assert_eq!(without_cut_escape(text), text);
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(plainly("abcdef\n", 7, &["x"]).unwrap(), "abcdef\u{fffd}");
        assert_eq!(plainly("abcdefgh", 7, &["x"]).unwrap(), "abcdef…");
        assert_eq!(plainly("abcdefgh", 7, &["_cdef"]), None);
    }
}
