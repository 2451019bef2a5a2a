//! A database out of a v1 file, and into one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use shingle::vfs::{Fs as _, OsFs, ReadFile};

use super::fault::sql;
use super::live::Live;
use crate::envelope::{self, EnvelopeFile, publish, write_v1};
use crate::ops::build::PackOptions;
use crate::sink::Sink;
use crate::{Error, ErrorKind, OpenOptions, Result};

/// Where a database says how its journal is kept: a version for writers, one for readers.
const JOURNAL_VERSIONS: std::ops::Range<u64> = 18..20;
/// That it is a rollback journal, as the original leaves it.
const ROLLBACK_JOURNAL: u8 = 1;

/// Decodes the database of a v1 file.
pub(super) fn unpack(file: &Path, database: &Path, options: &OpenOptions) -> Result<()> {
    let envelope_options = envelope::OpenOptions {
        limits: options.limits,
        variables: options.variables.clone(),
        payload: envelope::PayloadOptions::new(options.budget.clone()),
    };
    let EnvelopeFile::V1(packed) =
        EnvelopeFile::open(options.fs.as_ref(), file, &envelope_options)?
    else {
        return Err(Error::new(
            ErrorKind::EngineMismatch,
            "the file holds no SQLite database",
        ));
    };
    let mut out = OsFs
        .create_new(database)
        .map_err(|e| Error::io("create the database", database, e))?;
    packed.decode_into(&mut Sink(&mut *out)).map(drop)
}

/// Publishes the database as a v1 file.
pub(super) fn save(live: &Live, output: &Path, level: i32, options: &PackOptions) -> Result<u64> {
    let writer = live.lock();
    let rest = Rest::of(&writer.connection, live)?;
    let path = rest.path(live);
    let file = OsFs.open(&path);
    let file = file.map_err(|e| Error::io("open the database", &path, e))?;
    let image = Image(file);
    publish(
        &*options.fs,
        &*options.entropy,
        output,
        options.existing,
        |out| write_v1(&image, level, out),
    )?;
    live.saved();
    let found = options.fs.metadata(output);
    Ok(found.map_or(0, |found| found.len))
}

/// A database that nothing changes and that has no log.
enum Rest {
    /// The one that is written, whose log was brought home.
    Itself,
    /// A copy, since a snapshot from before the last change holds the log.
    Copy(PathBuf),
}

impl Rest {
    fn of(connection: &Connection, live: &Live) -> Result<Self> {
        let failed = sql("bring the log home");
        let is_busy: bool = connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                // What is in the log, and what of it is home.
                let (log, home): (i64, i64) = (row.get(1)?, row.get(2)?);
                Ok(row.get::<_, i64>(0)? != 0 || log != home)
            })
            .map_err(&failed)?;
        if !is_busy {
            return Ok(Self::Itself);
        }
        let copy = live.dir.join("copy.db");
        remove(&copy);
        connection
            .execute("VACUUM INTO ?", [copy.to_string_lossy()])
            .map_err(&failed)?;
        Ok(Self::Copy(copy))
    }

    fn path(&self, live: &Live) -> PathBuf {
        match self {
            Self::Itself => live.database(),
            Self::Copy(copy) => copy.clone(),
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Self::Copy(copy) = self {
            remove(copy);
        }
    }
}

/// Removes a copy; one that cannot be removed is replaced by the next, or goes with the folder.
fn remove(copy: &Path) {
    let _ = OsFs.remove_file(copy);
}

/// A database as one with a rollback journal, which needs no log.
#[derive(Debug)]
struct Image(Arc<dyn ReadFile>);

impl ReadFile for Image {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.0.read_at(offset, buf)?;
        for place in JOURNAL_VERSIONS {
            let inside = place.checked_sub(offset);
            let inside = inside.and_then(|inside| usize::try_from(inside).ok());
            if let Some(byte) = inside.and_then(|inside| buf.get_mut(..len)?.get_mut(inside)) {
                *byte = ROLLBACK_JOURNAL;
            }
        }
        Ok(len)
    }

    fn len(&self) -> u64 {
        self.0.len()
    }
}
