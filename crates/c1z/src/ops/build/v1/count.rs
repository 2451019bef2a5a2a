//! Counting the rows of each sync while they are written.

use std::collections::BTreeMap;

use super::row::{V1Columns, V1Row};
use crate::engine::types::SyncStats;

/// The statistics of every sync of a file.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<String, SyncStats>);

impl Counts {
    /// Those of one sync; zeros for one that has no rows.
    pub(super) fn of(&self, sync_id: &str) -> SyncStats {
        self.0.get(sync_id).cloned().unwrap_or_default()
    }

    /// Counts one row. Resource types come first: each is counted with no resources until one comes.
    pub(super) fn add(&mut self, row: &V1Row<'_>) {
        let stats = match self.0.get_mut(row.sync_id) {
            Some(stats) => stats,
            None => self.0.entry(row.sync_id.to_owned()).or_default(),
        };
        let (total, by_type) = match row.columns {
            V1Columns::ResourceType => {
                let of_type = stats
                    .resources_by_resource_type
                    .entry(row.external_id.to_owned());
                of_type.or_default();
                (&mut stats.resource_types, None)
            }
            V1Columns::Resource { resource_type, .. } => (
                &mut stats.resources,
                Some((&mut stats.resources_by_resource_type, resource_type)),
            ),
            V1Columns::Entitlement { resource_type, .. } => (
                &mut stats.entitlements,
                Some((&mut stats.entitlements_by_resource_type, resource_type)),
            ),
            V1Columns::Grant(grant) => (
                &mut stats.grants,
                Some((&mut stats.grants_by_resource_type, grant.resource_type)),
            ),
            V1Columns::Asset { .. } => (&mut stats.assets, None),
        };
        *total += 1;
        if let Some((by_type, of_type)) = by_type {
            match by_type.get_mut(of_type) {
                Some(count) => *count += 1,
                None => drop(by_type.insert(of_type.to_owned(), 1)),
            }
        }
    }
}
