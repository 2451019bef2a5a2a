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

/// Columns of a grant, in the order in which [`stored_grant`] takes them.
const GRANT: &str = "resource_type_id, resource_id, entitlement_id, principal_resource_type_id, \
     principal_resource_id, external_id, expansion, needs_expansion, data, sync_id, discovered_at";

/// Order of rows whose filter fixes a type alone, which an index has before the ids.
const BY_RESOURCE: &[&str] = &["resource_id", select::ID];
const BY_PRINCIPAL: &[&str] = &["principal_resource_id", select::ID];
const PRINCIPALS: &[&str] = &["principal_resource_type_id", "principal_resource_id"];

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

/// Rows of a sync with this external id.
pub(super) fn by_external_id(
    table: &'static str,
    columns: &'static str,
    sync: &SyncId,
    id: &str,
) -> Select {
    let all = Select::of(table, columns);
    all.by("external_id", id).by("sync_id", sync.as_str())
}

/// The resource that an entitlement's record names.
pub(super) fn resource_of(entitlement: &v2::Entitlement) -> ResourceRef {
    let id = &entitlement.resource.id;
    ResourceRef::new(id.resource_type.as_str(), id.resource.as_str())
}

/// The entitlements of a sync that a filter wants.
pub(super) fn entitlements_query(sync: &SyncId, filter: &EntitlementFilter) -> Select {
    let all = Select::of("v1_entitlements", "data").and("sync_id", sync.as_str());
    let of_type = &filter.resource_type;
    match &filter.resource {
        Some(on) => {
            let on_it = all
                .by("resource_type_id", &on.resource_type)
                .by("resource_id", &on.resource);
            if of_type.is_empty() {
                on_it
            } else {
                on_it.and("resource_type_id", of_type)
            }
        }
        None if of_type.is_empty() => all,
        None => all.by("resource_type_id", of_type).in_order(BY_RESOURCE),
    }
}

/// The resources of a sync that a filter wants.
pub(super) fn resources_query(sync: &SyncId, filter: &ResourceFilter) -> Select {
    let all = Select::of("v1_resources", "data").and("sync_id", sync.as_str());
    let of_type = &filter.resource_type;
    match &filter.parent {
        Some(parent) => {
            let children = all
                .by("parent_resource_type_id", &parent.resource_type)
                .by("parent_resource_id", &parent.resource);
            if of_type.is_empty() {
                children
            } else {
                children.and("resource_type_id", of_type)
            }
        }
        None if of_type.is_empty() => all,
        None => all.by("resource_type_id", of_type),
    }
}

/// What finds the grants of a filter; all other conditions are tested row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Principal,
    Entitlement,
    Resource,
    Pending,
    Expandable,
    ResourceType,
    PrincipalType,
    Nothing,
}

impl Driver {
    /// The one that narrows most, as a rule.
    fn of(filter: &GrantFilter) -> Self {
        if filter.principal.is_some() {
            Self::Principal
        } else if filter.entitlement.is_some() {
            Self::Entitlement
        } else if filter.entitlement_resource.is_some() {
            Self::Resource
        } else if filter.needs_expansion == Some(true) {
            Self::Pending
        } else if filter.has_expansion == Some(true) {
            Self::Expandable
        } else if !filter.entitlement_resource_type.is_empty() {
            Self::ResourceType
        } else if !filter.principal_resource_type.is_empty() {
            Self::PrincipalType
        } else {
            Self::Nothing
        }
    }

    /// The columns that are looked up in an index.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Principal => &[
                "principal_resource_type_id",
                "principal_resource_id",
                "entitlement_id",
            ],
            Self::Entitlement => &["entitlement_id", "sync_id"],
            Self::Resource => &["resource_type_id", "resource_id"],
            Self::Pending | Self::Expandable => &["sync_id"],
            Self::ResourceType => &["resource_type_id"],
            Self::PrincipalType => &["principal_resource_type_id"],
            Self::Nothing => &[],
        }
    }

    fn order(self) -> &'static [&'static str] {
        match self {
            Self::ResourceType => BY_RESOURCE,
            Self::PrincipalType => BY_PRINCIPAL,
            _ => &[select::ID],
        }
    }
}

/// The grants of a sync that a filter wants.
pub(super) fn grants_query(sync: &SyncId, filter: &GrantFilter) -> Select {
    let driver = Driver::of(filter);
    let mut query = Select::of("v1_grants", GRANT).in_order(driver.order());
    let mut equals = vec![("sync_id", sync.as_str())];
    if let Some(entitlement) = &filter.entitlement {
        equals.push(("entitlement_id", &entitlement.id));
        if let Some(on) = &entitlement.resource {
            equals.push(("resource_type_id", &on.resource_type));
            equals.push(("resource_id", &on.resource));
        }
    }
    if let Some(on) = &filter.entitlement_resource {
        equals.push(("resource_type_id", &on.resource_type));
        equals.push(("resource_id", &on.resource));
    }
    if let Some(principal) = &filter.principal {
        equals.push(("principal_resource_type_id", &principal.resource_type));
        equals.push(("principal_resource_id", &principal.resource));
    }
    for (column, of_type) in [
        ("resource_type_id", &filter.entitlement_resource_type),
        (
            "principal_resource_type_id",
            &filter.principal_resource_type,
        ),
    ] {
        if !of_type.is_empty() {
            equals.push((column, of_type));
        }
    }
    for (column, text) in equals {
        query = if driver.columns().contains(&column) {
            query.by(column, text)
        } else {
            query.and(column, text)
        };
    }
    if !filter.principal_resource_types.is_empty() {
        let types = &filter.principal_resource_types;
        query = query.and_one_of("principal_resource_type_id", types);
    }
    match driver {
        Driver::Pending => query.where_true("needs_expansion = 1"),
        Driver::Expandable => query.where_true("expansion IS NOT NULL"),
        _ => query,
    }
}

/// The principals of an entitlement, each once.
pub(super) fn principals_query(sync: &SyncId, entitlement: &EntitlementRef) -> Select {
    // The columns that order them once more, as what is asked for.
    let query = Select::of(
        "v1_grants",
        "principal_resource_type_id, principal_resource_id",
    )
    .grouped()
    .in_order(PRINCIPALS)
    .by("entitlement_id", &entitlement.id)
    .and("sync_id", sync.as_str());
    match &entitlement.resource {
        Some(on) => query
            .and("resource_type_id", &on.resource_type)
            .and("resource_id", &on.resource),
        None => query,
    }
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
