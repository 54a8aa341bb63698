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
    /// Whether each of the secrets is long enough to have one.
    has_samples: bool,
}

impl<'a> Redactor<'a> {
    #[inline]
    pub(crate) fn new(client_secret: &'a str, tokens: &'a [Cow<'a, str>]) -> Self {
        let mut samples = Samples([[false; 512]; 2]);
        let mut has_samples = client_secret.len() >= SAMPLE;
        for step in client_secret.as_bytes().chunks(SAMPLE_STEP) {
            samples.add(step);
        }
        for token in tokens {
            has_samples &= samples.add(token.as_bytes());
        }
        Self {
            client_secret,
            tokens,
            samples,
            has_samples,
        }
    }

    fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        let tokens = self.tokens.iter().map(|token| token.as_bytes());
        tokens
            .chain([self.client_secret.as_bytes()])
            .filter(|secret| !secret.is_empty())
    }

    /// Whether it is plain to see that `text` holds no secret: nothing in it is encoded, no JWT begins in it, it has no
    /// sample in common with the client secret, and no token begins in it. True for nearly every real text, and cheap.
    ///
    /// So the rest of a token, without its first bytes, passes; it opens nothing.
    pub(crate) fn is_harmless(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.has_samples && !is_suspicious(text) && !self.samples.any_in(text)
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
            .chain(jwts(text.as_bytes()))
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

/// How far samples lie apart: near enough for each piece to hold one.
const SAMPLE_STEP: usize = PIECE - SAMPLE + 1;

/// Samples of secrets, as a Bloom filter: it may take a text for one that holds a sample, but never overlooks one.
struct Samples([[bool; 512]; 2]);

impl Samples {
    /// Adds the first bytes of a text. False if there aren't enough.
    fn add(&mut self, text: &[u8]) -> bool {
        let Some(sample) = text.first_chunk() else {
            return false;
        };
        let [first, second] = Self::places(*sample);
        self.0[0][first] = true;
        self.0[1][second] = true;
        true
    }

    fn any_in(&self, text: &[u8]) -> bool {
        text.windows(SAMPLE).any(|sample| {
            let [first, second] = Self::places(sample.first_chunk().copied().unwrap_or_default());
            self.0[0][first] && self.0[1][second]
        })
    }

    fn places(sample: [u8; SAMPLE]) -> [usize; 2] {
        // Fibonacci hashing: the upper bits depend on all of the sample's.
        let hash = u32::from_le_bytes(sample).wrapping_mul(0x9e37_79b1);
        [hash >> 23, (hash >> 14) & 511].map(|place| place as usize)
    }
}

/// Whether something in `text` may be encoded, or may begin a JWT.
fn is_suspicious(text: &[u8]) -> bool {
    let is = |byte: u8, other: u8| u8::from(byte == other);
    let encodes = |byte: u8| is(byte, b'\\') | is(byte, b'%') | is(byte, b'+');
    let begins = |byte: u8, next: u8| is(byte, b'e') & (is(next, b'y') | is(next, b'w'));
    // Without an early way out, so that it runs over many bytes at once.
    let pairs = text.iter().zip(text.get(1..).unwrap_or_default());
    let any = pairs.fold(0, |any, (byte, next)| {
        any | encodes(*byte) | begins(*byte, *next)
    });
    any | text.last().copied().map_or(0, encodes) != 0
}

/// What a JWT begins with: `{` and a quotation mark, a blank, a line feed, a carriage return or a tab, in base64.
const JWT_STARTS: [&[u8]; 5] = [b"eyJ", b"eyA", b"ewo", b"ew0", b"ewk"];

/// Where a JWT may begin.
fn jwt_starts(text: &[u8]) -> impl Iterator<Item = usize> {
    let starts = text.windows(3).enumerate();
    starts.filter_map(|(at, start)| JWT_STARTS.contains(&start).then_some(at))
}

/// JWTs, as far as the characters of base64url and dots reach. Dots are not counted, so that a token that the server cut
/// is found, too.
fn jwts(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut last_end = 0;
    jwt_starts(text).filter_map(move |start| {
        if start < last_end {
            return None;
        }
        last_end = start + jwt_len(&text[start..]);
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
