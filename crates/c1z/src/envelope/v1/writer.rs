//! Encoding of a v1 file.

use std::io::Write;

use shingle::vfs::ReadFile;

use super::super::identify::MAGIC_V1;
use super::super::write::checked::{copy_file, write_frame};
use crate::Result;

/// Writes `database` as a v1 file: the magic, then one frame with declared length and checksum.
/// What the encoder produced is decoded and compared while it is written.
///
/// The caller has brought the database to rest: nothing may be left in a write-ahead log.
///
/// # Errors
/// What reading and writing report; `Internal` if the frame does not decode to its input.
pub fn write_v1(database: &dyn ReadFile, level: i32, out: &mut dyn Write) -> Result<()> {
    write_frame(out, &MAGIC_V1, database.len(), level, |sink| {
        copy_file(database, "database", sink).map(drop)
    })
}
