//! Moments in time as records store them, and the rule by which the newer row wins.

use std::fmt;

use buffa::{Inline, MessageField};
use c1z_proto::google::protobuf;

use super::wire::{self, Fields, Value};
use crate::Result;

/// A moment: seconds since the Unix epoch, UTC, and nanoseconds into that second.
///
/// Stored values are kept as they stand; order and comparison go by the sum of both parts, so that
/// a value whose nanoseconds are out of range still compares.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timestamp {
    /// Whole seconds since 1970-01-01 00:00:00 UTC.
    pub seconds: i64,
    /// Nanoseconds, 0 to 999,999,999 in values that this crate makes.
    pub nanos: i32,
}

/// The field type of generated messages.
pub(crate) type Field = MessageField<protobuf::Timestamp, Inline<protobuf::Timestamp>>;

impl Timestamp {
    /// Nanoseconds since the epoch.
    pub fn as_nanos(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// The moment `nanos` nanoseconds after the epoch; none outside the range of 64-bit seconds.
    pub fn from_nanos(nanos: i128) -> Option<Self> {
        Some(Self {
            seconds: i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?,
            nanos: i32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?,
        })
    }

    /// The value of a field of a generated message.
    pub(crate) fn from_field(field: &Field) -> Option<Self> {
        let stored = field.as_option()?;
        Some(Self {
            seconds: stored.seconds,
            nanos: stored.nanos,
        })
    }

    /// The field of a generated message.
    pub(crate) fn to_field(moment: Option<Self>) -> Field {
        moment
            .map(|moment| protobuf::Timestamp {
                seconds: moment.seconds,
                nanos: moment.nanos,
                ..Default::default()
            })
            .into()
    }

    /// Decodes one more occurrence of a timestamp field over an earlier one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "protobuf integers are the low bits of the varint"
    )]
    pub(crate) fn merged(earlier: Option<Self>, bytes: &[u8]) -> Result<Self> {
        let mut moment = earlier.unwrap_or_default();
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            match (field.number, field.value) {
                (1, Value::Varint(value)) => moment.seconds = value as i64,
                (2, Value::Varint(value)) => moment.nanos = value as i32,
                (1 | 2, _) => return Err(fields.wrong_type("timestamp")),
                _ => {}
            }
        }
        Ok(moment)
    }

    /// Appends the moment as field `number` of a message.
    #[expect(
        clippy::cast_sign_loss,
        reason = "protobuf writes negative numbers as 64-bit two's complement"
    )]
    pub(crate) fn put(self, out: &mut Vec<u8>, number: u32) {
        let (seconds, nanos) = (self.seconds as u64, i64::from(self.nanos) as u64);
        let len = [seconds, nanos]
            .into_iter()
            .filter(|&value| value != 0)
            .map(|value| 1 + wire::varint_len(value))
            .sum();
        wire::put_header(out, number, len);
        for (number, value) in [(1u8, seconds), (2, nanos)] {
            if value != 0 {
                out.push(number << 3);
                wire::put_varint(out, value);
            }
        }
    }
}

/// Whether an incoming row replaces a stored one with the same identity: only a strictly newer one
/// does. A missing moment counts as older than any, and a tie keeps the stored row.
pub fn replaces(incoming: Option<Timestamp>, stored: Option<Timestamp>) -> bool {
    match (incoming, stored) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(incoming), Some(stored)) => incoming > stored,
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.as_nanos() == other.as_nanos()
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_nanos().cmp(&other.as_nanos())
    }
}

/// RFC 3339 in UTC, with as many digits of the second as it has and no more. Years outside 0 to 9999
/// print as they are.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i64::from(self.nanos);
        let seconds = self.seconds.saturating_add(nanos.div_euclid(1_000_000_000));
        let nanos = nanos.rem_euclid(1_000_000_000);
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        let second_of_day = seconds.rem_euclid(86_400);
        let (hour, minute) = (second_of_day / 3600, second_of_day / 60 % 60);
        let second = second_of_day % 60;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if nanos != 0 {
            let digits = format!("{nanos:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of a year; a cycle of 400 years has
/// 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (cycle, day_of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    (year, month, day)
}
