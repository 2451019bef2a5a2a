//! Names in the folder.
//!
//! | name | what it is |
//! |---|---|
//! | `NNNNNN-ID` | the database directory of the sync ID, written or finished |
//! | `NNNNNN-ID.c1z` | the same, packed; or a v1 file with any number of syncs, of any name after the number |
//! | `.NNNNNN-…` | being made, or on its way out; nobody reads it |
//! | `c1z.lock` | locked while the folder is open for writing |
//! | `c1z.intent` | the operation over several entries that was decided and may not be done ([`super::intent`]) |
//! | `c1z.catalog` | what the entries say of themselves: a cache ([`super::catalog`]) |
//! | `c1z.sessions` | the database directory of session entries whose sync does not exist |
//!
//! NNNNNN is the number of the entry, six digits or more: the order in which syncs were started.

use std::fmt;

/// Locked while the folder is open for writing.
pub(super) const LOCK: &str = "c1z.lock";
/// The operation that was decided.
pub(super) const INTENT: &str = "c1z.intent";
/// The cache of runs.
pub(super) const CATALOG: &str = "c1z.catalog";
/// Session entries of no sync.
pub(super) const SESSIONS: &str = "c1z.sessions";

/// What all names of the program itself begin with.
const OWN: &str = "c1z.";
/// What packed entries end with.
const PACKED: &str = ".c1z";
/// Least digits of a number.
const DIGITS: usize = 6;

/// The name of an entry, without what says its form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stem {
    /// Its number.
    pub(super) number: u64,
    /// What follows the number: the sync's id, but for v1 files.
    pub(super) label: String,
}

/// How an entry is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A database directory.
    Directory,
    /// A `.c1z` file.
    Packed,
}

/// What a name in the folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Entry(Stem, Form),
    /// What an interrupted operation left.
    Leftover,
    /// One of the program's own files, or hidden.
    Own,
    /// None of ours.
    Foreign,
}

impl Stem {
    /// The name of the entry in a form.
    pub(super) fn name(&self, form: Form) -> String {
        match form {
            Form::Directory => self.to_string(),
            Form::Packed => format!("{self}{PACKED}"),
        }
    }

    /// The name under which it is made.
    pub(super) fn new_name(&self) -> String {
        format!(".{self}.new")
    }

    /// The name under which it waits to be removed.
    pub(super) fn gone_name(&self) -> String {
        format!(".{self}.gone")
    }

    fn parse(text: &str) -> Option<Self> {
        let (digits, label) = text.split_once('-')?;
        let is_number = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || label.is_empty() {
            return None;
        }
        let number = digits.parse().ok()?;
        let label = label.to_owned();
        // One entry has one name: a longer number begins with no zero.
        let stem = Self { number, label };
        (stem.to_string() == text).then_some(stem)
    }
}

impl fmt::Display for Stem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}-{}", self.number, self.label)
    }
}

impl Name {
    /// What `name` is; `is_dir`: as the file system sees it.
    pub(super) fn parse(name: &str) -> Self {
        if name.starts_with('.') {
            // What is made for a hidden name has two dots.
            let hidden = name.trim_start_matches('.');
            return Stem::parse(hidden).map_or(Self::Own, |_| Self::Leftover);
        }
        if name.starts_with(OWN) {
            return Self::Own;
        }
        let (stem, form) = match name.strip_suffix(PACKED) {
            Some(stem) => (stem, Form::Packed),
            None => (name, Form::Directory),
        };
        Stem::parse(stem).map_or(Self::Foreign, |stem| Self::Entry(stem, form))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (number, label) in [(1, "a"), (999_999, "x-y"), (1_000_000, "2qV")] {
            let label = label.to_owned();
            let stem = Stem { number, label };
            for form in [Form::Directory, Form::Packed] {
                assert_eq!(
                    Name::parse(&stem.name(form)),
                    Name::Entry(stem.clone(), form)
                );
            }
            assert_eq!(Name::parse(&stem.new_name()), Name::Leftover);
            assert_eq!(Name::parse(&stem.gone_name()), Name::Leftover);
        }
    }

    #[test]
    fn other_names_are_no_entries() {
        for name in [
            "00001-a",
            "000001-",
            "000001",
            "0000001-a",
            "-a",
            "a-000001",
            "sync.c1z",
        ] {
            assert_eq!(Name::parse(name), Name::Foreign, "{name}");
        }
        for name in [
            LOCK,
            INTENT,
            CATALOG,
            SESSIONS,
            ".hidden",
            "c1z.catalog.tmp",
        ] {
            assert_eq!(Name::parse(name), Name::Own, "{name}");
        }
    }
}
