//! One conversion under way: what all targets share.

use std::path::Path;

use super::loss::LossReport;
use super::options::ConvertOptions;
use super::source::{Source, SourceItem};
use crate::Result;
use crate::ops::build::PackOptions;
use crate::ops::observe::{Meter, Observer, Step};

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
        self.options.pack_options()
    }
}

/// Tells an observer of records as they pass, a step for each kind.
pub(super) struct RecordMeter<'a> {
    observer: &'a dyn Observer,
    step: Option<(Step, Meter<'a>)>,
}

impl<'a> RecordMeter<'a> {
    pub(super) fn new(observer: &'a dyn Observer) -> Self {
        Self {
            observer,
            step: None,
        }
    }

    /// An item passes.
    pub(super) fn item(&mut self, item: &SourceItem<'_>) -> Result<()> {
        let step = match item {
            SourceItem::Record(record) => Step::Records(record.kind()),
            SourceItem::Session(_) | SourceItem::Row(..) => Step::Rows,
        };
        match &mut self.step {
            Some((current, meter)) if *current == step => meter.row(),
            _ => {
                self.end()?;
                let mut meter = Meter::start(self.observer, step, None)?;
                meter.row()?;
                self.step = Some((step, meter));
                Ok(())
            }
        }
    }

    /// All items have passed.
    pub(super) fn end(&self) -> Result<()> {
        self.step.as_ref().map_or(Ok(()), |(_, meter)| meter.end())
    }
}
