//! What a text spells, read from each of its bytes on and in each encoding: as it is, JSON-escaped, percent-encoded.

/// How many bytes are read at most.
pub(crate) const PIECE: usize = 8;

/// The first bytes that a text spells from one of its own bytes on, in one encoding.
pub(crate) struct Spelling {
    /// Where in the text it begins.
    pub(crate) start: usize,
    /// Whether it is shorter than a [`PIECE`] because the text ends, perhaps in the middle of an escape.
    pub(crate) ends_with_the_text: bool,
    bytes: [u8; PIECE],
    /// Where in the text each of the bytes ends.
    ends: [usize; PIECE],
    len: usize,
}

impl Spelling {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// All of its bytes as one number, where there are as many as a piece has.
    pub(crate) fn piece(&self) -> Option<u64> {
        (self.len == PIECE).then_some(u64::from_be_bytes(self.bytes))
    }

    /// Where in the text the first `len` bytes end.
    pub(crate) fn end_of(&self, len: usize) -> Option<usize> {
        self.ends[..self.len].get(len.checked_sub(1)?).copied()
    }

    /// `skip` is for a unit that stands for several bytes: reads from a byte within it on.
    fn read(text: &[u8], start: usize, skip: usize, decode: Decode) -> Self {
        let mut spelling = Self {
            start,
            ends_with_the_text: false,
            bytes: [0; PIECE],
            ends: [0; PIECE],
            len: 0,
        };
        let (mut at, mut skip) = (start, skip);
        while spelling.len < PIECE {
            let Some(unit) = decode(&text[at..]) else {
                spelling.ends_with_the_text = match text[at..] {
                    [b'%', ref rest @ ..] => rest.len() < 2,
                    [b'\\', ref rest @ ..] => rest.len() < 5,
                    ref rest => rest.is_empty(),
                };
                break;
            };
            at += unit.consumed;
            let room = PIECE - spelling.len;
            for byte in unit.bytes[..unit.len].iter().skip(skip).take(room) {
                spelling.bytes[spelling.len] = *byte;
                spelling.ends[spelling.len] = at;
                spelling.len += 1;
            }
            skip = 0;
        }
        spelling
    }
}

/// All that `text` spells.
pub(crate) fn spellings(text: &str) -> impl Iterator<Item = Spelling> {
    let text = text.as_bytes();
    let encodings: [(Option<u8>, Decode); 4] = [
        (None, raw),
        (Some(b'\\'), json_escaped),
        (Some(b'%'), percent_encoded),
        // In forms a plus sign is a blank; elsewhere it stands for itself.
        (Some(b'+'), form_encoded),
    ];
    let in_use = encodings.map(|(mark, decode)| {
        let used = mark.is_none_or(|mark| text.contains(&mark));
        used.then_some(decode)
    });
    (0..text.len()).flat_map(move |start| {
        in_use.into_iter().flatten().flat_map(move |decode| {
            let first_unit = decode(&text[start..]).map_or(0, |unit| unit.len);
            (0..first_unit).map(move |skip| Spelling::read(text, start, skip, decode))
        })
    })
}

/// Reads the first unit of an encoded text.
type Decode = fn(text: &[u8]) -> Option<Unit>;

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

fn raw(text: &[u8]) -> Option<Unit> {
    text.first().map(|byte| Unit::byte(*byte, 1))
}

fn json_escaped(text: &[u8]) -> Option<Unit> {
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
        _ => raw(text),
    }
}

/// The second half of a pair of `\uXXXX` escapes, where `first` begins one.
fn low_surrogate(first: u16, text: &[u8]) -> Option<u16> {
    let escape = text.get(6..12)?.strip_prefix(b"\\u")?;
    (0xd800..0xdc00).contains(&first).then(|| hex(escape))?
}

fn percent_encoded(text: &[u8]) -> Option<Unit> {
    match text {
        // Cut short.
        [b'%'] | [b'%', _] => None,
        [b'%', high, low, ..] => match hex(&[*high, *low]) {
            Some(byte) => Some(Unit::byte(byte.to_be_bytes()[1], 3)),
            None => raw(text),
        },
        _ => raw(text),
    }
}

fn form_encoded(text: &[u8]) -> Option<Unit> {
    match text {
        [b'+', ..] => Some(Unit::byte(b' ', 1)),
        _ => percent_encoded(text),
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
