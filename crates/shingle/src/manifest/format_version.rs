//! The format version that a database directory declares (`pebble-ondisk` §0).

use super::file_name::number;
use crate::{Error, ErrorKind, Result};

/// A format version that this crate reads: 13 to 24. Writers write [`FormatVersion::NEWEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormatVersion(u8);

impl FormatVersion {
    /// The oldest that is read.
    pub const OLDEST: FormatVersion = FormatVersion(13);
    /// The newest that is read, and the one that is written.
    pub const NEWEST: FormatVersion = FormatVersion(24);

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Reads the value of a format-version marker.
    ///
    /// # Errors
    /// `Unsupported` for versions that are older or newer than what is read, `Corrupt` for what is
    /// no number.
    pub fn parse(value: &str) -> Result<Self> {
        let Some(version) = number(value) else {
            return Err(Error::corrupt(
                "format-version marker",
                0,
                "a decimal number",
                value,
            ));
        };
        let refuse = |why: &str| {
            let supported = format!("{}-{}", Self::OLDEST.0, Self::NEWEST.0);
            Err(Error::new(
                ErrorKind::Unsupported,
                format!("{why} version=`{}` supported=`{supported}`", version.0),
            ))
        };
        match u8::try_from(version.0) {
            Ok(n) if n < Self::OLDEST.0 => {
                refuse("the database has an older format; open it once with an older Pebble")
            }
            Ok(n) if n <= Self::NEWEST.0 => Ok(Self(n)),
            _ => refuse("the database has a newer format; upgrade this program"),
        }
    }

    /// The value of its marker: three digits.
    pub fn marker_value(self) -> String {
        format!("{:03}", self.0)
    }
}
