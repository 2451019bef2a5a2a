//! Which syncs of a source are converted.

use super::loss::{LossKind, LossReport};
use super::options::{ConvertOptions, SyncChoice};
use super::source::{SourceSync, position};
use crate::engine::types::SyncType;
use crate::sync::lifecycle::require_finished;
use crate::{Error, Result};

/// The positions of the syncs for an output that holds any number, ascending.
pub(super) fn several(
    syncs: &[SourceSync],
    options: &ConvertOptions,
    losses: &mut LossReport,
) -> Result<Vec<usize>> {
    match options.sync {
        SyncChoice::All => Ok((0..syncs.len()).collect()),
        _ => Ok(one(syncs, options, losses)?.into_iter().collect()),
    }
}

/// The position of the sync for an output that holds one; none: the source has no sync. The others
/// are a loss.
pub(super) fn one(
    syncs: &[SourceSync],
    options: &ConvertOptions,
    losses: &mut LossReport,
) -> Result<Option<usize>> {
    let chosen = match &options.sync {
        SyncChoice::Id(id) => position(syncs, id)?,
        SyncChoice::LatestFull => {
            let full = newest(syncs, |sync| is_finished(sync) && is_full(sync));
            full.ok_or_else(|| {
                Error::not_found("source has no finished full sync")
                    .with_hint("name the sync (--sync-id)")
            })?
        }
        SyncChoice::All => {
            let full = newest(syncs, |sync| is_finished(sync) && is_full(sync));
            let finished = || newest(syncs, is_finished);
            let any = || newest(syncs, |_| true);
            match full.or_else(finished).or_else(any) {
                Some(chosen) => chosen,
                None => return Ok(None),
            }
        }
    };
    if let Some(sync) = syncs.get(chosen)
        && options.finished_only
    {
        require_finished(&sync.run)?;
    }
    let others = syncs.iter().enumerate().filter(|(at, _)| *at != chosen);
    for (_, sync) in others {
        losses.add(LossKind::Sync, || {
            format!("{} ({})", sync.run.id, sync.run.sync_type)
        });
    }
    Ok(Some(chosen))
}

fn is_finished(sync: &SourceSync) -> bool {
    sync.run.is_finished()
}

fn is_full(sync: &SourceSync) -> bool {
    sync.run.sync_type == SyncType::Full
}

/// The sync that ended last, or started last if it has not; of equals the one with the greater id.
pub(in crate::ops) fn newest(
    syncs: &[SourceSync],
    is: impl Fn(&SourceSync) -> bool,
) -> Option<usize> {
    let candidates = syncs.iter().enumerate().filter(|(_, sync)| is(sync));
    let newest = candidates.max_by(|(_, a), (_, b)| {
        let key = |sync: &SourceSync| sync.run.ended_at.or(sync.run.started_at);
        key(a).cmp(&key(b)).then_with(|| a.run.id.cmp(&b.run.id))
    });
    newest.map(|(at, _)| at)
}
