//! The points in time that a reply names: `expiredAt` in the body, `Date` and `Retry-After` in the head.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use http::header::{DATE, HeaderValue, RETRY_AFTER};
use memchr::memchr_iter;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A `Retry-After` beyond this counts as this: a typing error at the other end must not silence a client for a year.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Reads `expiredAt`.
///
/// The platform documents and sends RFC 3339 with `+08:00`. Timestamps next to it in the same API come as
/// `YYYY-MM-DD HH:MM:SS` and mean UTC+8, so that form is read as such too. Anything else is `None`.
pub(crate) fn parse_expired_at(text: &str) -> Option<OffsetDateTime> {
    if text.len() != "YYYY-MM-DD HH:MM:SS".len() {
        return parse_rfc_3339(text);
    }
    let (date, time) = text.split_once(' ')?;
    parse_rfc_3339(&format!("{date}T{time}+08:00"))
}

/// Reads a time in RFC 3339, as the platform sends it and as a stored token holds it. Anything else is `None`.
///
/// Date and time are parted by `T`, `t` or a blank, as [RFC 3339, section 5.6](https://www.rfc-editor.org/rfc/rfc3339#section-5.6)
/// has it; the time crate by itself takes any byte there.
///
/// ```
/// use pan123_token::parse_rfc_3339;
///
/// let time = parse_rfc_3339("2025-03-23T15:48:37+08:00").map(|time| time.unix_timestamp());
/// assert_eq!(time, Some(1_742_716_117));
/// assert_eq!(parse_rfc_3339("2025-03-23915:48:37+08:00"), None);
/// ```
pub fn parse_rfc_3339(text: &str) -> Option<OffsetDateTime> {
    const AFTER_THE_DATE: usize = "YYYY-MM-DD".len();

    let parted = matches!(text.as_bytes().get(AFTER_THE_DATE)?, b'T' | b't' | b' ');
    let time = parted.then(|| OffsetDateTime::parse(text, &Rfc3339))?;
    time.ok()
}

/// The server's clock: the `Date` header, where it holds a date of HTTP.
pub(crate) fn server_time(headers: &HeaderMap) -> Option<OffsetDateTime> {
    http_date(text(headers.get(DATE)?)?)
}

/// How long the server asks to wait.
///
/// `Retry-After` is a number of seconds or a date. A date is read against the response's own `Date`, so that a wrong
/// clock on this side doesn't matter; without a `Date` it says nothing. Of several, the longest counts.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let all = headers.get_all(RETRY_AFTER).into_iter();
    all.filter_map(|value| wait(value, headers)).max()
}

