//! Writing of a v3 file: head, payload, index (`c1z-envelope` §3).
//!
//! The bytes depend on manifest, entries and level alone: not on the order in which entries are
//! given, not on the number of threads, not on owners, modes or times. What is compressed is decoded
//! again and compared before it counts as written. Nothing here creates or names a file; see
//! [`super::publish()`].
//!
//! In the default encoding an entry is cut into independent frames of about 1 MiB of raw data with a
//! seek table, so that readers need not decode a whole table for one block; readers that do not know
//! the table decode the frames as one stream. Files of at most 64 KiB stand behind the larger ones,
//! next to the index, where one read of the file's tail gets them; the index itself is in the order of
//! names.

pub(super) mod checked;
mod content;
mod indexed;
mod workers;

use std::io::Write;

use super::head;
use super::index::{check_name, check_names};
use super::manifest::{self, Manifest, PayloadEncoding};
use super::tar::{TarMember, archive_len, write_end, write_header, write_padding};
use crate::budget::MemoryBudget;
use crate::{Error, Result};

pub use content::{EntryContent, NewEntry, Splice};

/// Level of compression unless told otherwise, in the numbering of the reference encoder.
pub const LEVEL_DEFAULT: i32 = 3;

/// How a v3 file is written.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Layout of the payload; default [`PayloadEncoding::IndexedZstd`].
    pub encoding: PayloadEncoding,
    /// Level of compression, 1 (fast) to 22 (small); default [`LEVEL_DEFAULT`].
    pub level: i32,
    /// Threads that compress; default the processors of the machine, at most 8. The bytes written do
    /// not depend on it.
    pub threads: usize,
    /// Whether spliced frames are decoded and compared with their hashes before they are copied;
    /// default true. Without it a rotten source is copied as it is, and readers find out.
    pub verify_spliced: bool,
    /// Where the memory for the threads comes from, 12 MiB each; fewer run when there is not enough.
    pub budget: MemoryBudget,
}

impl Default for WriteOptions {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            encoding: PayloadEncoding::IndexedZstd,
            level: LEVEL_DEFAULT,
            threads: processors.min(8),
            verify_spliced: true,
            budget: MemoryBudget::default(),
        }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteSummary {
    /// Length of the file in bytes.
    pub file_len: u64,
    /// Files in the payload.
    pub files: u64,
    /// Bytes of them.
    pub raw_bytes: u64,
    /// Files whose frames were copied from another envelope.
    pub spliced_files: u64,
}

/// Writes a v3 file to `out`, from its first byte to its last. The manifest's payload encoding is set
/// to that of `options`.
///
/// # Errors
/// `InvalidArgument` for a manifest that is not written (another engine than `pebble3`, over 16 MiB)
/// or names that are not clean, unique and apart from folders; what reading the entries and writing
/// report; `DataLoss` for a spliced frame that is damaged; `Internal` when a frame does not decode to
/// its source.
///
/// # Complexity
/// Linear; memory is 12 MiB per thread.
pub fn write_v3(
    out: &mut dyn Write,
    manifest: &Manifest,
    mut entries: Vec<NewEntry>,
    options: &WriteOptions,
) -> Result<WriteSummary> {
    let manifest = manifest::encode(manifest, options.encoding)?;
    let head = head::encode(&manifest)?;
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    check_entries(&entries)?;
    let mut out = Counted { out, len: 0 };
    match options.encoding {
        PayloadEncoding::IndexedZstd => {
            out.write_all(&head).map_err(checked::cannot_write)?;
            indexed::write(&mut out, &manifest, &entries, options)?;
        }
        PayloadEncoding::Tar => {
            out.write_all(&head).map_err(checked::cannot_write)?;
            write_tar(&mut out, &entries)?;
        }
        PayloadEncoding::TarZstd => {
            let len = archive_len(members(&entries));
            checked::write_frame(&mut out, &head, len, options.level, |sink| {
                write_tar(sink, &entries)
            })?;
        }
    }
    let indexed = options.encoding == PayloadEncoding::IndexedZstd;
    let spliced = entries
        .iter()
        .filter(|e| indexed && e.content.is_splice())
        .count();
    Ok(WriteSummary {
        file_len: out.len,
        files: entries.len() as u64,
        raw_bytes: entries.iter().map(|entry| entry.content.len()).sum(),
        spliced_files: spliced as u64,
    })
}

fn check_entries(entries: &[NewEntry]) -> Result<()> {
    let invalid =
        |error: Error| Error::invalid("payload file name is not accepted").with_source(error);
    for entry in entries {
        check_name("payload", 0, entry.name.as_bytes()).map_err(invalid)?;
    }
    if let Some([twice, _]) = entries
        .windows(2)
        .find(|pair| matches!(pair, [a, b] if a.name == b.name))
    {
        let name = twice.name.escape_debug();
        return Err(Error::invalid(format!(
            "payload file is given twice name=`{name}`"
        )));
    }
    let names = entries.iter().map(|entry| entry.name.as_str());
    check_names("payload", 0, names).map_err(invalid)
}

fn members(entries: &[NewEntry]) -> impl Iterator<Item = TarMember<'_>> {
    entries.iter().map(|entry| TarMember {
        name: &entry.name,
        len: entry.content.len(),
    })
}

fn write_tar(out: &mut dyn Write, entries: &[NewEntry]) -> Result<()> {
    for (entry, member) in entries.iter().zip(members(entries)) {
        write_header(out, member).map_err(checked::cannot_write)?;
        entry.content.copy_to(&entry.name, out)?;
        write_padding(out, member.len).map_err(checked::cannot_write)?;
    }
    write_end(out).map_err(checked::cannot_write)
}

/// Counts what is written: the index tells offsets.
struct Counted<'a> {
    out: &'a mut dyn Write,
    len: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let n = self.out.write(buf)?;
        self.len += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
