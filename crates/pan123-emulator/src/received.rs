//! What was received, for tests to look at.

use std::collections::VecDeque;
use std::fmt;

/// Requests kept at most.
const KEPT_REQUESTS: usize = 4_096;

/// Bytes kept at most: targets, headers and bodies together.
const KEPT_BYTES: usize = 16 << 20;

/// A request as it was received. Examples are in the [crate's documentation](crate) and with
/// [`Builder::route`](crate::Builder::route).
///
/// [`Debug`](fmt::Debug) shows neither the body nor the values of `Authorization`, `Proxy-Authorization` and `Cookie`.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The method, such as `POST`.
    pub method: String,
    /// The target as sent, query included: usually a path, but a whole URL if the client takes the emulator for a
    /// proxy. Over HTTP/2 the path and query.
    pub target: String,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// Names, in lower case, and values; in the order received, except that equal names stand together. Bytes that are
    /// not UTF-8 are replaced by U+FFFD.
    pub headers: Vec<(String, String)>,
    /// The body; empty if it was too large (more than 64 KiB), broke off or took too long. What the upload host got is in
    /// [`Emulator::uploads`](crate::Emulator::uploads), also where it was larger.
    pub body: Vec<u8>,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Whether it came to the upload host's port ([`Emulator::upload_url`](crate::Emulator::upload_url)).
    pub upload_host: bool,
}

impl Received {
    /// The value of the first header of this name, which is compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// The values of all headers of this name.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(k, v)| k.len() + v.len());
        self.target.len() + headers.sum::<usize>() + self.body.len()
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = ["authorization", "proxy-authorization", "cookie"];
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| {
                let hide = secret.contains(&name.as_str());
                (name.as_str(), if hide { "[redacted]" } else { value })
            })
            .collect();
        f.debug_struct("Received")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("version", &self.version)
            .field("headers", &headers)
            .field("body", &format_args!("[{} bytes]", self.body.len()))
            .field("tls", &self.tls)
            .field("upload_host", &self.upload_host)
            .finish()
    }
}

/// Bytes of a body that is kept.
const KEPT_BODY_BYTES: usize = 64 << 10;

/// The requests kept, the newest ones within [`KEPT_REQUESTS`] and [`KEPT_BYTES`].
#[derive(Default)]
pub(crate) struct Log {
    kept: VecDeque<Received>,
    bytes: usize,
}

impl Log {
    pub(crate) fn push(&mut self, mut request: Received) {
        if request.body.len() > KEPT_BODY_BYTES {
            request.body = Vec::new();
        }
        self.bytes += request.size();
        self.kept.push_back(request);
        while self.kept.len() > KEPT_REQUESTS || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= oldest.size();
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Received> {
        self.kept.iter()
    }

    pub(crate) fn to_vec(&self) -> Vec<Received> {
        self.kept.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, body: Vec<u8>) -> Received {
        Received {
            method: "POST".to_owned(),
            target: target.to_owned(),
            version: "HTTP/1.1".to_owned(),
            headers: vec![
                ("authorization".to_owned(), "Bearer eyJsecret".to_owned()),
                ("platform".to_owned(), "open_platform".to_owned()),
            ],
            body,
            tls: false,
            upload_host: false,
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", request("/x", b"clientSecret".to_vec()));
        assert!(!shown.contains("eyJsecret"), "{shown}");
        assert!(!shown.contains("clientSecret"), "{shown}");
        assert!(shown.contains("open_platform"), "{shown}");
        assert!(shown.contains("[12 bytes]"), "{shown}");
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let request = request("/x", Vec::new());
        assert_eq!(request.header("Platform"), Some("open_platform"));
        assert_eq!(request.header("date"), None);
    }

    #[test]
    fn the_oldest_requests_are_forgotten() {
        let mut log = Log::default();
        for n in 0..5_000 {
            log.push(request(&n.to_string(), Vec::new()));
        }
        let kept = log.to_vec();
        assert_eq!(kept.len(), 4_096);
        assert_eq!(kept[0].target, "904");
        assert_eq!(kept[4_095].target, "4999");
    }

    #[test]
    fn a_large_body_is_not_kept() {
        let mut log = Log::default();
        log.push(request("/a", vec![b'x'; 64 << 10]));
        log.push(request("/b", vec![b'x'; (64 << 10) + 1]));
        let lengths: Vec<usize> = log.iter().map(|it| it.body.len()).collect();
        assert_eq!(lengths, [64 << 10, 0]);
    }

    #[test]
    fn the_bytes_kept_are_bounded_too() {
        let mut log = Log::default();
        for n in 0..300 {
            log.push(request(&n.to_string(), vec![b'x'; 64 << 10]));
        }
        let kept = log.to_vec();
        assert_eq!(kept.len(), 255);
        assert_eq!(kept[254].target, "299");
        assert!(log.bytes <= KEPT_BYTES);
    }
}
