//! The words of this module's errors, in one place: damage, early ends, exceeded caps.
//!
//! Every error of a file names the structure, the place, what was expected and what stands there,
//! and carries a hint for the user. Truncation and contradiction are both
//! [`ErrorKind::DataLoss`]; their messages begin with `truncated` and `corrupt`.

use std::fmt;
use std::io;

use crate::{Error, ErrorKind};

/// What a user can do about damage.
pub(super) const HINT_DAMAGED: &str = "restore the file from a copy, or sync again";

/// The bytes of `structure` at file offset `offset` contradict the format.
pub(super) fn corrupt(
    structure: &str,
    offset: u64,
    expected: impl fmt::Display,
    found: impl fmt::Display,
) -> Error {
    Error::data_loss(structure, offset, expected, found).with_hint(HINT_DAMAGED)
}

/// The file ends before `structure`, which starts at file offset `offset`, does.
pub(super) fn truncated(
    structure: &str,
    offset: u64,
    expected: impl fmt::Display,
    found: impl fmt::Display,
) -> Error {
    let message =
        format!("truncated {structure} at offset=`{offset}` expected=`{expected}` found=`{found}`");
    Error::new(ErrorKind::DataLoss, message).with_hint(HINT_DAMAGED)
}

/// A cap would be exceeded; `variable` is the environment variable that raises it.
pub(super) fn over_cap(what: &str, value: impl fmt::Display, cap: u64, variable: &str) -> Error {
    Error::new(
        ErrorKind::ResourceExhausted,
        format!("{what} exceeds its cap bytes=`{value}` cap=`{cap}` variable=`{variable}`"),
    )
    .with_hint(format!(
        "if the file is trusted, raise the cap with `{variable}` (in MiB)"
    ))
}

/// A fixed bound of this reader would be exceeded.
pub(super) fn over_bound(what: &str, value: impl fmt::Display, bound: u64) -> Error {
    Error::new(
        ErrorKind::ResourceExhausted,
        format!("{what} exceeds its bound value=`{value}` bound=`{bound}`"),
    )
    .with_hint("no known writer makes such a file; have it examined before you trust it")
}

/// Wraps an error for the `io::Result` of the file seam; [`from_io`] unwraps it again.
pub(super) fn into_io(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::NotFound => io::ErrorKind::NotFound,
        ErrorKind::DataLoss => io::ErrorKind::InvalidData,
        ErrorKind::ResourceExhausted => io::ErrorKind::QuotaExceeded,
        ErrorKind::Unsupported => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// The error that [`into_io`] wrapped, or a failure of the environment while doing `action`.
pub(super) fn from_io(action: &str, path: &std::path::Path, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(other) => Error::io(action, path, other),
    }
}
