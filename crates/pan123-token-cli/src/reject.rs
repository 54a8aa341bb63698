//! `reject`: tells the store that the platform refused a token.

use std::io;

use pan123_token_cache::{Clock, SystemClock};
use pan123_token_ureq::{AccessToken, OffsetDateTime};
use serde_json::Value;

use crate::arguments::Reject;
use crate::failure::Failure;
use crate::signals::Stop;
use crate::stored_token::{StoredToken, replaced_when};
use crate::warnings::Warnings;
use crate::{files, output};

pub(crate) fn run(arguments: &Reject) -> Result<(), Failure> {
    // As PID 1 it would be deaf to them.
    Stop::at_signals();
    let warnings = Warnings::default();
    let (session, _) = arguments.place.session(&warnings)?;
    let token = read_token()?;
    let now = SystemClock::new().now();
    let marked = session.reject(&token, now).map_err(Failure::store)?;
    // As it is there now: another process may have known more of it.
    let stored = session.load().map_err(Failure::store)?;
    let stored = stored.filter(|it| it.record.fingerprint() == token.fingerprint());
    warnings.say();
    output::stderr(match stored {
        Some(stored) if marked => {
            let replaced = replaced_when(StoredToken::new(stored, now).replaceable_in());
            format!("marked as refused: {replaced}")
        }
        _ => "it isn't the stored token; nothing to do".to_owned(),
    });
    Ok(())
}

/// What stands on stdin: a token, or one of the forms in which `get` prints it.
fn read_token() -> Result<AccessToken, Failure> {
    const MAX_BYTES: usize = 64 * 1024;
    let bytes = files::read_to_end(io::stdin(), MAX_BYTES)
        .map_err(|error| Failure::usage(format_args!("can't read a token from stdin: {error}")))?;
    if bytes.len() > MAX_BYTES {
        return Err(Failure::usage("what is on stdin is too long for a token"));
    }
    let text = str::from_utf8(&bytes).unwrap_or_default().trim();
    let token = bare(text).ok_or_else(|| Failure::usage("no token on stdin"))?;
    // Only the token itself is compared.
    AccessToken::new(&*token, OffsetDateTime::UNIX_EPOCH)
        .map_err(|error| Failure::usage(format_args!("what is on stdin is no token: {error}")))
}

/// The token in it.
fn bare(text: &str) -> Option<String> {
    if text.starts_with('{') {
        let object: Value = serde_json::from_str(text).ok()?;
        return object.get("accessToken")?.as_str().map(str::to_owned);
    }
    let text = text
        .lines()
        .find_map(|line| after(line, "authorization:"))
        .or_else(|| {
            text.lines()
                .find_map(|line| line.strip_prefix("PAN123_ACCESS_TOKEN="))
        })
        .unwrap_or(text)
        .trim();
    let text = match after(text, "bearer") {
        Some(token) if token.is_empty() || token.starts_with([' ', '\t']) => token.trim(),
        _ => text,
    };
    (!text.is_empty()).then(|| text.to_owned())
}

/// What stands behind this word, in any case of letters.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (before, after) = text.split_at_checked(word.len())?;
    before.eq_ignore_ascii_case(word).then_some(after)
}
