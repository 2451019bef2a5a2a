//! What a conversion did.

use super::format::FileFormat;
use super::loss::LossReport;
use crate::engine::types::{SyncRun, SyncStats};

/// A sync that was converted.
#[derive(Clone, Debug)]
pub struct SyncSummary {
    /// Its run as it was written.
    pub run: SyncRun,
    /// Counts of its records in the output.
    pub counts: SyncStats,
    /// Bytes of its assets.
    pub asset_bytes: u64,
}

/// What a conversion did.
#[derive(Clone, Debug)]
pub struct ConvertSummary {
    /// Format of the input.
    pub from: FileFormat,
    /// Format of the output.
    pub to: FileFormat,
    /// The syncs in the output, in its order.
    pub syncs: Vec<SyncSummary>,
    /// What the output does not hold.
    pub losses: LossReport,
    /// Bytes of the output file; none for a directory.
    pub file_len: Option<u64>,
}
