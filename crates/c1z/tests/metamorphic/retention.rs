//! Retention, written again in the words of `store-contract` §2.7: what a cleanup has to delete.

use c1z::engine::StorageEngine;
use c1z::engine::page::collect_pages;
use c1z::engine::types::{SyncId, SyncRun, SyncType};

/// The syncs that go, in the order of their creation.
pub(crate) fn expired(runs: &[SyncRun], current: Option<&SyncId>, keep: usize) -> Vec<SyncId> {
    let candidates: Vec<&SyncRun> = runs
        .iter()
        .filter(|run| run.ended_at.is_some() && Some(&run.id) != current)
        .collect();
    let of = |types: &[SyncType]| -> Vec<&SyncRun> {
        let wanted = candidates.iter().copied();
        wanted
            .filter(|run| types.contains(&run.sync_type))
            .collect()
    };
    let full = of(&[SyncType::Full]);
    let partial = of(&[SyncType::Partial, SyncType::ResourcesOnly]);
    let diffs = of(&[SyncType::PartialUpserts, SyncType::PartialDeletions]);
    let mut gone: Vec<&SyncId> = Vec::new();
    let limit = if current.is_some() { keep - 1 } else { keep };
    if full.len() > limit {
        let older = full.len() - limit;
        gone.extend(full.iter().take(older).map(|run| &run.id));
        // Without a current sync the oldest that stays; with one the newest that goes (D18).
        let oldest = full.get(if current.is_some() { older - 1 } else { older });
        if let Some(started) = oldest.and_then(|run| run.started_at) {
            let before = partial.iter().filter(|run| run.ended_at < Some(started));
            gone.extend(before.map(|run| &run.id));
        }
    }
    if let [rest @ .., last] = diffs.as_slice()
        && diffs.len() > 2
    {
        let others = rest.iter().filter(|run| run.id.as_str() != last.linked_id);
        gone.extend(others.map(|run| &run.id));
    }
    let in_order = runs.iter().filter(|run| gone.contains(&&run.id));
    in_order.map(|run| run.id.clone()).collect()
}

/// A cleanup of an engine that has none: what goes is deleted, sync by sync.
pub(crate) fn by_hand(engine: &dyn StorageEngine, keep: usize) -> c1z::Result<Vec<SyncId>> {
    // Whatever is read-only says so, also if nothing is to go.
    engine.delete_sync_run(&SyncId::from_stored("nowhere"))?;
    let runs = collect_pages(|page| engine.list_sync_runs(page))?;
    let gone = expired(&runs, engine.current_sync().as_ref(), keep);
    for id in &gone {
        engine.delete_sync_run(id)?;
    }
    Ok(gone)
}
