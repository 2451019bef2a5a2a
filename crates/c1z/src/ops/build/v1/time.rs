//! Times as text, the way v1 files hold them (`c1z1-sqlite` §4).
//!
//! `YYYY-MM-DD HH:MM:SS[.fffffffff]`: the wall clock of the writer, without a zone, the fraction
//! without trailing zeros. Such texts sort as the moments do, within one zone.

use std::fmt::Write;

use crate::engine::types::Timestamp;
use crate::{Error, Result};

/// The zone whose wall clock a v1 file tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Seconds that the wall clock is ahead of UTC.
    pub offset_seconds: i32,
}

/// Seconds of the largest offset that is in use, and some more.
const OFFSET_MAX: i32 = 18 * 3_600;

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone { offset_seconds: 0 };

    /// Reads `UTC`, `Z`, or an offset such as `+02:00` or `-0730`.
    ///
    /// # Errors
    /// `InvalidArgument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        if ["utc", "z"].contains(&text.to_ascii_lowercase().as_str()) {
            return Ok(Self::UTC);
        }
        offset(text).map_or_else(
            || {
                let message =
                    format!("zone is not `UTC` or an offset such as `+02:00`: zone=`{text}`");
                Err(Error::invalid(message))
            },
            |offset_seconds| Ok(Self { offset_seconds }),
        )
    }
}

fn offset(text: &str) -> Option<i32> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let (hours, minutes) = (number / 100, number % 100);
    let seconds = hours * 3_600 + minutes * 60;
    (minutes < 60 && seconds <= OFFSET_MAX).then_some(sign * seconds)
}

/// Appends the text of a moment.
///
/// # Errors
/// `InvalidArgument` for a year that has not four digits.
pub(super) fn write_text(moment: Timestamp, zone: Zone, out: &mut String) -> Result<()> {
    let local = moment.plus_seconds(zone.offset_seconds.into());
    let (year, month, day, hour, minute, second) = local.civil();
    if !(0..=9_999).contains(&year) {
        let message = format!("moment has no text in a v1 file moment=`{moment}`");
        return Err(Error::invalid(message));
    }
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
    );
    if local.nanos > 0 {
        let _ = write!(out, ".{:09}", local.nanos);
        out.truncate(out.trim_end_matches('0').len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: i64, nanos: u32, zone: &str) -> String {
        let mut out = String::new();
        write_text(
            Timestamp { seconds, nanos },
            Zone::parse(zone).unwrap(),
            &mut out,
        )
        .unwrap();
        out
    }

    #[test]
    fn fractions_lose_their_zeros_and_whole_seconds_their_dot() {
        assert_eq!(text(0, 0, "UTC"), "1970-01-01 00:00:00");
        assert_eq!(
            text(1_766_000_000, 129_740_000, "z"),
            "2025-12-17 19:33:20.12974"
        );
        assert_eq!(text(10, 1, "UTC"), "1970-01-01 00:00:10.000000001");
    }

    #[test]
    fn the_zone_moves_the_wall_clock() {
        assert_eq!(text(0, 5, "+05:30"), "1970-01-01 05:30:00.000000005");
        assert_eq!(text(0, 0, "-0700"), "1969-12-31 17:00:00");
    }

    #[test]
    fn other_zones_and_years_are_refused() {
        for zone in [
            "",
            "Europe/Paris",
            "+2",
            "+02:60",
            "02:00",
            "+19:00",
            "+0a:00",
        ] {
            assert!(Zone::parse(zone).is_err(), "{zone}");
        }
        let far = Timestamp {
            seconds: 300_000_000_000,
            nanos: 0,
        };
        assert!(write_text(far, Zone::UTC, &mut String::new()).is_err());
    }
}
