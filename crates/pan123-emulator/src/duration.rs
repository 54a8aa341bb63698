//! Durations as options and fault specifications write them: `500ms`, `10s`, `90d`.
//!
//! Written by hand rather than taken from a crate: one number and one unit are all that is wanted, and what is printed
//! must read back as the same duration in the same words.

use std::fmt;
use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Units and their nanoseconds, the largest first.
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads a duration: a whole number and one unit of `ns`, `us`, `ms`, `s`, `m` (minutes), `h` or `d` (24 hours), with
/// nothing between or around them.
///
/// Fails if the text has another form or the duration exceeds [`Duration::MAX`].
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(pan123_emulator::parse_duration("90d")?, Duration::from_secs(90 * 86_400));
/// assert_eq!(pan123_emulator::parse_duration("500ms")?, Duration::from_millis(500));
/// assert!(pan123_emulator::parse_duration("1.5h").is_err());
/// # Ok::<(), pan123_emulator::DurationError>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.to_owned());
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let (number, unit) = text.split_at(unit_at);
    let number: u128 = number.parse().map_err(|_| error())?;
    let (_, nanos) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(error)?;
    let nanos = number.checked_mul(*nanos).ok_or_else(error)?;
    let seconds = u64::try_from(nanos / NANOS_PER_SECOND).map_err(|_| error())?;
    let rest = u32::try_from(nanos % NANOS_PER_SECOND).map_err(|_| error())?;
    Ok(Duration::new(seconds, rest))
}

/// A text is no duration. Displayed in one line that shows the text and the forms there are. An example is with
/// [`parse_duration`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationError(String);

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a duration: give a whole number and a unit, such as 500ms, 10s, 5m, 3h or 30d",
            self.0
        )
    }
}

impl std::error::Error for DurationError {}

/// Displays a duration as [`parse_duration`] reads it, in the largest unit that leaves no rest.
pub(crate) struct Spelled(pub(crate) Duration);

impl fmt::Display for Spelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        match UNITS
            .iter()
            .find(|(_, unit)| nanos != 0 && nanos.is_multiple_of(*unit))
        {
            Some((name, unit)) => write!(f, "{}{name}", nanos / unit),
            None => f.write_str("0s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_written() {
        let cases = [
            ("0s", Duration::ZERO),
            ("7ns", Duration::from_nanos(7)),
            ("20us", Duration::from_micros(20)),
            ("500ms", Duration::from_millis(500)),
            ("10s", Duration::from_secs(10)),
            ("5m", Duration::from_secs(300)),
            ("3h", Duration::from_secs(10_800)),
            ("400d", Duration::from_secs(34_560_000)),
        ];
        for (text, duration) in cases {
            assert_eq!(parse_duration(text), Ok(duration), "{text}");
            assert_eq!(Spelled(duration).to_string(), text);
        }
        let longest = Spelled(Duration::MAX).to_string();
        assert_eq!(longest, "18446744073709551615999999999ns");
        assert_eq!(parse_duration(&longest), Ok(Duration::MAX));
    }

    #[test]
    fn the_largest_unit_without_a_rest_is_written() {
        assert_eq!(Spelled(Duration::from_secs(86_400)).to_string(), "1d");
        assert_eq!(Spelled(Duration::from_secs(90_000)).to_string(), "25h");
        assert_eq!(Spelled(Duration::from_millis(1_500)).to_string(), "1500ms");
    }

    #[test]
    fn anything_else_is_refused() {
        let wrong = [
            "",
            "10",
            "s",
            "-1s",
            "+1s",
            "1.5h",
            "1 s",
            " 1s",
            "1s ",
            "1h30m",
            "1w",
            "1S",
            "٣s",
            "18446744073709551616s",
            "999999999999999999999999999999999999999999s",
            "340282366920938463463374607431768211455d",
        ];
        for text in wrong {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
        assert_eq!(
            parse_duration("soon").map_err(|e| e.to_string()),
            Err(
                "\"soon\" is not a duration: give a whole number and a unit, such as 500ms, 10s, 5m, 3h or 30d"
                    .to_owned()
            )
        );
    }
}
