//! Retention: the syncs that nobody needs any more lose their entries (`store-contract` §2.7).
//!
//! What goes is decided by [`crate::sync::retention`], and happens at once: an intent record names all entries before the
//! first one loses its name. Dropping an entry costs no tombstones and no compaction.

use std::collections::HashSet;

use super::Archive;
use super::folder::Folder;
use super::intent::{Intent, Step};
use super::listing::Entry;
use super::name::{Form, Stem};
use crate::Result;
use crate::engine::source::Source;
use crate::engine::types::SyncId;
use crate::ops::{Observer, Progress, Step as OpStep};
use crate::sync::retention::{self, Expired};

/// How a folder is cleaned up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanupOptions {
    /// Full syncs that stay; default 2.
    pub keep: Option<usize>,
    /// Nothing is deleted; default no.
    pub skip: bool,
    /// What would be deleted is reported and stays; default no.
    pub dry_run: bool,
}

impl CleanupOptions {
    /// What the environment says: `BATON_KEEP_SYNC_COUNT`, a positive number, and `BATON_SKIP_CLEANUP`, true or not.
    /// Other texts mean nothing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let keep = lookup("BATON_KEEP_SYNC_COUNT");
        let skip = lookup("BATON_SKIP_CLEANUP");
        Self {
            keep: keep.and_then(|text| retention::keep_of(&text)),
            skip: skip.is_some_and(|text| retention::is_true(&text)),
            dry_run: false,
        }
    }
}

/// What a cleanup did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanupReport {
    /// The syncs that are gone, or would be, in the order of their creation.
    pub deleted: Vec<Expired>,
    /// Syncs that should go and stay, because a v1 file holds them together with others.
    pub stuck: Vec<SyncId>,
    /// Bytes of the entries that are gone, or would be.
    pub bytes: u64,
    /// Nothing was looked at, because that was asked for.
    pub skipped: bool,
}

impl Archive {
    /// Deletes what retention does not keep. The current sync stays and counts as one of those that are kept; unfinished
    /// syncs always stay.
    ///
    /// All of it happens, or nothing. An error after the decision leaves work that the next cleanup, or the next opening for
    /// writing, does.
    ///
    /// # Errors
    /// `ReadOnly`, `Cancelled`, `Io`.
    ///
    /// # Complexity
    /// O(syncs), and removing the files of what goes.
    pub fn cleanup(&self, options: &CleanupOptions) -> Result<CleanupReport> {
        let folder = self.contract.source();
        if !options.dry_run {
            folder.check_writable()?;
        }
        if options.skip {
            return Ok(CleanupReport {
                skipped: true,
                ..CleanupReport::default()
            });
        }
        let _handle = folder.lock();
        let current = self.contract.bindings().current.clone();
        let keep = options.keep.filter(|keep| *keep > 0);
        let keep = keep.unwrap_or(retention::KEEP_DEFAULT);
        let expired = retention::expired(&folder.sync_runs()?, current.as_ref(), keep);
        let (report, entries) = folder.sort_out(&expired)?;
        if options.dry_run {
            return Ok(report);
        }
        folder.options.writing.cancel.check()?;
        folder.settle()?;
        folder.options.observer.advanced(&Progress {
            rows_total: Some(entries.len() as u64),
            ..Progress::of(OpStep::Remove)
        })?;
        folder.drop_entries(&entries)?;
        Ok(report)
    }
}

impl Folder {
    /// What can go: entries of which all syncs go.
    fn sort_out(&self, expired: &[Expired]) -> Result<(CleanupReport, Vec<Entry>)> {
        let mut report = CleanupReport::default();
        let mut entries: Vec<Entry> = Vec::new();
        let goes: HashSet<&SyncId> = expired.iter().map(|gone| &gone.id).collect();
        let state = self.state();
        for gone in expired {
            let Some(entry) = state.home(&gone.id) else {
                continue;
            };
            if !state.runs_of(&entry.stem).all(|run| goes.contains(&run.id)) {
                report.stuck.push(gone.id.clone());
                continue;
            }
            report.deleted.push(gone.clone());
            if entries.last().is_none_or(|last| last.stem != entry.stem) {
                let files = super::folder::files_of(self.fs(), &self.path, &entry)?;
                report.bytes += files.values().sum::<u64>();
                entries.push(Entry::clone(&entry));
            }
        }
        Ok((report, entries))
    }

    /// Deletes entries, all or none.
    fn drop_entries(&self, entries: &[Entry]) -> Result<()> {
        self.finish_decided()?;
        if entries.is_empty() {
            return Ok(());
        }
        for entry in entries {
            self.close_entry(&entry.stem);
        }
        // Both forms: one that an operation that failed half way left must not come back.
        let steps = entries.iter().flat_map(|entry| {
            [Form::Directory, Form::Packed].map(|form| Step::Remove(entry.stem.name(form)))
        });
        let intent = Intent(steps.collect());
        intent.decide(self.fs(), &self.path)?;
        let stems: HashSet<&Stem> = entries.iter().map(|entry| &entry.stem).collect();
        self.state().remove(|home| stems.contains(&home.stem));
        self.touch();
        intent.carry_out(self.fs(), &self.path)
    }

    /// Does what an earlier call decided and could not do.
    pub(super) fn finish_decided(&self) -> Result<()> {
        match Intent::read(self.fs(), &self.path)? {
            Some(intent) => intent.carry_out(self.fs(), &self.path),
            None => Ok(()),
        }
    }
}
