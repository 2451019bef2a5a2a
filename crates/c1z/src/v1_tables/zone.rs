//! Times in v1 files: text in the wall-clock time of the writing process, without a zone
//! (`c1z1-sqlite` §4, D11).
//!
//! | form | example |
//! |---|---|
//! | what is written | `2026-03-03 09:45:13.056791`: at most 9 digits, trailing zeros dropped |
//! | also read | `T` for the space; minutes only; the date only |
//! | with a zone of its own | `Z` or `+02:00` at the end, or ` +0200 CEST`, as Go prints a time |
//!
//! A wall clock that a zone shows twice is taken as the earlier of the two instants, one that it
//! skips as if it had not been moved forward yet: at most one hour off, and not recoverable.

use std::fmt::Write as _;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::engine::types::Timestamp;
use crate::{Error, ErrorKind, Result};

/// The zone whose wall-clock time the texts of a file are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Universal time.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone of this host: the variable `TZ`, else the system's setting; see [`Zone::is_known`].
    pub fn local() -> Self {
        Self(TimeZone::system())
    }

    /// The zone with this name in the host's time zone database, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// `InvalidArgument` if there is none.
    pub fn named(name: &str) -> Result<Self> {
        match TimeZone::get(name) {
            Ok(zone) => Ok(Self(zone)),
            Err(error) => {
                Err(Error::invalid(format!("unknown time zone name=`{name}`")).with_source(error))
            }
        }
    }

    /// A zone this many seconds east of Greenwich, all year.
    ///
    /// # Errors
    /// `InvalidArgument` beyond 25 hours.
    pub fn fixed(seconds_east: i32) -> Result<Self> {
        match Offset::from_seconds(seconds_east) {
            Ok(offset) => Ok(Self(TimeZone::fixed(offset))),
            Err(error) => {
                let message = format!("time zone offset out of range seconds=`{seconds_east}`");
                Err(Error::invalid(message).with_source(error))
            }
        }
    }

    /// Whether the host told which zone it is in. If not, wall-clock time is taken as universal time.
    pub fn is_known(&self) -> bool {
        !self.0.is_unknown()
    }

    /// The instant that a text in a file means.
    ///
    /// # Errors
    /// `DataLoss` for a text in none of the forms above.
    pub fn instant(&self, text: &str) -> Result<Timestamp> {
        self.try_instant(text).ok_or_else(|| {
            Error::new(
                ErrorKind::DataLoss,
                format!("not a time text=`{}`", text.escape_debug()),
            )
        })
    }

    fn try_instant(&self, text: &str) -> Option<Timestamp> {
        let mut rest = text;
        let wall = wall_clock(&mut rest)?;
        let at = match Told::parse(rest)? {
            Told::East(offset) => offset.to_timestamp(wall).ok()?,
            Told::Nothing => self.0.to_timestamp(wall).ok()?,
        };
        let nanos = at.as_nanosecond();
        Some(Timestamp {
            seconds: i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?,
            nanos: u32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?,
        })
    }

    /// The text that a file holds for an instant.
    ///
    /// # Errors
    /// `InvalidArgument` for an instant outside the years 0 to 9999.
    pub fn text(&self, at: Timestamp) -> Result<String> {
        let out_of_range =
            || Error::invalid(format!("time cannot be written in a v1 file at=`{at}`"));
        let nanos = i32::try_from(at.nanos).map_err(|_| out_of_range())?;
        let instant = jiff::Timestamp::new(at.seconds, nanos).map_err(|_| out_of_range())?;
        let wall = self.0.to_datetime(instant);
        if wall.year() < 0 {
            return Err(out_of_range());
        }
        let mut text = format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            wall.year(),
            wall.month(),
            wall.day(),
            wall.hour(),
            wall.minute(),
            wall.second()
        );
        if wall.subsec_nanosecond() != 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, ".{:09}", wall.subsec_nanosecond());
            text.truncate(text.trim_end_matches('0').len());
        }
        Ok(text)
    }
}

/// Takes date and time off the front.
fn wall_clock(rest: &mut &str) -> Option<DateTime> {
    let year = digits(rest, 4)?;
    let month = after(rest, '-', 2)?;
    let day = after(rest, '-', 2)?;
    let (mut hour, mut minute, mut second, mut nanos) = (0, 0, 0, 0);
    let separator = rest.strip_prefix([' ', 'T']);
    if let Some(time) = separator.filter(|time| time.starts_with(|c: char| c.is_ascii_digit())) {
        *rest = time;
        hour = digits(rest, 2)?;
        minute = after(rest, ':', 2)?;
        if rest.starts_with(':') {
            second = after(rest, ':', 2)?;
            nanos = fraction(rest)?;
        }
    }
    DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        nanos,
    )
    .ok()
}

/// What a text says of its zone.
enum Told {
    Nothing,
    East(Offset),
}

impl Told {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Nothing);
        }
        if text == "Z" {
            return Some(Self::East(Offset::UTC));
        }
        let Some(printed) = text.strip_prefix(' ') else {
            return east(text, true).map(Self::East);
        };
        // As Go prints a time: an offset without colon, a name, perhaps a monotonic reading.
        let (number, name) = printed.split_once(' ')?;
        let name = name.split_once(" m=").map_or(name, |(name, _)| name);
        if name.is_empty() || name.contains(' ') {
            return None;
        }
        east(number, false).map(Self::East)
    }
}

/// `+HH:MM`, or `+HHMM`.
fn east(text: &str, colon: bool) -> Option<Offset> {
    let (sign, mut rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let hours = digits(&mut rest, 2)?;
    let minutes = if colon {
        after(&mut rest, ':', 2)?
    } else {
        digits(&mut rest, 2)?
    };
    if !rest.is_empty() || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()
}

/// Takes a separator and a number of so many digits off the front.
fn after(rest: &mut &str, separator: char, len: usize) -> Option<i32> {
    *rest = rest.strip_prefix(separator)?;
    digits(rest, len)
}

/// Takes a number of so many digits off the front.
fn digits(rest: &mut &str, len: usize) -> Option<i32> {
    let (number, behind) = rest.split_at_checked(len)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *rest = behind;
    number.parse().ok()
}

/// Takes a dot and 1 to 9 digits off the front, if there is a dot; in nanoseconds.
fn fraction(rest: &mut &str) -> Option<i32> {
    let Some(behind) = rest.strip_prefix('.') else {
        return Some(0);
    };
    let len = behind.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=9).contains(&len) {
        return None;
    }
    *rest = behind;
    let number = digits(rest, len)?;
    let exponent = u32::try_from(9 - len).ok()?;
    Some(number * 10_i32.pow(exponent))
}
