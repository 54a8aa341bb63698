//! Faults: what one token request gets instead of normal service, and how a command line spells it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::duration::{Spelled, parse_duration};

/// The longest body that [`Fault::Oversize`] makes: 1 GiB.
const OVERSIZE_MAX: u64 = 1 << 30;

/// The redirects that HTTP clients follow.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// What one token request gets instead of normal service.
///
/// Any `POST` on the token's path uses up one fault of the script. Faults that alter a *normal reply* pass the request
/// through normal service first: a request without its headers or with a wrong secret is refused as ever, and a good one
/// has its token issued, which takes one of the client's places even if the client never gets to read it. The other
/// faults answer whatever was asked and count towards no rate limit.
///
/// Delays pass in real time, not by the emulator's clock.
///
/// A specification, as [`FromStr`] reads and [`Display`](fmt::Display) writes it (durations as for
/// [`parse_duration`]):
///
#[doc = include_str!("faults.md")]
///
/// The same table is [`Fault::TABLE`].
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
    /// `gzip`: a compressed body that nobody asked for.
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
    /// `retry-after:VALUE`: HTTP 429 with this header. The value is sent as it is, be it sensible or not.
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
    /// `expired`: the token was over before it was issued.
    Expired,
    /// `same-token`: the newest live token again.
    SameToken,
    /// `extended-token`: the newest live token again, with a later end.
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

/// How a `Date` header is wrong.
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

/// The faults that one word says in full.
static WORDS: [(&str, Fault); 23] = [
    ("normal", Fault::Normal),
    ("truncate", Fault::Truncate),
    ("gzip", Fault::Gzip),
    ("reset", Fault::Reset),
    ("close", Fault::Close),
    ("echo", Fault::Echo),
    ("no-platform", Fault::NoPlatform),
    ("string-code", Fault::StringCode),
    ("realc", Fault::Realc),
    ("empty-token", Fault::EmptyToken),
    ("null-token", Fault::NullToken),
    ("no-token", Fault::NoToken),
    ("null-data", Fault::NullData),
    ("no-expiry", Fault::NoExpiry),
    ("bad-expiry", Fault::BadExpiry),
    ("zoneless-expiry", Fault::ZonelessExpiry),
    ("utc-expiry", Fault::UtcExpiry),
    ("expired", Fault::Expired),
    ("same-token", Fault::SameToken),
    ("extended-token", Fault::ExtendedToken),
    ("string-zero", Fault::StringZero),
    ("bare", Fault::Bare),
    ("nulls", Fault::Nulls),
];

/// The faults with an argument, and how that is given.
const FORMS: [(&str, &str); 9] = [
    ("delay", "delay:DURATION, such as delay:500ms"),
    ("drip", "drip:DURATION, such as drip:10ms"),
    ("oversize", "oversize:BYTES, up to 1073741824"),
    (
        "date",
        "date:+DURATION, date:-DURATION, date:none or date:garbage",
    ),
    ("status", "status:NNN, from 200 to 599"),
    ("gateway", "gateway:NNN, from 400 to 599"),
    ("code", "code:N, a 64-bit integer"),
    ("retry-after", "retry-after:VALUE in printable ASCII"),
    (
        "redirect",
        "redirect:STATUS, redirect:URL or redirect:STATUS:URL, where the status is 301, 302, 303, 307 or 308",
    ),
];

impl Fault {
    /// The specifications and what they do, as a table in Markdown: for a command's help.
    pub const TABLE: &'static str = include_str!("faults.md");
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(spec: &str) -> Result<Self, FaultError> {
        let (name, argument) = match spec.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (spec, None),
        };
        if let Some((_, fault)) = WORDS.iter().find(|(word, _)| *word == name) {
            return match argument {
                None => Ok(fault.clone()),
                Some(_) => Err(FaultError(format!("{spec:?}: {name} takes no argument"))),
            };
        }
        let Some((_, form)) = FORMS.iter().find(|(word, _)| *word == name) else {
            let forms = FORMS.iter().map(|(name, _)| *name);
            let names: Vec<&str> = WORDS.iter().map(|(name, _)| *name).chain(forms).collect();
            let names = names.join(", ");
            return Err(FaultError(format!(
                "{spec:?} is no fault; there are {names}"
            )));
        };
        argument
            .and_then(|argument| with_argument(name, argument))
            .ok_or_else(|| FaultError(format!("{spec:?} must be {form}")))
    }
}

