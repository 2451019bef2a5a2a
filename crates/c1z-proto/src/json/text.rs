//! Strings and numbers as JSON text.

use std::io::Write as _;

use super::lexer::number_len;
use crate::schema::Kind;

/// Whether a byte cannot stand for itself in a JSON string.
#[expect(clippy::indexing_slicing, reason = "evaluated when compiling")]
const ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        escaped[byte] = true;
        byte += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped
};

/// Appends a string in quotes. Only what must be escaped is.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(length) = rest.iter().position(|&byte| escaped(byte)) {
        let (plain, special) = rest.split_at_checked(length).unwrap_or_default();
        out.extend_from_slice(plain);
        let (&byte, after) = special.split_first().unwrap_or((&0, &[]));
        escape(byte, out);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[inline]
fn escaped(byte: u8) -> bool {
    ESCAPED.get(usize::from(byte)).copied().unwrap_or_default()
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            append(out, format_args!("\\u{byte:04x}"));
            return;
        }
    };
    out.extend([b'\\', short]);
}

/// Appends an integer.
pub(super) fn integer(value: impl Into<i128>, out: &mut Vec<u8>) {
    let value = value.into();
    // Formatting 64 bits is a good deal faster than 128.
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => append(out, format_args!("{value}")),
        (_, Ok(value)) => append(out, format_args!("{value}")),
        _ => append(out, format_args!("{value}")),
    }
}

/// Appends a number of 64 bits: the shortest text that reads back as the same number, with an
/// exponent only if it is very large or small.
pub(super) fn double(value: f64, out: &mut Vec<u8>) {
    let size = value.abs();
    if special(value, out) {
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        exponent(&format!("{value:e}"), out);
    } else if !DOUBLE_TIES.contains(&size) {
        append(out, format_args!("{value}"));
    } else {
        let text = settle_tie(value.to_string(), &format!("{value:.3}"), |text| {
            text.parse() == Ok(value)
        });
        out.extend_from_slice(text.as_bytes());
    }
}

/// Numbers of 64 bits that two texts can be equally near to: their steps are quarters, and it takes
/// one digit to tell a quarter.
const DOUBLE_TIES: std::ops::Range<f64> = 1_125_899_906_842_624.0..2_251_799_813_685_248.0;

/// Appends a number of 32 bits.
pub(super) fn float(value: f32, out: &mut Vec<u8>) {
    let size = value.abs();
    if special(value.into(), out) {
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        exponent(&format!("{value:e}"), out);
    } else {
        let text = settle_tie(value.to_string(), &format!("{value:.24}"), |text| {
            text.parse() == Ok(value)
        });
        out.extend_from_slice(text.as_bytes());
    }
}

/// Of two shortest texts that are equally near to a number the library takes the larger, the
/// reference the one with the even last digit. `exact` is the number in full, but for zeros.
fn settle_tie(shortest: String, exact: &str, reads_back: impl Fn(&str) -> bool) -> String {
    let smaller = exact
        .trim_end_matches('0')
        .strip_suffix('5')
        .filter(|smaller| {
            let even = smaller.ends_with(['0', '2', '4', '6', '8']);
            even && smaller.len() == shortest.len() && reads_back(smaller)
        });
    smaller.map_or(shortest, str::to_owned)
}

/// Appends what JSON has no number for, as a string. Returns whether `value` is that.
fn special(value: f64, out: &mut Vec<u8>) -> bool {
    let text: &[u8] = match value {
        _ if value.is_nan() => b"\"NaN\"",
        f64::INFINITY => b"\"Infinity\"",
        f64::NEG_INFINITY => b"\"-Infinity\"",
        _ => return false,
    };
    out.extend_from_slice(text);
    true
}

/// Appends a number like `1e21` with the sign that the exponent has in the reference: `1e+21`.
fn exponent(text: &str, out: &mut Vec<u8>) {
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => {
            append(out, format_args!("{digits}e+{exponent}"));
        }
        _ => out.extend_from_slice(text.as_bytes()),
    }
}

/// Appends formatted text.
pub(super) fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}

/// The number that is none, as the reference writes it.
const NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// The number that a text stands for, as it stands on the wire; `None` if it is not a number or out
/// of range. `quoted` says whether it came in a string, which may hold what JSON has no number for.
#[expect(
    clippy::cast_possible_truncation,
    reason = "infinities and NaN stay what they are"
)]
pub(super) fn parse_number(kind: Kind, text: &str, quoted: bool) -> Option<u64> {
    if !matches!(kind, Kind::Float | Kind::Double) {
        return parse_integer(kind, text);
    }
    let special = match text {
        "NaN" => Some(f64::from_bits(NAN_BITS)),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    };
    // The library accepts more than JSON does.
    let number = special.filter(|_| quoted).or_else(|| {
        let number = if is_number(text) {
            text.parse::<f64>().ok()?
        } else {
            return None;
        };
        number.is_finite().then_some(number)
    })?;
    if matches!(kind, Kind::Double) {
        return Some(number.to_bits());
    }
    // Not by way of a double, which would round twice.
    let single = special.map_or_else(|| text.parse().ok(), |number| Some(number as f32))?;
    (single.is_finite() || special.is_some()).then_some(single.to_bits().into())
}

/// The integer that a text stands for, as it stands on the wire. It may have a fraction and an
/// exponent, as long as its value is an integer.
fn parse_integer(kind: Kind, text: &str) -> Option<u64> {
    let value = integer_value(text)?;
    let signed = |value: i64| value.cast_unsigned();
    match kind {
        Kind::Int32 | Kind::Enum(_) => i32::try_from(value).ok().map(|value| signed(value.into())),
        Kind::Int64 | Kind::Sfixed64 => i64::try_from(value).ok().map(signed),
        Kind::Sfixed32 => i32::try_from(value)
            .ok()
            .map(|value| u64::from(value.cast_unsigned())),
        Kind::Uint32 | Kind::Fixed32 => u32::try_from(value).ok().map(u64::from),
        Kind::Uint64 | Kind::Fixed64 => u64::try_from(value).ok(),
        Kind::Sint32 => i32::try_from(value)
            .ok()
            .map(|value| u64::from((value << 1 ^ value >> 31).cast_unsigned())),
        Kind::Sint64 => i64::try_from(value)
            .ok()
            .map(|value| signed(value << 1 ^ value >> 63)),
        _ => None,
    }
}

/// The value of a number as JSON writes it, if that is an integer of at most 20 digits.
fn integer_value(text: &str) -> Option<i128> {
    if !is_number(text) {
        return None;
    }
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or((1, text), |digits| (-1, digits));
    let (digits, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    // How many of all digits stand before the point.
    let point = exponent
        .parse::<i64>()
        .ok()?
        .checked_add(i64::try_from(whole.len()).ok()?)?;
    let zeros = usize::try_from(point)
        .ok()?
        .checked_sub(significant.len())?;
    let significant = significant.trim_start_matches('0');
    if significant.len() + zeros > 20 {
        return None;
    }
    let value: i128 = significant.parse().ok()?;
    Some(sign * value * 10_i128.pow(u32::try_from(zeros).ok()?))
}

/// Whether the whole text is a number as JSON writes it.
fn is_number(text: &str) -> bool {
    number_len(text) == Some(text.len())
}
