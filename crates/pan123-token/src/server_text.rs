//! What the server wrote, made fit to be shown: redacted, printable, short.
//!
//! A server may repeat our request in its message, or the token that it issued. So a text is redacted before anything
//! else happens to it, and cut last: a cut can't leave half of a secret.

use std::ops::Range;

use crate::redactor::Redactor;

/// What stands in place of a secret. It has no letters, so that it can't spell one.
const REDACTED: &str = "***";

/// What of a text is looked at. The rest isn't shown: a long one must not cost more than a short one.
const MAX_LOOK_BYTES: usize = 2048;

impl Redactor<'_> {
    /// At most `max_chars` characters of `text`, all printable, none of them part of a secret.
    pub(crate) fn show(&self, text: &str, max_chars: usize) -> String {
        if text.len() <= max_chars && is_plain(text) && self.is_harmless(text) {
            return text.to_owned();
        }
        let is_looked_at = |(at, _): &(usize, char)| *at < MAX_LOOK_BYTES;
        let end = text.char_indices().take_while(is_looked_at).last();
        let text = &text[..end.map_or(0, |(at, last)| at + last.len_utf8())];
        let shown = cut(text, max_chars, &self.ranges(text));
        // What took the place of a character or of a secret may have completed another.
        if shown != text && !self.ranges(&shown).is_empty() {
            return REDACTED.to_owned();
        }
        shown
    }
}

/// Whether it is plain to see that all of `text` is printable. True for every real trace id.
fn is_plain(text: &str) -> bool {
    // Without an early way out, so that it runs over many bytes at once.
    text.bytes()
        .fold(true, |all, b| all & matches!(b, b' '..=b'~'))
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

/// A character that stands in one line as it is, or the mark for one that would move the cursor, hide, or turn the
/// reading direction.
fn printable(c: char) -> char {
    // `escape_debug` knows, but takes long: about 500 instructions for each Chinese character.
    if is_common(c) || c.escape_debug().len() == 1 {
        c
    } else {
        char::REPLACEMENT_CHARACTER
    }
}

/// Whether it is in ASCII, a Chinese character or full-width punctuation, and so printable: the platform writes in these.
fn is_common(c: char) -> bool {
    matches!(
        c,
        ' '..='~' | '\u{3001}'..='\u{301f}' | '\u{4e00}'..='\u{9fff}' | '\u{ff01}'..='\u{ff60}'
    )
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

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
    fn a_secret_of_short_words_is_redacted_in_a_form() {
        assert_eq!(shown("ab cd ef gh ij", "s=ab+cd+ef+gh+ij&"), "s=***&");
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
        // `{` and a blank, a line break, a carriage return, a tab; and a dot as `%2e`.
        for start in ["eyA", "ewo", "ew0", "ewk"] {
            let text = format!("invalid {start}gImFsZ%2e{start}gInN1");
            assert_eq!(shown("q", &text), "invalid ***");
        }
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
    fn a_part_that_begins_or_ends_within_a_character_takes_the_whole_of_it() {
        // Both characters begin with the same two bytes.
        assert_eq!(shown("密密密", "<密密寇>"), "<***>");
        assert_eq!(shown("密密密", "密密寇"), "***");
        let tokens = ["密密密".into()];
        assert_eq!(Redactor::new("q", &tokens).show("密密寇", 2), "…");
        // And both of these end with the same two bytes.
        assert_eq!(shown("密12345678", "<\u{6bc6}123456>"), "<***>");
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
            r"s3cret\u0",
            r"s3cret\u00",
            r"s3cret\u002",
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
    fn eight_bytes_from_anywhere_in_a_secret_are_redacted() {
        let secret = "0123456789/abcdef";
        for text in ["23456789", "9%2Fabcdef", r"3456789\/ab", "/abcdef"] {
            let expected = if text == "/abcdef" { text } else { "***" };
            assert_eq!(shown(secret, &format!("<{text}>")), format!("<{expected}>"));
        }
        // Where escapes stand for several bytes each, nothing of the secret is left behind them.
        assert_eq!(shown("密密密x", r"<\u5bc6\u5bc6\u5bc6x>"), "<***>");
        assert_eq!(shown("x密密密", r"<\u5bc6\u5bc6\u5bc6>"), "<***>");
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
    fn common_characters_are_printable() {
        let common: Vec<char> = ('\0'..=char::MAX).filter(|c| is_common(*c)).collect();
        assert_eq!(common.len(), 95 + 31 + 20_992 + 96);
        for c in common {
            let printable = c.escape_debug().len() == 1 || ['"', '\'', '\\'].contains(&c);
            assert!(printable, "{c:?}");
        }
    }

    #[test]
    fn a_secret_that_marks_put_together_is_not_shown() {
        // The mark for the control character completes the secret.
        assert_eq!(shown("a\u{fffd}b", "a\u{7}b"), "***");
        // The mark for the inner secret completes the outer one.
        assert_eq!(shown("a***b", "aa***bb"), "***");
    }
}
