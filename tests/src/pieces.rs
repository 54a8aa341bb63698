//! Finds pieces of secrets in what a program shows, however they are written there.

use std::collections::HashSet;

/// A piece that counts: this many bytes of a secret.
pub const PIECE: usize = 8;

/// The pieces of some secrets.
#[derive(Clone, Debug)]
pub struct Pieces {
    pieces: HashSet<[u8; PIECE]>,
    /// By their first two bytes, so that most of a text needs no hashing.
    begin: Vec<bool>,
}

impl Pieces {
    /// Of these secrets.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut pieces = HashSet::new();
        let mut begin = vec![false; 1 << 16];
        for secret in secrets {
            assert!(secret.len() >= PIECE, "a secret too short to be looked for");
            for piece in secret.as_bytes().windows(PIECE) {
                begin[beginning(piece)] = true;
                pieces.insert(piece.try_into().unwrap());
            }
        }
        Self { pieces, begin }
    }

    /// How a piece is written in this text, if there is one: as it is; as numbers, which is how `Debug` writes bytes; in
    /// hexadecimal digits or in Base64, with other characters between or not.
    pub fn find(&self, text: &[u8]) -> Option<&'static str> {
        let sees = |bytes: &[u8]| {
            let mut windows = bytes.windows(PIECE);
            windows.any(|it| self.begin[beginning(it)] && self.pieces.contains(it))
        };
        if sees(text) {
            return Some("as it is");
        }
        if sees(&numbers(text)) {
            return Some("as numbers");
        }
        let hex: Vec<u8> = text.iter().filter_map(|byte| hex(*byte)).collect();
        if (0..2).any(|skipped| sees(&joined(&hex, skipped, 4))) {
            return Some("in hexadecimal digits");
        }
        let base64: Vec<u8> = text.iter().filter_map(|byte| base64(*byte)).collect();
        if (0..4).any(|skipped| sees(&joined(&base64, skipped, 6))) {
            return Some("in Base64");
        }
        None
    }
}

fn beginning(piece: &[u8]) -> usize {
    usize::from(piece[0]) << 8 | usize::from(piece[1])
}

/// The numbers of a text that are bytes.
fn numbers(text: &[u8]) -> Vec<u8> {
    let numbers = text.split(|byte| !byte.is_ascii_digit());
    let numbers = numbers.filter_map(|digits| str::from_utf8(digits).ok()?.parse().ok());
    numbers.collect()
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// What a digit of Base64 stands for, in either alphabet (RFC 4648).
fn base64(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// The bytes that digits of so many bits make, from one of them on.
fn joined(digits: &[u8], skipped: usize, bits: u32) -> Vec<u8> {
    let (mut bytes, mut held, mut sum) = (Vec::new(), 0, 0_u16);
    for digit in digits.iter().skip(skipped) {
        sum = (sum << bits) | u16::from(*digit);
        held += bits;
        if held >= 8 {
            held -= 8;
            bytes.push((sum >> held).to_be_bytes()[1]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_found_however_it_is_written() {
        let pieces = Pieces::of(["SENTINEL-secret"]);
        // `L-secret`, by coreutils' `base64`, `basenc` and `od`.
        for (text, form) in [
            ("x=L-secret.", Some("as it is")),
            ("[76, 45, 115, 101, 99, 114, 101, 116]", Some("as numbers")),
            ("a 4c2d 7365 6372 6574 z", Some("in hexadecimal digits")),
            ("0:4C:2D:73:65:63:72:65:74", Some("in hexadecimal digits")),
            ("TC1zZWNyZXQ=", Some("in Base64")),
            ("said: eHlMLXNlY3JldA", Some("in Base64")),
            ("-secret", None),
            ("SENTINE_-secre", None),
        ] {
            assert_eq!(pieces.find(text.as_bytes()), form, "{text}");
        }
    }
}
