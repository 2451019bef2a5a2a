//! The error of this crate.

use std::borrow::Cow;
use std::fmt;

use crate::wire::{Fault, FaultKind};

/// Why a message could not be decoded, encoded, printed or parsed.
///
/// Carries the message type, the path to the value inside it (`annotations[3].value`) and, for
/// bytes and JSON text, the offset.
#[derive(Debug, Clone)]
pub struct Error {
    // Boxed, so that results of hot functions stay small.
    inner: Box<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    detail: Cow<'static, str>,
    message: &'static str,
    /// Outermost segment last; see [`Error::path`].
    path: Vec<Segment>,
    offset: Option<usize>,
}

/// What kind of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Bytes are not a message of the type.
    Malformed,
    /// A message is too deep or too large.
    Limit,
    /// A `google.protobuf.Any` holds a type that is not in the schema.
    UnknownType,
    /// A message holds a value that JSON cannot express, for example a year above 9999.
    Unprintable,
    /// Text is not JSON, or not the JSON of the message type.
    Json,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Field(&'static str),
    Index(usize),
    Key(String),
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        let inner = Inner {
            kind,
            detail,
            message: "",
            path: Vec::new(),
            offset: None,
        };
        Self {
            inner: Box::new(inner),
        }
    }

    #[must_use]
    pub(crate) fn at(mut self, offset: usize) -> Self {
        self.inner.offset = Some(offset);
        self
    }

    /// Adds the step that leads to where the error was so far.
    #[must_use]
    pub(crate) fn within(mut self, segment: Segment) -> Self {
        self.inner.path.push(segment);
        self
    }

    #[must_use]
    pub(crate) fn in_message(mut self, name: &'static str) -> Self {
        self.inner.message = name;
        self
    }

    /// Moves the offset from that in a part of the bytes to that in the whole.
    #[must_use]
    pub(crate) fn shifted(mut self, by: usize) -> Self {
        self.inner.offset = self.inner.offset.map(|offset| offset + by);
        self
    }

    /// For a part of the bytes that does not stand in the whole as it is.
    #[must_use]
    pub(crate) fn without_offset(mut self) -> Self {
        self.inner.offset = None;
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The full name of the outermost message type.
    pub fn message(&self) -> &'static str {
        self.inner.message
    }

    /// Where in the message: names of the schema file, list indexes, map keys. Empty for the
    /// message itself.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for segment in self.inner.path.iter().rev() {
            match segment {
                Segment::Field(name) if path.is_empty() => path.push_str(name),
                Segment::Field(name) => path.extend([".", name]),
                Segment::Index(index) => path.extend(["[", &index.to_string(), "]"]),
                Segment::Key(key) => path.extend(["[", &format!("{key:?}"), "]"]),
            }
        }
        path
    }

    /// Where in the bytes or in the JSON text, counted in bytes.
    pub fn offset(&self) -> Option<usize> {
        self.inner.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.detail)?;
        let mut separator = ": ";
        let mut value = |name: &str, value: &dyn fmt::Display| {
            write!(f, "{separator}{name}=`{value}`")?;
            separator = " ";
            Ok(())
        };
        if !self.inner.message.is_empty() {
            value("message", &self.inner.message)?;
        }
        if !self.inner.path.is_empty() {
            value("path", &self.path())?;
        }
        if let Some(offset) = self.inner.offset {
            value("offset", &offset)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let kind = match fault.kind {
            FaultKind::Depth => ErrorKind::Limit,
            _ => ErrorKind::Malformed,
        };
        Self::new(kind, fault.kind.text()).at(fault.offset)
    }
}
