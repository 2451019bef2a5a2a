//! The crate's one error type: a kind that says who must act, a message, and the cause.
//!
//! Messages are lower case, carry no full stop, and end with their values as ``key=`value` ``. A message never
//! repeats the text of its source; printing the whole chain is the caller's choice ([`Error::chain`]).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who must act on an error, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A bad argument or call order; the caller fixes it.
    Invalid,
    /// What was named is absent.
    NotFound,
    /// Locked or already open; retry later.
    Busy,
    /// A version or feature that this build cannot read; upgrade.
    Unsupported,
    /// The bytes contradict the format; restore or write again.
    Corrupt,
    /// A stated budget would be exceeded; raise it or ask for less.
    Exhausted,
    /// The environment failed; retry or repair the disk.
    Io,
    /// An earlier write failed; reopen before writing again.
    Poisoned,
    /// A bug in this crate; report it.
    Internal,
}

/// Where and how bytes contradict the format. Every [`ErrorKind::Corrupt`] error has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The structure that was being read, for example `sstable footer`.
    pub structure: &'static str,
    /// Byte offset of the contradiction: in the file where the file is known, else in the structure.
    pub offset: u64,
    /// What the format demands there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// An error of this crate. Cheap to move (one pointer).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    file: Option<PathBuf>,
    corruption: Option<Corruption>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            file: None,
            corruption: None,
            source: None,
        }))
    }

    /// A bad argument or call order.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// A feature or version that this build does not read; `feature` names it.
    pub fn unsupported(feature: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::Unsupported,
            format!("unsupported feature: {feature}"),
        )
    }

    /// Bytes that contradict the format. `offset` counts from the start of `structure` until [`Error::at`] or the
    /// caller shifts it to the file.
    pub fn corrupt(
        structure: &'static str,
        offset: u64,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        let mut error = Self::new(ErrorKind::Corrupt, String::new());
        error.0.corruption = Some(Corruption {
            structure,
            offset,
            expected: expected.to_string(),
            found: found.to_string(),
        });
        error
    }

    /// A failure of the environment while doing `action` to `path`.
    pub fn io(action: &str, path: &Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        Self::new(kind, format!("cannot {action}"))
            .in_file(path)
            .with_source(source)
    }

    /// Names the file the error is about, unless a deeper layer already did.
    #[must_use]
    pub fn in_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.file.get_or_insert_with(|| path.into());
        self
    }

    /// Shifts the offset of a corruption by `base`: a structure at `base` of a file reports file offsets.
    #[must_use]
    pub fn at(mut self, base: u64) -> Self {
        if let Some(corruption) = &mut self.0.corruption {
            corruption.offset = corruption.offset.saturating_add(base);
        }
        self
    }

    /// Attaches the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Who must act.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file the error is about, if known.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// Place and nature of the damage; present on every [`ErrorKind::Corrupt`] error.
    pub fn corruption(&self) -> Option<&Corruption> {
        self.0.corruption.as_ref()
    }

    /// The cause, taken out.
    pub fn into_source(self) -> Option<Box<dyn std::error::Error + Send + Sync>> {
        self.0.source
    }

    /// The message and those of all causes, joined by `: `.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        match &inner.corruption {
            Some(c) => write!(
                f,
                "corrupt {} at offset=`{}` expected=`{}` found=`{}`",
                c.structure, c.offset, c.expected, c.found
            )?,
            None => f.write_str(&inner.message)?,
        }
        match &inner.file {
            Some(file) => write!(f, " file=`{}`", file.display()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.chain())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}
