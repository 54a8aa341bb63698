//! Whether an API call was refused because of its token.

use std::{fmt, mem};

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use crate::envelope::{Reply, may_have_code};

/// The code of a rejection.
const REJECTED: i64 = 401;

/// The largest body that a [`RejectionWatch`] takes for a rejection: 4 KiB, inclusive. Published ones have some 200 bytes.
pub const MAX_REJECTION_BYTES: usize = 4 * 1024;

/// More chunks than a real rejection comes in.
const MANY_CHUNKS: usize = 64;

/// Whether an API call was refused because of its token: invalid, expired, or taken offline by newer ones.
///
/// ```
/// use pan123_token::token_rejected;
///
/// let reply = r#"{"code":401,"message":"tokens number has exceeded the limit","data":null}"#;
/// assert!(token_rejected(&http::Response::new(reply)));
/// assert!(!token_rejected(&http::Response::new(r#"{"code":0,"message":"ok","data":{}}"#)));
///
/// let page = http::Response::builder().status(401).body("<html>…</html>")?;
/// assert!(!token_rejected(&page));
/// # Ok::<(), http::Error>(())
/// ```
///
/// True for an envelope with code 401, whatever the status (the platform is seen to send it with HTTP 200 and with HTTP
/// 401), and for HTTP 401 without a body. A page with HTTP 401 is taken for a proxy's, and says nothing about the token.
/// The message is not looked at: its wording varies.
pub fn token_rejected(response: &Response<impl AsRef<[u8]>>) -> bool {
    token_rejected_parts(response.status(), response.body().as_ref())
}

/// [`token_rejected`], which has an example, for a reply in parts.
///
/// The same for a client with response types of its own. No header bears on it.
pub fn token_rejected_parts(status: StatusCode, body: &[u8]) -> bool {
    if body.is_empty() {
        return status == StatusCode::UNAUTHORIZED;
    }
    // The beginning rules nearly every reply out, however long it is.
    let beginning = &body[..body.len().min(MAX_REJECTION_BYTES)];
    may_have_code(REJECTED, beginning) && Reply::read(body).code() == Some(REJECTED)
}

/// [`token_rejected`] for a reply whose body passes by in chunks, for a client that neither holds it up nor keeps it.
///
/// For a body of at most [`MAX_REJECTION_BYTES`] the answer is the same, however the body is cut. A longer one is no
/// rejection. The watch copies no more than that, and only of a body that begins as a JSON object whose `code` is still
/// open, or is 401; from the first byte that rules a rejection out, it keeps nothing and a chunk costs nothing.
///
/// ```
/// use pan123_token::RejectionWatch;
///
/// let chunks = [r#"{"code":401,"mess"#, r#"age":"token is expired"}"#];
/// let mut watch = RejectionWatch::new(&http::Response::new(()), None);
/// for chunk in chunks {
///     watch.push(chunk.as_bytes());
/// }
/// assert!(watch.finish());
///
/// let mut watch = RejectionWatch::new(&http::Response::new(()), None);
/// watch.push(br#"{"code":0,"message":"ok","data":"#);
/// assert!(!watch.wants_more());
/// ```
///
/// # Reading ahead
///
/// A client that wants to send a refused call once more reads the body before it passes the reply on, as long as it
/// [may](Self::may_be_read_ahead):
///
/// ```
/// # use pan123_token::RejectionWatch;
/// # let response = http::Response::builder().header("content-type", "application/json").body(())?;
/// # let mut body = [&br#"{"code":"#[..], br#"401}"#].into_iter();
/// let mut watch = RejectionWatch::new(&response, None);
/// let mut ahead = Vec::new();
/// let rejected = loop {
///     if !watch.may_be_read_ahead() {
///         break false;
///     }
///     let Some(chunk) = body.next() else { break watch.finish() };
///     watch.push(chunk);
///     ahead.extend_from_slice(chunk);
/// };
/// assert!(rejected);
/// # Ok::<(), http::Error>(())
/// ```
///
/// # A body that doesn't come whole
///
/// Where a body broke off, or was not read to its end, drop the watch: only the whole body says anything. A client that
/// knows by other means that the last chunk has come may [`finish`](Self::finish) at once.
pub struct RejectionWatch {
    unauthorized: bool,
    is_json: bool,
    /// Longer than a rejection, if it comes at all.
    too_long: bool,
    seen: Seen,
}

enum Seen {
    Nothing,
    /// What may be a rejection.
    Candidate {
        /// Without the blanks before it; so it is empty, or begins with a brace.
        object: Vec<u8>,
        /// How much came, blanks included.
        bytes: usize,
        /// In how many chunks.
        chunks: usize,
    },
    /// What is none, whatever still comes.
    NoRejection,
}

impl RejectionWatch {
    /// Begins with the head of a reply. Its body is not looked at, and may be anything.
    ///
    /// `length` is the body's, in bytes, as far as the client knows it (`size_hint().exact()` of an
    /// `http_body::Body`, `content_length()` of ureq's). A hint: a body that turns out otherwise does no harm.
    pub fn new<B>(response: &Response<B>, length: Option<u64>) -> Self {
        Self::of_parts(response.status(), response.headers(), length)
    }

