//! The check of a v1 file: the stream, and the SQLite database in it.
//!
//! The database is decoded into memory, or into a nameless file when half of the budget does not hold
//! it: b-trees are read in the order of their keys, not of the file.

use std::path::Path;
use std::sync::Arc;

use super::finding::{Class, Finding, Place};
use super::options::{Depth, VerifyOptions};
use super::report::Report;
use super::{is_about_bytes, v1_rows};
use crate::budget::MemoryBudget;
use crate::envelope::V1File;
use crate::ops::observe::{Observer, SharedMeter, Step};
use crate::sqlite_file::{CheckOptions, CheckReport, Database, FindingKind};
use crate::store::OpenOptions;
use crate::unpack::unpack;
use crate::{Error, Result};

/// Findings after which the walk over pages stops: what one broken page entails is endless.
const FINDINGS_MAX: usize = 10_000;

/// Checks the file.
pub(crate) fn check_file(
    path: &Path,
    file: &V1File,
    options: &VerifyOptions,
    observer: &dyn Observer,
) -> Result<Report> {
    let mut report = Report::new(options.examples_max);
    report.format = "v1";
    if options.depth == Depth::Quick {
        let declared = file.declared_len();
        return found(declared.map(drop), &mut report).map(|_| report);
    }
    SharedMeter::start(observer, Step::Files)?;
    // Half of the budget is left for pages.
    let share = options.budget.limit() / 2;
    let _share = options.budget.reserve(share, "decoded v1 database")?;
    let opening = OpenOptions {
        fs: Arc::clone(&options.fs),
        budget: MemoryBudget::new(share),
        scratch: Some(options.scratch.clone()),
        ..OpenOptions::default()
    };
    let unpacked = unpack(path, file, &opening).map(|unpacked| unpacked.file);
    let Some(database) = found(unpacked, &mut report)? else {
        let detail = "the database does not decode: it was not checked";
        report.add(Finding::new(
            Class::Unchecked,
            "database",
            Place::default(),
            detail,
        ));
        return Ok(report);
    };
    report.checked.files = 1;
    report.checked.bytes = database.len();
    let meter = SharedMeter::start(observer, Step::Agreement)?;
    let checked = Database::open(database)
        .map_err(Error::from)
        .and_then(|open| {
            let findings_max = FINDINGS_MAX;
            take(open.check(CheckOptions { findings_max })?, &mut report);
            v1_rows::check(&open, &options.budget, &meter, &mut report)
        });
    match checked {
        Err(error) if is_about_bytes(&error) => {
            let place = Place::default();
            report.add(Finding::from_error(
                Class::Sqlite,
                "database",
                place,
                &error,
            ));
            Ok(report)
        }
        checked => checked.map(|()| report),
    }
}

/// Turns damage of the stream into a finding.
fn found<T>(result: Result<T>, report: &mut Report) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_about_bytes(&error) => {
            let place = Place::default();
            report.add(Finding::from_error(Class::Frame, "stream", place, &error));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn take(checked: CheckReport, report: &mut Report) {
    report.checked.pages = u64::from(checked.pages);
    report.checked.rows = checked.rows;
    report.checked.index_rows = checked.entries;
    for finding in checked.findings {
        let (class, subject) = class_of(finding.kind);
        let place = Place::default();
        report.add(Finding::new(class, subject, place, finding.to_string()));
    }
    if checked.stopped {
        let detail = format!("the walk stopped after {FINDINGS_MAX} findings");
        report.add(Finding::new(
            Class::Unchecked,
            "pages",
            Place::default(),
            detail,
        ));
    }
    for (object, reason) in checked.opaque {
        let detail = format!("`{object}`: only pages were checked: {reason}");
        report.add(Finding::new(
            Class::Unchecked,
            "table",
            Place::default(),
            detail,
        ));
    }
    if checked.trailing_bytes > 0 {
        let detail = format!("{} bytes behind the last page", checked.trailing_bytes);
        report.add(Finding::new(
            Class::Stranger,
            "bytes",
            Place::default(),
            detail,
        ));
    }
}

fn class_of(kind: FindingKind) -> (Class, &'static str) {
    match kind {
        FindingKind::RowWithoutEntry => (Class::IndexMissing, "sqlite-index"),
        FindingKind::EntryWithoutRow | FindingKind::EntryOfOtherRow => {
            (Class::IndexOrphan, "sqlite-index")
        }
        FindingKind::Duplicate => (Class::IndexWrong, "sqlite-index"),
        FindingKind::Null => (Class::Record, "row"),
        FindingKind::Order => (Class::Sqlite, "order"),
        FindingKind::Freelist => (Class::Sqlite, "freelist"),
        FindingKind::PointerMap => (Class::Sqlite, "pointer-map"),
        FindingKind::Shared | FindingKind::Unused => (Class::Sqlite, "pages"),
        _ => (Class::Sqlite, "page"),
    }
}
