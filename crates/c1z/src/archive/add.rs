//! Files into the folder: every sync of a file becomes an entry, all of them at once.

use std::path::Path;
use std::sync::Arc;

use super::Archive;
use super::folder::Folder;
use super::intent::{Intent, Step, remove_leftover, sync_folder};
use super::listing::Entry;
use super::name::Form;
use super::pack::copy_file;
use crate::engine::page::collect_pages;
use crate::engine::source::Source;
use crate::engine::types::SyncRun;
use crate::envelope::Existing;
use crate::ops::convert::{ConvertOptions, FileFormat, LossKind, LossReport, SyncChoice, convert};
use crate::{Error, ErrorKind, OpenOptions, Result};

/// What was added.
#[derive(Clone, Debug, Default)]
pub struct AddReport {
    /// The syncs that are in the folder now, in their order.
    pub syncs: Vec<SyncRun>,
    /// What v3 files cannot hold of the syncs of a v1 file, one report for each sync.
    pub losses: Vec<LossReport>,
    /// What a user should know about the file.
    pub warnings: Vec<String>,
}

impl Archive {
    /// Adds all syncs of a `.c1z` file behind those that are there, in the order of the file. A v3 file is copied; each sync of a
    /// v1 file is converted to v3. The file stays as it is.
    ///
    /// # Errors
    /// `AlreadyExists` if the folder holds one of the syncs; `NotFound` for a file without syncs; `FailedPrecondition` if
    /// records would be lost and `allow_loss` is not set; those of reading; `ReadOnly`; `Io`. Nothing is added then, unless an error came after
    /// the decision: the next opening for writing does what is left.
    ///
    /// # Complexity
    /// O(bytes) for v3; O(rows · log rows) for v1.
    pub fn add(&self, file: &Path, allow_loss: bool) -> Result<AddReport> {
        let folder = self.contract.source();
        folder.check_writable()?;
        let _handle = folder.lock();
        folder.finish_decided()?;
        folder.settle()?;
        let mut made = Vec::new();
        let added = folder.add(file, allow_loss, &mut made);
        // What a decision names is needed to carry it out.
        let is_undecided = || {
            let none = matches!(Intent::read(folder.fs(), &folder.path), Ok(None));
            none && sync_folder(folder.fs(), &folder.path).is_ok()
        };
        if added.is_err() && is_undecided() {
            for entry in &made {
                remove_leftover(folder.fs(), &folder.path.join(entry.stem.new_name()));
            }
        }
        added.map_err(|error| error.in_file(file))
    }
}

impl Folder {
    /// Makes entries under names that nobody reads, which are `made`, then shows them.
    fn add(&self, file: &Path, allow_loss: bool, made: &mut Vec<Arc<Entry>>) -> Result<AddReport> {
        let reading = OpenOptions {
            observer: self.options.observer.clone(),
            ..self.options.reading.clone()
        };
        let store = crate::open_with(file, &reading)?;
        let mut report = AddReport {
            warnings: store.warnings().to_vec(),
            ..AddReport::default()
        };
        let runs = collect_pages(|page| store.reader().list_sync_runs(page))?;
        drop(store);
        let known = self.sync_runs()?;
        if let Some(run) = runs.iter().find(|run| known.iter().any(|k| k.id == run.id)) {
            let message = format!("the folder holds this sync already: sync_id=`{}`", run.id);
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        }
        if runs.is_empty() {
            return Err(Error::not_found("the file holds no sync"));
        }
        let format = FileFormat::of_existing(self.fs(), file)?;
        let numbers = 0_u64..;
        for (run, number) in runs.iter().zip(numbers) {
            let entry = Arc::new(Entry::new(self.next_stem(&run.id, number), Form::Packed));
            let making = self.path.join(entry.stem.new_name());
            remove_leftover(self.fs(), &making);
            made.push(Arc::clone(&entry));
            if format == FileFormat::V3 {
                copy_file(self, file, &making, Existing::Keep)?;
                report.syncs.push(run.clone());
                continue;
            }
            let converted = convert(file, &making, &self.convert_options(run))?;
            report
                .syncs
                .extend(converted.syncs.into_iter().map(|sync| sync.run));
            // The other syncs of the file have entries of their own.
            let losses = converted.losses.without(LossKind::Sync);
            losses.require(allow_loss)?;
            report.losses.push(losses);
        }
        self.show(made, &report)?;
        Ok(report)
    }

    fn convert_options(&self, run: &SyncRun) -> ConvertOptions {
        let reading = &self.options.reading;
        ConvertOptions {
            fs: Arc::clone(&reading.fs),
            entropy: Arc::clone(&self.options.entropy),
            to: Some(FileFormat::V3),
            sync: SyncChoice::Id(run.id.clone()),
            // What is lost is judged when it is known.
            allow_loss: true,
            budget: reading.budget.clone(),
            zone: reading.zone.clone(),
            limits: reading.limits,
            variables: reading.variables.clone(),
            level: self.options.packing.level,
            observer: Arc::new(self.options.observer.clone()),
            clock: Arc::clone(&reading.clock),
            ..ConvertOptions::default()
        }
    }

    /// Gives entries that were made their names, all or none.
    fn show(&self, made: &[Arc<Entry>], report: &AddReport) -> Result<()> {
        let step = |entry: &Arc<Entry>| Step::Rename(entry.stem.new_name(), entry.now.clone());
        let intent = Intent(made.iter().map(step).collect());
        sync_folder(self.fs(), &self.path)?;
        intent.decide(self.fs(), &self.path)?;
        let added = made
            .iter()
            .map(Arc::clone)
            .zip(report.syncs.iter().cloned());
        self.state().push(added);
        self.touch();
        intent.carry_out(self.fs(), &self.path)
    }
}
