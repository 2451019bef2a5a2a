//! Rows of the layout of early July 2026 (`c1z3-keyspace` §12), re-keyed on disk: as [`super::legacy`] does it in memory,
//! within a bound.
//!
//! Entitlements and grants are sorted by the identity that their fields say; what lacks one is dropped, grants of one
//! identity are folded.

use c1z_proto::storage::v3::{EntitlementRecord, GrantRecord};
use shingle::bulk::{Duplicates, Scratch, SortOptions, Sorted, Sorter};
use shingle::iter::Bounds;

use super::kv::Kv;
use super::legacy::Changes;
use super::live_kv::Emit;
use crate::Result;
use crate::keyspace::{Family, Key};
use crate::record::{entitlement, grant, message};

/// Entitlements and grants of a database, by identity.
pub(super) struct Rekeyed {
    entitlements: Sorted,
    grants: Sorted,
    pub(super) changes: Changes,
}

impl Rekeyed {
    /// Reads the entitlements and the grants of `kv`; `memory_bytes` are used for both in turn.
    pub(super) fn read(kv: &dyn Kv, scratch: &Scratch, memory_bytes: usize) -> Result<Self> {
        let sorter = |duplicates| {
            let options = SortOptions {
                memory_bytes: memory_bytes / 2,
                duplicates,
                ..SortOptions::default()
            };
            Sorter::new(scratch.clone(), options)
        };
        let mut changes = Changes::default();
        let mut entitlements = sorter(Duplicates::KeepLast);
        let mut rows = kv.scan(&Family::Entitlement.range())?;
        while let Some((_, value)) = rows.next()? {
            let record: EntitlementRecord = message::decode("entitlement record", value)?;
            match entitlement::identity(&record) {
                Ok(identity) => entitlements.add(&Key::Entitlement(identity).to_vec(), value)?,
                Err(_) => changes.dropped += 1,
            }
        }
        let entitlements = entitlements.finish()?;
        let mut grants = sorter(Duplicates::KeepAll);
        let mut rows = kv.scan(&Family::Grant.range())?;
        while let Some((_, value)) = rows.next()? {
            let record: GrantRecord = message::decode("grant record", value)?;
            match grant::identity(&record) {
                Ok(identity) => grants.add(&Key::Grant(identity).to_vec(), value)?,
                Err(_) => changes.dropped += 1,
            }
        }
        Ok(Self {
            entitlements,
            grants: grants.finish()?,
            changes,
        })
    }

    /// Calls `emit` with the entitlements, in the order of their keys.
    pub(super) fn entitlements(&self, emit: &mut Emit<'_>) -> Result<()> {
        let mut rows = self.entitlements.scan(Bounds::all());
        while let Some(row) = rows.next()? {
            emit(row.key, row.value)?;
        }
        Ok(())
    }

    /// Calls `emit` with the grants, in the order of their keys.
    pub(super) fn grants(&mut self, emit: &mut Emit<'_>) -> Result<()> {
        let mut rows = self.grants.scan(Bounds::all());
        // Folding does not depend on the order.
        let mut held: Option<(Vec<u8>, Vec<u8>)> = None;
        while let Some(row) = rows.next()? {
            match &mut held {
                Some((key, value)) if key == row.key => {
                    self.changes.folded += 1;
                    let earlier = message::decode("grant record", value)?;
                    let record = message::decode("grant record", row.value)?;
                    *value = message::encode(&grant::fold(earlier, record));
                }
                _ => {
                    let next = (row.key.to_vec(), row.value.to_vec());
                    if let Some((key, value)) = held.replace(next) {
                        emit(&key, &value)?;
                    }
                }
            }
        }
        match held {
            Some((key, value)) => emit(&key, &value),
            None => Ok(()),
        }
    }
}
