//! Checking files: is every byte what was written, and does everything agree with everything else.
//!
//! ```text
//! envelope ─> files and tables ─> holes ─┬─> grants ────────┐
//!  head        hashes, blocks            ├─> other records ─┼─> sums of index rows, compared
//!  index       bounds                    ├─> index rows ────┘       └─> sorted where they differ
//!  manifest                              └─> levels
//! ```
//!
//! [`verify`] reads only, streams, and does not stop at the first damage: what cannot be read becomes a
//! hole, and the checks go on around it. A finding has a [`Class`], and the class says how much it
//! weighs and what to do. `docs/verify.md` explains each.
//!
//! Cost of a full check: every file is decoded and hashed once and every block decoded twice; memory is
//! one budget, whatever the number of rows.

mod expected;
mod figures;
mod files;
mod finding;
mod fingerprint;
mod grants;
mod indexes;
mod jobs;
mod lockstep;
mod options;
mod readable;
mod records;
mod references;
mod repeated;
mod report;
mod sums;
mod v1;
mod v1_references;
mod v1_rows;
mod v3;

use std::path::Path;
use std::sync::Arc;

use fingerprint::Seed;

use super::observe::{Observer, SharedMeter, SharedObserver};
use super::pulse::Pulse;
use crate::envelope::{self, EnvelopeFile, PayloadOptions};
use crate::{Error, ErrorKind, Result};

pub use finding::{Class, Finding, Place, Severity};
pub use options::{Depth, VerifyOptions};
pub use report::{Checked, Group, Report};

/// What every part of a check works with.
pub(crate) struct Task<'a> {
    options: &'a VerifyOptions,
    meter: SharedMeter<'a>,
    seed: Seed,
}

impl Task<'_> {
    /// A report for this part.
    fn report(&self) -> Report {
        Report::new(self.options.examples_max)
    }
}

/// Whether an error says that bytes are wrong, so that it is a finding; others stop the check.
fn is_about_bytes(error: &Error) -> bool {
    error.kind() == ErrorKind::DataLoss
}

/// Checks the file, or the database directory, at `path`.
///
/// ```
/// use c1z::ops::NoObserver;
/// use c1z::ops::verify::{VerifyOptions, verify};
///
/// # fn main() -> c1z::Result<()> {
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/basic/v3.indexed_zstd.c1z");
/// let report = verify(path, &VerifyOptions::default(), &NoObserver)?;
/// assert!(report.is_clean());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What is wrong with the bytes is in the report. `NotFound`, `Io`, `ResourceExhausted`, an error of
/// the observer, and `InvalidArgument`, `FormatOlder`, `FormatNewer` or `Unsupported` for what this
/// version cannot read are errors.
pub fn verify(
    path: impl AsRef<Path>,
    options: &VerifyOptions,
    observer: impl Into<SharedObserver>,
) -> Result<Report> {
    let path = path.as_ref();
    let pulse = Pulse::new(observer.into(), Arc::clone(&options.clock));
    let options = VerifyOptions {
        fs: pulse.fs(Arc::clone(&options.fs)),
        ..options.clone()
    };
    let report = pulse.end(check(path, &options, &pulse));
    report.map_err(|error| error.in_file(path))
}

fn check(path: &Path, options: &VerifyOptions, observer: &dyn Observer) -> Result<Report> {
    if options.fs.metadata(path).is_ok_and(|found| found.is_dir) {
        return v3::check_dir(path, options, observer);
    }
    let mut payload = PayloadOptions::new(options.budget.clone());
    // Large tables in one frame are decoded once only if two of them fit.
    payload.cache_bytes = options.budget.limit() / 2;
    let opening = envelope::OpenOptions {
        limits: options.limits,
        variables: options.variables.clone(),
        payload,
    };
    match EnvelopeFile::open(options.fs.as_ref(), path, &opening) {
        Ok(EnvelopeFile::V3(file)) => v3::check_file(&file, options, observer),
        Ok(EnvelopeFile::V1(file)) => v1::check_file(path, &file, options, observer),
        Err(error) if is_about_bytes(&error) => {
            let mut report = Report::new(options.examples_max);
            let place = Place::default();
            report.add(Finding::from_error(
                Class::Envelope,
                "envelope",
                place,
                &error,
            ));
            let detail = "nothing behind the damage was checked";
            report.add(Finding::new(
                Class::Unchecked,
                "payload",
                Place::default(),
                detail,
            ));
            Ok(report)
        }
        Err(error) => Err(error),
    }
}
