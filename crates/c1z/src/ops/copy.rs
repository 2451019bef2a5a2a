//! Copies: one finished sync as a file of its own, or a whole store as it is (`store-contract` §4.3 to
//! §4.5).
//!
//! A clone holds one finished sync under its own id, with everything that belongs to it. A snapshot
//! holds all that the store holds, unfinished syncs with their tokens too. Neither changes what it
//! copies. What a writer does meanwhile is in the copy by whole calls: a copy is one instant.
//!
//! Copying a database and deleting the other syncs in it, which the original implementation offers beside
//! cloning, has the same result as a clone, and there is no second way here.

use std::path::Path;

use super::build::{PackOptions, V3Summary, check_output, publish_checked, publish_store};
use super::convert::source::{self, Source, SourceSync, TakeRecord, TakeRow, TakeSession};
use super::convert::{self, ConvertOptions, ConvertSummary, FileFormat, SyncChoice};
use super::{Progress, RecordKind, Step};
use crate::engine::PebbleStore;
use crate::engine::types::{SyncId, SyncRun};
use crate::envelope::{Existing, publish};
use crate::sync::lifecycle::require_finished;
use crate::{Error, Result};

/// Bytes that are copied at a time.
const CHUNK: usize = 1 << 20;

/// How a sync is cloned.
#[derive(Clone, Debug, Default)]
pub struct CloneOptions {
    /// The sync; none: the latest finished full one.
    pub sync: Option<SyncId>,
    /// Whether entries of the session store stay behind; default no.
    pub leave_sessions: bool,
    /// Files, memory and threads. Choices of syncs and formats in it do not count.
    pub convert: ConvertOptions,
}

/// Writes one finished sync of what lies at `input` as a file of its own, in the same format, which must not exist.
///
/// # Errors
/// In this order: `AlreadyExists`; `NotFound` without the sync; `SyncNotFinished`; otherwise as
/// [`convert::convert`]. Nothing of the output is left then.
///
/// # Complexity
/// O(rows of the file) for v1 files, O(rows of the sync) for others.
pub fn clone_sync(
    input: impl AsRef<Path>,
    output: impl AsRef<Path>,
    options: &CloneOptions,
) -> Result<ConvertSummary> {
    let (input, output) = (input.as_ref(), output.as_ref());
    check_output(&*options.convert.fs, output, Existing::Keep)?;
    let from = FileFormat::of_existing(&*options.convert.fs, input)?;
    let to = match from {
        FileFormat::V1 => FileFormat::V1,
        _ => FileFormat::V3,
    };
    let convert = ConvertOptions {
        to: Some(to),
        sync: match &options.sync {
            Some(id) => SyncChoice::Id(id.clone()),
            None => SyncChoice::LatestFull,
        },
        finished_only: true,
        carry: convert::Carry::All,
        // To leave the other syncs out is what a clone is for.
        allow_loss: true,
        existing: Existing::Keep,
        ..options.convert.clone()
    };
    let cloned = convert.watched(|convert| {
        let source = source::open(input, from, output, convert)?;
        if options.leave_sessions {
            let source = WithoutSessions(&*source);
            return convert::run(&source, from, to, output, convert);
        }
        convert::run(&*source, from, to, output, convert)
    });
    cloned.map_err(|error: Error| error.in_file(input))
}

/// Writes the finished sync of an open store as a v3 file, which must not exist. Writers wait only while the instant is taken
/// of a store on disk, or until rows were copied of one in memory.
///
/// # Errors
/// `AlreadyExists`; `NotFound` for a store without a sync; `SyncNotFinished`; otherwise those of [`publish_store`].
pub fn clone_store(store: &PebbleStore, output: &Path, options: &PackOptions) -> Result<V3Summary> {
    let options = PackOptions {
        existing: Existing::Keep,
        ..options.clone()
    };
    publish_checked(store, output, &options, |built| {
        check_finished(built.run.as_ref())
    })
}

/// Writes all that an open store holds as a v3 file, which must not exist; the store stays as it is.
///
/// # Errors
/// Those of [`publish_store`].
pub fn snapshot_store(
    store: &PebbleStore,
    output: &Path,
    options: &PackOptions,
) -> Result<V3Summary> {
    let options = PackOptions {
        existing: Existing::Keep,
        ..options.clone()
    };
    publish_store(store, output, &options)
}

/// Writes all that lies at `input` to `output`, which must not exist: a packed file byte by byte, a
/// directory as a v3 file. Returns the bytes of the output.
///
/// # Errors
/// `AlreadyExists`; `InvalidArgument` for a folder of several files; those of reading and writing.
/// Nothing of the output is left then.
pub fn snapshot(
    input: impl AsRef<Path>,
    output: impl AsRef<Path>,
    options: &ConvertOptions,
) -> Result<u64> {
    let (input, output) = (input.as_ref(), output.as_ref());
    check_output(&*options.fs, output, Existing::Keep)?;
    match FileFormat::of_existing(&*options.fs, input)? {
        FileFormat::V1 | FileFormat::V3 => {
            options.watched(|options| copy_bytes(input, output, options))
        }
        FileFormat::PebbleDir => {
            let options = ConvertOptions {
                to: Some(FileFormat::V3),
                sync: SyncChoice::All,
                existing: Existing::Keep,
                ..options.clone()
            };
            let summary = convert::convert(input, output, &options)?;
            Ok(summary.file_len.unwrap_or_default())
        }
        FileFormat::Folder | FileFormat::Ndjson => {
            let error = Error::invalid("neither a c1z file nor the directory of a database");
            Err(error.in_file(input))
        }
    }
}

fn copy_bytes(input: &Path, output: &Path, options: &ConvertOptions) -> Result<u64> {
    let failed = |e| Error::io("read the file to copy", input, e);
    let file = options.fs.open(input).map_err(failed)?;
    let len = file.len();
    let told = |bytes| {
        options.observer.advanced(&Progress {
            bytes,
            bytes_total: Some(len),
            ..Progress::of(Step::Pack)
        })
    };
    told(0)?;
    publish(
        &*options.fs,
        &*options.entropy,
        output,
        Existing::Keep,
        |out| {
            let mut chunk = vec![0; CHUNK];
            let mut at = 0;
            while at < len {
                let part = usize::try_from(len - at).map_or(CHUNK, |left| left.min(CHUNK));
                let part = chunk.get_mut(..part).unwrap_or_default();
                file.read_exact_at(at, part).map_err(failed)?;
                out.write_all(part)
                    .map_err(|e| Error::io("write the copy", output, e))?;
                at += part.len() as u64;
                told(at)?;
            }
            Ok(())
        },
    )?;
    Ok(len)
}

fn check_finished(run: Option<&SyncRun>) -> Result<()> {
    let Some(run) = run else {
        return Err(Error::not_found("store holds no sync"));
    };
    require_finished(run)
}

/// A source without entries of the session store.
struct WithoutSessions<'a>(&'a dyn Source);

impl Source for WithoutSessions<'_> {
    fn syncs(&self) -> &[SourceSync] {
        self.0.syncs()
    }

    fn records(&self, kind: RecordKind, syncs: &[usize], take: &mut TakeRecord<'_>) -> Result<u64> {
        self.0.records(kind, syncs, take)
    }

    fn sessions(&self, _: usize, _: &mut TakeSession<'_>) -> Result<()> {
        Ok(())
    }

    fn others(&self, sync: usize, take: &mut TakeRow<'_>) -> Result<()> {
        self.0.others(sync, take)
    }

    fn foreign(&self) -> Vec<String> {
        self.0.foreign()
    }
}
