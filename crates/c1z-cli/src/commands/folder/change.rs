//! `c1z archive`.

use std::io::Write;
use std::path::{Path, PathBuf};

use c1z::engine::types::SyncId;

use super::super::refuse_csv;
use crate::args::{ArchiveCommand, Format, Global};
use crate::failure::{Failure, note, warn};
use crate::output::{data, stdout};
use serde_json::{Value, json};

pub(crate) fn run(global: &Global, what: &ArchiveCommand) -> Result<(), Failure> {
    refuse_csv(global, "a change of a folder")?;
    match what {
        ArchiveCommand::Add {
            folder,
            files,
            allow_loss,
        } => add(global, folder, files, *allow_loss),
        ArchiveCommand::DeleteSync { folder, syncs } => delete(global, folder, syncs),
        ArchiveCommand::Pack { folder } => pack(global, folder),
    }
}

/// Each file is added by itself: those before one that fails are in the folder.
fn add(global: &Global, folder: &Path, files: &[PathBuf], allow_loss: bool) -> Result<(), Failure> {
    let in_folder = |failure: Failure| failure.in_file(folder);
    let archive = super::open(global, folder, true).map_err(in_folder)?;
    for file in files {
        let report = archive.add(file, allow_loss)?;
        report.warnings.iter().for_each(warn);
        for losses in report.losses.iter().filter(|losses| !losses.is_empty()) {
            note(format_args!("`{}`: not kept: {losses}", file.display()));
        }
        for run in &report.syncs {
            let id = run.id.as_str();
            let entry = archive.entry(&run.id)?;
            let text = format!("added {id} as {}", entry.path.display());
            let document = json!({
                "type": "added",
                "id": id,
                "number": entry.number,
                "path": entry.path.display().to_string(),
            });
            say(global, &text, &document)?;
        }
    }
    Ok(archive.close()?)
}

fn delete(global: &Global, folder: &Path, syncs: &[String]) -> Result<(), Failure> {
    let in_folder = |failure: Failure| failure.in_file(folder);
    let archive = super::open(global, folder, false).map_err(in_folder)?;
    let ids: Result<Vec<SyncId>, _> = syncs.iter().map(SyncId::new).collect();
    let ids = ids?;
    // A name that is wrong deletes nothing.
    for id in &ids {
        archive.entry(id).map_err(|error| error.in_file(folder))?;
    }
    for id in &ids {
        archive.engine().delete_sync_run(id)?;
        let document = json!({ "type": "deleted", "id": id.as_str() });
        say(global, &format!("deleted {id}"), &document)?;
    }
    Ok(archive.close()?)
}

fn pack(global: &Global, folder: &Path) -> Result<(), Failure> {
    let in_folder = |failure: Failure| failure.in_file(folder);
    let archive = super::open(global, folder, false).map_err(in_folder)?;
    let packed = archive.pack_all()?;
    archive.close()?;
    let document = json!({ "type": "packed", "syncs": packed });
    say(global, &format!("packed {packed} syncs"), &document)
}

fn say(global: &Global, text: &str, document: &Value) -> Result<(), Failure> {
    if global.format == Format::Console {
        let mut out = stdout();
        writeln!(out, "{text}")?;
        return Ok(out.flush()?);
    }
    let mut out = data();
    writeln!(out, "{document}")?;
    Ok(out.flush()?)
}