/// A fault of [`FORMS`], if its argument is as described there.
fn with_argument(name: &str, argument: &str) -> Option<Fault> {
    let duration = |text| parse_duration(text).ok();
    Some(match name {
        "delay" => Fault::Delay(duration(argument)?),
        "drip" => Fault::Drip(duration(argument)?),
        "oversize" => Fault::Oversize(number(argument).filter(|bytes| *bytes <= OVERSIZE_MAX)?),
        "date" => Fault::Date(match argument.split_at_checked(1)? {
            ("+", by) => WrongDate::Ahead(duration(by)?),
            ("-", by) => WrongDate::Behind(duration(by)?),
            _ if argument == "none" => WrongDate::Missing,
            _ if argument == "garbage" => WrongDate::Garbage,
            _ => return None,
        }),
        "status" => Fault::Status(number(argument).filter(|status| (200..600).contains(status))?),
        "gateway" => Fault::Gateway(number(argument).filter(|status| (400..600).contains(status))?),
        "code" => Fault::Code(argument.parse().ok()?),
        "retry-after" => Fault::RetryAfter(printable(argument)?),
        "redirect" => {
            let (status, location) = match argument.split_once(':') {
                Some((status, location)) if number::<u16>(status).is_some() => {
                    (number(status)?, Some(location))
                }
                _ => match number(argument) {
                    Some(status) => (status, None),
                    None => (307, Some(argument)),
                },
            };
            if !REDIRECTS.contains(&status) {
                return None;
            }
            let location = match location {
                Some(location) => Some(printable(location).filter(|url| !url.contains(' '))?),
                None => None,
            };
            Fault::Redirect { status, location }
        }
        _ => return None,
    })
}

/// A number of digits alone; `parse` would take a sign too.
fn number<N: FromStr>(text: &str) -> Option<N> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// A text that can be the value of a header.
fn printable(text: &str) -> Option<String> {
    (!text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
        .then(|| text.to_owned())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(by) => write!(f, "delay:{}", Spelled(*by)),
            Self::Drip(by) => write!(f, "drip:{}", Spelled(*by)),
            Self::Oversize(bytes) => write!(f, "oversize:{bytes}"),
            Self::Date(WrongDate::Ahead(by)) => write!(f, "date:+{}", Spelled(*by)),
            Self::Date(WrongDate::Behind(by)) => write!(f, "date:-{}", Spelled(*by)),
            Self::Date(WrongDate::Missing) => f.write_str("date:none"),
            Self::Date(WrongDate::Garbage) => f.write_str("date:garbage"),
            Self::Status(status) => write!(f, "status:{status}"),
            Self::Gateway(status) => write!(f, "gateway:{status}"),
            Self::Code(code) => write!(f, "code:{code}"),
            Self::RetryAfter(value) => write!(f, "retry-after:{value}"),
            Self::Redirect { status, location } => match location {
                Some(location) => write!(f, "redirect:{status}:{location}"),
                None => write!(f, "redirect:{status}"),
            },
            Self::Raw { status, .. } => write!(f, "raw:{status}"),
            word => match WORDS.iter().find(|(_, fault)| fault == word) {
                Some((name, _)) => f.write_str(name),
                None => fmt::Debug::fmt(word, f),
            },
        }
    }
}

