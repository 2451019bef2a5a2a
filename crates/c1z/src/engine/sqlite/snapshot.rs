//! One sync at one instant: every read of the contract over its rows.

use std::io;
use std::sync::Arc;

use c1z_proto::connector::v2;
use c1z_proto::schema::Described;
use rusqlite::OptionalExtension;

use super::cells::Cells;
use super::connection::Snap;
use super::fault::sql;
use super::live::Live;
use super::queries::{
    GRANT, by_external_id, entitlements_query, grants_query, principals_query, resources_query,
};
use super::select::{self, Select};
use super::stats;
use crate::engine::reader::{Asset, AssetInfo, DigestNode, DigestRoot, GrantRow, PendingExpansion};
use crate::engine::source::{After, Cursor, SyncSnapshot};
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, SyncStats};
use crate::engine::v1::grants::{self, Reading, Wanted};
use crate::engine::{EntitlementFilter, GrantFilter, ResourceFilter};
use crate::record::message;
use crate::v1_tables::{GrantRow as Stored, Zone};
use crate::{Error, ErrorKind, Result};

/// A snapshot of a sync.
pub(super) struct Snapshot {
    snap: Arc<Snap>,
    sync: SyncId,
    token: String,
    zone: Zone,
}

/// The message in the `data` of a row.
fn decode<M: Described>(
    kind: &'static str,
    table: &'static str,
    cells: &Cells<'_, '_>,
) -> Result<Option<M>> {
    let decoded = message::decode(kind, &cells.blob(0)?);
    decoded
        .map(Some)
        .map_err(|error| error.in_row(table, cells.id()))
}

fn resource_type(cells: &Cells<'_, '_>) -> Result<Option<v2::ResourceType>> {
    decode("resource type", "v1_resource_types", cells)
}

fn resource(cells: &Cells<'_, '_>) -> Result<Option<v2::Resource>> {
    decode("resource", "v1_resources", cells)
}

fn entitlement(cells: &Cells<'_, '_>) -> Result<Option<v2::Entitlement>> {
    decode("entitlement", "v1_entitlements", cells)
}

/// A row of grants, borrowed from SQLite.
fn stored_grant<'r>(cells: &Cells<'r, '_>) -> Result<Stored<'r>> {
    Ok(Stored {
        id: cells.id(),
        resource_type_id: cells.text(0)?,
        resource_id: cells.text(1)?,
        entitlement_id: cells.text(2)?,
        principal_resource_type_id: cells.text(3)?,
        principal_resource_id: cells.text(4)?,
        external_id: cells.text(5)?,
        expansion: cells.blob_or_null(6)?,
        needs_expansion: cells.flag(7)?,
        data: cells.blob(8)?,
        sync_id: cells.text(9)?,
        discovered_at: cells.text(10)?,
    })
}

/// The resource that an entitlement's record names.
pub(super) fn resource_of(entitlement: &v2::Entitlement) -> ResourceRef {
    let id = &entitlement.resource.id;
    ResourceRef::new(id.resource_type.as_str(), id.resource.as_str())
}

impl Snapshot {
    /// Begins a snapshot that has the sync.
    pub(super) fn begin(live: &Live, sync: &SyncId) -> Result<Self> {
        let snap = live.readers.begin()?;
        let token = snap.with(|connection| {
            let read = || {
                let mut statement = connection
                    .prepare_cached("SELECT sync_token FROM v1_sync_runs WHERE sync_id = ?")?;
                statement
                    .query_row([sync.as_str()], |row| row.get(0))
                    .optional()
            };
            read().map_err(sql("read a sync run"))
        })?;
        let token = token.ok_or_else(|| {
            let message = format!("sync not found: sync_id=`{sync}`");
            Error::not_found(message)
        })?;
        Ok(Self {
            snap: Arc::new(snap),
            sync: sync.clone(),
            token,
            zone: live.options.zone.clone(),
        })
    }

    fn reading(&self, attach: bool) -> Reading {
        Reading {
            // Opening a database completes them.
            backfilled: true,
            attach,
            zone: self.zone.clone(),
        }
    }

    fn one<R>(
        &self,
        table: &'static str,
        columns: &'static str,
        id: &str,
        decode_row: impl FnMut(&Cells<'_, '_>) -> Result<Option<R>>,
    ) -> Result<Option<R>> {
        let query = by_external_id(table, columns, &self.sync, id);
        select::find(&self.snap, &query, decode_row)
    }
}

/// Makes the rows of a list of stored grants.
fn listed(
    reading: Reading,
    filter: &GrantFilter,
) -> impl FnMut(&Cells<'_, '_>) -> Result<Option<GrantRow>> + use<> {
    let wanted = Wanted::of(filter);
    move |cells| grants::listed(&stored_grant(cells)?, &reading, wanted)
}