fn wait(value: &HeaderValue, headers: &HeaderMap) -> Option<Duration> {
    let text = text(value)?;
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // Only digits, so the one way to fail is to be too large.
        text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let wait = http_date(text)? - server_time(headers)?;
        Duration::try_from(wait).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

fn text(value: &HeaderValue) -> Option<&str> {
    str::from_utf8(value.as_bytes().trim_ascii()).ok()
}

fn http_date(text: &str) -> Option<OffsetDateTime> {
    const FEWEST_BLANKS: usize = 3;

    // The crate takes any byte between date and time in the form of RFC 850.
    if memchr_iter(b' ', text.as_bytes()).count() < FEWEST_BLANKS {
        return None;
    }
    let time = httpdate::parse_http_date(text).ok()?;
    let since_1970 = time.duration_since(UNIX_EPOCH).ok()?;
    OffsetDateTime::from_unix_timestamp(since_1970.as_secs().try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use http::header::HeaderName;

    use super::*;

    fn unix(text: &str) -> Option<i64> {
        parse_expired_at(text).map(OffsetDateTime::unix_timestamp)
    }

    #[test]
    fn expired_at_is_rfc_3339_in_any_offset() {
        assert_eq!(unix("2025-03-23T15:48:37+08:00"), Some(1_742_716_117));
        assert_eq!(unix("2025-03-23T07:48:37Z"), Some(1_742_716_117));
        assert_eq!(unix("2025-03-23T07:48:37.25z"), Some(1_742_716_117));
        assert_eq!(unix("2025-03-23T02:48:37-05:00"), Some(1_742_716_117));
        // RFC 3339 allows a small letter or a blank in place of the T.
        assert_eq!(unix("2025-03-23t15:48:37+08:00"), Some(1_742_716_117));
        assert_eq!(unix("2025-03-23 15:48:37+08:00"), Some(1_742_716_117));
    }

    #[test]
    fn expired_at_without_a_zone_means_utc_plus_8() {
        assert_eq!(unix("2025-03-23 15:48:37"), Some(1_742_716_117));
    }

    #[test]
    fn expired_at_of_any_other_form_is_none() {
        for text in [
            "",
            " ",
            "0",
            "1742716117",
            "2025-03-23",
            "2025-03-23T15:48:37",
            "2025-03-23 15:48",
            "2025-03-23 15:48:3x",
            "2025-03-23  5:48:37",
            " 025-03-23 15:48:37",
            "2025-03-23T15:48:37+08:00 ",
            "2025-13-23T15:48:37+08:00",
            "2025-02-29 15:48:37",
            "2025-03-23 24:00:00",
            // The time crate takes any byte for the T.
            "2025-03-23x15:48:37+08:00",
            "2025-03-23915:48:37+08:00",
            "2025-03-23\u{0}15:48:37+08:00",
            "2025-03-23\n15:48:37+08:00",
            "2025-03-23_15:48:37+08:00",
            "2025-03-23\t15:48:37",
            "10000-01-01T00:00:00Z",
            "-001-01-01T00:00:00Z",
            "0000-01-01T00:00:00+23:59x",
            "never",
            "２０２５-03-23",
        ] {
            assert_eq!(unix(text), None, "{text:?}");
        }
    }

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn retry_after_in_seconds_is_capped_at_an_hour() {
        for (text, seconds) in [
            ("0", 0),
            ("30", 30),
            (" 30 ", 30),
            ("3600", 3600),
            ("3601", 3600),
            ("99999999999999999999999", 3600),
        ] {
            assert_eq!(
                retry_after(&headers(&[(RETRY_AFTER, text)])),
                Some(Duration::from_secs(seconds)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn retry_after_as_a_date_is_read_against_the_servers_own_date() {
        let date = (DATE, "Sun, 23 Mar 2025 07:48:37 GMT");
        for (text, seconds) in [
            ("Sun, 23 Mar 2025 07:49:07 GMT", 30),
            ("Sunday, 23-Mar-25 07:49:07 GMT", 30),
            ("Sun Mar 23 07:49:07 2025", 30),
            ("Sun, 23 Mar 2025 07:48:37 GMT", 0),
            ("Sun, 23 Mar 2025 07:00:00 GMT", 0),
            ("Mon, 24 Mar 2025 07:00:00 GMT", 3600),
        ] {
            assert_eq!(
                retry_after(&headers(&[(RETRY_AFTER, text), date.clone()])),
                Some(Duration::from_secs(seconds)),
                "{text:?}"
            );
            assert_eq!(retry_after(&headers(&[(RETRY_AFTER, text)])), None);
        }
    }

    #[test]
    fn of_several_the_longest_counts() {
        let mut headers = headers(&[(RETRY_AFTER, "soon"), (DATE, "x")]);
        headers.append(RETRY_AFTER, HeaderValue::from_static("5"));
        headers.append(RETRY_AFTER, HeaderValue::from_static("7"));
        headers.append(RETRY_AFTER, HeaderValue::from_static("6"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
    }

    #[test]
    fn retry_after_of_any_other_form_is_none() {
        for text in ["", "-1", "+5", "1.5", "5s", "soon", "0x10", "1 2"] {
            let date = (DATE, "Sun, 23 Mar 2025 07:48:37 GMT");
            assert_eq!(
                retry_after(&headers(&[(RETRY_AFTER, text), date])),
                None,
                "{text:?}"
            );
        }
    }
}
