//! Finds the secrets that a server's text repeats, in every encoding that a server may have put them into.
//!
//! Any 8 bytes of a secret count as a piece of it. So texts and secrets are compared by their pieces, each of which is
//! one `u64`: the cost is that of the text plus that of the secrets. Comparing every position of one with every position
//! of the other would let a reply of 64 KiB take seconds.

use std::borrow::Cow;
use std::ops::Range;

use crate::spelling::{PIECE, Spelling, spellings};

/// How much of the start of a secret must stand at the end of a text to be taken for a secret that the server cut there.
/// Fewer bytes end many texts by chance, and give little away.
const MIN_CUT_BYTES: usize = 4;

/// The shortest run of token characters after a JWT's first bytes that counts as one.
const MIN_JWT_BYTES: usize = 8;

/// Knows what must not be shown: the client secret, and the tokens of the same reply.
pub(crate) struct Redactor<'a> {
    client_secret: &'a str,
    tokens: &'a [Cow<'a, str>],
    samples: Samples,
}

impl<'a> Redactor<'a> {
    pub(crate) fn new(client_secret: &'a str, tokens: &'a [Cow<'a, str>]) -> Self {
        let mut redactor = Self {
            client_secret,
            tokens,
            samples: Samples([0; 256]),
        };
        redactor.samples.add(client_secret.as_bytes());
        for token in tokens {
            redactor.samples.add(token.as_bytes());
        }
        redactor
    }

    fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        let tokens = self.tokens.iter().map(|token| token.as_bytes());
        tokens
            .chain([self.client_secret.as_bytes()])
            .filter(|secret| !secret.is_empty())
    }

    /// Whether it is plain to see that `text` holds no secret: nothing in it is encoded, no JWT begins in it, and it has
    /// no sample in common with a secret. True for nearly every real text, and cheap.
    pub(crate) fn is_harmless(&self, text: &str) -> bool {
        let encoded = |byte: u8| matches!(byte, b'\\' | b'%' | b'+');
        // Without an early way out, so that it runs over many bytes at once.
        !text.bytes().fold(false, |any, byte| any | encoded(byte))
            && jwt_starts(text).next().is_none()
            && !self.samples.any_in(text.as_bytes())
            && self
                .secrets()
                .filter(|secret| secret.len() < SAMPLE)
                .all(|secret| !text.as_bytes().windows(secret.len()).any(|it| it == secret))
    }

    /// Where secrets stand in `text`, in order; each ends behind the one before, and may overlap it.
    pub(crate) fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        if self.is_harmless(text) {
            return Vec::new();
        }
        let pieces = self.pieces_in(text);
        let short = |secret: &&[u8]| secret.len() < PIECE;
        let short_secrets: Vec<_> = self.secrets().filter(short).collect();
        let ends_of = |spelling: &Spelling| {
            let bytes = spelling.bytes();
            let piece = spelling.piece();
            let piece = piece.filter(|piece| pieces.binary_search(piece).is_ok());
            let whole = short_secrets
                .iter()
                .filter(|secret| bytes.starts_with(secret))
                .filter_map(|secret| spelling.end_of(secret.len()));
            let may_be_cut = spelling.ends_with_the_text && bytes.len() >= MIN_CUT_BYTES;
            let is_cut = may_be_cut && self.secrets().any(|secret| secret.starts_with(bytes));
            whole
                .chain(piece.and_then(|_| spelling.end_of(PIECE)))
                .chain(is_cut.then_some(text.len()))
                .max()
        };
        let mut ranges: Vec<_> = spellings(text)
            .filter_map(|spelling| Some(spelling.start..ends_of(&spelling)?))
            .chain(jwts(text))
            .map(|range| whole_characters(text, range))
            .collect();
        ranges.sort_unstable_by_key(|range| (range.start, range.end));
        let mut last_end = 0;
        // One within another adds nothing.
        ranges.retain(|range| {
            let adds = last_end < range.end;
            last_end = last_end.max(range.end);
            adds
        });
        ranges
    }

    /// The pieces of secrets that `text` spells, sorted.
    fn pieces_in(&self, text: &str) -> Vec<u64> {
        let mut spelled: Vec<_> = spellings(text).filter_map(|it| it.piece()).collect();
        spelled.sort_unstable();
        spelled.dedup();
        let mut secret = vec![false; spelled.len()];
        for piece in self.secrets().flat_map(pieces) {
            if let Ok(at) = spelled.binary_search(&piece) {
                secret[at] = true;
            }
        }
        let mut secret = secret.into_iter();
        spelled.retain(|_| secret.next() == Some(true));
        spelled
    }
}

