//! Where the client ID and the client secret come from.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use pan123_token_ureq::Credentials;
use zeroize::Zeroizing;

use crate::arguments::{Get, option_or_env};
use crate::failure::Failure;

pub(crate) fn read(arguments: &Get) -> Result<Credentials, Failure> {
    let client_id = arguments.place.client_id()?;
    let client_secret = match &arguments.client_secret_file {
        Some(path) => read_secret(path)?,
        None => option_or_env(None, "PAN123_CLIENT_SECRET")?
            .map(Zeroizing::new)
            .ok_or_else(|| {
                Failure::credentials(
                    "no client secret: set PAN123_CLIENT_SECRET, or give --client-secret-file",
                )
            })?,
    };
    Credentials::new(client_id, &**client_secret).map_err(Failure::credentials)
}

/// The file's content without the line break at its end. Waits as long as the file does, where it is a pipe.
fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: &dyn Display| {
        Failure::credentials(format_args!(
            "can't read the client secret from {}: {error}",
            path.display()
        ))
    };
    // A little more than a secret may have, so that a longer one is refused and not cut. It never grows.
    let limit = Credentials::MAX_BYTES + 3;
    let mut secret = Zeroizing::new(Vec::with_capacity(limit));
    let read = if path == Path::new("-") {
        io::stdin().take(limit as u64).read_to_end(&mut secret)
    } else {
        File::open(path)
            .map_err(|error| failed(&error))?
            .take(limit as u64)
            .read_to_end(&mut secret)
    };
    read.map_err(|error| failed(&error))?;
    if secret.len() == limit {
        return Err(failed(&format_args!(
            "it has more than {} bytes",
            Credentials::MAX_BYTES
        )));
    }
    let line = secret.strip_suffix(b"\n").unwrap_or(&secret);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // An editor's mark at the start of a file is no part of what was written into it.
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let text = str::from_utf8(line).map_err(|_| failed(&"it is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}
