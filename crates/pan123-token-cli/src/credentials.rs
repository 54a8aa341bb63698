//! Where the client ID and the client secret come from.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pan123_token_ureq::Credentials;
use zeroize::Zeroizing;

use crate::arguments::{Place, Secret};
use crate::environment::{option_or_env, path_or_env};
use crate::failure::Failure;
use crate::files;

pub(crate) fn read(secret: &Secret, place: &Place) -> Result<Credentials, Failure> {
    let client_id = place.client_id()?;
    let client_secret = match secret.source()? {
        Source::Environment(secret) => secret,
        Source::File(path) => read_secret(&path, place.timeout)?,
    };
    Credentials::new(client_id, &**client_secret).map_err(Failure::credentials)
}

enum Source {
    Environment(Zeroizing<String>),
    File(PathBuf),
}

impl Secret {
    fn source(&self) -> Result<Source, Failure> {
        if let Some(path) = &self.client_secret_file {
            return Ok(Source::File(path.clone()));
        }
        if let Some(secret) = option_or_env(None, "PAN123_CLIENT_SECRET")? {
            return Ok(Source::Environment(Zeroizing::new(secret)));
        }
        let path = path_or_env(None, "PAN123_CLIENT_SECRET_FILE");
        path.map(Source::File).ok_or_else(|| {
            Failure::credentials(
                "no client secret: set PAN123_CLIENT_SECRET, or give --client-secret-file",
            )
        })
    }

    /// Whether it is read from stdin.
    pub(crate) fn is_on_stdin(&self) -> bool {
        matches!(self.source(), Ok(Source::File(path)) if is_stdin(&path))
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The file's content without the line break at its end.
fn read_secret(path: &Path, timeout: Duration) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: &dyn Display| {
        Failure::credentials(format_args!(
            "can't read the client secret from {}: {error}",
            path.display()
        ))
    };
    // A mark and a line break may stand around it.
    let limit = Credentials::MAX_BYTES + 5;
    let secret = if is_stdin(path) {
        // Someone may be typing it.
        files::read_to_end(io::stdin(), limit)
    } else {
        files::read(path, limit, timeout)
    };
    let secret = secret.map_err(|error| failed(&error))?;
    if secret.len() > limit {
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
