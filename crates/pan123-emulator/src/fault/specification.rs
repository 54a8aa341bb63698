//! How a command line and the admin API spell a fault.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use super::{Fault, WrongDate};
use crate::duration::{Spelled, parse_duration};

/// The longest body that [`Fault::Oversize`] makes: 1 GiB.
const OVERSIZE_MAX: u64 = 1 << 30;

/// The redirects that HTTP clients follow.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

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

/// The specifications and what they do, as a table in Markdown.
const TABLE: &str = include_str!("../faults.md");

impl Fault {
    /// The specifications and what they do, as plain text for a command's help: a specification each line, what the
    /// client gets on the line below, and whether a token is issued.
    pub fn list() -> String {
        let mut list = String::new();
        for (specifications, effect, issued) in rows() {
            let effect = effect.replace('`', "");
            let specifications = specifications.replace('`', "");
            // Writing to a string can't fail.
            let _ = writeln!(
                list,
                "  {specifications}\n      {effect}; token issued: {issued}"
            );
        }
        list
    }
}

/// The cells of the table's rows, below its head.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLE.lines().skip(2).filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        Some((cells.next()?, cells.next()?, cells.next()?))
    })
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

/// A text specifies no fault. Displayed in one line that shows the text and what would be right. An example is with
/// [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError(String);

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

#[cfg(test)]
mod tests;
