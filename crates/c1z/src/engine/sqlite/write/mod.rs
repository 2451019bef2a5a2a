//! Writes of records and assets (`store-contract` §3, §5.1, §5.3, §6.1).
//!
//! A call is one transaction: what is invalid, cancelled or refused leaves nothing. Records are written one after the other
//! by one statement, which replaces everything but the number of the row (D4, D16). The first write to a finished sync drops
//! what was derived from its records, in the same transaction (D14).

mod assets;
mod deletes;
mod kinds;
mod records;

use std::io::Read;
use std::sync::MutexGuard;

use c1z_proto::connector::v2;
use rusqlite::Connection;

use self::records::Rule;
use super::fault::sql;
use super::live::{self, Live, Survives};
use super::sessions;
use crate::Result;
use crate::engine::Writer;
use crate::engine::contract::Contract;
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, SyncRun};
use crate::sync::lifecycle;
use crate::sync::seals::sealed;

/// A write call on records of the current sync.
struct Writing<'a> {
    live: &'a Live,
    writer: MutexGuard<'a, live::Writer>,
    run: SyncRun,
}

impl<'a> Writing<'a> {
    /// Begins a call, after the checks of §3.1.
    fn begin(contract: &'a Contract<Live>) -> Result<Self> {
        let live = contract.source();
        live.writable()?;
        let (writer, sealed_meanwhile) = live.lock_for_records()?;
        let current = lifecycle::current(&contract.bindings()).cloned();
        let current = current.map_err(|error| if sealed_meanwhile { sealed() } else { error })?;
        let run = live.require(&current)?;
        Ok(Self { live, writer, run })
    }

    fn sync(&self) -> &SyncId {
        &self.run.id
    }

    /// The stamp of the call, as text.
    fn stamp(&mut self) -> Result<String> {
        let at = self.writer.stamps.next(self.live.now());
        self.live.options.zone.text(at)
    }

    /// Does the work of the call, which tells how many records it changed.
    fn commit(self, work: impl FnOnce(&Connection) -> Result<u64>) -> Result<u64> {
        let (live, run) = (self.live, &self.run);
        // What is derived from records is there when a sync has ended, and at no other time.
        let drops = run.is_finished();
        let changed = live.transaction(&self.writer, Survives::AsSet, |connection| {
            let changed = work(connection)?;
            if changed > 0 && drops {
                drop_derived(connection, &run.id)?;
            }
            Ok(changed)
        })?;
        if changed > 0 && drops {
            live.runs_changed(&self.writer)?;
        } else if changed > 0 {
            live.changed();
        }
        Ok(changed)
    }
}

/// Forgets what was said of the records of a sync.
fn drop_derived(connection: &Connection, sync: &SyncId) -> Result<()> {
    let update = || {
        let mut statement = connection.prepare_cached(
            "UPDATE v1_sync_runs SET stats = NULL, ingest_invariant_generation = '', \
             ingest_invariant_coverage = '', ingest_invariant_mode = '' WHERE sync_id = ?",
        )?;
        statement.execute([sync.as_str()]).map(drop)
    };
    update().map_err(sql("update a sync run"))
}

impl Writer for Contract<Live> {
    fn put_resource_types(&self, records: &[v2::ResourceType]) -> Result<()> {
        records::put(self, records, Rule::Replace)
    }

    fn put_resources(&self, records: &[v2::Resource]) -> Result<()> {
        records::put(self, records, Rule::Replace)
    }

    fn put_entitlements(&self, records: &[v2::Entitlement]) -> Result<()> {
        records::put(self, records, Rule::Replace)
    }

    fn put_grants(&self, records: &[v2::Grant]) -> Result<()> {
        records::put(self, records, Rule::Replace)
    }

    fn store_expanded_grants(&self, records: &[v2::Grant]) -> Result<()> {
        records::put(self, records, Rule::KeepExpansion)
    }

    fn put_resource_types_if_newer(&self, records: &[v2::ResourceType]) -> Result<()> {
        records::put(self, records, Rule::IfNewer)
    }

    fn put_resources_if_newer(&self, records: &[v2::Resource]) -> Result<()> {
        records::put(self, records, Rule::IfNewer)
    }

    fn put_entitlements_if_newer(&self, records: &[v2::Entitlement]) -> Result<()> {
        records::put(self, records, Rule::IfNewer)
    }

    fn put_grants_if_newer(&self, records: &[v2::Grant]) -> Result<()> {
        records::put(self, records, Rule::IfNewer)
    }

    fn delete_grant(&self, id: &str) -> Result<()> {
        deletes::grants_by_ids(self, &[id]).map(drop)
    }

    fn delete_grants_by_ids(&self, ids: &[String]) -> Result<u64> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        deletes::grants_by_ids(self, &ids)
    }

    fn delete_grants_by_keys(&self, keys: &[GrantKey]) -> Result<u64> {
        deletes::grants_by_keys(self, keys)
    }

    fn delete_resource(&self, id: &ResourceRef) -> Result<u64> {
        deletes::resource(self, id)
    }

    fn delete_entitlement(&self, id: &EntitlementRef) -> Result<u64> {
        deletes::entitlement(self, id)
    }

    fn put_asset(&self, id: &str, content_type: &str, data: &mut dyn Read) -> Result<()> {
        assets::put(self, id, content_type, data)
    }

    fn session_set(&self, sync: &SyncId, prefix: &str, key: &str, value: &[u8]) -> Result<()> {
        sessions::set(self.source(), sync, prefix, [(key, value)].into_iter())
    }

    fn session_set_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        entries: &[(String, Vec<u8>)],
    ) -> Result<()> {
        let entries = entries.iter();
        let entries = entries.map(|(key, value)| (key.as_str(), value.as_slice()));
        sessions::set(self.source(), sync, prefix, entries)
    }

    fn session_delete(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<()> {
        sessions::delete(self.source(), sync, prefix, key)
    }

    fn session_clear(&self, sync: &SyncId, prefix: &str) -> Result<()> {
        sessions::clear(self.source(), sync, prefix)
    }
}
