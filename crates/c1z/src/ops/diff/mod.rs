//! What changed between two syncs, of one file or of two: records created, deleted and modified, by
//! identity.
//!
//! A record counts as modified if its canonical bytes differ (`store-contract` D10). Two v3 files are
//! walked side by side in the order of their keys (`stored`). Else rows come in
//! no common order, so one side is kept as a table of hashes and the other streams past it: 33
//! bytes a row, no record. A sync whose table would not fit into the budget is compared in several
//! windows of hashes, each a scan of its own.

mod compared;
mod side;
mod skips;
mod stored;
mod window;

pub use compared::Compared;
pub use side::Side;

use self::stored::Join;
pub(crate) use self::window::Window;
use super::observe::{Meter, Step};
use super::{Observer, RecordKind};
use crate::budget::MemoryBudget;
use crate::engine::{Identity, Reader};
use crate::{Error, Result};

/// What happened to a record between the base and the applied sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// Only the applied sync holds it.
    Created,
    /// Only the base holds it.
    Deleted,
    /// Both hold it, and it is not the same.
    Modified,
}

impl Change {
    /// Every change.
    pub const ALL: [Change; 3] = [Change::Created, Change::Deleted, Change::Modified];

    /// The change's name: `created`, `deleted`, `modified`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Change::Created => "created",
            Change::Deleted => "deleted",
            Change::Modified => "modified",
        }
    }
}

/// The identity by which records of two stores are the same: by external id among v1 files, by structure where
/// a v3 file takes part. The second part says whether records must be compared as v3 files hold them.
pub fn common_identity(base: &dyn Reader, applied: &dyn Reader) -> (Identity, bool) {
    let is_v1 = |reader: &dyn Reader| reader.metadata().format == "v1";
    match (is_v1(base), is_v1(applied)) {
        (true, true) => (Identity::External, false),
        (false, false) => (Identity::Structural, false),
        _ => (Identity::Structural, true),
    }
}

/// How syncs are compared.
#[derive(Clone, Debug)]
pub struct DiffOptions<'a> {
    /// What makes a record of one sync that of the other: external ids within v1 files, structure
    /// where a v3 file takes part.
    pub identity: Identity,
    /// The changes wanted; a scan is saved where *deleted* is not among them.
    pub changes: &'a [Change],
    /// Whether records are compared as v3 files hold them (`store-contract` §1.8): for a v1 file and a
    /// v3 file, of which the one holds more of a record than the other can.
    pub as_v3: bool,
    /// Memory for the table of hashes; half of what is left of it is taken.
    pub budget: MemoryBudget,
}

/// Compares the records of one kind and hands each wanted change to `visit`: created and modified
/// ones as the applied sync holds them and in its order, then deleted ones as the base holds them
/// and in its order. If the table takes several windows, that is so within each.
///
/// Two v3 files ([`Side::of_store`]) by structure: what is the same byte for byte is not decoded, so a row that is
/// damaged in both alike is passed over.
///
/// # Errors
/// `NotFound` for a sync that its store does not hold; `ResourceExhausted` for a budget too small
/// for any table; what reading, the observer and `visit` return. The latter's error type is the
/// caller's.
///
/// # Complexity
/// Two scans, a third if deleted records are wanted, times the number of windows: rows of the base
/// / (budget / 2 / 96 bytes), rounded up to a power of two. Two v3 files: one scan of what is not in tables that both have,
/// a second from the first to the last deleted record, and no memory.
pub fn diff<R, E>(
    base: Side<'_>,
    applied: Side<'_>,
    options: &DiffOptions<'_>,
    observer: &dyn Observer,
    visit: &mut dyn FnMut(Change, R) -> Result<(), E>,
) -> Result<(), E>
where
    R: Compared,
    E: From<Error>,
{
    let wants = |change| options.changes.contains(&change);
    let mut meter = Meter::start(observer, Step::Rows, None)?;
    if let Some(join) = join(base, applied, options, R::STORED)? {
        join.run(wants, &mut meter, visit)?;
        return Ok(meter.end()?);
    }
    let mut window = Window::new(&options.budget)?;
    let held = |record: R| {
        if options.as_v3 {
            record.into_v3()
        } else {
            Ok(record)
        }
    };
    loop {
        for record in R::rows(base)? {
            meter.row()?;
            window.learn(&held(record?)?, options.identity);
        }
        for record in R::rows(applied)? {
            meter.row()?;
            let record = held(record?)?;
            match window.judge(&record, options.identity) {
                Some(change) if wants(change) => visit(change, record)?,
                _ => {}
            }
        }
        if wants(Change::Deleted) && window.has_unseen() {
            for record in R::rows(base)? {
                meter.row()?;
                let record = held(record?)?;
                if window.is_unseen(&record, options.identity) {
                    visit(Change::Deleted, record)?;
                }
            }
        }
        if !window.advance() {
            return Ok(meter.end()?);
        }
    }
}

/// The two sides row by row, if both are v3 files whose keys say what is the same.
fn join<'a>(
    base: Side<'a>,
    applied: Side<'a>,
    options: &DiffOptions<'_>,
    kind: RecordKind,
) -> Result<Option<Join<'a>>> {
    let (Some(base_rows), Some(applied_rows)) = (base.stored, applied.stored) else {
        return Ok(None);
    };
    if options.identity != Identity::Structural {
        return Ok(None);
    }
    for side in [base, applied] {
        side.reader.get_sync(side.sync)?;
    }
    Join::new(base_rows, applied_rows, kind).map(Some)
}
