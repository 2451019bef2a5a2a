//! The library's one error type, and the table that maps its kinds to gRPC codes and exit codes.
//!
//! Kinds are those of the storage contract (`store-contract` §0.4) plus [`ErrorKind::Busy`], [`ErrorKind::Io`] and
//! [`ErrorKind::Poisoned`]. A wrapper adds context without repeating the text of its source; a caller asks for
//! [`Error::kind`], never for words.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as a caller has to distinguish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Malformed input or a missing identity part.
    InvalidArgument,
    /// A page token that this operation did not produce.
    InvalidPageToken,
    /// A file opened by an engine that does not serve its format.
    EngineMismatch,
    /// A rename across file systems.
    CrossFilesystem,
    /// The caller's deadline passed.
    DeadlineExceeded,
    /// The caller gave up.
    Cancelled,
    /// The named sync, record or file is absent.
    NotFound,
    /// The output exists and replacing it was not asked for.
    AlreadyExists,
    /// A cap or budget would be exceeded.
    ResourceExhausted,
    /// The store is in a state that forbids the call, and none of the kinds below fits.
    FailedPrecondition,
    /// The call needs a current sync.
    NoCurrentSync,
    /// Records of a sync that is ending or ended cannot be written.
    Sealed,
    /// The store was opened read-only.
    ReadOnly,
    /// A bare id names several records.
    Ambiguous,
    /// The operation needs a finished sync.
    SyncNotFinished,
    /// The operation needs a sync whose expansion columns are complete.
    SyncNotExpanded,
    /// The file was written by a newer version; upgrade.
    FormatNewer,
    /// The file has a layout that is no longer read.
    FormatOlder,
    /// A record of a kind that this version does not know.
    UnknownRecordType,
    /// The sync has another type than the call demands.
    TypeMismatch,
    /// The file uses a feature that this build does not read; the message names it.
    Unsupported,
    /// An earlier write failed; reopen before writing again.
    Poisoned,
    /// An impossible state: a bug in this crate.
    Internal,
    /// The handle is closed or closing.
    Closed,
    /// The file's engine is not compiled in or not known.
    EngineNotAvailable,
    /// Locked or already open; retry later.
    Busy,
    /// The environment failed.
    Io,
    /// The bytes contradict the format.
    DataLoss,
}

/// Every kind, for tables and tests.
pub const ERROR_KINDS: [ErrorKind; 28] = [
    ErrorKind::InvalidArgument,
    ErrorKind::InvalidPageToken,
    ErrorKind::EngineMismatch,
    ErrorKind::CrossFilesystem,
    ErrorKind::DeadlineExceeded,
    ErrorKind::Cancelled,
    ErrorKind::NotFound,
    ErrorKind::AlreadyExists,
    ErrorKind::ResourceExhausted,
    ErrorKind::FailedPrecondition,
    ErrorKind::NoCurrentSync,
    ErrorKind::Sealed,
    ErrorKind::ReadOnly,
    ErrorKind::Ambiguous,
    ErrorKind::SyncNotFinished,
    ErrorKind::SyncNotExpanded,
    ErrorKind::FormatNewer,
    ErrorKind::FormatOlder,
    ErrorKind::UnknownRecordType,
    ErrorKind::TypeMismatch,
    ErrorKind::Unsupported,
    ErrorKind::Poisoned,
    ErrorKind::Internal,
    ErrorKind::Closed,
    ErrorKind::EngineNotAvailable,
    ErrorKind::Busy,
    ErrorKind::Io,
    ErrorKind::DataLoss,
];

