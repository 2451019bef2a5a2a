//! Rows of a v1 file that name others which the file does not hold: allowed, and worth knowing.
//!
//! Ids of resource types, resources and entitlements are kept as hashes of 128 bits, within the budget;
//! grants, of which there are most, only look them up.

use std::collections::HashSet;

use xxhash_rust::xxh64::xxh64;

use super::is_about_bytes;
use super::references::{
    ENTITLEMENT_RESOURCE, GRANT_ENTITLEMENT, GRANT_PRINCIPAL, RESOURCE_PARENT, RESOURCE_TYPE,
};
use crate::Result;
use crate::budget::{MemoryBudget, Reservation};
use crate::sqlite_file::Database;
use crate::v1_tables::{
    EntitlementRow, Entitlements, GrantRow, ResourceRow, ResourceTypes, Resources, TypedTable,
    V1Table,
};

/// Ids whose memory is taken at once.
const STEP: usize = 4096;
/// Bytes an id: a hash, and what the table around it takes.
const ID_BYTES: u64 = 40;

/// A reference to what is not there: its name, and what it names.
pub(super) type Missing = (&'static str, String);

/// Hashes of the ids of one kind.
#[derive(Default)]
struct Ids {
    hashes: HashSet<[u64; 2]>,
    shares: Vec<Reservation>,
}

impl Ids {
    fn add(&mut self, budget: &MemoryBudget, sync: &str, parts: &[&str]) -> Result<()> {
        if self.hashes.len().is_multiple_of(STEP) {
            let share = budget.reserve(STEP as u64 * ID_BYTES, "ids of records")?;
            self.shares.push(share);
        }
        self.hashes.insert(hash(sync, parts));
        Ok(())
    }

    fn holds(&self, sync: &str, parts: &[&str]) -> bool {
        self.hashes.contains(&hash(sync, parts))
    }
}

/// Of the parts, as they would stand side by side with a colon between them.
fn hash(sync: &str, parts: &[&str]) -> [u64; 2] {
    let text = parts.join(":");
    [0, 0x5eed].map(|seed| xxh64(text.as_bytes(), xxh64(sync.as_bytes(), seed)))
}

/// What the file holds.
#[derive(Default)]
pub(super) struct Known {
    types: Ids,
    resources: Ids,
    entitlements: Ids,
}

impl Known {
    /// Reads the ids; a table that cannot be read to its end leaves nothing to judge by.
    ///
    /// # Errors
    /// `ResourceExhausted` beyond the budget.
    pub(super) fn read(database: &Database, budget: &MemoryBudget) -> Result<Option<Self>> {
        let mut known = Self::default();
        let read = known.fill(database, budget);
        match read {
            Err(error) if is_about_bytes(&error) => Ok(None),
            read => read.map(|()| Some(known)),
        }
    }

    fn fill(&mut self, database: &Database, budget: &MemoryBudget) -> Result<()> {
        each::<ResourceTypes>(database, |row| {
            self.types.add(budget, &row.sync_id, &[&row.external_id])
        })?;
        each::<Resources>(database, |row| {
            self.resources
                .add(budget, &row.sync_id, &[&row.external_id])
        })?;
        each::<Entitlements>(database, |row| {
            self.entitlements
                .add(budget, &row.sync_id, &[&row.external_id])
        })
    }

    /// What a resource names in vain.
    pub(super) fn resource(&self, row: &ResourceRow<'_>) -> Vec<Missing> {
        let mut missing = Vec::new();
        let of_type = &row.resource_type_id;
        if !self.types.holds(&row.sync_id, &[of_type]) {
            let detail = format!("the resource type `{of_type}` is not in the file");
            missing.push((RESOURCE_TYPE, detail));
        }
        if let (Some(of_type), Some(id)) = (&row.parent_resource_type_id, &row.parent_resource_id)
            && !(of_type.is_empty() && id.is_empty())
            && !self.resources.holds(&row.sync_id, &[of_type, id])
        {
            let detail = format!("the parent `{of_type}:{id}` is not in the file");
            missing.push((RESOURCE_PARENT, detail));
        }
        missing
    }

    /// What an entitlement names in vain.
    pub(super) fn entitlement(&self, row: &EntitlementRow<'_>) -> Vec<Missing> {
        let (of_type, id) = (&row.resource_type_id, &row.resource_id);
        let names_none = of_type.is_empty() && id.is_empty();
        if names_none || self.resources.holds(&row.sync_id, &[of_type, id]) {
            return Vec::new();
        }
        let detail = format!("the resource `{of_type}:{id}` is not in the file");
        vec![(ENTITLEMENT_RESOURCE, detail)]
    }

    /// What a grant names in vain.
    pub(super) fn grant(&self, row: &GrantRow<'_>) -> Vec<Missing> {
        let mut missing = Vec::new();
        let entitlement = &row.entitlement_id;
        if !self.entitlements.holds(&row.sync_id, &[entitlement]) {
            let detail = format!("the entitlement `{entitlement}` is not in the file");
            missing.push((GRANT_ENTITLEMENT, detail));
        }
        let of_type = &row.principal_resource_type_id;
        let id = &row.principal_resource_id;
        if !self.resources.holds(&row.sync_id, &[of_type, id]) {
            let detail = format!("the principal `{of_type}:{id}` is not in the file");
            missing.push((GRANT_PRINCIPAL, detail));
        }
        missing
    }
}

/// Gives every row that can be read to `take`.
fn each<T: V1Table>(
    database: &Database,
    mut take: impl for<'r> FnMut(&T::Row<'r>) -> Result<()>,
) -> Result<()> {
    let Some(table) = TypedTable::<T>::open(database)? else {
        return Ok(());
    };
    let mut rows = table.table().scan(..);
    while let Some(row) = rows.next()? {
        // Rows that are none have been found by others.
        if let Ok(row) = table.read(row) {
            take(&row)?;
        }
    }
    Ok(())
}
