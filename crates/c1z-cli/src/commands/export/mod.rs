//! `c1z export`: a sync as a file that other programs read.

mod clone;
mod kept;
mod rows;
mod user;

use c1z::Store;
use c1z::ops::NoObserver;
use c1z::ops::ndjson::write_database;

pub(crate) use self::clone::ExportC1zArgs;

use crate::args::{Export, ExportArgs, Global};
use crate::failure::{Failure, warn};
use crate::file::{self, Selected};
use crate::output::{Csv, Workbook, write_file};
use rows::{COLUMNS, Rows};

pub(crate) fn run(global: &Global, export: &Export) -> Result<(), Failure> {
    if let Export::C1z(args) = export {
        return clone::run(global, args);
    }
    let store = file::open(global)?;
    let selected = file::select(global, &store)?;
    match export {
        Export::C1z(args) => clone::run(global, args),
        Export::Csv(args) => csv(global, args, &store, selected.as_ref()),
        Export::Xlsx(args) => xlsx(global, args, &store, selected.as_ref()),
        Export::Ndjson(args) => ndjson(global, args, &store),
    }
}

fn csv(
    global: &Global,
    args: &ExportArgs,
    store: &Store,
    selected: Option<&Selected>,
) -> Result<(), Failure> {
    let left_out = write_file(&global.file, args.out_or("./sync.csv"), |out| {
        let mut csv = Csv::new(out);
        csv.record(COLUMNS)?;
        let left_out = Rows::new(store.reader(), selected)
            .each(&mut |cells| csv.record(cells).map_err(Failure::from))?;
        csv.finish()?;
        Ok(left_out)
    })?;
    tell(left_out);
    Ok(())
}

fn xlsx(
    global: &Global,
    args: &ExportArgs,
    store: &Store,
    selected: Option<&Selected>,
) -> Result<(), Failure> {
    let (left_out, workbook) = write_file(&global.file, args.out_or("./sync.xlsx"), |out| {
        let mut workbook = Workbook::begin(out, &COLUMNS)?;
        let left_out = Rows::new(store.reader(), selected)
            .each(&mut |cells| workbook.row(cells).map_err(Failure::from))?;
        Ok((left_out, workbook.finish()?))
    })?;
    tell(left_out);
    if workbook.sheets > 1 {
        warn(format_args!(
            "a sheet holds 1,048,576 rows; the rest stands in Sheet2 to Sheet{}",
            workbook.sheets
        ));
    }
    if workbook.cut_cells > 0 {
        warn(format_args!(
            "{} cells are longer than the 32,767 characters that an XLSX cell holds and were cut; \
             `c1z export csv` keeps them whole",
            workbook.cut_cells
        ));
    }
    Ok(())
}

/// Says how many grants are not among the rows.
fn tell(left_out: u64) {
    if left_out > 0 {
        warn(format_args!(
            "{left_out} grants are left out: the file does not hold their principals, so it does not \
             say whether those are users"
        ));
    }
}

fn ndjson(global: &Global, args: &ExportArgs, store: &Store) -> Result<(), Failure> {
    let budget = c1z::MemoryBudget::default();
    write_file(&global.file, args.out_or("./sync.ndjson"), |out| {
        Ok(write_database(store.database(), &budget, out, &NoObserver)?)
    })?;
    Ok(())
}