    /// The same for a client with response types of its own.
    pub fn of_parts(status: StatusCode, headers: &HeaderMap, length: Option<u64>) -> Self {
        let unauthorized = status == StatusCode::UNAUTHORIZED;
        let too_long = length.is_some_and(|length| length > MAX_REJECTION_BYTES as u64);
        Self {
            unauthorized,
            is_json: is_json(headers),
            too_long,
            // The reply to a HEAD may give the length of a body that doesn't come.
            seen: if too_long && !unauthorized {
                Seen::NoRejection
            } else {
                Seen::Nothing
            },
        }
    }

    /// Whether more of the body may be read before the reply is passed on, to decide about a retry: its status is 401, or
    /// it is announced as JSON (`application/json`, `…+json`); and it can still become a rejection.
    ///
    /// So a client waits for no more than the `code` of a reply, which the platform writes first, and holds at most
    /// [`MAX_REJECTION_BYTES`] and one chunk.
    pub fn may_be_read_ahead(&self) -> bool {
        self.wants_more() && (self.unauthorized || self.is_json)
    }

    /// Whether it can still become a rejection. Once it can't, chunks need not be pushed any more.
    pub fn wants_more(&self) -> bool {
        !matches!(self.seen, Seen::NoRejection)
    }

    /// Takes note of the next piece of the body, which may be empty.
    pub fn push(&mut self, chunk: &[u8]) {
        if chunk.is_empty() {
            return;
        }
        let (mut object, bytes, chunks) = match mem::replace(&mut self.seen, Seen::NoRejection) {
            Seen::Nothing => (Vec::new(), 0, 0),
            Seen::Candidate {
                object,
                bytes,
                chunks,
            } => (object, bytes, chunks),
            Seen::NoRejection => return,
        };
        let (bytes, chunks) = (bytes + chunk.len(), chunks + 1);
        if self.too_long || bytes > MAX_REJECTION_BYTES {
            return;
        }
        let piece = if object.is_empty() {
            trim_blanks(chunk)
        } else {
            // One chunk is the usual case. From the second on, there is room for all that may come.
            object.reserve_exact(MAX_REJECTION_BYTES - object.len());
            object.extend_from_slice(chunk);
            &object
        };
        // Each time all of it is read. So not each time, where a body comes in very small chunks.
        let asks = chunks <= MANY_CHUNKS || chunks % MANY_CHUNKS == 0;
        if asks && !piece.is_empty() && !may_have_code(REJECTED, piece) {
            return;
        }
        if object.is_empty() {
            object = piece.to_vec();
        }
        self.seen = Seen::Candidate {
            object,
            bytes,
            chunks,
        };
    }

    /// Whether it is a rejection, now that the whole body has passed by.
    pub fn finish(self) -> bool {
        match self.seen {
            Seen::Nothing => self.unauthorized,
            Seen::Candidate { object, .. } => Reply::read(&object).code() == Some(REJECTED),
            Seen::NoRejection => false,
        }
    }
}

impl fmt::Debug for RejectionWatch {
    /// Without what passed by: it is the caller's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RejectionWatch")
            .field("wants_more", &self.wants_more())
            .finish_non_exhaustive()
    }
}

/// Without the blanks that may stand before a JSON text. They are fewer than those of ASCII.
fn trim_blanks(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let start = text.iter().position(|byte| !blank(byte));
    &text[start.unwrap_or(text.len())..]
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::to_str);
    let Some(Ok(media_type)) = media_type else {
        return false;
    };
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let (_, format) = essence.rsplit_once(['/', '+']).unwrap_or_default();
    format.eq_ignore_ascii_case("json")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes the copy takes after each chunk.
    fn copied(chunks: &[&[u8]]) -> Vec<usize> {
        let mut watch = RejectionWatch::new(&Response::new(()), None);
        let mut copied = |chunk: &&[u8]| {
            watch.push(chunk);
            match &watch.seen {
                Seen::Candidate { object, .. } => object.capacity(),
                _ => 0,
            }
        };
        chunks.iter().map(&mut copied).collect()
    }

    #[test]
    fn the_copy_takes_what_came_at_first_and_then_at_most_the_limit() {
        let (start, more, blanks) = (&start_of_a_string(2048)[..], [b'a'; 2048], [b' '; 2048]);
        assert_eq!(copied(&[b"  {\""]), [2]);
        assert_eq!(copied(&[b" ", b"{", b"\"", b" "]), [0, 1, 4096, 4096]);
        assert_eq!(copied(&[start, &more]), [2048, 4096]);
        assert_eq!(copied(&[&blanks, start]), [0, 2048]);
        assert_eq!(copied(&[start, &more, b"}"]), [2048, 4096, 0]);
        assert_eq!(copied(&[b"<html>", b"{"]), [0, 0]);
        // Nothing of what can't be one.
        assert_eq!(copied(&[b"{\"code\":0,", b"{"]), [0, 0]);
        assert_eq!(copied(&[b"{\"code\":", b"0,"]), [8, 0]);
    }

    fn start_of_a_string(bytes: usize) -> Vec<u8> {
        let mut start = br#"{""#.to_vec();
        start.resize(bytes, b'a');
        start
    }
}
