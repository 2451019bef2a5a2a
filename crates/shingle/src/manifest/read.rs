//! Reading a MANIFEST from its file.

use std::path::Path;

use super::{Replay, VersionEdit};
use crate::record::strict::Reader;
use crate::version::Version;
use crate::vfs::Fs;
use crate::{Error, Result};

/// What a MANIFEST says, all of it.
#[derive(Debug)]
pub struct Replayed {
    /// The live tables and the counters after the last edit.
    pub version: Version,
    /// Number of edits.
    pub edits: u64,
    /// Offset of a record that the end of the file cuts off: the edit of a crash, which never took
    /// effect.
    pub torn_at: Option<u64>,
}

/// Replays the MANIFEST at `path`. O(file); holds one record and the live tables in memory.
///
/// # Errors
/// As [`visit_edits`] and [`Replay::finish`].
pub fn replay(fs: &dyn Fs, path: &Path) -> Result<Replayed> {
    let mut replay = Replay::new();
    let mut edits = 0;
    let torn_at = visit_edits(fs, path, |offset, edit| {
        edits += 1;
        replay.apply(edit, offset)
    })?;
    let version = replay.finish().map_err(|e| e.in_file(path))?;
    Ok(Replayed {
        version,
        edits,
        torn_at,
    })
}

/// Calls `visit` with every edit and the offset of its record; returns where the end of the file
/// cuts off a record, if it does. Stops at the first error of `visit`.
///
/// # Errors
/// `Corrupt` with an offset in the file for anything that is neither a record nor the end.
pub fn visit_edits(
    fs: &dyn Fs,
    path: &Path,
    mut visit: impl FnMut(u64, VersionEdit) -> Result<()>,
) -> Result<Option<u64>> {
    let file = fs.open(path).map_err(|e| Error::io("open", path, e))?;
    let mut reader = Reader::new(file);
    let mut visit_all = || -> Result<()> {
        while let Some((offset, record)) = reader.next_record()? {
            let edit = VersionEdit::decode(record).map_err(|e| e.at(offset))?;
            visit(offset, edit)?;
        }
        Ok(())
    };
    visit_all().map_err(|e| e.in_file(path))?;
    Ok(reader.torn_at())
}
