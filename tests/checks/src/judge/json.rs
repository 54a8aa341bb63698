//! JSON (RFC 8259), as a list of tokens.

#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// One of `{}[]:,`.
    Mark(char),
    /// What a string says; `None` where that is no Unicode text.
    Text(Option<String>),
    /// A number or a word, as it stands there.
    Bare(&'a str),
}

/// A key and the tokens of its value. The key is `None` where it is no Unicode text.
pub(super) type Member<'a> = (Option<&'a str>, &'a [Token<'a>]);

/// The tokens of a JSON text; at least one.
pub(super) fn json(body: &[u8]) -> Option<Vec<Token<'_>>> {
    let (tokens, rest) = beginning(str::from_utf8(body).ok()?);
    (rest.is_empty() && is_one_value(&tokens)).then_some(tokens)
}

/// The tokens that a text begins with, and the rest, which begins with none that is whole.
pub(super) fn beginning(text: &str) -> (Vec<Token<'_>>, &str) {
    let mut rest = text;
    let mut tokens = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        let Some((token, len)) = token(rest) else {
            return (tokens, rest);
        };
        tokens.push(token);
        rest = &rest[len..];
    }
}

/// The token that a text begins with, and how long it is there.
fn token(text: &str) -> Option<(Token<'_>, usize)> {
    match text.chars().next()? {
        mark @ ('{' | '}' | '[' | ']' | ':' | ',') => Some((Token::Mark(mark), 1)),
        '"' => {
            let (said, len) = string(text)?;
            Some((Token::Text(said), len))
        }
        _ => {
            let is_bare = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
            let bare = &text[..text.find(|c| !is_bare(c)).unwrap_or(text.len())];
            let sound = ["true", "false", "null"].contains(&bare) || is_number(bare);
            sound.then_some((Token::Bare(bare), bare.len()))
        }
    }
}

/// What a string says that a text begins with, and how long it is there.
fn string(text: &str) -> Option<(Option<String>, usize)> {
    let mut units: Vec<u16> = Vec::new();
    let mut chars = text.char_indices().skip(1);
    loop {
        let (at, c) = chars.next()?;
        match c {
            '"' => return Some((String::from_utf16(&units).ok(), at + 1)),
            '\0'..=' ' if c != ' ' => return None,
            '\\' => {
                let unit = match chars.next()?.1 {
                    c @ ('"' | '\\' | '/') => u32::from(c),
                    'b' => 8,
                    't' => 9,
                    'n' => 10,
                    'f' => 12,
                    'r' => 13,
                    'u' => {
                        let mut digit = || chars.next()?.1.to_digit(16);
                        digit()? << 12 | digit()? << 8 | digit()? << 4 | digit()?
                    }
                    _ => return None,
                };
                units.push(u16::try_from(unit).ok()?);
            }
            c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (text, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    digits(whole) && !leading_zero && digits(fraction) && digits(exponent)
}

fn is_one_value(tokens: &[Token<'_>]) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum Next {
        Value,
        ItemOrEnd,
        Key,
        KeyOrEnd,
        Colon,
        CommaOrEnd,
    }
    use Next::{Colon, CommaOrEnd, ItemOrEnd, Key, KeyOrEnd, Value};
    // What closes each object and array that is open.
    let (mut open, mut next) = (Vec::new(), Value);
    for token in tokens {
        next = match (next, token) {
            (Value | ItemOrEnd, Token::Mark('{')) => {
                open.push('}');
                KeyOrEnd
            }
            (Value | ItemOrEnd, Token::Mark('[')) => {
                open.push(']');
                ItemOrEnd
            }
            (Value | ItemOrEnd, Token::Text(_) | Token::Bare(_)) => CommaOrEnd,
            (Key | KeyOrEnd, Token::Text(_)) => Colon,
            (Colon, Token::Mark(':')) => Value,
            (CommaOrEnd, Token::Mark(',')) => match open.last() {
                Some('}') => Key,
                Some(_) => Value,
                None => return false,
            },
            (ItemOrEnd | KeyOrEnd | CommaOrEnd, Token::Mark(mark)) if open.last() == Some(mark) => {
                open.pop();
                CommaOrEnd
            }
            _ => return false,
        };
    }
    next == CommaOrEnd && open.is_empty()
}

/// The members of an object, which begins these tokens.
pub(super) fn members_of<'a>(object: &'a [Token<'a>]) -> Vec<Member<'a>> {
    let (mut members, mut depth, mut colon) = (Vec::new(), 0, None);
    for (at, token) in object.iter().enumerate() {
        match token {
            Token::Mark('{' | '[') => depth += 1,
            Token::Mark('}' | ']') => depth -= 1,
            Token::Mark(':') if depth == 1 => colon = Some(at),
            _ => {}
        }
        let ends = depth == 0 || depth == 1 && *token == Token::Mark(',');
        if let Some(colon) = colon.take_if(|_| ends)
            && let Token::Text(key) = &object[colon - 1]
        {
            members.push((key.as_deref(), &object[colon + 1..at]));
        }
    }
    members
}

pub(super) fn value<'a>(members: &[Member<'a>], key: &str) -> Option<&'a [Token<'a>]> {
    let member = members.iter().find(|(name, _)| *name == Some(key))?;
    Some(member.1)
}

pub(super) fn twice(members: &[Member<'_>], keys: &[&str]) -> bool {
    let count = |key| {
        members
            .iter()
            .filter(|(name, _)| *name == Some(key))
            .count()
    };
    keys.iter().any(|key| count(*key) > 1)
}

pub(super) fn text(value: Option<&[Token<'_>]>) -> Option<String> {
    match value? {
        [Token::Text(text)] => text.clone(),
        _ => None,
    }
}

/// The digits of an integer, or of a string that spells one.
pub(super) fn integer<'a>(value: Option<&'a [Token<'a>]>) -> Option<&'a str> {
    let spelled = match value? {
        [Token::Bare(spelled)] => spelled,
        [Token::Text(Some(spelled))] => &**spelled,
        _ => return None,
    };
    let digits = spelled.strip_prefix('-').unwrap_or(spelled);
    let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_integer.then_some(spelled)
}
