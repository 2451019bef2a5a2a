//! Repair of a v1 file: its stream is decoded up to the damage, rows are taken from the pages that are
//! there, and a file of today's schema is built from them.
//!
//! Row ids, texts of times and all syncs stay. Indexes and statistics are made anew; columns follow
//! the message of their row where it says something. A stream whose end was not reached was not
//! verified: nobody can tell then whether everything is there, and all syncs are written as unfinished.

mod said;
mod syncs;
mod tables;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use shingle::vfs::ReadFile;

use super::report::{Loss, RepairReport};
use super::{RepairOptions, RunSource};
use crate::envelope::{EnvelopeFile, V1File};
use crate::ops::RecordKind;
use crate::ops::build::Workspace;
use crate::ops::build::v1::{V1Builder, V1Options, table_statements};
use crate::ops::observe::{Meter, Observer, Step};
use crate::sink::Sink;
use crate::sqlite_file::Salvage;
use crate::v1_tables::Zone;
use crate::{Error, ErrorKind, Result};
use syncs::Syncs;
use tables::{Findings, Pass};

/// Bytes that are gathered before they are written to the temporary file.
const SPOOL_BUFFER: usize = 1 << 20;

/// Row ids of rows to leave out, ascending, by kind.
type Repeated = BTreeMap<RecordKind, Vec<i64>>;

/// Writes what can be read of the v1 file at `input` to a new one at `output`.
pub(super) fn repair(
    input: &Path,
    output: &Path,
    options: &RepairOptions,
    observer: &dyn Observer,
) -> Result<RepairReport> {
    let fs = &options.pack.fs;
    let EnvelopeFile::V1(file) = EnvelopeFile::open(&**fs, input, &options.opening)? else {
        return Err(Error::new(ErrorKind::EngineMismatch, "not a v1 file"));
    };
    Meter::start(observer, Step::Salvage, None)?;
    let workspace = Workspace::for_output(&options.pack, output)?;
    let (image, cut) = decode(&file, &workspace, options)?;
    let salvage = Salvage::open(image, &table_statements())?;
    let mut findings = Findings::default();
    findings.losses.extend(cut.map(Loss::unknown));
    let notes = salvage.notes().iter().cloned().map(Loss::unknown);
    findings.losses.extend(notes);
    let syncs = Syncs::read(&salvage, &mut findings)?;

    let mut repeated = Repeated::new();
    let (mut builder, mut found) = loop {
        let mut builder = V1Builder::new(output, &builder_options(options), &options.pack)?;
        let mut of_pass = findings.clone();
        let mut pass = Pass {
            salvage: &salvage,
            syncs: &syncs,
            skip: &repeated,
            findings: &mut of_pass,
            observer,
        };
        let again = pass.records(&mut builder)?;
        if again.is_empty() {
            break (builder, of_pass);
        }
        repeated = again;
    };
    let mut pass = Pass {
        salvage: &salvage,
        syncs: &syncs,
        skip: &repeated,
        findings: &mut found,
        observer,
    };
    pass.sessions(&mut builder)?;
    finish(builder, &syncs, found)
}

fn builder_options(options: &RepairOptions) -> V1Options {
    V1Options {
        memory_bytes: options.build.memory_bytes,
        // Texts of times are read and written in one zone: they stay what they were.
        zone: Zone::utc(),
        ..V1Options::default()
    }
}

fn finish(builder: V1Builder, syncs: &Syncs, found: Findings) -> Result<RepairReport> {
    let is_complete = found.losses.is_empty() && found.dropped == 0;
    let (runs, run_source) = syncs.to_write(&found.named, is_complete);
    if runs.is_empty() && !is_complete {
        return Err(
            Error::new(ErrorKind::DataLoss, "no sync and no row can be read")
                .with_hint("restore the file from a copy, or sync again"),
        );
    }
    let repaired: Vec<_> = runs.iter().map(|run| run.report(&builder)).collect();
    let mut warnings = found.warnings();
    if !is_complete {
        let text = "records may be missing: what was saved is written as unfinished, so that nobody \
                    takes it for the whole truth";
        warnings.push(text.to_owned());
    }
    if run_source == RunSource::Id {
        warnings.push("the run of a sync is lost; only its id is known".to_owned());
    }
    let to_write: Vec<_> = runs.iter().map(syncs::RunToWrite::row).collect();
    let written = builder.finish(&to_write)?;
    Ok(RepairReport {
        saved: syncs::sum(repaired.iter().map(|sync| Some(&sync.saved))).unwrap_or_default(),
        recorded: syncs::sum(repaired.iter().map(|sync| sync.recorded.as_ref())),
        syncs: repaired,
        is_complete,
        run_source,
        losses: found.losses,
        moved: found.moved,
        dropped: found.dropped,
        dropped_examples: found.dropped_examples,
        warnings,
        file_len: written.file_len,
    })
}

/// The database as far as the stream decodes, in a temporary file, and what stopped it.
fn decode(
    file: &V1File,
    workspace: &Workspace,
    options: &RepairOptions,
) -> Result<(Arc<dyn ReadFile>, Option<String>)> {
    let fs = &options.pack.fs;
    let path = workspace.dir().join("salvaged");
    let created = fs.create(&path);
    let created = created.map_err(|e| Error::io("create a temporary file", &path, e))?;
    let mut out = BufWriter::with_capacity(SPOOL_BUFFER, Sink(created));
    let decoded = file.decode_into(&mut out);
    out.flush()
        .map_err(|e| Error::io("write a temporary file", &path, e))?;
    drop(out);
    let opened = fs.open(&path);
    let opened = opened.map_err(|e| Error::io("open a temporary file", &path, e))?;
    match decoded {
        Ok(_) => Ok((opened, None)),
        Err(error) if error.kind() == ErrorKind::DataLoss => {
            let len = opened.len();
            let detail = format!("the stream ends after {len} bytes of the database: {error}");
            Ok((opened, Some(detail)))
        }
        Err(error) => Err(error),
    }
}
