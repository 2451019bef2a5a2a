//! How much of a file may be decoded, and how the environment and the caller say so
//! (`c1z-envelope` §4).
//!
//! The variables arrive as a map ([`Variables::from_lookup`]): nothing here reads the process
//! environment, so two opens in one process can differ and tests own what they see. The two
//! formats disagree on precedence and on malformed values, and both rules are kept: in v1 a
//! variable overrides the caller's option and `0` is an error; in v3 the option overrides the
//! variable and every value that makes no sense is ignored.

use super::fault;
use crate::{Error, Result};

/// Raises or lowers the cap on decoded bytes; MiB.
pub const VAR_DECODED_MAX: &str = "BATON_DECODER_MAX_DECODED_SIZE_MB";
/// Raises or lowers the cap on a zstd window; MiB.
pub const VAR_WINDOW_MAX: &str = "BATON_DECODER_MAX_MEMORY_MB";
/// `1` turns off the refusals that declared sizes alone cause.
pub const VAR_FAIL_FAST_OFF: &str = "BATON_DISABLE_FCS_FAIL_FAST";

/// Cap on decoded bytes unless told otherwise: 10 GiB.
pub const DECODED_MAX_DEFAULT: u64 = 10 << 30;
/// Cap on a zstd window unless told otherwise: 128 MiB.
pub const WINDOW_MAX_DEFAULT: u64 = 128 << 20;
/// A v3 file may always decode to this many times its own length.
const V3_EXPANSION: u64 = 100;
/// Larger values of a variable are ignored in v3: they would overflow as bytes.
const V3_MIB_MAX: u64 = 1 << 43;
const MIB: u64 = 1 << 20;

/// The environment variables that bound decoding, as their raw text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    decoded_max: Option<String>,
    window_max: Option<String>,
    fail_fast_off: Option<String>,
}

impl Variables {
    /// Takes the variables of this module from `lookup`, for example
    /// `|name| std::env::var(name).ok()`.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            decoded_max: lookup(VAR_DECODED_MAX),
            window_max: lookup(VAR_WINDOW_MAX),
            fail_fast_off: lookup(VAR_FAIL_FAST_OFF),
        }
    }
}

/// What a caller asks for; `None` leaves the variable or the default in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitOptions {
    /// Cap on decoded bytes of one file.
    pub decoded_max: Option<u64>,
    /// Cap on the window of a zstd frame, bytes.
    pub window_max: Option<u64>,
}

/// The caps in force for one open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Decoded bytes of the whole file.
    pub decoded_max: u64,
    /// Window of a zstd frame, bytes.
    pub window_max: u64,
    /// Refuse on declared sizes, before anything is decoded.
    pub fail_fast: bool,
}

impl Limits {
    /// The caps for a v1 file: variables override `options`; a value that is no number is ignored.
    ///
    /// # Errors
    /// `InvalidArgument` for a variable that is `0`.
    pub fn for_v1(options: &LimitOptions, variables: &Variables) -> Result<Self> {
        let decoded = v1_variable(VAR_DECODED_MAX, variables.decoded_max.as_deref())?;
        let window = v1_variable(VAR_WINDOW_MAX, variables.window_max.as_deref())?;
        Ok(Self {
            decoded_max: decoded
                .or(options.decoded_max)
                .unwrap_or(DECODED_MAX_DEFAULT),
            window_max: window.or(options.window_max).unwrap_or(WINDOW_MAX_DEFAULT),
            fail_fast: fail_fast(variables),
        })
    }

    /// The caps for a v3 file of `file_len` bytes: `options` override variables; unless either says
    /// otherwise, decoded bytes are capped at 10 GiB or 100 times the file, whichever is more.
    pub fn for_v3(options: &LimitOptions, variables: &Variables, file_len: u64) -> Self {
        let decoded = v3_variable(variables.decoded_max.as_deref());
        let window = v3_variable(variables.window_max.as_deref());
        let by_length = DECODED_MAX_DEFAULT.max(file_len.saturating_mul(V3_EXPANSION));
        Self {
            decoded_max: options.decoded_max.or(decoded).unwrap_or(by_length),
            window_max: options.window_max.or(window).unwrap_or(WINDOW_MAX_DEFAULT),
            fail_fast: fail_fast(variables),
        }
    }

