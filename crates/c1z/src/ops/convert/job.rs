//! One conversion under way: what all targets share.

use std::path::Path;
use std::sync::Arc;

use super::loss::LossReport;
use super::options::ConvertOptions;
use super::source::Source;
use crate::envelope::WriteOptions;
use crate::ops::build::PackOptions;

/// A conversion.
pub(super) struct Job<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) output: &'a Path,
    pub(super) options: &'a ConvertOptions,
    pub(super) losses: LossReport,
    /// Bytes of the output, once it is a file.
    pub(super) file_len: Option<u64>,
}

impl Job<'_> {
    /// How the output is packed and published.
    pub(super) fn pack_options(&self) -> PackOptions {
        let options = self.options;
        PackOptions {
            fs: Arc::clone(&options.fs),
            entropy: Arc::clone(&options.entropy),
            existing: options.existing,
            temporary: options.temporary.clone(),
            write: WriteOptions {
                encoding: options.encoding,
                level: options.level,
                threads: options.threads,
                budget: options.budget.clone(),
                ..WriteOptions::default()
            },
        }
    }
}
