//! `reject`: tells the store that the platform refused a token.

use std::io::{self, Read};

use pan123_token_cache::{Clock, SystemClock};
use pan123_token_ureq::{AccessToken, OffsetDateTime};
use zeroize::Zeroizing;

use crate::arguments::Reject;
use crate::failure::Failure;
use crate::output;
use crate::place::Warnings;

pub(crate) fn run(arguments: &Reject) -> Result<(), Failure> {
    let warnings = Warnings::default();
    let session = arguments.place.session(&warnings)?;
    let token = read_token()?;
    let now = SystemClock::new().now();
    let marked = session.reject(&token, now).map_err(Failure::store)?;
    warnings.say();
    output::stderr(if marked {
        "marked as refused: `get` replaces it once it is old enough (1 minute; longer after several consecutive ones)"
    } else {
        "it isn't the stored token; nothing to do"
    });
    Ok(())
}

/// The first line of stdin.
fn read_token() -> Result<AccessToken, Failure> {
    const MAX_BYTES: usize = 64 * 1024;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    io::stdin()
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format_args!("can't read a token from stdin: {error}")))?;
    if bytes.len() > MAX_BYTES {
        return Err(Failure::usage("what is on stdin is too long for a token"));
    }
    let text = str::from_utf8(&bytes).unwrap_or_default().trim();
    // As `get --format header` prints it, too.
    let text = text.strip_prefix("Authorization:").unwrap_or(text).trim();
    let text = text.strip_prefix("Bearer").unwrap_or(text).trim();
    if text.is_empty() {
        return Err(Failure::usage("no token on stdin"));
    }
    // Only the token itself is compared.
    AccessToken::new(text, OffsetDateTime::UNIX_EPOCH)
        .map_err(|error| Failure::usage(format_args!("what is on stdin is no token: {error}")))
}
