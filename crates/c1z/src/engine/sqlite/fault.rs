//! Failures of SQLite as failures of a store.

use rusqlite::ErrorCode;

use crate::{Error, ErrorKind};

/// What SQLite reported while it was asked to do `action`.
pub(super) fn sql(action: &str) -> impl Fn(rusqlite::Error) -> Error + '_ {
    move |error| {
        Error::new(kind_of(&error), format!("sqlite cannot {action}: {error}")).with_source(error)
    }
}

fn kind_of(error: &rusqlite::Error) -> ErrorKind {
    match error.sqlite_error_code() {
        // A table that a file declares in its own way refuses what every v1 table takes.
        Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch,
        ) => ErrorKind::DataLoss,
        Some(ErrorCode::DiskFull | ErrorCode::OutOfMemory | ErrorCode::TooBig) => {
            ErrorKind::ResourceExhausted
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Busy,
        Some(ErrorCode::ReadOnly) => ErrorKind::ReadOnly,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            ErrorKind::Io
        }
        _ => ErrorKind::Internal,
    }
}
