//! Tells what a file is from its first five bytes (`c1z-envelope` §1).
//!
//! | magic | hex | format |
//! |---|---|---|
//! | `C1ZF\0` | `43 31 5a 46 00` | v1: a zstd stream that holds a SQLite database |
//! | `C1Z3\0` | `43 31 5a 33 00` | v3: manifest and payload, a Pebble directory |
//!
//! The name of a file is not looked at. An empty file is the same as a missing one; what that
//! means is the caller's decision.

use super::fault;
use crate::{Error, ErrorKind, Result};

/// Length of the magic that every file starts with, in bytes.
pub const MAGIC_LEN: usize = 5;
/// First bytes of a v1 file.
pub const MAGIC_V1: [u8; MAGIC_LEN] = *b"C1ZF\0";
/// First bytes of a v3 file.
pub const MAGIC_V3: [u8; MAGIC_LEN] = *b"C1Z3\0";

const STRUCTURE: &str = "c1z magic";

/// The framing of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A zstd stream that holds a SQLite database.
    V1,
    /// A manifest and a Pebble directory.
    V3,
}

impl Format {
    /// The name that tools print.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::V1 => "v1",
            Format::V3 => "v3",
        }
    }
}

/// Tells the format from the first bytes of a file; `None` for a file without bytes. Only the
/// first [`MAGIC_LEN`] bytes are looked at, and fewer mean that the file has no more.
///
/// # Errors
/// `DataLoss` (truncated) for a proper prefix of a magic, `FormatNewer` for a magic of this family
/// that this version does not know, `InvalidArgument` for everything else: not a `.c1z` file.
pub fn identify(first: &[u8]) -> Result<Option<Format>> {
    let magic = first.get(..MAGIC_LEN).unwrap_or(first);
    match magic {
        [] => Ok(None),
        m if m == MAGIC_V1 => Ok(Some(Format::V1)),
        m if m == MAGIC_V3 => Ok(Some(Format::V3)),
        [b'C', b'1', b'Z', version, 0] if is_newer(*version) => Err(newer(*version)),
        m if m.len() < MAGIC_LEN && (MAGIC_V1.starts_with(m) || MAGIC_V3.starts_with(m)) => {
            let expected = format!("{MAGIC_LEN} bytes");
            let found = format!("{} bytes", m.len());
            Err(fault::truncated(STRUCTURE, 0, expected, found))
        }
        m => Err(foreign(m)),
    }
}

/// Versions are one character; those before `3` never existed but for `F`.
fn is_newer(version: u8) -> bool {
    version.is_ascii_alphanumeric() && version > b'3'
}

fn newer(version: u8) -> Error {
    let message = format!(
        "file format is newer than this program version=`{}`",
        char::from(version)
    );
    Error::new(ErrorKind::FormatNewer, message).with_hint("upgrade to a version that reads it")
}

fn foreign(magic: &[u8]) -> Error {
    let found: Vec<String> = magic.iter().map(|b| format!("{b:02x}")).collect();
    Error::invalid(format!(
        "not a c1z file offset=`0` magic=`{}`",
        found.join(" ")
    ))
    .with_hint("a c1z file begins with `C1ZF` or `C1Z3` and a zero byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_told_apart() {
        assert_eq!(identify(b"").unwrap(), None);
        assert_eq!(identify(b"C1ZF\0").unwrap(), Some(Format::V1));
        assert_eq!(identify(b"C1Z3\0rest").unwrap(), Some(Format::V3));
        for (first, kind) in [
            (&b"C"[..], ErrorKind::DataLoss),
            (b"C1", ErrorKind::DataLoss),
            (b"C1Z", ErrorKind::DataLoss),
            (b"C1ZF", ErrorKind::DataLoss),
            (b"C1Z3", ErrorKind::DataLoss),
            (b"C1Z4\0", ErrorKind::FormatNewer),
            (b"C1ZG\0", ErrorKind::FormatNewer),
            (b"C1Z2\0", ErrorKind::InvalidArgument),
            (b"C1Z4", ErrorKind::InvalidArgument),
            (b"C1Z3\x01", ErrorKind::InvalidArgument),
            (b"SQLit", ErrorKind::InvalidArgument),
            (b"\0", ErrorKind::InvalidArgument),
        ] {
            let error = identify(first).unwrap_err();
            assert_eq!(error.kind(), kind, "{first:?}: {error}");
            assert!(error.hint().is_some(), "{first:?}");
        }
    }
}
