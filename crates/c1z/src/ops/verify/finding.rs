//! What a check can find: classes with a weight and an advice, and where a single finding stands.

use std::fmt;

use crate::Error;
use crate::keyspace::Key;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Bytes cannot be read: a checksum, a length, a frame, a record.
    Damage,
    /// What can be read contradicts itself: an index, a digest, a count.
    Inconsistency,
    /// Allowed, and worth knowing.
    Notice,
}

impl Severity {
    /// `damage`, `inconsistency`, `notice`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Damage => "damage",
            Severity::Inconsistency => "inconsistency",
            Severity::Notice => "notice",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $severity:ident, $advice:ident;)*) => {
        /// Kinds of findings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Class {
            $($(#[$doc])* $name,)*
        }

        impl Class {
            /// Every class, worst first.
            pub const ALL: &'static [Class] = &[$(Class::$name),*];

            /// Its name in reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Class::$name => $text,)* }
            }

            /// How much it weighs.
            pub const fn severity(self) -> Severity {
                match self { $(Class::$name => Severity::$severity,)* }
            }

            /// What to do about it.
            pub const fn advice(self) -> &'static str {
                match self { $(Class::$name => $advice,)* }
            }
        }
    };
}

const RESTORE: &str =
    "restore the file from a copy or sync again; `c1z repair` saves what can be read";
const REBUILD: &str = "`c1z repair` rebuilds it from the records";
const REWRITE: &str = "`c1z repair` writes the file anew; if it comes back, the writer is at fault";
const EXAMINE: &str =
    "have the program that wrote the file examined; `c1z repair` drops the rows and says which";
const AGAIN: &str = "repair or restore what is damaged, then verify again";
const WAIT: &str = "finish the sync; until then readers do without";
const NOTHING: &str = "nothing has to be done";
const CONNECTOR: &str =
    "look at the connector: readers show the row without the details of what is missing";

classes! {
    /// Magic, head, manifest, frame index or footer of the envelope.
    Envelope = "envelope", Damage, RESTORE;
    /// A file of the payload does not decode to what the index records.
    Frame = "frame", Damage, RESTORE;
    /// The database's MANIFEST, markers, options or logs, or a missing table.
    Database = "database", Damage, RESTORE;
    /// A table's footer, index, properties or blocks.
    Table = "table", Damage, RESTORE;
    /// The SQLite database of a v1 file.
    Sqlite = "sqlite", Damage, RESTORE;
    /// A key of a known family that is none.
    Key = "key", Damage, EXAMINE;
    /// A value that is no record of its family.
    Record = "record", Damage, EXAMINE;
    /// A table's contents contradict its properties.
    TableContents = "table-contents", Inconsistency, REWRITE;
    /// A table's keys or sequence numbers lie outside of what the MANIFEST says of it.
    TableBounds = "table-bounds", Inconsistency, REWRITE;
    /// Levels contradict each other.
    Levels = "levels", Inconsistency, REWRITE;
    /// Layout or identity stamps.
    Stamp = "stamp", Inconsistency, REWRITE;
    /// A record stands under another key than its fields say.
    RecordKey = "record-key", Inconsistency, REWRITE;
    /// A row that the records imply is not there.
    IndexMissing = "index-missing", Inconsistency, REBUILD;
    /// A row that no record implies.
    IndexOrphan = "index-orphan", Inconsistency, REBUILD;
    /// A row that the records imply with another value.
    IndexWrong = "index-wrong", Inconsistency, REBUILD;
    /// A crash marker in a finished sync.
    Marker = "marker", Inconsistency, REBUILD;
    /// Recorded counts that are not those of the records.
    Stats = "stats", Inconsistency, REBUILD;
    /// The manifest of the envelope repeats something else than the database holds.
    Manifest = "manifest", Inconsistency, REBUILD;
    /// The sync run.
    SyncRun = "sync-run", Inconsistency, REWRITE;
    /// Part of the check could not be made.
    Unchecked = "unchecked", Notice, AGAIN;
    /// The sync is not finished, and what that entails.
    Unfinished = "unfinished", Notice, WAIT;
    /// Odd, but written by programs that work.
    Unusual = "unusual", Notice, NOTHING;
    /// What may be absent and is.
    Absent = "absent", Notice, NOTHING;
    /// Rows and files that mean nothing here.
    Stranger = "stranger", Notice, NOTHING;
    /// A record names another that the file does not hold.
    Reference = "reference", Notice, CONNECTOR;
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a finding stands. Empty parts are not known or do not apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// A file of the payload.
    pub file: Option<String>,
    /// Byte offset in it, or in the envelope without one.
    pub offset: Option<u64>,
    /// A key of the database.
    pub key: Option<Vec<u8>>,
}

impl Place {
    /// A file of the payload.
    pub fn file(name: impl Into<String>) -> Self {
        Self {
            file: Some(name.into()),
            ..Self::default()
        }
    }

    /// A key.
    pub fn key(key: &[u8]) -> Self {
        Self {
            key: Some(key.to_vec()),
            ..Self::default()
        }
    }

    /// The key as people read it; none where there is no key or it cannot be read.
    pub fn readable_key(&self) -> Option<String> {
        let key = Key::parse(self.key.as_deref()?).ok()?;
        Some(key.to_string())
    }

    /// The key in hexadecimal, whole.
    pub fn hex_key(&self) -> Option<String> {
        let key = self.key.as_deref()?;
        Some(
            key.iter()
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}")),
        )
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub class: Class,
    /// The structure or family concerned, one of a fixed set for each class.
    pub subject: &'static str,
    /// Where.
    pub place: Place,
    /// What was expected and what stands there.
    pub detail: String,
}

impl Finding {
    /// A finding.
    pub(crate) fn new(
        class: Class,
        subject: &'static str,
        place: Place,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            class,
            subject,
            place,
            detail: detail.into(),
        }
    }

    /// What an error says.
    pub(crate) fn from_error(
        class: Class,
        subject: &'static str,
        place: Place,
        error: &Error,
    ) -> Self {
        Self::new(class, subject, place, error.chain())
    }
}
