//! Size-tiered merging of runs, so that a reader never meets many.
//!
//! The runs of a section are its tables in L0, oldest first. A run's tier is the logarithm of its
//! size; when as many runs as the policy says, the newest ones, are of no higher tier than each
//! other, they become one. So a row is merged once per tier, and a section has at most
//! `(fan_in - 1) · tiers` runs. Only neighbours in age are merged: the ranges of sequence numbers
//! of runs do not meet.

use std::sync::Arc;

use super::core::Inner;
use super::metrics::count;
use crate::Result;
use crate::db::{State, TableOpener};
use crate::iter::{Bounds, Fragments, Merge};
use crate::key::{RangeTombstone, SeqNo};
use crate::manifest::{Level, TableMeta, VersionEdit};
use crate::sst::{CacheMode, TableWriter};
use crate::version::{Run, Version};

impl Inner {
    /// Merges runs until no section has many of one tier.
    pub(super) fn merge_runs(&self) -> Result<()> {
        loop {
            let version = Arc::clone(&self.core().version);
            let Some(runs) = self.pick(&version) else {
                return Ok(());
            };
            self.merge_to_one(&runs)?;
        }
    }

    /// The runs to merge next, if any.
    fn pick(&self, version: &Version) -> Option<Vec<Run>> {
        let mut found = None;
        for section in runs_by_section(version, &self.options.sections) {
            found = found.or_else(|| self.pick_in_section(&section));
        }
        found
    }

    fn pick_in_section(&self, runs: &[Run]) -> Option<Vec<Run>> {
        let fan_in = self.options.compaction.fan_in;
        let tiers: Vec<u32> = runs.iter().map(|run| self.tier(run)).collect();
        for tier in 0..=tiers.iter().copied().max()? {
            let newest = tiers.iter().rev().take_while(|t| **t <= tier).count();
            if newest >= fan_in {
                return runs.get(runs.len() - newest..).map(<[Run]>::to_vec);
            }
        }
        None
    }

    fn tier(&self, run: &Run) -> u32 {
        let size: u64 = run.iter().map(|table| table.size).sum();
        // What a full write buffer may compress to is of the lowest tier.
        let unit = (self.options.write_buffer_bytes as u64).max(1);
        (size / unit)
            .checked_ilog(self.options.compaction.fan_in as u64)
            .map_or(0, |log| log + 1)
    }

    /// Makes one run of `runs`, which are neighbours in age.
    fn merge_to_one(&self, runs: &[Run]) -> Result<()> {
        let _span = tracing::debug_span!("merge", runs = runs.len()).entered();
        let view = self.view();
        let state = State {
            memory: Vec::new(),
            ..(*view.state).clone()
        };
        let bounds = Arc::new(Bounds::all());
        let tombstones = tombstones_of(&state, runs.iter().flat_map(|run| run.iter()))?;
        let merge = state.merge_with(runs, &bounds, CacheMode::Bypass);
        let merged = self.write_run(|table| add_newest(table, merge, &tombstones))?;
        self.sync_dir()?;
        let merged_bytes = merged.as_ref().map_or(0, |run| run.size);
        let inputs = runs.iter().flat_map(|run| run.iter());
        let edit = VersionEdit {
            removed_tables: inputs.map(|table| (Level::L0, table.number)).collect(),
            added_tables: merged.into_iter().map(|run| (Level::L0, run)).collect(),
            ..VersionEdit::default()
        };
        drop((state, view));
        let mut core = self.core();
        let last_seq = core.version.last_seq();
        self.apply(&mut core, last_seq, edit)?;
        self.publish(&core);
        count(&self.metrics.merges, 1);
        count(&self.metrics.merged_bytes, merged_bytes);
        Ok(())
    }
}

/// The runs of each section, oldest first. Tables that joined together are one run. A section that
/// shares a table with another, which a foreign database may have, waits for the seal.
fn runs_by_section(version: &Version, sections: &[Vec<u8>]) -> Vec<Vec<Run>> {
    let section_of = |key: &[u8]| sections.partition_point(|start| &start[..] <= key);
    let mut by_section = vec![Some(Vec::<Vec<Arc<TableMeta>>>::new()); sections.len() + 1];
    for table in version.level(Level::L0) {
        let first = section_of(&table.smallest.user);
        let last = sections.partition_point(|start| table.reaches(start));
        if first != last {
            let shared = by_section.get_mut(first..=last).into_iter().flatten();
            shared.for_each(|runs| *runs = None);
        }
        let Some(Some(runs)) = by_section.get_mut(first) else {
            continue;
        };
        let together = |run: &&mut Vec<Arc<TableMeta>>| {
            let seq = run.last().and_then(|last| last.synthetic_seq());
            seq.is_some() && seq == table.synthetic_seq()
        };
        match runs.last_mut().filter(together) {
            Some(run) => run.push(Arc::clone(table)),
            None => runs.push(vec![Arc::clone(table)]),
        }
    }
    let run_of = |mut tables: Vec<Arc<TableMeta>>| {
        tables.sort_by(|a, b| a.smallest.cmp(&b.smallest));
        Run::from(tables)
    };
    let runs_of = |runs: Vec<Vec<_>>| runs.into_iter().map(run_of).collect();
    by_section.into_iter().flatten().map(runs_of).collect()
}

/// The range tombstones that `tables` show.
pub(super) fn tombstones_of<'a>(
    state: &State,
    tables: impl IntoIterator<Item = &'a Arc<TableMeta>>,
) -> Result<Fragments> {
    let mut all: Vec<RangeTombstone> = Vec::new();
    for table in tables {
        let open = state.tables.get(table.file())?;
        let (lower, upper) = (&table.smallest.user, &table.largest.user);
        let shown = open.tombstones.within(Some(lower), Some(upper));
        all.extend(shown.map(|t| RangeTombstone {
            seq: table.synthetic_seq().unwrap_or(t.seq),
            ..t
        }));
    }
    Ok(Fragments::new(&all, SeqNo::MAX))
}

/// Adds of each key the newest version, unless a newer range tombstone hides it, and the range
/// tombstones.
fn add_newest(
    table: &mut TableWriter,
    mut merge: Merge<TableOpener>,
    tombstones: &Fragments,
) -> Result<()> {
    let mut last: Option<Vec<u8>> = None;
    let mut hint = 0;
    merge.seek_first()?;
    while let Some((key, trailer)) = merge.current() {
        if last.as_deref() != Some(key) {
            let held = last.get_or_insert_default();
            held.clear();
            held.extend_from_slice(key);
            let cover = tombstones.covering(key, &mut hint);
            if cover.is_none_or(|cover| cover.seq <= trailer.seq()) {
                table.add(key, trailer, merge.value())?;
            }
        }
        merge.step()?;
    }
    for fragment in tombstones.iter() {
        table.add_range_tombstone(fragment)?;
    }
    Ok(())
}
