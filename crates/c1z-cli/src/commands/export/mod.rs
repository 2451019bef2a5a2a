//! `c1z export`: a sync as a file that other programs read.

mod clone;
mod kept;
mod rows;
mod user;

use c1z::engine::types::SyncId;
use c1z::ops::ndjson::{write_database, write_v1};
use c1z::{MemoryBudget, OpenOptions, Store};

use crate::args::{Export, ExportArgs, Global};
use crate::failure::{Failure, warn};
use crate::file::{self, Selected};
use crate::job;
use crate::memory::Shares;
use crate::output::{Content, Counted, Csv, Workbook, write_file};
pub(crate) use clone::ExportC1zArgs;
use rows::{COLUMNS, Rows};

pub(crate) fn run(global: &Global, export: &Export) -> Result<(), Failure> {
    if let Export::C1z(args) = export {
        return clone::run(global, args);
    }
    let shares = Shares::for_files(global, 1);
    let store = file::open_within(global, &global.file, shares.file)?;
    let selected = file::select(global, &store)?;
    let table = |selected| Rows::new(store.reader(), selected, shares.command);
    match export {
        Export::C1z(args) => clone::run(global, args),
        Export::Csv(args) => csv(global, args, table(selected.as_ref())),
        Export::Xlsx(args) => xlsx(global, args, table(selected.as_ref())),
        Export::Ndjson(args) => ndjson(global, args, &store, selected.as_ref(), shares),
    }
}

fn csv(global: &Global, args: &ExportArgs, rows: Rows<'_>) -> Result<(), Failure> {
    let out = args.out_or("./sync.csv");
    let left_out = write_file(&global.file, out, Content::Text, |out| {
        let mut progress = Counted::new();
        let mut csv = Csv::new(out);
        csv.record(COLUMNS)?;
        let left_out = rows.each(&mut |cells| {
            progress.row();
            csv.record(cells).map_err(Failure::from)
        })?;
        csv.finish()?;
        Ok(left_out)
    })?;
    tell(left_out);
    Ok(())
}

fn xlsx(global: &Global, args: &ExportArgs, rows: Rows<'_>) -> Result<(), Failure> {
    let out = args.out_or("./sync.xlsx");
    let (left_out, workbook) = write_file(&global.file, out, Content::Bytes, |out| {
        let mut progress = Counted::new();
        let mut workbook = Workbook::begin(out, &COLUMNS)?;
        let left_out = rows.each(&mut |cells| {
            progress.row();
            workbook.row(cells).map_err(Failure::from)
        })?;
        Ok((left_out, workbook.finish()?))
    })?;
    tell(left_out);
    if workbook.sheets > 1 {
        warn(format_args!(
            "rows stand in {} sheets, Sheet1 and on, since one holds 1,048,576",
            workbook.sheets
        ));
    }
    if workbook.cut_cells > 0 {
        warn(format_args!(
            "cells cut: {}; an XLSX cell holds 32,767 characters, `c1z export csv` keeps them whole",
            workbook.cut_cells
        ));
    }
    Ok(())
}

/// Says how many grants are not among the rows.
fn tell(left_out: u64) {
    if left_out > 0 {
        warn(format_args!(
            "grants left out: {left_out}; the file does not hold their principals, so it does not say \
             whether those are users"
        ));
    }
}

/// Writes all syncs of the file, or the one that was named.
fn ndjson(
    global: &Global,
    args: &ExportArgs,
    store: &Store,
    selected: Option<&Selected>,
    shares: Shares,
) -> Result<(), Failure> {
    let named = global.sync_id.is_some();
    let named: Option<&SyncId> = selected.filter(|_| named).map(|selected| &selected.run.id);
    let out = args.out_or("./sync.ndjson");
    let written = write_file(&global.file, out, Content::Text, |out| {
        let observer = job::observer();
        Ok(match (store.database(), store.sqlite()) {
            (Some(database), _) => {
                let budget = MemoryBudget::new(shares.command);
                write_database(database, &budget, out, &*observer)?
            }
            (None, Some(database)) => {
                let zone = OpenOptions::default().zone;
                write_v1(database, &zone, named, out, &*observer)?
            }
            (None, None) => {
                let what = "a file without a database";
                return Err(c1z::Error::new(c1z::ErrorKind::Internal, what).into());
            }
        })
    })?;
    for warning in written.warnings {
        warn(warning);
    }
    Ok(())
}
