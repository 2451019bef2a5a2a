//! One sync of a v1 file: every read of the contract over its rows.

use std::io;
use std::sync::Arc;

use c1z_proto::connector::v2;
use c1z_proto::schema::Described;

use super::access::Query;
use super::grants::{self, Reading, Wanted};
use super::rows::{self, typed};
use super::{File, principals, stats};
use crate::engine::reader::{Asset, AssetInfo, DigestNode, DigestRoot, GrantRow, PendingExpansion};
use crate::engine::source::{After, Cursor, SyncSnapshot};
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, SyncRun, SyncStats};
use crate::engine::{EntitlementFilter, GrantFilter, ResourceFilter};
use crate::record::message;
use crate::sqlite_file::Row;
use crate::{Error, ErrorKind, Result};

/// A snapshot of a sync. The file does not change, so it is the file.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) file: Arc<File>,
    pub(super) sync: SyncId,
    /// All runs; tokens can be large, so they are shared.
    pub(super) runs: Arc<[SyncRun]>,
    /// Whether its expansion columns are complete.
    pub(super) backfilled: bool,
}

/// The message in the `data` of a row.
fn decode<M: Described>(kind: &'static str, table: &str, id: i64, data: &[u8]) -> Result<M> {
    message::decode(kind, data).map_err(|error| error.in_row(table, id))
}

fn resource_of(entitlement: &v2::Entitlement) -> ResourceRef {
    let id = &entitlement.resource.id;
    ResourceRef::new(id.resource_type.as_str(), id.resource.as_str())
}

impl Snapshot {
    fn query(&self) -> Query<'_> {
        Query::of_sync(self.sync.as_str())
    }

    fn read_resource_type(&self) -> impl FnMut(&Row) -> Result<Option<v2::ResourceType>> + use<> {
        let file = Arc::clone(&self.file);
        move |row| {
            let row = typed(&file, |file| file.resource_types.as_ref())?
                .typed
                .read(row)?;
            decode("resource type", "v1_resource_types", row.id, &row.data).map(Some)
        }
    }

    fn read_resource(&self) -> impl FnMut(&Row) -> Result<Option<v2::Resource>> + use<> {
        let file = Arc::clone(&self.file);
        move |row| {
            let row = typed(&file, |file| file.resources.as_ref())?
                .typed
                .read(row)?;
            decode("resource", "v1_resources", row.id, &row.data).map(Some)
        }
    }

    fn read_entitlement(&self) -> impl FnMut(&Row) -> Result<Option<v2::Entitlement>> + use<> {
        let file = Arc::clone(&self.file);
        move |row| {
            let row = typed(&file, |file| file.entitlements.as_ref())?
                .typed
                .read(row)?;
            decode("entitlement", "v1_entitlements", row.id, &row.data).map(Some)
        }
    }

    fn read_grant(
        &self,
        wanted: Wanted,
        attach: bool,
        types: &[String],
    ) -> impl FnMut(&Row) -> Result<Option<GrantRow>> + use<> {
        let (file, reading, types) = (Arc::clone(&self.file), self.reading(attach), types.to_vec());
        move |row| {
            let row = typed(&file, |file| file.grants.as_ref())?.typed.read(row)?;
            if types.is_empty()
                || types
                    .iter()
                    .any(|kind| *kind == row.principal_resource_type_id)
            {
                grants::listed(&row, &reading, wanted)
            } else {
                Ok(None)
            }
        }
    }

    fn reading(&self, attach: bool) -> Reading {
        Reading {
            backfilled: self.backfilled,
            attach,
            zone: self.file.zone.clone(),
        }
    }

    /// The columns that a filter fixes, and the expansion columns if they tell of every grant.
    fn grants_query<'a>(&'a self, filter: &'a GrantFilter, wanted: Wanted) -> Query<'a> {
        let mut query = match &filter.entitlement {
            Some(entitlement) => principals::of_entitlement(&self.sync, entitlement),
            None => self.query(),
        };
        if let Some(on) = &filter.entitlement_resource {
            query = query
                .and("resource_type_id", &on.resource_type)
                .and("resource_id", &on.resource);
        }
        query = query.and_unless_empty("resource_type_id", &filter.entitlement_resource_type);
        if let Some(principal) = &filter.principal {
            query = query
                .and("principal_resource_type_id", &principal.resource_type)
                .and("principal_resource_id", &principal.resource);
        }
        let kind = "principal_resource_type_id";
        query = query.and_unless_empty(kind, &filter.principal_resource_type);
        if let [one] = filter.principal_resource_types.as_slice() {
            query = query.and(kind, one);
        }
        if self.backfilled && wanted.implies_expansion() {
            query = query.where_set("expansion");
        }
        if self.backfilled && wanted.implies_pending() {
            query = query.where_set("needs_expansion");
        }
        query
    }
}

impl SyncSnapshot for Snapshot {
    fn resource_types(&self, after: After<'_>) -> Result<Cursor<v2::ResourceType>> {
        let table = self.file.resource_types.as_ref();
        rows::select(table, &self.query(), after, self.read_resource_type())
    }

    fn resources(&self, filter: &ResourceFilter, after: After<'_>) -> Result<Cursor<v2::Resource>> {
        let mut query = self.query();
        query = query.and_unless_empty("resource_type_id", &filter.resource_type);
        if let Some(parent) = &filter.parent {
            query = query
                .and("parent_resource_type_id", &parent.resource_type)
                .and("parent_resource_id", &parent.resource);
        }
        let table = self.file.resources.as_ref();
        rows::select(table, &query, after, self.read_resource())
    }

