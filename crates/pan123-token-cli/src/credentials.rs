//! Where the client ID and the client secret come from.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use pan123_token_ureq::Credentials;
use zeroize::Zeroizing;

use crate::arguments::{self, option_or_env};
use crate::failure::Failure;

pub(crate) fn read(arguments: &arguments::Credentials) -> Result<Credentials, Failure> {
    let client_id = option_or_env(arguments.client_id.as_deref(), "PAN123_CLIENT_ID")?
        .ok_or_else(|| missing("client ID: set PAN123_CLIENT_ID, or give --client-id"))?;
    let client_secret = match &arguments.client_secret_file {
        Some(path) => read_secret(path)?,
        None => option_or_env(None, "PAN123_CLIENT_SECRET")?
            .map(Zeroizing::new)
            .ok_or_else(|| {
                missing("client secret: set PAN123_CLIENT_SECRET, or give --client-secret-file")
            })?,
    };
    Credentials::new(client_id, &**client_secret).map_err(Failure::credentials)
}

fn missing(what: &str) -> Failure {
    Failure::credentials(format_args!("no {what}"))
}

/// The file's content without the line break at its end.
fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: &io::Error| {
        Failure::credentials(format_args!(
            "can't read the client secret from {}: {error}",
            path.display()
        ))
    };
    // A little more than a secret may have, so that a longer one is refused and not cut. It never grows.
    let limit = Credentials::MAX_BYTES + 3;
    let mut secret = Zeroizing::new(String::with_capacity(limit));
    let read = if path == Path::new("-") {
        io::stdin().take(limit as u64).read_to_string(&mut secret)
    } else {
        File::open(path)
            .map_err(|error| failed(&error))?
            .take(limit as u64)
            .read_to_string(&mut secret)
    };
    read.map_err(|error| failed(&error))?;
    let end = secret.strip_suffix('\n').unwrap_or(&secret);
    let end = end.strip_suffix('\r').unwrap_or(end).len();
    secret.truncate(end);
    Ok(secret)
}
