//! The kinds of records that can be compared: where their rows come from, and what identifies one.

use c1z_proto::connector::v2;
use c1z_proto::schema::Described;

use super::Side;
use crate::Result;
use crate::engine::page::rows_of_pages;
use crate::engine::{EntitlementFilter, GrantFilter, Identity, ResourceFilter, Scope};

/// A kind of record that [`super::diff`] compares. Implemented for the messages that syncs hold;
/// not meant for others.
pub trait Compared: Described + Sized {
    /// All records of a sync.
    fn rows(side: Side<'_>) -> Result<Box<dyn Iterator<Item = Result<Self>> + '_>>;

    /// The parts that identify the record.
    fn identity(&self, identity: Identity) -> Vec<&str>;
}

impl Compared for v2::ResourceType {
    fn rows(side: Side<'_>) -> Result<Box<dyn Iterator<Item = Result<Self>> + '_>> {
        let scope = Scope::Sync(side.sync.clone());
        Ok(Box::new(rows_of_pages(move |page| {
            side.reader.list_resource_types(&scope, page)
        })))
    }

    fn identity(&self, _: Identity) -> Vec<&str> {
        vec![&self.id]
    }
}

impl Compared for v2::Resource {
    fn rows(side: Side<'_>) -> Result<Box<dyn Iterator<Item = Result<Self>> + '_>> {
        let scope = Scope::Sync(side.sync.clone());
        side.reader
            .stream_resources(&scope, &ResourceFilter::default())
            .map(|rows| rows as Box<dyn Iterator<Item = Result<Self>>>)
    }

    fn identity(&self, _: Identity) -> Vec<&str> {
        resource(self).to_vec()
    }
}

impl Compared for v2::Entitlement {
    fn rows(side: Side<'_>) -> Result<Box<dyn Iterator<Item = Result<Self>> + '_>> {
        let scope = Scope::Sync(side.sync.clone());
        side.reader
            .stream_entitlements(&scope, &EntitlementFilter::default())
            .map(|rows| rows as Box<dyn Iterator<Item = Result<Self>>>)
    }

    fn identity(&self, identity: Identity) -> Vec<&str> {
        match identity {
            Identity::External => vec![&self.id],
            Identity::Structural => entitlement(self).to_vec(),
        }
    }
}

impl Compared for v2::Grant {
    fn rows(side: Side<'_>) -> Result<Box<dyn Iterator<Item = Result<Self>> + '_>> {
        let scope = Scope::Sync(side.sync.clone());
        let rows = side.reader.stream_grants(&scope, &GrantFilter::default())?;
        Ok(Box::new(rows.map(|row| row.map(|row| row.grant))))
    }

    fn identity(&self, identity: Identity) -> Vec<&str> {
        match identity {
            Identity::External => vec![&self.id],
            Identity::Structural => {
                let mut parts = entitlement(&self.entitlement).to_vec();
                parts.extend(resource(&self.principal));
                parts
            }
        }
    }
}

fn resource(resource: &v2::Resource) -> [&str; 2] {
    [&resource.id.resource_type, &resource.id.resource]
}

fn entitlement(entitlement: &v2::Entitlement) -> [&str; 3] {
    let [resource_type, resource] = resource(&entitlement.resource);
    [&entitlement.id, resource_type, resource]
}