impl ErrorKind {
    /// The name of the kind in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::InvalidPageToken => "invalid_page_token",
            Self::EngineMismatch => "engine_mismatch",
            Self::CrossFilesystem => "cross_filesystem",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Cancelled => "cancelled",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::ResourceExhausted => "resource_exhausted",
            Self::FailedPrecondition => "failed_precondition",
            Self::NoCurrentSync => "no_current_sync",
            Self::Sealed => "sealed",
            Self::ReadOnly => "read_only",
            Self::Ambiguous => "ambiguous",
            Self::SyncNotFinished => "sync_not_finished",
            Self::SyncNotExpanded => "sync_not_expanded",
            Self::FormatNewer => "format_newer",
            Self::FormatOlder => "format_older",
            Self::UnknownRecordType => "unknown_record_type",
            Self::TypeMismatch => "type_mismatch",
            Self::Unsupported => "unsupported",
            Self::Poisoned => "poisoned",
            Self::Internal => "internal",
            Self::Closed => "closed",
            Self::EngineNotAvailable => "engine_not_available",
            Self::Busy => "busy",
            Self::Io => "io",
            Self::DataLoss => "data_loss",
        }
    }

    /// The gRPC status code with its name.
    pub fn grpc(self) -> (u8, &'static str) {
        use ErrorKind as K;
        match self {
            K::Cancelled => (1, "CANCELLED"),
            K::InvalidArgument | K::InvalidPageToken | K::EngineMismatch | K::CrossFilesystem => {
                (3, "INVALID_ARGUMENT")
            }
            K::DeadlineExceeded => (4, "DEADLINE_EXCEEDED"),
            K::NotFound => (5, "NOT_FOUND"),
            K::AlreadyExists => (6, "ALREADY_EXISTS"),
            K::ResourceExhausted => (8, "RESOURCE_EXHAUSTED"),
            K::FailedPrecondition
            | K::NoCurrentSync
            | K::Sealed
            | K::ReadOnly
            | K::Ambiguous
            | K::SyncNotFinished
            | K::SyncNotExpanded
            | K::FormatNewer
            | K::FormatOlder
            | K::UnknownRecordType
            | K::TypeMismatch
            | K::Unsupported => (9, "FAILED_PRECONDITION"),
            K::Poisoned => (10, "ABORTED"),
            K::Internal => (13, "INTERNAL"),
            K::Closed | K::EngineNotAvailable | K::Busy | K::Io => (14, "UNAVAILABLE"),
            K::DataLoss => (15, "DATA_LOSS"),
        }
    }

    /// Exit code of the program: the gRPC number, but 130 for a cancelled run, since 1 means *verdict no*.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Cancelled => 130,
            other => other.grpc().0,
        }
    }
}

