//! Timestamps and durations as JSON text, and back.
//!
//! A timestamp is RFC 3339 in UTC, a duration a number of seconds with an `s`; both with 0, 3, 6 or
//! 9 digits of a second. Dates are those of the Gregorian calendar, also before it was introduced.

use super::text::append;

/// 0001-01-01T00:00:00Z.
const TIMESTAMP_SECONDS_MIN: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const TIMESTAMP_SECONDS_MAX: i64 = 253_402_300_799;
/// About 10,000 years.
const DURATION_SECONDS_MAX: i64 = 315_576_000_000;

const NANOS_PER_SECOND: i32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01. Years that start in March have the leap day at their end.
const DAYS_BEFORE_EPOCH: i64 = 719_468;
const DAYS_PER_ERA: i64 = 146_097;
const YEARS_PER_ERA: i64 = 400;

/// Appends a timestamp in quotes; `None` if it is out of range.
pub(super) fn print_timestamp(seconds: i64, nanos: i32, out: &mut Vec<u8>) -> Option<()> {
    if !(TIMESTAMP_SECONDS_MIN..=TIMESTAMP_SECONDS_MAX).contains(&seconds)
        || !(0..NANOS_PER_SECOND).contains(&nanos)
    {
        return None;
    }
    let (year, month, day) = date(seconds.div_euclid(SECONDS_PER_DAY));
    let second = seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    append(
        out,
        format_args!("\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"),
    );
    fraction(nanos, out);
    out.extend(b"Z\"");
    Some(())
}

/// Appends a duration in quotes; `None` if it is out of range or its signs differ.
pub(super) fn print_duration(seconds: i64, nanos: i32, out: &mut Vec<u8>) -> Option<()> {
    if !(-DURATION_SECONDS_MAX..=DURATION_SECONDS_MAX).contains(&seconds)
        || !(-NANOS_PER_SECOND + 1..NANOS_PER_SECOND).contains(&nanos)
        || seconds.signum() * i64::from(nanos.signum()) < 0
    {
        return None;
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    append(out, format_args!("\"{sign}{}", seconds.abs()));
    fraction(nanos.abs(), out);
    out.extend(b"s\"");
    Some(())
}

/// Appends the part of a second that is not zero, in steps of three digits.
fn fraction(nanos: i32, out: &mut Vec<u8>) {
    match nanos {
        0 => {}
        _ if nanos % 1_000_000 == 0 => append(out, format_args!(".{:03}", nanos / 1_000_000)),
        _ if nanos % 1_000 == 0 => append(out, format_args!(".{:06}", nanos / 1_000)),
        _ => append(out, format_args!(".{nanos:09}")),
    }
}

/// Year, month and day of a number of days since 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_BEFORE_EPOCH;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March on have 153 days in five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * YEARS_PER_ERA + i64::from(month <= 2);
    (year, month, day)
}

/// Seconds and nanoseconds of a timestamp in RFC 3339, with any offset from UTC; `None` if the text
/// is not one, or out of range.
pub(super) fn parse_timestamp(text: &str) -> Option<(i64, i32)> {
    let (date, rest) = text.split_at_checked(10)?;
    let days = parse_date(date)?;
    let (clock, rest) = rest.strip_prefix('T')?.split_at_checked(8)?;
    let second = parse_clock(clock)?;
    let (nanos, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, zone) = rest.split_at_checked(digits)?;
            (parse_fraction(fraction)?, zone)
        }
        None => (0, rest),
    };
    let seconds = days * SECONDS_PER_DAY + second - parse_zone(zone)?;
    let range = TIMESTAMP_SECONDS_MIN..=TIMESTAMP_SECONDS_MAX;
    range.contains(&seconds).then_some((seconds, nanos))
}

/// Seconds and nanoseconds of a duration: a number and an `s`.
pub(super) fn parse_duration(text: &str) -> Option<(i64, i32)> {
    let text = text.strip_suffix('s')?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    // A point needs a digit on one of its sides, and nothing may stand before a leading zero.
    if whole.is_empty() && !text.starts_with('.') || text == "." || text.is_empty() {
        return None;
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let seconds = if whole.is_empty() { 0 } else { digits(whole)? };
    let nanos = if fraction.is_empty() {
        0
    } else {
        parse_fraction(fraction)?
    };
    let value = if negative {
        (-seconds, -nanos)
    } else {
        (seconds, nanos)
    };
    (seconds <= DURATION_SECONDS_MAX).then_some(value)
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
fn parse_date(text: &str) -> Option<i64> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_of_month).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(YEARS_PER_ERA);
    let year_of_era = year.rem_euclid(YEARS_PER_ERA);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_EPOCH)
}

/// Seconds since midnight of `HH:MM:SS`. There are no leap seconds.
fn parse_clock(text: &str) -> Option<i64> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    if (hour.len(), minute.len(), second.len()) != (2, 2, 2) {
        return None;
    }
    let (hour, minute, second) = (digits(hour)?, digits(minute)?, digits(second)?);
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some(hour * 3600 + minute * 60 + second)
}

/// Seconds ahead of UTC of `Z`, `+HH:MM` or `-HH:MM`.
fn parse_zone(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = text.split_once(':')?;
    if (hours.len(), minutes.len()) != (2, 2) {
        return None;
    }
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Nanoseconds of one to nine digits behind a point.
fn parse_fraction(text: &str) -> Option<i32> {
    let value = i32::try_from(digits(text)?).ok()?;
    let missing = u32::try_from(9_usize.checked_sub(text.len())?).ok()?;
    Some(value * 10_i32.pow(missing))
}

/// The value of a text of decimal digits only.
fn digits(text: &str) -> Option<i64> {
    let valid = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| valid)
}
