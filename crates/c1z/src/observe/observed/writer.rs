//! [`Writer`] over a watched engine.

use std::fmt;
use std::ops::Deref;

use c1z_proto::connector::v2;

use super::{Call, Observed, none, one};
use crate::Result;
use crate::engine::Writer;
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId};
use crate::observe::operation::Operation as Op;

macro_rules! puts {
    ($($name:ident $op:ident $record:ty;)*) => {
        $(fn $name(&self, records: &[$record]) -> Result<()> {
            let rows = records.len() as u64;
            self.timed(Call::new(Op::$op), |engine| engine.$name(records), |()| rows)
        })*
    };
}

impl<P> Writer for Observed<P>
where
    P: Deref<Target: Writer> + Send + Sync + fmt::Debug,
{
    puts! {
        put_resource_types PutResourceTypes v2::ResourceType;
        put_resources PutResources v2::Resource;
        put_entitlements PutEntitlements v2::Entitlement;
        put_grants PutGrants v2::Grant;
        store_expanded_grants StoreExpandedGrants v2::Grant;
        put_resource_types_if_newer PutResourceTypesIfNewer v2::ResourceType;
        put_resources_if_newer PutResourcesIfNewer v2::Resource;
        put_entitlements_if_newer PutEntitlementsIfNewer v2::Entitlement;
        put_grants_if_newer PutGrantsIfNewer v2::Grant;
    }

    fn delete_grant(&self, id: &str) -> Result<()> {
        let call = Call::new(Op::DeleteGrant);
        self.timed(call, |engine| engine.delete_grant(id), one)
    }

    fn delete_grants_by_ids(&self, ids: &[String]) -> Result<u64> {
        let call = Call::new(Op::DeleteGrantsByIds);
        self.timed(call, |engine| engine.delete_grants_by_ids(ids), |n| *n)
    }

    fn delete_grants_by_keys(&self, keys: &[GrantKey]) -> Result<u64> {
        let call = Call::new(Op::DeleteGrantsByKeys);
        self.timed(call, |engine| engine.delete_grants_by_keys(keys), |n| *n)
    }

    fn delete_resource(&self, id: &ResourceRef) -> Result<u64> {
        let call = Call::new(Op::DeleteResource);
        self.timed(call, |engine| engine.delete_resource(id), |n| *n)
    }

    fn delete_entitlement(&self, id: &EntitlementRef) -> Result<u64> {
        let call = Call::new(Op::DeleteEntitlement);
        self.timed(call, |engine| engine.delete_entitlement(id), |n| *n)
    }

    fn put_asset(&self, id: &str, content_type: &str, data: &mut dyn std::io::Read) -> Result<()> {
        let call = Call::new(Op::PutAsset);
        let run = |engine: &P::Target| engine.put_asset(id, content_type, data);
        self.timed(call, run, one)
    }

    fn session_set(&self, sync: &SyncId, prefix: &str, key: &str, value: &[u8]) -> Result<()> {
        let call = Call::sync(Op::SessionSet, Some(sync));
        let run = |engine: &P::Target| engine.session_set(sync, prefix, key, value);
        self.timed(call, run, one)
    }

    fn session_set_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        entries: &[(String, Vec<u8>)],
    ) -> Result<()> {
        let call = Call::sync(Op::SessionSetMany, Some(sync));
        let run = |engine: &P::Target| engine.session_set_many(sync, prefix, entries);
        self.timed(call, run, |()| entries.len() as u64)
    }

    fn session_delete(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<()> {
        let call = Call::sync(Op::SessionDelete, Some(sync));
        let run = |engine: &P::Target| engine.session_delete(sync, prefix, key);
        self.timed(call, run, one)
    }

    fn session_clear(&self, sync: &SyncId, prefix: &str) -> Result<()> {
        let call = Call::sync(Op::SessionClear, Some(sync));
        self.timed(call, |engine| engine.session_clear(sync, prefix), none)
    }
}