impl SyncSnapshot for Snapshot {
    fn resource_types(&self, after: After<'_>) -> Result<Cursor<v2::ResourceType>> {
        let query = Select::of("v1_resource_types", "data").and("sync_id", self.sync.as_str());
        select::cursor(&self.snap, query, after, resource_type)
    }

    fn resources(&self, filter: &ResourceFilter, after: After<'_>) -> Result<Cursor<v2::Resource>> {
        let query = resources_query(&self.sync, filter);
        select::cursor(&self.snap, query, after, resource)
    }

    fn entitlements(
        &self,
        filter: &EntitlementFilter,
        after: After<'_>,
    ) -> Result<Cursor<v2::Entitlement>> {
        let query = entitlements_query(&self.sync, filter);
        select::cursor(&self.snap, query, after, entitlement)
    }

    fn grants(
        &self,
        filter: &GrantFilter,
        attach: bool,
        after: After<'_>,
    ) -> Result<Cursor<GrantRow>> {
        let query = grants_query(&self.sync, filter);
        let decode_row = listed(self.reading(attach), filter);
        select::cursor(&self.snap, query, after, decode_row)
    }

    fn pending_expansion(&self, after: After<'_>) -> Result<Cursor<PendingExpansion>> {
        let filter = GrantFilter {
            needs_expansion: Some(true),
            ..GrantFilter::default()
        };
        let query = grants_query(&self.sync, &filter);
        let reading = self.reading(false);
        select::cursor(&self.snap, query, after, move |cells| {
            grants::pending(&stored_grant(cells)?, &reading)
        })
    }

    fn assets(&self, after: After<'_>) -> Result<Cursor<AssetInfo>> {
        let query = Select::of("v1_assets", "external_id, content_type, octet_length(data)")
            .and("sync_id", self.sync.as_str());
        select::cursor(&self.snap, query, after, |cells| {
            Ok(Some(AssetInfo {
                id: cells.text(0)?.into_owned(),
                content_type: cells.text(1)?.into_owned(),
                len: u64::try_from(cells.integer(2)?).unwrap_or(0),
            }))
        })
    }

    fn principals(
        &self,
        entitlement: &EntitlementRef,
        after: After<'_>,
    ) -> Result<Cursor<ResourceRef>> {
        let query = principals_query(&self.sync, entitlement);
        select::cursor(&self.snap, query, after, |cells| {
            Ok(Some(ResourceRef::new(cells.text(0)?, cells.text(1)?)))
        })
    }

    fn resource_type(&self, id: &str) -> Result<Option<v2::ResourceType>> {
        self.one("v1_resource_types", "data", id, resource_type)
    }

    fn resource(&self, id: &ResourceRef) -> Result<Option<v2::Resource>> {
        // The joined id alone could be that of another type with a colon in its name.
        let query = by_external_id("v1_resources", "data", &self.sync, &id.to_string())
            .and("resource_type_id", &id.resource_type);
        select::find(&self.snap, &query, resource)
    }

    fn entitlement(&self, id: &EntitlementRef) -> Result<Option<v2::Entitlement>> {
        let found = self.one("v1_entitlements", "data", &id.id, entitlement)?;
        // The record tells its resource; columns that the original wrote keep the first one.
        let on = id.resource.as_ref();
        Ok(found.filter(|row| on.is_none_or(|on| *on == resource_of(row))))
    }

    fn grant(&self, id: &str, attach: bool) -> Result<Option<v2::Grant>> {
        let decode_row = listed(self.reading(attach), &GrantFilter::default());
        let found = self.one("v1_grants", GRANT, id, decode_row)?;
        Ok(found.map(|row| row.grant))
    }

    fn grant_by_key(&self, key: &GrantKey, attach: bool) -> Result<Option<v2::Grant>> {
        let filter = GrantFilter {
            entitlement: Some(key.entitlement.clone()),
            principal: Some(key.principal.clone()),
            ..GrantFilter::default()
        };
        let mut found = self.grants(&filter, attach, None)?;
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
        self.one("v1_assets", "content_type, data", id, |cells| {
            let data = cells.blob(1)?.into_owned();
            Ok(Some(Asset {
                content_type: cells.text(0)?.into_owned(),
                len: data.len() as u64,
                data: Box::new(io::Cursor::new(data)),
            }))
        })
    }

    fn certified_stats(&self) -> Result<Option<SyncStats>> {
        Ok(None)
    }

    fn count(&self) -> Result<SyncStats> {
        self.snap
            .with(|connection| stats::count(connection, &self.sync, &self.token))
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
