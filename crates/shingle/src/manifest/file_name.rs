//! Names of the files of a database directory (`pebble-ondisk` §1.1).

use std::fmt;

/// A number from the one counter that numbers logs, manifests, options files and tables. Zero is
/// no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileNumber(pub u64);

impl fmt::Display for FileNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// What a name in a database directory stands for. `Display` writes the name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileName {
    /// `NNNNNN.sst`
    Table(FileNumber),
    /// `NNNNNN.blob`: recognised, not read.
    Blob(FileNumber),
    /// `NNNNNN.log`, or `NNNNNN-III.log` for a later segment.
    Log {
        /// The log's number.
        number: FileNumber,
        /// Which segment, 0 for the plain name.
        segment: u64,
    },
    /// `MANIFEST-NNNNNN`
    Manifest(FileNumber),
    /// `OPTIONS-NNNNNN`
    Options(FileNumber),
    /// `marker.…`, whether well-formed or not.
    Marker(String),
    /// `LOCK`
    Lock,
    /// `*.dbtmp`: left behind by a crash, of no meaning.
    Temporary(String),
    /// `REMOTE-OBJ-CATALOG-NNNNNN`: objects outside of the directory; recognised, not read.
    RemoteCatalog(FileNumber),
    /// Anything else, which means nothing to a database.
    Other(String),
}

impl FileName {
    /// What `name` stands for.
    pub fn parse(name: &str) -> Self {
        Self::parse_numbered(name).unwrap_or_else(|| {
            if name == "LOCK" {
                FileName::Lock
            } else if name.starts_with("marker.") {
                FileName::Marker(name.to_owned())
            } else if name.rsplit('.').next() == Some("dbtmp") {
                FileName::Temporary(name.to_owned())
            } else {
                FileName::Other(name.to_owned())
            }
        })
    }

    fn parse_numbered(name: &str) -> Option<Self> {
        if let Some((stem, extension)) = name.split_once('.') {
            return match extension {
                "sst" => Some(FileName::Table(number(stem)?)),
                "blob" => Some(FileName::Blob(number(stem)?)),
                "log" => {
                    let (stem, segment) = stem.split_once('-').unwrap_or((stem, "0"));
                    Some(FileName::Log {
                        number: number(stem)?,
                        segment: number(segment)?.0,
                    })
                }
                _ => None,
            };
        }
        let (stem, digits) = name.rsplit_once('-')?;
        let number = number(digits)?;
        match stem {
            "MANIFEST" => Some(FileName::Manifest(number)),
            "OPTIONS" => Some(FileName::Options(number)),
            "REMOTE-OBJ-CATALOG" => Some(FileName::RemoteCatalog(number)),
            _ => None,
        }
    }
}

/// A decimal number without sign.
pub(super) fn number(digits: &str) -> Option<FileNumber> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(FileNumber)
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileName::Table(number) => write!(f, "{number}.sst"),
            FileName::Blob(number) => write!(f, "{number}.blob"),
            FileName::Log { number, segment: 0 } => write!(f, "{number}.log"),
            FileName::Log { number, segment } => write!(f, "{number}-{segment:03}.log"),
            FileName::Manifest(number) => write!(f, "MANIFEST-{number}"),
            FileName::Options(number) => write!(f, "OPTIONS-{number}"),
            FileName::RemoteCatalog(number) => write!(f, "REMOTE-OBJ-CATALOG-{number}"),
            FileName::Lock => f.write_str("LOCK"),
            FileName::Marker(name) | FileName::Temporary(name) | FileName::Other(name) => {
                f.write_str(name)
            }
        }
    }
}
