//! The OPTIONS file: INI text with the settings that a database was last opened with
//! (`pebble-ondisk` §1.3).
//!
//! A reader takes from it only what decides whether it may read: comparer, merger, and where the
//! write-ahead log is. Everything else steers whoever writes next. The writer gives the text that
//! the reference implementation writes for its own settings, so that a file of ours opens there
//! without any difference.

#[cfg(test)]
mod tests;
mod text;

use std::path::Path;

use crate::manifest::{COMPARER, FormatVersion};
use crate::vfs::Fs;
use crate::{Error, ErrorKind, Result};

pub use text::render;

/// Name of the merger of a database that never merges.
pub const MERGER: &str = "pebble.concatenate";
/// The most bytes of a file that is read.
const LEN_MAX: u64 = 1 << 20;
const STRUCTURE: &str = "options file";

/// Settings in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionsFile {
    settings: Vec<Setting>,
}

/// One `key=value` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The section that the line stands in, for example `Options` or `Level "0"`.
    pub section: String,
    /// What is set.
    pub key: String,
    /// To what.
    pub value: String,
}

impl OptionsFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// `Corrupt` for text that is not UTF-8 and for a line that is neither blank, comment, section
    /// nor `key=value`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|e| {
            let offset = e.valid_up_to() as u64;
            Error::corrupt(STRUCTURE, offset, "UTF-8 text", "other bytes")
        })?;
        let mut settings = Vec::new();
        let mut section = "";
        let mut offset = 0;
        for whole in text.split_inclusive('\n') {
            let line = whole.trim();
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                section = name;
            } else if let Some((key, value)) = line.split_once('=').filter(|_| !is_comment(line)) {
                settings.push(Setting {
                    section: section.to_owned(),
                    key: key.trim().to_owned(),
                    value: value.trim().to_owned(),
                });
            } else if !line.is_empty() && !is_comment(line) {
                return Err(Error::corrupt(STRUCTURE, offset, "key=value", line));
            }
            offset += whole.len() as u64;
        }
        Ok(Self { settings })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`OptionsFile::parse`]; `Exhausted` for more than 1 MiB, where real files have a few
    /// thousand bytes; `Io` from the file system.
    pub fn read(fs: &dyn Fs, path: &Path) -> Result<Self> {
        let file = fs.open(path).map_err(|e| Error::io("open", path, e))?;
        if file.len() > LEN_MAX {
            let message = format!("options file is too long len=`{}`", file.len());
            return Err(Error::new(ErrorKind::Exhausted, message));
        }
        let mut bytes = vec![0; usize::try_from(file.len()).unwrap_or_default()];
        file.read_exact_at(0, &mut bytes)
            .map_err(|e| Error::io("read", path, e))?;
        Self::parse(&bytes)
    }

    /// All settings in the order of the file.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The value of a setting; the last one counts.
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        let mut settings = self.settings.iter().rev();
        let setting = settings.find(|s| s.section == section && s.key == key)?;
        Some(&setting.value)
    }

    /// Refuses a database that this crate would misread.
    ///
    /// # Errors
    /// `Unsupported` for a foreign comparer or merger, and for logs in other directories.
    pub fn check_supported(&self) -> Result<()> {
        let refuse = |key: &str, value: &str| {
            Err(Error::unsupported(format_args!(
                "setting in the options file {key}=`{value}`"
            )))
        };
        for (section, key, accepted) in [
            ("Options", "comparer", &[COMPARER][..]),
            ("Options", "merger", &[MERGER, "nullptr"][..]),
            ("Options", "wal_dir", &[""][..]),
            ("WAL Failover", "secondary_dir", &[][..]),
        ] {
            if let Some(value) = self.get(section, key)
                && !accepted.contains(&value)
            {
                return refuse(key, value);
            }
        }
        Ok(())
    }

    /// The format version at the time of writing, if recorded; the marker is what counts.
    pub fn format_version(&self) -> Option<FormatVersion> {
        FormatVersion::parse(self.get("Options", "format_major_version")?).ok()
    }
}

fn is_comment(line: &str) -> bool {
    line.starts_with([';', '#'])
}
