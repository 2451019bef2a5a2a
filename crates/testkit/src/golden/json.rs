//! Text forms inside JSON rows: base64, hexadecimal, 64-bit numbers as strings, times.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use c1z::engine::types::Timestamp;
use serde::{Deserialize, Deserializer, de::Error as _};

/// Bytes written as base64.
pub(crate) fn base64<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    STANDARD.decode(text).map_err(D::Error::custom)
}

/// Bytes written as base64, or nothing.
pub(crate) fn base64_option<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<u8>>, D::Error> {
    base64(from).map(Some)
}

/// A list of bytes written as base64.
pub(crate) fn base64_list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u8>>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let decoded = texts.iter().map(|text| STANDARD.decode(text));
    decoded.collect::<Result<_, _>>().map_err(D::Error::custom)
}

/// Bytes written as hexadecimal digits.
pub(crate) fn hex<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    unhex(&text).ok_or_else(|| D::Error::custom(format!("not hexadecimal: `{text}`")))
}

/// Decodes hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

/// Encodes hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(i64),
    Quoted(String),
}

impl Number {
    fn value<E: serde::de::Error>(self) -> Result<i64, E> {
        match self {
            Number::Plain(value) => Ok(value),
            Number::Quoted(text) => text.parse().map_err(E::custom),
        }
    }
}

/// A 64-bit number, quoted as protobuf's JSON form has it, or plain.
pub(crate) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    Number::deserialize(from)?.value()
}

/// A map to such numbers.
pub(crate) fn number_map<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, i64>, D::Error> {
    let map = BTreeMap::<String, Number>::deserialize(from)?;
    map.into_iter()
        .map(|(key, number)| Ok((key, number.value()?)))
        .collect()
}

/// An instant in RFC 3339, UTC.
pub(crate) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    parse_time(&text).ok_or_else(|| D::Error::custom(format!("not a time in UTC: `{text}`")))
}

/// An instant, or nothing.
pub(crate) fn time_option<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Timestamp>, D::Error> {
    time(from).map(Some)
}

/// Parses `YYYY-MM-DDThh:mm:ss[.fraction]Z`; a space may stand for the `T`, and the `Z` may be missing.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, clock) = text.split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (
        clock.next()?.ok()?,
        clock.next()?.ok()?,
        clock.next()?.ok()?,
    );
    if fraction.len() > 9 {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Some(Timestamp {
        seconds: days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second,
        nanos,
    })
}

/// Days from 1 January 1970 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let years: i64 = (1970..year)
        .map(|year| 365 + i64::from(is_leap(year)))
        .sum();
    let lengths = [
        31,
        28 + i64::from(is_leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let passed = usize::try_from(month - 1).unwrap_or(0);
    let months: i64 = lengths.iter().take(passed).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_printed() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59.500Z",
            "2026-11-23T02:53:51.592239928Z",
        ] {
            assert_eq!(parse_time(text).unwrap().to_string(), text);
        }
        assert_eq!(
            parse_time("2026-11-23 02:53:51.48296"),
            parse_time("2026-11-23T02:53:51.482960000Z")
        );
        assert_eq!(parse_time("yesterday"), None);
    }

    #[test]
    fn hexadecimal_is_even() {
        assert_eq!(unhex("00ff"), Some(vec![0, 255]));
        assert_eq!(unhex("00f"), None);
        assert_eq!(to_hex(&[0, 255]), "00ff");
    }
}
