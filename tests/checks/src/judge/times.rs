//! The points in time that a reply names, counted by hand.

const SECOND: i128 = 1_000_000_000;
pub(super) const DAY: i128 = 86_400 * SECOND;

/// RFC 3339, and the platform's form without a zone, which means UTC+8. In nanoseconds since 1970.
pub(super) fn expiry(text: &str) -> Option<i128> {
    if text.len() == 19 && text.get(10..11) == Some(" ") {
        return expiry(&format!("{text}+08:00"));
    }
    let (date, clock) = (text.get(..10)?, text.get(11..19)?);
    if !["T", "t", " "].contains(&text.get(10..11)?) {
        return None;
    }
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let (mut rest, mut nanos) = (&text[19..], 0);
    if let Some(behind) = rest.strip_prefix('.') {
        rest = behind.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = &behind[..behind.len() - rest.len()];
        let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
        nanos = if digits.is_empty() {
            None
        } else {
            nine.parse().ok()
        }?;
    }
    let offset = match rest.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign @ ("+" | "-"), offset) => {
            let [hours, minutes] = numbers(offset, ':', [2, 2])?;
            let seconds = hours * 3600 + minutes * 60;
            if hours > 23 || minutes > 59 {
                return None;
            }
            if sign == "+" { seconds } else { -seconds }
        }
        _ => return None,
    };
    if !is_day(year, month, day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    if second < 60 {
        return Some(i128::from(seconds) * SECOND + nanos);
    }
    // A leap second ends a month of UTC, and counts as the last moment before its end.
    let months = (year - 1..=year + 1).flat_map(|year| (1..=12).map(move |month| (year, month)));
    let mut firsts = months.map(|(year, month)| days(year, month, 1) * 86_400);
    firsts
        .any(|first| first == seconds)
        .then(|| i128::from(seconds) * SECOND - 1)
}

/// One of the three forms of RFC 9110 with the right day of the week, from 1970 on. In seconds since then.
pub(super) fn http_date(value: &[u8]) -> Option<i64> {
    let text = str::from_utf8(value.trim_ascii()).ok()?;
    let words: Vec<_> = text.split(' ').collect();
    let padded;
    let (weekday, [year, month, day], clock) = match words[..] {
        [weekday, day, month, year, clock, "GMT"] => {
            (weekday.strip_suffix(',')?, [year, month, day], clock)
        }
        [weekday, date, clock, "GMT"] => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            let century = if year < "70" { "20" } else { "19" };
            let long = weekday.strip_suffix("day,")?;
            let short = ["Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun"];
            if !short.contains(&long) || year.len() != 2 || parts.next().is_some() {
                return None;
            }
            padded = format!("{century}{year}");
            (long.get(..3)?, [&*padded, month, day], clock)
        }
        [weekday, month, "", day, clock, year] if day.len() == 1 => {
            padded = format!("0{day}");
            (weekday, [year, month, &*padded], clock)
        }
        [weekday, month, day, clock, year] => (weekday, [year, month, day], clock),
        _ => return None,
    };
    let months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    let month = months.split(' ').position(|name| name == month)? + 1;
    let [year, month, day] = numbers(&format!("{year}-{month:02}-{day}"), '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let days = days(year, month, day);
    let sound = is_day(year, month, day)
        && year >= 1970
        && [hour < 24, minute < 60, second < 60] == [true; 3]
        // The first day of 1970 was a Thursday.
        && weekdays[usize::try_from((days + 3).rem_euclid(7)).ok()?] == weekday;
    sound.then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// How long to wait, of at most an hour.
pub(super) fn wait(value: &[u8], date: Option<i64>) -> Option<u64> {
    let text = str::from_utf8(value.trim_ascii()).ok()?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = text.trim_start_matches('0');
        let seconds = if digits.len() > 4 {
            3600
        } else {
            format!("0{digits}").parse().ok()?
        };
        return Some(seconds.min(3600));
    }
    u64::try_from((http_date(value)? - date?).clamp(0, 3600)).ok()
}

/// Numbers of so many digits with a mark between them.
fn numbers<const N: usize>(text: &str, mark: char, digits: [usize; N]) -> Option<[i64; N]> {
    let parts: Vec<_> = text.split(mark).collect();
    let mut numbers = [0; N];
    if parts.len() != N {
        return None;
    }
    for (at, part) in parts.iter().enumerate() {
        if part.len() != digits[at] || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        numbers[at] = part.parse().ok()?;
    }
    Some(numbers)
}

fn is_day(year: i64, month: i64, day: i64) -> bool {
    (1..=12).contains(&month)
        && day >= 1
        && days(year, month, day) < days(year + month / 12, month % 12 + 1, 1)
}

/// From the start of 1970 to this day of the Gregorian calendar.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    // Every fourth year, but for three in 400, has a day more: known from the year behind it on.
    let leap_days = |year: i64| {
        let before = year - 1;
        before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400)
    };
    let is_leap = leap_days(year + 1) > leap_days(year);
    let before_month = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let index = usize::try_from(month - 1).unwrap_or_default();
    let in_year =
        before_month.get(index).copied().unwrap_or_default() + i64::from(is_leap && month > 2);
    (year - 1970) * 365 + leap_days(year) - leap_days(1970) + in_year + day - 1
}
