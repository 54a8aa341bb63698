//! What `api` sends: a method, an address under the base URL, and data.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pan123_token_ureq::BaseUrl;
use pan123_token_ureq::http::{Method, Uri};
use pan123_token_ureq::pan123_token::Origins;

use crate::failure::Failure;
use crate::files;

/// One of the two words that say what is called.
#[derive(Clone)]
pub(crate) enum Target {
    Method(Method),
    /// From the first slash on, or a whole URL.
    Path(String),
}

impl Target {
    const METHODS: [Method; 7] = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];

    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let method = |known: &Method| known.as_str().eq_ignore_ascii_case(text);
        if let Some(method) = Self::METHODS.into_iter().find(method) {
            return Ok(Self::Method(method));
        }
        let is_url = text.contains("://");
        if text.contains('#') {
            Err("a path has no fragment (#…)")
        } else if text.starts_with("//") || !is_url && !text.starts_with('/') {
            Err(
                "a method (GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS), and a path that begins with one slash",
            )
        } else {
            Ok(Self::Path(text.to_owned()))
        }
    }
}

/// The method and the whole address.
pub(super) fn of(
    first: &Target,
    second: Option<&Target>,
    data: Option<&Data>,
    base_url: &BaseUrl,
) -> Result<(Method, Uri), Failure> {
    let (method, path) = match (first, second) {
        (Target::Path(path), None) => {
            let method = data.map_or(Method::GET, |_| Method::POST);
            (method, path)
        }
        (Target::Method(method), Some(Target::Path(path))) => (method.clone(), path),
        _ => {
            return Err(Failure::usage(
                "api takes a method and a path, or a path alone: api POST /api/v1/share/create",
            ));
        }
    };
    if data.is_some() && [Method::GET, Method::HEAD, Method::OPTIONS].contains(&method) {
        return Err(Failure::usage(format_args!(
            "{method} takes no --data; what it asks for stands in the path: /path?name=value"
        )));
    }
    let text = if path.starts_with('/') {
        format!("{base_url}{path}")
    } else {
        path.clone()
    };
    let uri: Uri = escaped(&text).parse().map_err(|_| {
        Failure::usage("the path is none of a URL; what is special in it must be percent-encoded")
    })?;
    if !Origins::of(base_url).contains(&uri) {
        return Err(Failure::usage(format_args!(
            "the token goes to {base_url} alone: give a path, or --base-url"
        )));
    }
    Ok((method, uri))
}

/// Names of files in a query, say, as they may stand in a URL.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

/// What is sent.
#[derive(Clone)]
pub(crate) enum Data {
    File(PathBuf),
    Json(String),
}

impl Data {
    /// More is for uploads, which have hosts of their own.
    const MAX_BYTES: usize = 64 << 20;

    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        match text.strip_prefix('@') {
            Some("") => Err("@ is followed by the name of a file, or by - for stdin"),
            Some(path) => Ok(Self::File(path.into())),
            None if is_json(text.as_bytes()) => Ok(Self::Json(text.to_owned())),
            None => Err("@FILE, @- for stdin, or JSON"),
        }
    }

    pub(super) fn is_on_stdin(&self) -> bool {
        matches!(self, Self::File(path) if path == Path::new("-"))
    }

    pub(super) fn read(&self, timeout: Duration) -> Result<Vec<u8>, Failure> {
        let path = match self {
            Self::Json(json) => return Ok(json.clone().into_bytes()),
            Self::File(path) => path,
        };
        let bytes = if self.is_on_stdin() {
            files::read_to_end(io::stdin(), Self::MAX_BYTES)
        } else {
            files::read(path, Self::MAX_BYTES, timeout)
        };
        let failed = |why: &dyn std::fmt::Display| {
            Failure::usage(format_args!(
                "can't read the data from {}: {why}",
                path.display()
            ))
        };
        let bytes = bytes.map_err(|error| failed(&error))?;
        if bytes.len() > Self::MAX_BYTES {
            return Err(failed(&"it has more than 64 MiB"));
        }
        Ok(bytes.to_vec())
    }
}

pub(super) fn is_json(data: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
}
