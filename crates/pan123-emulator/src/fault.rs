//! Faults: what one token request gets instead of normal service.

mod specification;

use std::time::Duration;

pub use specification::FaultError;

/// What one token request gets instead of normal service.
///
/// ```
/// use std::time::Duration;
///
/// use pan123_emulator::{Emulator, Fault, WrongDate};
///
/// let late: Fault = "delay:500ms".parse()?;
/// assert_eq!(late, Fault::Delay(Duration::from_millis(500)));
/// assert_eq!(Fault::Date(WrongDate::Missing).to_string(), "date:none");
/// assert!("delay:soon".parse::<Fault>().is_err());
///
/// // The first reply is late, and all further requests get HTTP 503.
/// let emulator = Emulator::builder().fault(late).always(Fault::Status(503)).start()?;
/// assert_eq!(emulator.faults_left(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Any `POST` on the token's path uses up one fault of the script. Faults that alter a *normal reply* pass the request
/// through normal service first: a request without its headers or with a wrong secret is refused as ever, and a good one
/// has its token issued, which takes one of the client's places even if the client never gets to read it. The other
/// faults answer whatever was asked and count towards no rate limit.
///
/// Delays pass in real time, not by the emulator's clock.
///
/// A specification, as [`FromStr`](std::str::FromStr) reads and [`Display`](std::fmt::Display) writes it (durations as for
/// [`parse_duration`](crate::parse_duration)):
///
#[doc = include_str!("faults.md")]
///
/// [`Fault::list`] has the same as plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `normal`: no fault; for scripts in which faults come later.
    Normal,
    /// `delay:DURATION`: the request is served at once, and the reply held back so long.
    Delay(Duration),
    /// `drip:DURATION`: the header at once, then one byte of the body at a time, so far apart.
    Drip(Duration),
    /// `truncate`: the connection ends after half of the announced body.
    Truncate,
    /// `gzip`: a compressed body, though the request did not ask for it.
    Gzip,
    /// `oversize:BYTES`: a normal envelope with a field more, padded to exactly so many bytes. It is no shorter than a
    /// normal reply and no longer than 1 GiB.
    Oversize(u64),
    /// `date:…`: a `Date` header that is wrong.
    Date(WrongDate),
    /// `reset`: a TCP reset instead of a reply.
    Reset,
    /// `close`: the end of the connection instead of a reply.
    Close,
    /// `status:NNN`: an HTML page with this HTTP status.
    Status(u16),
    /// `gateway:NNN`: Kong's JSON without a `code`, with this HTTP status.
    Gateway(u16),
    /// `code:N`: an envelope with this code, `data` null, and HTTP status 200.
    Code(i64),
    /// `retry-after:VALUE`: HTTP 429 with this header. The value is sent as given, valid or not.
    RetryAfter(String),
    /// `redirect:…`: a redirect.
    Redirect {
        /// The HTTP status, one of 301, 302, 303, 307, 308.
        status: u16,
        /// The `Location`; without one, a path of this emulator that hands out a token that it never issued, and counts
        /// ([`Emulator::redirects_followed`](crate::Emulator::redirects_followed)).
        location: Option<String>,
    },
    /// `echo`: an envelope whose message repeats the request body, secret included. A client must not pass that on.
    Echo,
    /// `no-platform`: the reply to a request without the `Platform` header.
    NoPlatform,
    /// `string-code`: the load balancer's refusal, whose code is a string.
    StringCode,
    /// `realc`: the content network's refusal.
    Realc,
    /// `empty-token`: `accessToken` is an empty string.
    EmptyToken,
    /// `null-token`: `accessToken` is null.
    NullToken,
    /// `no-token`: `accessToken` is missing.
    NoToken,
    /// `null-data`: code 0 and `data` null.
    NullData,
    /// `no-expiry`: `expiredAt` is missing.
    NoExpiry,
    /// `bad-expiry`: `expiredAt` is no date.
    BadExpiry,
    /// `zoneless-expiry`: `expiredAt` has no zone and means UTC+8.
    ZonelessExpiry,
    /// `utc-expiry`: `expiredAt` is in UTC.
    UtcExpiry,
    /// `expired`: the token had expired before it was issued.
    Expired,
    /// `same-token`: the newest live token again.
    SameToken,
    /// `extended-token`: the newest live token again, with a later expiry.
    ExtendedToken,
    /// `string-zero`: success with the code `"0"`.
    StringZero,
    /// `bare`: success without message and trace id.
    Bare,
    /// `nulls`: success with message and trace id null.
    Nulls,
    /// Any reply. It has no specification; displayed as `raw:STATUS`.
    Raw {
        /// The HTTP status, 200 to 999. Anything else, like a header that HTTP can't carry, gets the client a 500 that
        /// says so.
        status: u16,
        /// Names and values. A `Date` is added unless there is one.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
}

/// How a `Date` header is wrong. An example is with [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WrongDate {
    /// Later than the emulator's clock by this much.
    Ahead(Duration),
    /// Earlier than the emulator's clock by this much, but not before 1970.
    Behind(Duration),
    /// There is none.
    Missing,
    /// It is no date.
    Garbage,
}
