//! Deletes of records, by id and by structure (`store-contract` §1.1). Nothing else goes with a record.

use rusqlite::{Connection, ToSql};

use super::super::fault::sql;
use super::super::live::Live;
use super::super::snapshot::resource_of;
use super::Writing;
use super::records::at_index;
use crate::Result;
use crate::engine::contract::{self, Contract};
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef};
use crate::record::message;
use c1z_proto::connector::v2;

/// Deletes the grants that the ids name, and returns how many there were.
///
/// # Errors
/// `InvalidArgument` for an empty id; nothing is deleted then.
pub(super) fn grants_by_ids(contract: &Contract<Live>, ids: &[&str]) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let writing = Writing::begin(contract)?;
    for (index, id) in ids.iter().enumerate() {
        contract::require_id("grant", id).map_err(|error| at_index("grant id", index, &error))?;
    }
    let sync = writing.sync().clone();
    let cancel = &contract.source().options.cancel;
    writing.commit(|connection| {
        let mut gone = 0;
        for id in ids {
            cancel.check()?;
            let values: [&dyn ToSql; 2] = [id, &sync.as_str()];
            gone += delete(
                connection,
                "v1_grants",
                "external_id = ? AND sync_id = ?",
                &values,
            )?;
        }
        Ok(gone)
    })
}

/// Deletes the grants with these structures, and returns how many there were.
pub(super) fn grants_by_keys(contract: &Contract<Live>, keys: &[GrantKey]) -> Result<u64> {
    if keys.is_empty() {
        return Ok(0);
    }
    let writing = Writing::begin(contract)?;
    for (index, grant) in keys.iter().enumerate() {
        contract::require_entitlement(&grant.entitlement)
            .and_then(|()| contract::require_ref("principal", &grant.principal))
            .map_err(|error| at_index("grant key", index, &error))?;
    }
    let sync = writing.sync().clone();
    let cancel = &contract.source().options.cancel;
    writing.commit(|connection| {
        let mut gone = 0;
        for GrantKey {
            entitlement,
            principal,
        } in keys
        {
            cancel.check()?;
            let mut condition = "entitlement_id = ? AND principal_resource_type_id = ? \
                 AND principal_resource_id = ? AND +sync_id = ?"
                .to_owned();
            let sync = sync.as_str();
            let mut values: Vec<&dyn ToSql> = vec![
                &entitlement.id,
                &principal.resource_type,
                &principal.resource,
                &sync,
            ];
            if let Some(on) = &entitlement.resource {
                condition.push_str(" AND +resource_type_id = ? AND +resource_id = ?");
                values.extend([&on.resource_type as &dyn ToSql, &on.resource]);
            }
            gone += delete(connection, "v1_grants", &condition, &values)?;
        }
        Ok(gone)
    })
}

/// Deletes a resource, and returns how many there were.
pub(super) fn resource(contract: &Contract<Live>, id: &ResourceRef) -> Result<u64> {
    let writing = Writing::begin(contract)?;
    contract::require_ref("resource", id)?;
    let sync = writing.sync().clone();
    writing.commit(|connection| {
        // The joined id alone could be that of another type with a colon in its name.
        let condition = "external_id = ? AND sync_id = ? AND +resource_type_id = ?";
        let joined = id.to_string();
        let values: [&dyn ToSql; 3] = [&joined, &sync.as_str(), &id.resource_type];
        delete(connection, "v1_resources", condition, &values)
    })
}

/// Deletes an entitlement, and returns how many there were.
pub(super) fn entitlement(contract: &Contract<Live>, id: &EntitlementRef) -> Result<u64> {
    let writing = Writing::begin(contract)?;
    contract::require_entitlement(id)?;
    let sync = writing.sync().clone();
    writing.commit(|connection| {
        let values: [&dyn ToSql; 2] = [&id.id, &sync.as_str()];
        let condition = "external_id = ? AND sync_id = ?";
        if let Some(on) = &id.resource
            && resource_of_stored(connection, &values)? != Some(on.clone())
        {
            return Ok(0);
        }
        delete(connection, "v1_entitlements", condition, &values)
    })
}

/// The resource that a stored entitlement's record names: columns that the original wrote keep the first one.
fn resource_of_stored(
    connection: &Connection,
    values: &[&dyn ToSql],
) -> Result<Option<ResourceRef>> {
    let failed = sql("read an entitlement");
    let mut statement = connection
        .prepare_cached("SELECT data FROM v1_entitlements WHERE external_id = ? AND sync_id = ?")
        .map_err(&failed)?;
    let mut rows = statement.query(values).map_err(&failed)?;
    let Some(row) = rows.next().map_err(&failed)? else {
        return Ok(None);
    };
    let data: Vec<u8> = row.get(0).map_err(&failed)?;
    let stored: v2::Entitlement = message::decode("entitlement", &data)?;
    Ok(Some(resource_of(&stored)))
}

fn delete(
    connection: &Connection,
    table: &str,
    condition: &str,
    values: &[&dyn ToSql],
) -> Result<u64> {
    let statement = format!("DELETE FROM {table} WHERE {condition}");
    let delete = || connection.prepare_cached(&statement)?.execute(values);
    let gone = delete().map_err(sql("delete records"))?;
    Ok(gone as u64)
}