fn pieces(secret: &[u8]) -> impl Iterator<Item = u64> {
    secret.windows(PIECE).filter_map(|piece| {
        let piece = piece.try_into().ok()?;
        Some(u64::from_be_bytes(piece))
    })
}

/// How many bytes a sample has.
const SAMPLE: usize = 4;

/// How far samples lie apart: near enough for each piece to hold one, and for each secret to begin with one.
const SAMPLE_STEP: usize = PIECE - SAMPLE + 1;

/// Samples of secrets, as a Bloom filter: it may take a text for one that holds a sample, but never overlooks one.
struct Samples([u64; 256]);

impl Samples {
    fn add(&mut self, secret: &[u8]) {
        for sample in secret.windows(SAMPLE).step_by(SAMPLE_STEP) {
            for (word, bit) in Self::bits(sample) {
                self.0[word] |= bit;
            }
        }
    }

    fn any_in(&self, text: &[u8]) -> bool {
        let known = |sample| {
            let [(word, bit), (other_word, other_bit)] = Self::bits(sample);
            self.0[word] & bit != 0 && self.0[other_word] & other_bit != 0
        };
        text.windows(SAMPLE).any(known)
    }

    /// Two bits of the filter, each as its word and its place in that.
    fn bits(sample: &[u8]) -> [(usize, u64); 2] {
        let sample = sample.try_into().map_or(0, u32::from_le_bytes);
        // Fibonacci hashing: the upper bits depend on all of the sample's.
        let hash = u64::from(sample)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_be_bytes();
        [(hash[0], hash[1]), (hash[2], hash[3])]
            .map(|(word, bit)| (usize::from(word), 1 << (bit & 63)))
    }
}

/// Where a JWT may begin: with `{"`, `{ "` or `{` and a line break in base64.
fn jwt_starts(text: &str) -> impl Iterator<Item = usize> {
    let begins = |at: usize| {
        let start = &text.as_bytes()[at..];
        [b"eyJ", b"eyA", b"ewo"]
            .iter()
            .any(|it| start.starts_with(*it))
    };
    text.match_indices('e')
        .map(|(at, _)| at)
        .filter(move |at| begins(*at))
}

/// JWTs, as far as the characters of base64url and dots reach. Dots are not counted, so that a token that the server cut
/// is found, too.
fn jwts(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut last_end = 0;
    jwt_starts(text).filter_map(move |start| {
        if start < last_end {
            return None;
        }
        last_end = start + jwt_len(&text.as_bytes()[start..]);
        (last_end - start >= MIN_JWT_BYTES).then_some(start..last_end)
    })
}

fn jwt_len(text: &[u8]) -> usize {
    let mut len = 0;
    loop {
        len += match text[len..] {
            [
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.',
                ..,
            ] => 1,
            // A dot, percent-encoded.
            [b'%', b'2', b'E' | b'e', ..] => 3,
            _ => return len,
        };
    }
}

/// A piece may begin and end within characters; they are taken whole.
fn whole_characters(text: &str, mut range: Range<usize>) -> Range<usize> {
    while !text.is_char_boundary(range.start) {
        range.start -= 1;
    }
    while !text.is_char_boundary(range.end) {
        range.end += 1;
    }
    range
}
