//! `c1z recalculate-stats`: counts of finished syncs, made again from their rows.

use std::io::Write;

use c1z::engine::types::SyncId;
use c1z::ops::maintain::recalculate_stats;
use serde_json::json;

use super::convert::options;
use super::refuse_csv;
use crate::args::{Format, Global};
use crate::failure::Failure;
use crate::output::stdout;

pub(crate) fn run(global: &Global) -> Result<(), Failure> {
    refuse_csv(global, "maintenance")?;
    let sync = global.sync_id.as_deref().map(SyncId::new).transpose()?;
    let all = recalculate_stats(&global.file, sync.as_ref(), &options(global))?;
    let changed = all.iter().filter(|sync| sync.is_changed()).count();
    let mut out = stdout();
    if global.format == Format::Console {
        for sync in &all {
            let what = if sync.is_changed() {
                "recalculated"
            } else {
                "right already"
            };
            writeln!(out, "{}: {what}, {} grants", sync.sync, sync.after.grants)?;
        }
        writeln!(out, "{} syncs, {changed} changed", all.len())?;
    } else {
        let syncs = all.iter().map(|sync| {
            json!({
                "syncId": sync.sync.as_str(),
                "changed": sync.is_changed(),
                "resourceTypes": sync.after.resource_types,
                "resources": sync.after.resources,
                "entitlements": sync.after.entitlements,
                "grants": sync.after.grants,
                "assets": sync.after.assets,
            })
        });
        let document = json!({
            "type": "recalculate_stats",
            "changed": changed,
            "syncs": syncs.collect::<Vec<_>>(),
        });
        writeln!(out, "{document}")?;
    }
    Ok(out.flush()?)
}