    fn entitlements(
        &self,
        filter: &EntitlementFilter,
        after: After<'_>,
    ) -> Result<Cursor<v2::Entitlement>> {
        let mut query = self.query();
        query = query.and_unless_empty("resource_type_id", &filter.resource_type);
        if let Some(on) = &filter.resource {
            query = query
                .and("resource_type_id", &on.resource_type)
                .and("resource_id", &on.resource);
        }
        let table = self.file.entitlements.as_ref();
        rows::select(table, &query, after, self.read_entitlement())
    }

    fn grants(
        &self,
        filter: &GrantFilter,
        attach: bool,
        after: After<'_>,
    ) -> Result<Cursor<GrantRow>> {
        let wanted = Wanted::of(filter);
        let decode = self.read_grant(wanted, attach, &filter.principal_resource_types);
        let query = self.grants_query(filter, wanted);
        rows::select(self.file.grants.as_ref(), &query, after, decode)
    }

    fn pending_expansion(&self, after: After<'_>) -> Result<Cursor<PendingExpansion>> {
        let filter = GrantFilter {
            needs_expansion: Some(true),
            ..GrantFilter::default()
        };
        let query = self.grants_query(&filter, Wanted::of(&filter));
        let (file, reading) = (Arc::clone(&self.file), self.reading(false));
        rows::select(self.file.grants.as_ref(), &query, after, move |row| {
            let row = typed(&file, |file| file.grants.as_ref())?.typed.read(row)?;
            grants::pending(&row, &reading)
        })
    }

    fn assets(&self, after: After<'_>) -> Result<Cursor<AssetInfo>> {
        let file = Arc::clone(&self.file);
        rows::select(
            self.file.assets.as_ref(),
            &self.query(),
            after,
            move |row| {
                let assets = typed(&file, |file| file.assets.as_ref())?;
                let head = assets.typed.head(row)?;
                Ok(Some(AssetInfo {
                    id: head.external_id.into_owned(),
                    content_type: head.content_type.into_owned(),
                    len: head.data_len,
                }))
            },
        )
    }

    fn principals(
        &self,
        entitlement: &EntitlementRef,
        after: After<'_>,
    ) -> Result<Cursor<ResourceRef>> {
        principals::cursor(&self.file, &self.sync, entitlement, after)
    }

    fn resource_type(&self, id: &str) -> Result<Option<v2::ResourceType>> {
        let query = self.query().and("external_id", id);
        let table = self.file.resource_types.as_ref();
        rows::find(table, &query, self.read_resource_type())
    }

    fn resource(&self, id: &ResourceRef) -> Result<Option<v2::Resource>> {
        // The joined id alone could be that of another type with a colon in its name.
        let joined = id.to_string();
        let query = self
            .query()
            .and("external_id", &joined)
            .and("resource_type_id", &id.resource_type);
        let table = self.file.resources.as_ref();
        rows::find(table, &query, self.read_resource())
    }

    fn entitlement(&self, id: &EntitlementRef) -> Result<Option<v2::Entitlement>> {
        let query = self.query().and("external_id", &id.id);
        let table = self.file.entitlements.as_ref();
        let found = rows::find(table, &query, self.read_entitlement())?;
        // The record tells its resource; the columns keep the first one when it is written again.
        Ok(found.filter(|row| {
            id.resource
                .as_ref()
                .is_none_or(|on| *on == resource_of(row))
        }))
    }

    fn grant(&self, id: &str, attach: bool) -> Result<Option<v2::Grant>> {
        let query = self.query().and("external_id", id);
        let decode = self.read_grant(Wanted::default(), attach, &[]);
        let found = rows::find(self.file.grants.as_ref(), &query, decode)?;
        Ok(found.map(|row| row.grant))
    }

    fn grant_by_key(&self, key: &GrantKey, attach: bool) -> Result<Option<v2::Grant>> {
        let query = principals::of_entitlement(&self.sync, &key.entitlement)
            .and("principal_resource_type_id", &key.principal.resource_type)
            .and("principal_resource_id", &key.principal.resource);
        let decode = self.read_grant(Wanted::default(), attach, &[]);
        let mut found = rows::select(self.file.grants.as_ref(), &query, None, decode)?;
        let first = found.next()?;
        if first.is_some() && found.next()?.is_some() {
            return Err(Error::new(
                ErrorKind::Ambiguous,
                format!(
                    "several grants of one entitlement to one principal: entitlement=`{}` principal=`{}`",
                    key.entitlement.id, key.principal
                ),
            ));
        }
        Ok(first.map(|row| row.grant))
    }

    fn asset(&self, id: &str) -> Result<Option<Asset>> {
        let query = self.query().and("external_id", id);
        let file = Arc::clone(&self.file);
        rows::find(self.file.assets.as_ref(), &query, move |row| {
            let row = typed(&file, |file| file.assets.as_ref())?.typed.read(row)?;
            let data = row.data.into_owned();
            Ok(Some(Asset {
                content_type: row.content_type.into_owned(),
                len: data.len() as u64,
                data: Box::new(io::Cursor::new(data)),
            }))
        })
    }

    fn certified_stats(&self) -> Result<Option<SyncStats>> {
        Ok(None)
    }

    fn count(&self) -> Result<SyncStats> {
        let run = self.runs.iter().find(|run| run.id == self.sync);
        let token = run.map_or("", |run| run.token.as_str());
        stats::count(&self.file, &self.sync, token)
    }

    /// v1 files hold no digests.
    fn entitlement_digest(&self, _: &EntitlementRef) -> Result<Option<DigestRoot>> {
        Ok(None)
    }

    /// v1 files hold no digests.
    fn entitlement_digest_nodes(
        &self,
        _: &EntitlementRef,
        _: u8,
    ) -> Result<Option<Vec<DigestNode>>> {
        Ok(None)
    }

    /// v1 files hold no digests.
    fn grants_digest(&self) -> Result<Option<DigestNode>> {
        Ok(None)
    }
}
