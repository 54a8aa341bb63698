//! What must hold of telling whether an API call's reply rejects its token: whole, and as it passes by in any pieces.
//!
//! An input is five parts with a line break between them: status, `Content-Type`, the length that the client knows, the
//! sizes of the pieces, body. A digit is a piece of so many bytes, a letter one of 16 for `a` and as many more for each
//! that follows; `*` begins anew; what is left comes in one piece.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use pan123_token::{MAX_REJECTION_BYTES, RejectionWatch, token_rejected, token_rejected_parts};

use crate::judge::{may_yet_reject, rejects};

/// Beyond so many pieces not each is looked into.
const MANY_PIECES: usize = 64;

/// Panics where what is said of the reply breaks a rule.
pub fn check(input: &[u8]) {
    let mut parts = input.splitn(5, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (status, media_type, length, sizes, body) = (part(), part(), part(), part(), part());
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_bytes(status).unwrap_or_default();
    if let (false, Ok(value)) = (media_type.is_empty(), HeaderValue::from_bytes(media_type)) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    let length = str::from_utf8(length).ok().and_then(|it| it.parse().ok());

    let unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    let rejected = rejects(response.status().as_u16(), body);
    assert_eq!(token_rejected(&response), rejected);
    assert_eq!(token_rejected_parts(response.status(), body), rejected);

    let too_long = length.is_some_and(|length: u64| length > 4096);
    let expected = match body {
        // The reply to a HEAD may give the length of a body that doesn't come.
        b"" => unauthorized,
        body => rejected && body.len() <= 4096 && !too_long,
    };
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(is_json);
    for pieces in [pieces(sizes, body), vec![body], body.chunks(1).collect()] {
        let mut watch = RejectionWatch::new(&response, length);
        let (mut seen, mut count) = (0, 0);
        let open = !too_long || unauthorized;
        check_wants(&watch, open, open, unauthorized || is_json);
        for piece in pieces {
            watch.push(piece);
            seen += piece.len();
            count += usize::from(!piece.is_empty());
            // It must be wanted if it becomes a rejection, and must not where that is plain to see.
            let few = count <= MANY_PIECES && seen <= MAX_REJECTION_BYTES;
            let closed = seen > MAX_REJECTION_BYTES
                || few && seen > 0 && (too_long || !may_yet_reject(&body[..seen]));
            let must = expected || seen == 0 && open;
            check_wants(&watch, must, !closed, unauthorized || is_json);
        }
        let shown = format!("{watch:?}");
        assert!(!shown.contains("code"), "what passed by is shown");
        assert_eq!(watch.finish(), expected, "in pieces");
    }
}

fn check_wants(watch: &RejectionWatch, must: bool, may: bool, reads_ahead: bool) {
    let wants = watch.wants_more();
    assert!(wants || !must, "it gave up too early");
    assert!(!wants || may, "it wants more of what can't be a rejection");
    assert_eq!(
        watch.may_be_read_ahead(),
        wants && reads_ahead,
        "reading ahead"
    );
}

/// `application/json`, or what is like it: `…/json`, `…+json`.
fn is_json(value: &HeaderValue) -> bool {
    let Ok(value) = str::from_utf8(value.as_bytes()) else {
        return false;
    };
    let visible = value
        .bytes()
        .all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    let essence = value.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    visible && (essence.ends_with("/json") || essence.ends_with("+json"))
}

fn pieces<'a>(sizes: &[u8], mut body: &'a [u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let repeats = sizes.contains(&b'*');
    let sizes: Vec<_> = sizes.iter().take_while(|byte| **byte != b'*').collect();
    let used: usize = sizes.iter().map(|byte| size(**byte)).sum();
    loop {
        for byte in &sizes {
            let (piece, rest) = body.split_at(size(**byte).min(body.len()));
            pieces.push(piece);
            body = rest;
        }
        if !repeats || used == 0 || body.is_empty() {
            pieces.push(body);
            return pieces;
        }
    }
}

fn size(byte: u8) -> usize {
    match byte {
        b'0'..=b'9' => usize::from(byte - b'0'),
        b'a'..=b'z' => 16 * usize::from(byte - b'a' + 1),
        byte => usize::from(byte) * 8,
    }
}
