//! Values of columns and their order.
//!
//! The order is the one of an index whose columns use the collation `BINARY`: null, then numbers,
//! then text, then blobs; integers and reals compare by their exact numeric value, text and blobs
//! bytewise.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::str;

/// A value as stored. Text is kept as bytes: the format does not promise that it is UTF-8.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Absent.
    Null,
    /// A whole number.
    Integer(i64),
    /// A floating-point number, never NaN.
    Real(f64),
    /// Text; borrowed from the page unless it continues on overflow pages.
    Text(Cow<'a, [u8]>),
    /// Bytes; borrowed from the page unless they continue on overflow pages.
    Blob(Cow<'a, [u8]>),
}

impl<'a> Value<'a> {
    /// A text value that borrows `text`.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text.as_bytes()))
    }

    /// A blob that borrows `bytes`.
    pub fn blob(bytes: &'a [u8]) -> Self {
        Self::Blob(Cow::Borrowed(bytes))
    }

    /// Whether the value is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is text and UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The bytes of a text or a blob.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(bytes) | Self::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The same value, owning its bytes.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(value),
            Self::Real(value) => Value::Real(value),
            Self::Text(bytes) => Value::Text(Cow::Owned(bytes.into_owned())),
            Self::Blob(bytes) => Value::Blob(Cow::Owned(bytes.into_owned())),
        }
    }

    /// The same value, borrowing its bytes from this one.
    pub fn as_borrowed(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(*value),
            Self::Real(value) => Value::Real(*value),
            Self::Text(bytes) => Value::Text(Cow::Borrowed(bytes)),
            Self::Blob(bytes) => Value::Blob(Cow::Borrowed(bytes)),
        }
    }

    /// Order of two values in an index.
    pub fn compare(&self, other: &Value<'_>) -> Ordering {
        match (self, other) {
            (Self::Text(a), Value::Text(b)) | (Self::Blob(a), Value::Blob(b)) => a.cmp(b),
            (Self::Integer(a), Value::Integer(b)) => a.cmp(b),
            (Self::Real(a), Value::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Self::Integer(a), Value::Real(b)) => compare_mixed(*a, *b),
            (Self::Real(a), Value::Integer(b)) => compare_mixed(*b, *a).reverse(),
            _ => self.class().cmp(&other.class()),
        }
    }

    fn class(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Integer(_) | Self::Real(_) => 1,
            Self::Text(_) => 2,
            Self::Blob(_) => 3,
        }
    }

    /// The type's name, for messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Integer(_) => "integer",
            Self::Real(_) => "real",
            Self::Text(_) => "text",
            Self::Blob(_) => "blob",
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::blob(bytes)
    }
}

/// The integer that equals `real`, if there is one.
pub(super) fn whole(real: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a result that differs is dropped"
    )]
    let integer = real as i64;
    compare_mixed(integer, real).is_eq().then_some(integer)
}

/// Compares exactly: converting the integer to a real would call neighbours above 2^53 equal.
fn compare_mixed(integer: i64, real: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if real.is_nan() || real < -LIMIT {
        return Ordering::Greater;
    }
    if real >= LIMIT {
        return Ordering::Less;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked; the fraction is compared next"
    )]
    let whole = real.trunc() as i64;
    let fraction = real - real.trunc();
    integer
        .cmp(&whole)
        .then_with(|| 0.0_f64.partial_cmp(&fraction).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_values_are_ordered() {
        let ascending = [
            Value::Null,
            Value::Real(f64::NEG_INFINITY),
            Value::Integer(i64::MIN),
            Value::Real(-1.5),
            Value::Integer(-1),
            Value::Integer(0),
            Value::Real(0.5),
            Value::Integer(1),
            Value::Integer((1 << 53) - 1),
            Value::Real(9_007_199_254_740_992.0),
            Value::Integer((1 << 53) + 1),
            Value::Integer(i64::MAX),
            Value::Real(9_223_372_036_854_775_808.0),
            Value::Real(f64::INFINITY),
            Value::text(""),
            Value::text("\0"),
            Value::text("a"),
            Value::text("ab"),
            Value::text("b"),
            Value::blob(b""),
            Value::blob(b"a"),
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(a.compare(b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_whole_real_equals_its_integer() {
        assert_eq!(
            Value::Integer(7).compare(&Value::Real(7.0)),
            Ordering::Equal
        );
        assert_eq!(
            Value::Real(-0.0).compare(&Value::Integer(0)),
            Ordering::Equal
        );
    }
}
