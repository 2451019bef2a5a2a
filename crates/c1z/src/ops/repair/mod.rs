//! Repair: a new file from what can be read of a damaged one. The input is never changed.
//!
//! ```text
//! envelope ─> files in a folder ─> tables, block by block ─> rows, sorted ─> V3Builder ─> output
//!             (salvage)            (survey, recover)         newest version   indexes, digests,
//!                                                                             statistics anew
//! ```
//!
//! Everything that derives from records is dropped and made again, so a file whose records are whole
//! comes out whole. Where records are lost, the report says which, by kind and range of keys, and the
//! sync is written as unfinished: a shorter list must not pass for the truth.
//!
//! A v1 file stays one, with all of its syncs: its stream is decoded up to the damage, and rows are
//! taken from the pages that are there (see `v1`).

mod gather;
mod rebuild;
mod report;
mod v1;
mod versions;

use std::path::Path;
use std::sync::Arc;

use shingle::bulk::{Duplicates, Scratch, SortOptions, Sorter};
use shingle::vfs::Fs;

use super::build::{BuildOptions, PackOptions};
use super::{Observer, SharedObserver};
use crate::envelope::{self, Format, SalvagedFile, salvage};
use crate::{Error, ErrorKind, Result};

pub use report::{Loss, RepairReport, RepairedSync, RunSource};

use super::build::Workspace;
use rebuild::Material;

/// How a file is repaired.
#[derive(Clone, Debug, Default)]
pub struct RepairOptions {
    /// How the new database is built. Its memory also sorts what was gathered.
    pub build: BuildOptions,
    /// Where files are and how the output is packed; an output that exists is kept, and the repair
    /// refused. Its observer does not count.
    pub pack: PackOptions,
    /// Limits on what the input may decode to.
    pub opening: envelope::OpenOptions,
}

/// Writes what can be read of the file, or the database directory, at `input` to a new file of the
/// same format at `output`.
///
/// # Errors
/// `AlreadyExists` for an output that is there; `DataLoss` when
/// not even the sync run or the manifest can be read, or no record; `Io` and `ResourceExhausted`.
///
/// # Complexity
/// Decodes the input once to a temporary folder, beside the output or where [`PackOptions::temporary`] says; sorts all
/// records twice.
pub fn repair(
    input: impl AsRef<Path>,
    output: impl AsRef<Path>,
    options: &RepairOptions,
    observer: Arc<dyn Observer>,
) -> Result<RepairReport> {
    let (input, output) = (input.as_ref(), output.as_ref());
    let (pulse, pack) = PackOptions {
        observer: SharedObserver::new(observer),
        ..options.pack.clone()
    }
    .pulse();
    let options = RepairOptions {
        pack,
        ..options.clone()
    };
    let repaired = pulse.end(run(input, output, &options));
    repaired.map_err(|error| error.in_file(input))
}

fn run(input: &Path, output: &Path, options: &RepairOptions) -> Result<RepairReport> {
    let fs = &options.pack.fs;
    let observer = &options.pack.observer;
    super::build::check_output(&**fs, output, options.pack.existing)?;
    let is_dir = fs.metadata(input).is_ok_and(|found| found.is_dir);
    if !is_dir && format_of(input, &**fs)? == Some(Format::V1) {
        return v1::repair(input, output, options, observer);
    }
    let workspace = Workspace::for_output(&options.pack, output)?;
    let dir = workspace.dir();
    let sort = SortOptions {
        memory_bytes: options.build.memory_bytes / 2,
        duplicates: Duplicates::KeepAll,
        ..SortOptions::default()
    };
    let mut rows = Sorter::new(Scratch::new(Arc::clone(fs), dir), sort);
    let (gathered, manifest) = if is_dir {
        let names = fs.list(input).map_err(|e| Error::io("list", input, e))?;
        let files: Vec<_> = names.into_iter().map(present).collect();
        let gathered = gather::gather(fs, input, &files, true, &mut rows, observer)?;
        (gathered, None)
    } else {
        let files = dir.join("salvaged");
        fs.create_dir_all(&files)
            .map_err(|e| Error::io("create a temporary folder", &files, e))?;
        let salvaged = take_out(input, &files, options)?;
        let (found, has_names) = (&salvaged.files, salvaged.has_names);
        let mut gathered = gather::gather(fs, &files, found, has_names, &mut rows, observer)?;
        gathered.warnings.extend(salvaged.losses);
        if !has_names {
            let detail = "the index of the file is lost; files behind the last frame are too";
            gathered.losses.push(Loss::unknown(detail));
        }
        (gathered, salvaged.manifest)
    };
    if rows.rows() == 0 {
        return Err(Error::new(ErrorKind::DataLoss, "no row can be read")
            .with_hint("restore the file from a copy, or sync again"));
    }
    let material = Material {
        rows: rows.finish()?,
        gathered,
        manifest,
    };
    material.rebuild(output, options)
}

/// A file of a directory, which nobody cut.
fn present(name: String) -> SalvagedFile {
    SalvagedFile {
        name,
        len: 0,
        is_whole: true,
    }
}

/// The format that the first bytes tell; none where they tell nothing, for others to say.
fn format_of(input: &Path, fs: &dyn Fs) -> Result<Option<Format>> {
    let file = fs.open(input).map_err(|e| Error::io("open", input, e))?;
    let mut head = [0; envelope::MAGIC_LEN];
    let read = file.read_at(0, &mut head);
    read.map_err(|e| Error::io("read", input, e))?;
    Ok(envelope::identify(&head).unwrap_or_default())
}

fn take_out(input: &Path, files: &Path, options: &RepairOptions) -> Result<envelope::Salvaged> {
    let fs = &options.pack.fs;
    let file = fs.open(input).map_err(|e| Error::io("open", input, e))?;
    salvage(file, input, &options.opening, &**fs, files)
}

/// Whether an error says that bytes are wrong, so that it is a loss; others stop the repair.
fn is_about_bytes(error: &Error) -> bool {
    error.kind() == ErrorKind::DataLoss
}
