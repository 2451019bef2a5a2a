//! Writes of records, assets and session entries (`store-contract` §3, §5.1, §5.3, §6).
//!
//! ```text
//! records of a call -> keys, all checked -> sorted by key -> per key: what stays -> one batch -> a new view
//! ```
//!
//! A call makes one batch: what is invalid, cancelled or refused is found before the batch is written, so nothing of a
//! failed call is ever visible. Keys ascend and occur once; index rows are the store's affair. The first change of a record
//! after a seal drops what was derived, in the same batch (D14).

mod assets;
mod deletes;
mod grants;
mod records;
mod session;

use std::io::Read;
use std::sync::Arc;

use c1z_proto::connector::v2;
use shingle::batch::Batch;
use shingle::sync::MutexGuard;

use self::records::Rule;
use super::Shared;
use super::kv::KvValue;
use super::leftovers::{Change, Leftovers};
use super::live::{Handle, Ids, Live, View};
use super::live_kv::LargeRow;
use crate::Result;
use crate::engine::Writer;
use crate::engine::contract::Contract;
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, Timestamp};
use crate::sync::lifecycle;
use crate::sync::seals::sealed;

/// A write call on records of the current sync.
struct Writing<'a> {
    live: &'a Live,
    handle: MutexGuard<'a, Handle>,
    /// The newest state, which nothing changes meanwhile.
    view: Arc<View>,
    sync: Arc<Shared>,
    batch: Batch,
    /// Operations of the batch that only drop what was derived.
    drops: u32,
    dropped: Leftovers,
}

impl<'a> Writing<'a> {
    /// Begins a call, after the checks of §3.1.
    fn begin(contract: &'a Contract<Live>, change: Change) -> Result<Self> {
        let live = contract.source();
        live.writable()?;
        let (mut handle, sealed_meanwhile) = live.lock_for_records()?;
        let current = lifecycle::current(&contract.bindings()).cloned();
        let current = current.map_err(|error| if sealed_meanwhile { sealed() } else { error })?;
        let view = live.view()?;
        let sync = Arc::clone(view.require(&current)?);
        let dropped = handle.leftovers(&view, &sync.run)?;
        let dropped = dropped.falsified_by(change, &sync.run);
        let mut batch = Batch::new();
        dropped.drop_into(&mut batch, view.kv.as_ref(), &sync.run)?;
        Ok(Self {
            live,
            handle,
            view,
            sync,
            drops: batch.count(),
            batch,
            dropped,
        })
    }

    /// The stamp of the call.
    fn stamp(&mut self) -> Timestamp {
        self.handle.stamps.next(self.live.now())
    }

    /// The stored row of a key.
    fn stored(&self, key: &[u8]) -> Result<Option<KvValue>> {
        self.view.kv.get(key)
    }

    /// Fails when the caller gave up.
    fn check_cancelled(&self) -> Result<()> {
        self.live.options.cancel.check()
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        Ok(self.batch.set(key, value)?)
    }

    /// Deletes the rows that exist among the keys, which are distinct, and returns how many there were.
    fn delete(&mut self, keys: impl IntoIterator<Item = Vec<u8>>) -> Result<u64> {
        let mut gone = 0;
        for key in keys {
            self.check_cancelled()?;
            if self.stored(&key)?.is_some() {
                self.batch.delete(&key)?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// Makes the call visible, if it changes a record.
    fn commit(mut self, ids: Ids) -> Result<()> {
        self.check_cancelled()?;
        if self.batch.count() == self.drops {
            return Ok(());
        }
        let left = self.handle.leftovers(&self.view, &self.sync.run)?;
        self.live.write(&mut self.handle, self.batch, ids)?;
        self.handle.set_leftovers(left.without(&self.dropped));
        Ok(())
    }
}

impl Writing<'_> {
    /// Makes the call visible with one large row, which leaves what bare ids mean as it is.
    fn commit_large(mut self, row: LargeRow<'_>) -> Result<()> {
        self.check_cancelled()?;
        let left = self.handle.leftovers(&self.view, &self.sync.run)?;
        self.live.kv.write_large(self.batch, row)?;
        self.live.publish(&mut self.handle, Ids::Kept);
        self.handle.set_leftovers(left.without(&self.dropped));
        Ok(())
    }
}

impl Writer for Contract<Live> {
    fn put_resource_types(&self, records: &[v2::ResourceType]) -> Result<()> {
        records::put_resource_types(self, records, Rule::Replace)
    }

    fn put_resources(&self, records: &[v2::Resource]) -> Result<()> {
        records::put_resources(self, records, Rule::Replace)
    }

    fn put_entitlements(&self, records: &[v2::Entitlement]) -> Result<()> {
        records::put_entitlements(self, records, Rule::Replace)
    }

    fn put_grants(&self, records: &[v2::Grant]) -> Result<()> {
        grants::put(self, records, grants::Rule::Replace)
    }

    fn store_expanded_grants(&self, records: &[v2::Grant]) -> Result<()> {
        grants::put(self, records, grants::Rule::KeepExpansion)
    }

    fn put_resource_types_if_newer(&self, records: &[v2::ResourceType]) -> Result<()> {
        records::put_resource_types(self, records, Rule::IfNewer)
    }

    fn put_resources_if_newer(&self, records: &[v2::Resource]) -> Result<()> {
        records::put_resources(self, records, Rule::IfNewer)
    }

    fn put_entitlements_if_newer(&self, records: &[v2::Entitlement]) -> Result<()> {
        records::put_entitlements(self, records, Rule::IfNewer)
    }

    fn put_grants_if_newer(&self, records: &[v2::Grant]) -> Result<()> {
        grants::put(self, records, grants::Rule::IfNewer)
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
        session::set(self.source(), sync, prefix, [(key, value)])
    }

    fn session_set_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        entries: &[(String, Vec<u8>)],
    ) -> Result<()> {
        let entries = entries.iter();
        let entries = entries.map(|(key, value)| (key.as_str(), value.as_slice()));
        session::set(self.source(), sync, prefix, entries)
    }

    fn session_delete(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<()> {
        session::delete(self.source(), sync, prefix, key)
    }

    fn session_clear(&self, sync: &SyncId, prefix: &str) -> Result<()> {
        session::clear(self.source(), sync, prefix)
    }
}