/// An error of this crate. Cheap to move (one pointer).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    file: Option<PathBuf>,
    hint: Option<String>,
    artifact_unusable: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            file: None,
            hint: None,
            artifact_unusable: false,
            source: None,
        }))
    }

    /// Malformed input.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// The named thing is absent.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// The bytes of `structure` contradict the format at `offset`.
    pub fn data_loss(
        structure: &str,
        offset: u64,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self::new(
            ErrorKind::DataLoss,
            format!(
                "corrupt {structure} at offset=`{offset}` expected=`{expected}` found=`{found}`"
            ),
        )
    }

    /// A failure of the environment while doing `action` to `path`.
    pub fn io(action: &str, path: &Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
            io::ErrorKind::CrossesDevices => ErrorKind::CrossFilesystem,
            _ if is_out_of_space(&source) => ErrorKind::ResourceExhausted,
            io::ErrorKind::WouldBlock => ErrorKind::Busy,
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

    /// Names the row of a v1 table that the error is about.
    #[must_use]
    pub(crate) fn in_row(mut self, table: &str, row: i64) -> Self {
        let place = format!(" table=`{table}` row=`{row}`");
        self.0.message.push_str(&place);
        self
    }

    /// Says what the user can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Attaches the cause. One of ours that came through the `io` seam says of what kind the failure is.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self.adopt_cause();
        self
    }

    /// Marks a save that failed *before* the file on disk was replaced: the old file is intact but stale, nothing is
    /// torn (`store-contract` §0.4).
    #[must_use]
    pub fn artifact_unusable(mut self) -> Self {
        self.0.artifact_unusable = true;
        self
    }

    /// When a read or write failed because a file system of ours (the files inside an envelope, those of a pulse) reported
    /// an error of ours through the `io` seam, that error's kind and hint are the truth: damage is damage, not a failed disk.
    fn adopt_cause(&mut self) {
        let source = self.0.source.as_deref();
        let io = source.and_then(|source| source.downcast_ref::<io::Error>());
        let ours = io.and_then(|io| io.get_ref()?.downcast_ref::<Self>());
        if self.0.kind == ErrorKind::Io && io.is_some_and(is_out_of_space) {
            self.0.kind = ErrorKind::ResourceExhausted;
        }
        if let Some((kind, hint)) = ours.map(|cause| (cause.0.kind, cause.0.hint.clone())) {
            self.0.kind = kind;
            self.0.hint = hint.or_else(|| self.0.hint.take());
        }
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file the error is about, if known.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// What the user can do about it, if we know.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the artifact on disk is stale because this error stopped its replacement.
    pub fn is_artifact_unusable(&self) -> bool {
        self.0.artifact_unusable
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

/// Whether the disk, or the share of it that the user may fill, is full.
fn is_out_of_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

impl From<shingle::Error> for Error {
    /// Keeps the engine's words and place; the kind follows the table of `ARCHITECTURE.md`, "Errors".
    fn from(error: shingle::Error) -> Self {
        use shingle::ErrorKind as S;
        let kind = match error.kind() {
            S::Invalid => ErrorKind::InvalidArgument,
            S::NotFound => ErrorKind::NotFound,
            S::Busy => ErrorKind::Busy,
            S::Unsupported => ErrorKind::Unsupported,
            S::Corrupt => ErrorKind::DataLoss,
            S::Exhausted => ErrorKind::ResourceExhausted,
            S::Io => ErrorKind::Io,
            S::Poisoned => ErrorKind::Poisoned,
            _ => ErrorKind::Internal,
        };
        let mut converted = Self::new(kind, error.to_string());
        converted.0.source = error.into_source();
        converted.adopt_cause();
        converted
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.file {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_code_of_the_contract() {
        for kind in ERROR_KINDS {
            let (code, name) = kind.grpc();
            assert!((1..=15).contains(&code), "{kind:?} has code {code}");
            assert!(!name.is_empty());
            let exit = kind.exit_code();
            assert!(
                exit != 1 && exit != 2,
                "{kind:?} exits {exit}: 1 is a verdict, 2 is never ours"
            );
        }
        assert_eq!(ErrorKind::Cancelled.exit_code(), 130);
        assert_eq!(ErrorKind::DataLoss.exit_code(), 15);
    }

    #[test]
    fn damage_reported_through_the_file_seam_stays_damage() {
        let damage = Error::data_loss("frame", 7, "a", "b").with_hint("restore it");
        let seam = io::Error::new(io::ErrorKind::InvalidData, damage);
        let engine = shingle::Error::io("read", Path::new("000004.sst"), seam);
        let error = Error::from(engine);
        assert_eq!(error.kind(), ErrorKind::DataLoss);
        assert_eq!(error.hint(), Some("restore it"));
        assert!(error.chain().contains("corrupt frame at offset=`7`"));
        let disk = shingle::Error::io("read", Path::new("x"), io::Error::other("bad disk"));
        assert_eq!(Error::from(disk).kind(), ErrorKind::Io);
    }

    #[test]
    fn conversion_keeps_place_and_cause() {
        let cause = io::Error::other("boom");
        let engine = shingle::Error::corrupt("footer", 7, "a", "b")
            .in_file("x.sst")
            .with_source(cause);
        let error = Error::from(engine);
        assert_eq!(error.kind(), ErrorKind::DataLoss);
        assert_eq!(
            error.chain(),
            "corrupt footer at offset=`7` expected=`a` found=`b` file=`x.sst`: boom"
        );
    }
}
