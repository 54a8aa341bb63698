//! The reply to an API call, and whether its token was rejected: read ahead where that is allowed, or watched as it passes.

use std::io::{self, Cursor, Read};

use pan123_token::http::header::CONTENT_LENGTH;
use pan123_token::http::{Method, Response};
use pan123_token::{AccessToken, MAX_REJECTION_BYTES, RejectionWatch};
use ureq::{Body, BodyBuilder, BodyReader};

use crate::TokenProvider;

/// Hands the reply on, and says whether its token was rejected. Where that shows only later, it is reported when the body
/// has been read.
pub(crate) fn watch(
    response: Response<Body>,
    method: &Method,
    provider: &TokenProvider,
    token: &AccessToken,
) -> (Response<Body>, bool) {
    let length = length(&response, method);
    let mut watch = RejectionWatch::new(&response, length);
    if !watch.wants_more() {
        return (response, false);
    }
    let (head, body) = response.into_parts();
    let like = alike(&body);
    let mut reader = body.into_reader();
    if !watch.may_be_read_ahead() {
        let body = like.reader(WatchedBody {
            reader,
            watching: Some((watch, provider.clone(), token.clone())),
        });
        return (Response::from_parts(head, body), false);
    }

    // A short one is read whole, so that the caller sees its length.
    let short = length.is_some_and(|length| length <= MAX_REJECTION_BYTES as u64);
    let mut bytes = Vec::new();
    let (body, rejected) = match read_ahead(&mut reader, &mut watch, &mut bytes, short) {
        // It broke off: the reader shall see that where it happened.
        Err(error) => {
            let broken_off = BrokenOff(Some(error));
            (like.reader(Cursor::new(bytes).chain(broken_off)), false)
        }
        Ok(false) => (like.reader(Cursor::new(bytes).chain(reader)), false),
        Ok(true) => (like.data(bytes), watch.finish()),
    };
    if rejected {
        provider.reject(token);
    }
    (Response::from_parts(head, body), rejected)
}

/// Reads as long as there may be a rejection. True if that was all of the body.
fn read_ahead(
    reader: &mut impl Read,
    watch: &mut RejectionWatch,
    bytes: &mut Vec<u8>,
    short: bool,
) -> io::Result<bool> {
    let mut buffer = [0; MAX_REJECTION_BYTES];
    while watch.may_be_read_ahead() || short && bytes.len() <= MAX_REJECTION_BYTES {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(read) => {
                watch.push(&buffer[..read]);
                bytes.extend_from_slice(&buffer[..read]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// The length of the body, as far as it is known.
fn length(response: &Response<Body>, method: &Method) -> Option<u64> {
    if method == Method::HEAD {
        return Some(0);
    }
    response.body().content_length().or_else(|| {
        // An empty body has none, according to ureq.
        let header = response.headers().get(CONTENT_LENGTH)?;
        header.to_str().ok()?.parse().ok()
    })
}

/// A body that is read as the original would be read.
fn alike(body: &Body) -> BodyBuilder {
    let mut builder = Body::builder();
    let mime_type = body.mime_type().unwrap_or_default();
    if !mime_type.is_empty() {
        builder = builder.mime_type(mime_type);
    }
    match body.charset() {
        // With ureq's feature `charset`, text comes out of the original in UTF-8. It must not be converted once more.
        Some(charset) if !mime_type.starts_with("text/") => builder.charset(charset),
        _ => builder,
    }
}

struct WatchedBody {
    reader: BodyReader<'static>,
    /// As long as there may be something to report.
    watching: Option<(RejectionWatch, TokenProvider, AccessToken)>,
}

impl Read for WatchedBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer);
        let Some((mut watch, provider, token)) = self.watching.take() else {
            return read;
        };
        // After an error the watch is dropped, even if a caller reads on, and then finds an end.
        if let Ok(bytes) = read {
            watch.push(&buffer[..bytes]);
            if bytes == 0 && !buffer.is_empty() {
                if watch.finish() {
                    provider.reject(&token);
                }
            } else if watch.wants_more() {
                self.watching = Some((watch, provider, token));
            }
        }
        read
    }
}

/// The error that a body broke off with, once.
struct BrokenOff(Option<io::Error>);

impl Read for BrokenOff {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
