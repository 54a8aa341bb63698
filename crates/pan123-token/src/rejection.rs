//! The platform's verdict on a token, as it comes back from a business call.

use std::{fmt, mem};

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use crate::envelope::Reply;

/// The code of a rejection.
const REJECTED: i64 = 401;

/// The largest body that a [`RejectionWatch`] takes for a rejection: 4 KiB, inclusive. Published ones have some 200 bytes.
pub const MAX_REJECTION_BYTES: usize = 4 * 1024;

/// Whether a business call was refused because of its token: invalid, expired, or taken offline by newer ones.
///
/// True for an envelope with code 401, whatever the status (the platform is seen to send it with HTTP 200 and with HTTP
/// 401), and for HTTP 401 without a body. A page with HTTP 401 is taken for a proxy's, and says nothing about the token.
/// The message is not looked at: its wording varies.
pub fn token_rejected(response: &Response<impl AsRef<[u8]>>) -> bool {
    let body = response.body().as_ref();
    if body.is_empty() {
        return response.status() == StatusCode::UNAUTHORIZED;
    }
    Reply::read(body).code() == Some(REJECTED)
}

/// The verdict of [`token_rejected`] on a reply whose body passes by in chunks, for whoever may neither hold it up nor
/// keep it.
///
/// For a body of at most [`MAX_REJECTION_BYTES`] the verdict is the same, however the body is cut. A longer one is no
/// rejection. The watch copies no more than that, and only of a body that begins as a JSON object does; from the first
/// byte that rules a rejection out, it keeps nothing and a chunk costs nothing.
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
/// watch.push(b"\x89PNG");
/// assert!(!watch.wants_more());
/// ```
///
/// # A body that doesn't come whole
///
/// Where a body broke off, or nobody read it to its end, drop the watch: only the whole body is a verdict. Whoever knows
/// by other means that the last chunk has come may [`finish`](Self::finish) at once.
pub struct RejectionWatch {
    unauthorized: bool,
    may_be_read_ahead: bool,
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
        let unauthorized = response.status() == StatusCode::UNAUTHORIZED;
        let fits = length.map(|length| length <= MAX_REJECTION_BYTES as u64);
        Self {
            unauthorized,
            may_be_read_ahead: length == Some(0)
                || fits == Some(true) && is_json(response.headers()),
            // The reply to a HEAD may tell the length of a body that doesn't come.
            seen: if fits == Some(false) && !unauthorized {
                Seen::NoRejection
            } else {
                Seen::Nothing
            },
        }
    }

    /// Whether the body may be read before the reply is passed on, to decide about a repetition: it is empty, or is
    /// announced as JSON (`application/json`, `…+json`) of a known length up to [`MAX_REJECTION_BYTES`].
    ///
    /// Read no further than the watch [wants](Self::wants_more): what comes may be longer than was announced, when a
    /// client undoes a compression, say.
    pub fn may_be_read_ahead(&self) -> bool {
        self.may_be_read_ahead
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
        let (mut object, bytes) = match mem::replace(&mut self.seen, Seen::NoRejection) {
            Seen::Nothing => (Vec::new(), 0),
            Seen::Candidate { object, bytes } => (object, bytes),
            Seen::NoRejection => return,
        };
        let bytes = bytes + chunk.len();
        let piece = if object.is_empty() {
            trim_blanks(chunk)
        } else {
            chunk
        };
        let begins_otherwise =
            object.is_empty() && piece.first().is_some_and(|first| *first != b'{');
        if bytes > MAX_REJECTION_BYTES || begins_otherwise {
            return;
        }
        // One chunk is the usual case. From the second on, there is room for all that may come.
        let room = if object.is_empty() {
            piece.len()
        } else {
            MAX_REJECTION_BYTES - object.len()
        };
        object.reserve_exact(room);
        object.extend_from_slice(piece);
        self.seen = Seen::Candidate { object, bytes };
    }

    /// The verdict, now that the whole body has passed by.
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
        let (half, blanks) = ([b'{'; 2048], [b' '; 2048]);
        assert_eq!(copied(&[b"  {}"]), [2]);
        assert_eq!(copied(&[b" ", b"{", b"}", b" "]), [0, 1, 4096, 4096]);
        assert_eq!(copied(&[&half, &half]), [2048, 4096]);
        assert_eq!(copied(&[&blanks, &half]), [0, 2048]);
        assert_eq!(copied(&[&half, &half, b"}"]), [2048, 4096, 0]);
        assert_eq!(copied(&[b"<html>", b"{"]), [0, 0]);
    }
}