    /// Refuses `decoded` bytes over the cap.
    pub(super) fn check_decoded(&self, what: &str, decoded: u64) -> Result<()> {
        if decoded > self.decoded_max {
            return Err(fault::over_cap(
                what,
                decoded,
                self.decoded_max,
                VAR_DECODED_MAX,
            ));
        }
        Ok(())
    }

    /// Refuses a window of `window` bytes over the cap.
    pub(super) fn check_window(&self, what: &str, window: u64) -> Result<()> {
        if window > self.window_max {
            return Err(fault::over_cap(
                what,
                window,
                self.window_max,
                VAR_WINDOW_MAX,
            ));
        }
        Ok(())
    }
}

fn fail_fast(variables: &Variables) -> bool {
    variables.fail_fast_off.as_deref() != Some("1")
}

fn v1_variable(name: &str, text: Option<&str>) -> Result<Option<u64>> {
    match text.and_then(decimal) {
        Some(0) => Err(
            Error::invalid(format!("variable must be at least 1 variable=`{name}`"))
                .with_hint("unset the variable, or give it a number of MiB"),
        ),
        Some(mib) => Ok(Some(mib.saturating_mul(MIB))),
        None => Ok(None),
    }
}

fn v3_variable(text: Option<&str>) -> Option<u64> {
    let mib = text.and_then(decimal)?;
    (1..=V3_MIB_MAX)
        .contains(&mib)
        .then(|| mib.saturating_mul(MIB))
}

/// An unsigned decimal number and nothing else; `u64::from_str` would take a sign.
fn decimal(text: &str) -> Option<u64> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables::from_lookup(|name| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    const OPTIONS: LimitOptions = LimitOptions {
        decoded_max: Some(7),
        window_max: Some(8),
    };

    #[test]
    fn defaults_stand_without_variables_and_options() {
        let v1 = Limits::for_v1(&LimitOptions::default(), &Variables::default()).unwrap();
        assert_eq!(
            (v1.decoded_max, v1.window_max, v1.fail_fast),
            (10 << 30, 128 << 20, true)
        );
        let small = Limits::for_v3(&LimitOptions::default(), &Variables::default(), 1000);
        assert_eq!((small.decoded_max, small.window_max), (10 << 30, 128 << 20));
        let large = Limits::for_v3(&LimitOptions::default(), &Variables::default(), 1 << 30);
        assert_eq!(large.decoded_max, 100 << 30);
    }

    #[test]
    fn precedence_differs_between_the_formats() {
        let set = variables(&[(VAR_DECODED_MAX, "3"), (VAR_WINDOW_MAX, "2")]);
        let v1 = Limits::for_v1(&OPTIONS, &set).unwrap();
        assert_eq!((v1.decoded_max, v1.window_max), (3 << 20, 2 << 20));
        let v3 = Limits::for_v3(&OPTIONS, &set, 0);
        assert_eq!((v3.decoded_max, v3.window_max), (7, 8));
        let v3 = Limits::for_v3(&LimitOptions::default(), &set, 0);
        assert_eq!((v3.decoded_max, v3.window_max), (3 << 20, 2 << 20));
    }

    #[test]
    fn malformed_values_are_ignored_but_for_zero_in_v1() {
        for text in ["", "-1", "1.5", "+5", "ten", "99999999999999999999999"] {
            let set = variables(&[(VAR_DECODED_MAX, text)]);
            assert_eq!(
                Limits::for_v1(&OPTIONS, &set).unwrap().decoded_max,
                7,
                "{text}"
            );
            assert_eq!(
                Limits::for_v3(&LimitOptions::default(), &set, 0).decoded_max,
                10 << 30
            );
        }
        let zero = variables(&[(VAR_WINDOW_MAX, "0")]);
        let error = Limits::for_v1(&OPTIONS, &zero).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(
            Limits::for_v3(&LimitOptions::default(), &zero, 0).window_max,
            128 << 20
        );
        let huge = variables(&[(VAR_DECODED_MAX, "8796093022209")]);
        assert_eq!(
            Limits::for_v3(&LimitOptions::default(), &huge, 0).decoded_max,
            10 << 30
        );
    }

    #[test]
    fn fail_fast_is_off_for_the_value_one_only() {
        for (text, expected) in [("1", false), ("true", true), ("0", true)] {
            let set = variables(&[(VAR_FAIL_FAST_OFF, text)]);
            assert_eq!(
                Limits::for_v3(&OPTIONS, &set, 0).fail_fast,
                expected,
                "{text}"
            );
        }
    }
}