/// A text specifies no fault. Displayed in one line that shows the text and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError(String);

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(spec: &str) -> Fault {
        spec.parse().unwrap()
    }

    fn redirect(status: u16, location: Option<&str>) -> Fault {
        Fault::Redirect {
            status,
            location: location.map(str::to_owned),
        }
    }

    #[test]
    fn arguments_are_read() {
        let cases = [
            ("delay:500ms", Fault::Delay(Duration::from_millis(500))),
            ("drip:10ms", Fault::Drip(Duration::from_millis(10))),
            ("oversize:65537", Fault::Oversize(65_537)),
            ("oversize:1073741824", Fault::Oversize(1 << 30)),
            (
                "date:+3h",
                Fault::Date(WrongDate::Ahead(Duration::from_secs(10_800))),
            ),
            (
                "date:-60d",
                Fault::Date(WrongDate::Behind(Duration::from_secs(5_184_000))),
            ),
            ("date:none", Fault::Date(WrongDate::Missing)),
            ("date:garbage", Fault::Date(WrongDate::Garbage)),
            ("status:200", Fault::Status(200)),
            ("status:599", Fault::Status(599)),
            ("gateway:503", Fault::Gateway(503)),
            ("code:5066", Fault::Code(5_066)),
            ("code:-1", Fault::Code(-1)),
            ("retry-after:120", Fault::RetryAfter("120".to_owned())),
            (
                "retry-after:Sun, 23 Mar 2025 07:48:37 GMT",
                Fault::RetryAfter("Sun, 23 Mar 2025 07:48:37 GMT".to_owned()),
            ),
            ("redirect:302", redirect(302, None)),
            (
                "redirect:308:http://[::1]:80/x",
                redirect(308, Some("http://[::1]:80/x")),
            ),
        ];
        for (spec, fault) in cases {
            assert_eq!(parsed(spec), fault);
            assert_eq!(fault.to_string(), spec);
        }
        let elsewhere = redirect(307, Some("https://example.com/x"));
        assert_eq!(parsed("redirect:https://example.com/x"), elsewhere);
        assert_eq!(parsed("redirect:/x"), redirect(307, Some("/x")));
    }

    #[test]
    fn every_word_is_read_and_written() {
        for (word, fault) in &WORDS {
            assert_eq!(&parsed(word), fault);
            assert_eq!(&fault.to_string(), word);
        }
    }

    #[test]
    fn the_table_has_every_fault_and_no_other() {
        let listed: Vec<&str> = Fault::TABLE
            .lines()
            .skip(2)
            .filter_map(|line| line.split('|').nth(1))
            .flat_map(|cell| cell.split(", "))
            .map(|spec| spec.trim().trim_matches('`'))
            .collect();
        let name = |spec: &'static str| spec.split_once(':').map_or(spec, |(name, _)| name);
        for spec in &listed {
            let known = WORDS.iter().any(|(word, _)| word == spec)
                || FORMS.iter().any(|(form, _)| *form == name(spec));
            assert!(known, "{spec}");
        }
        let words = WORDS.iter().map(|(word, _)| *word);
        for word in words.chain(FORMS.iter().map(|(form, _)| *form)) {
            assert!(listed.iter().any(|spec| name(spec) == word), "{word}");
        }
    }

    #[test]
    fn a_bad_specification_is_answered_with_the_right_form() {
        let cases = [
            ("truncate:5", r#""truncate:5": truncate takes no argument"#),
            ("status", r#""status" must be status:NNN, from 200 to 599"#),
            (
                "status:",
                r#""status:" must be status:NNN, from 200 to 599"#,
            ),
            (
                "status:600",
                r#""status:600" must be status:NNN, from 200 to 599"#,
            ),
            (
                "delay:soon",
                r#""delay:soon" must be delay:DURATION, such as delay:500ms"#,
            ),
            (
                "date:3h",
                r#""date:3h" must be date:+DURATION, date:-DURATION, date:none or date:garbage"#,
            ),
        ];
        for (spec, message) in cases {
            let error = spec.parse::<Fault>().unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        let unknown = "flood".parse::<Fault>().unwrap_err().to_string();
        assert!(unknown.starts_with(r#""flood" is no fault; there are normal, truncate,"#));
        assert!(unknown.ends_with("retry-after, redirect"));
    }

    #[test]
    fn arguments_out_of_range_are_refused() {
        let wrong = [
            "",
            "Reset",
            " reset",
            "status:+200",
            "status:199",
            "status:99999",
            "gateway:302",
            "code:x",
            "code:9223372036854775808",
            "oversize:1073741825",
            "oversize:-1",
            "date:",
            "date:é",
            "date:+",
            "drip:5",
            "retry-after:",
            "retry-after:a\nb",
            "redirect:",
            "redirect:200",
            "redirect:304:/x",
            "redirect:302:",
            "redirect:/a b",
            "raw:200",
        ];
        for spec in wrong {
            assert!(spec.parse::<Fault>().is_err(), "{spec:?}");
        }
    }
}
