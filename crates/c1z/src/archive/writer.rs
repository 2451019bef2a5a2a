//! Writes of records: to the database of the current sync, with all that it promises.

use std::io::Read;
use std::sync::Arc;

use c1z_proto::connector::v2;

use super::folder::Folder;
use super::opened::Opened;
use crate::engine::contract::Contract;
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId};
use crate::engine::{PebbleStore, StorageEngine, Writer};
use crate::{Error, ErrorKind, Result};

impl Contract<Folder> {
    /// One call on records of the current sync.
    fn write<T>(&self, call: impl FnOnce(&dyn StorageEngine) -> Result<T>) -> Result<T> {
        let folder = self.source();
        folder.check_writable()?;
        let (current, store) = self.current_store()?;
        let done = folder.judge(&current, call(store.engine()));
        folder.wrote(&store);
        // The first change of a finished sync drops what was derived of it.
        if folder.state().is_finished(&current) {
            folder.learn(&store, &current);
        }
        done
    }

    /// As [`Contract::write`]; without records there is nothing to write, and nothing is checked.
    fn put<R>(
        &self,
        records: &[R],
        call: impl FnOnce(&dyn StorageEngine) -> Result<()>,
    ) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        self.write(call)
    }

    /// One call on session entries. `create`: it may add some.
    fn session(
        &self,
        sync: &SyncId,
        create: bool,
        call: impl FnOnce(&dyn StorageEngine) -> Result<()>,
    ) -> Result<()> {
        let folder = self.source();
        folder.check_writable()?;
        let _handle = folder.lock();
        let home = folder.state().home(sync);
        let store = match home {
            Some(entry) => folder.writable(&entry)?,
            None => match folder.strays(create)? {
                Some(Opened::Live(store)) => store,
                Some(_) => return Err(Error::new(ErrorKind::Internal, "sessions are read-only")),
                None => return Ok(()),
            },
        };
        let done = call(store.engine());
        folder.wrote(&store);
        done?;
        folder.settle_other(&store)
    }
}

impl Folder {
    /// A call may have changed a store.
    fn wrote(&self, store: &Arc<PebbleStore>) {
        if store.engine().is_dirty() {
            self.touch();
        }
    }
}

impl Writer for Contract<Folder> {
    fn put_resource_types(&self, records: &[v2::ResourceType]) -> Result<()> {
        self.put(records, |engine| engine.put_resource_types(records))
    }

    fn put_resources(&self, records: &[v2::Resource]) -> Result<()> {
        self.put(records, |engine| engine.put_resources(records))
    }

    fn put_entitlements(&self, records: &[v2::Entitlement]) -> Result<()> {
        self.put(records, |engine| engine.put_entitlements(records))
    }

    fn put_grants(&self, records: &[v2::Grant]) -> Result<()> {
        self.put(records, |engine| engine.put_grants(records))
    }

    fn store_expanded_grants(&self, records: &[v2::Grant]) -> Result<()> {
        self.put(records, |engine| engine.store_expanded_grants(records))
    }

    fn put_resource_types_if_newer(&self, records: &[v2::ResourceType]) -> Result<()> {
        self.put(records, |engine| {
            engine.put_resource_types_if_newer(records)
        })
    }

    fn put_resources_if_newer(&self, records: &[v2::Resource]) -> Result<()> {
        self.put(records, |engine| engine.put_resources_if_newer(records))
    }

    fn put_entitlements_if_newer(&self, records: &[v2::Entitlement]) -> Result<()> {
        self.put(records, |engine| engine.put_entitlements_if_newer(records))
    }

    fn put_grants_if_newer(&self, records: &[v2::Grant]) -> Result<()> {
        self.put(records, |engine| engine.put_grants_if_newer(records))
    }

    fn delete_grant(&self, id: &str) -> Result<()> {
        self.write(|engine| engine.delete_grant(id))
    }

    fn delete_grants_by_ids(&self, ids: &[String]) -> Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        self.write(|engine| engine.delete_grants_by_ids(ids))
    }

    fn delete_grants_by_keys(&self, keys: &[GrantKey]) -> Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        self.write(|engine| engine.delete_grants_by_keys(keys))
    }

    fn delete_resource(&self, id: &ResourceRef) -> Result<u64> {
        self.write(|engine| engine.delete_resource(id))
    }

    fn delete_entitlement(&self, id: &EntitlementRef) -> Result<u64> {
        self.write(|engine| engine.delete_entitlement(id))
    }

    fn put_asset(&self, id: &str, content_type: &str, data: &mut dyn Read) -> Result<()> {
        self.write(|engine| engine.put_asset(id, content_type, data))
    }

    fn session_set(&self, sync: &SyncId, prefix: &str, key: &str, value: &[u8]) -> Result<()> {
        self.session(sync, true, |engine| {
            engine.session_set(sync, prefix, key, value)
        })
    }

    fn session_set_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        entries: &[(String, Vec<u8>)],
    ) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.session(sync, true, |engine| {
            engine.session_set_many(sync, prefix, entries)
        })
    }

    fn session_delete(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<()> {
        self.session(sync, false, |engine| {
            engine.session_delete(sync, prefix, key)
        })
    }

    fn session_clear(&self, sync: &SyncId, prefix: &str) -> Result<()> {
        self.session(sync, false, |engine| engine.session_clear(sync, prefix))
    }
}
