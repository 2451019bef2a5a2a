//! The kinds of records that can be compared: where their rows come from, and what identifies one.

use std::borrow::Cow;

use c1z_proto::connector::v2;
use c1z_proto::schema::Described;

use super::Side;
use crate::engine::page::rows_of_pages;
use crate::engine::types::{EntitlementRef, ResourceRef};
use crate::engine::{EntitlementFilter, GrantFilter, Identity, ResourceFilter, Scope};
use crate::ops::RecordKind;
use crate::record::annotation::Expansion;
use crate::record::grant::{GrantPut, GrantView};
use crate::record::{self, message, resource_type};
use crate::{ErrorKind, Result};

/// A kind of record that [`super::diff`] compares. Implemented for the messages that syncs hold;
/// not meant for others.
pub trait Compared: Described + Sized {
    /// All records of a sync.
    fn rows(side: Side<'_>) -> Result<Box<dyn Iterator<Item = Result<Self>> + '_>>;

    /// The parts that identify the record.
    fn identity(&self, identity: Identity) -> Vec<Cow<'_, str>>;

    /// The record of another sync that is the same by identity, if that sync holds one.
    fn counterpart(&self, side: Side<'_>, identity: Identity) -> Result<Option<Self>>;

    /// The record as a v3 file holds it.
    fn into_v3(self) -> Result<Self>;

    /// Which records of a v3 file are of this kind.
    const STORED: RecordKind;

    /// The record in the value of a row of a v3 file, with its expansion.
    fn of_stored(value: &[u8]) -> Result<Self>;
}

impl Compared for v2::ResourceType {
    fn rows(side: Side<'_>) -> Result<Box<dyn Iterator<Item = Result<Self>> + '_>> {
        let scope = Scope::Sync(side.sync.clone());
        Ok(Box::new(rows_of_pages(move |page| {
            side.reader.list_resource_types(&scope, page)
        })))
    }

    fn identity(&self, _: Identity) -> Vec<Cow<'_, str>> {
        parts([&self.id])
    }

    fn counterpart(&self, side: Side<'_>, _: Identity) -> Result<Option<Self>> {
        let scope = Scope::Sync(side.sync.clone());
        found(side.reader.get_resource_type(&scope, &self.id))
    }

    fn into_v3(self) -> Result<Self> {
        Ok(resource_type::from_record(resource_type::to_record(
            &self, None,
        )))
    }

    const STORED: RecordKind = RecordKind::ResourceType;

    fn of_stored(value: &[u8]) -> Result<Self> {
        let record = message::decode("resource type record", value)?;
        Ok(resource_type::from_record(record))
    }
}

impl Compared for v2::Resource {
    fn rows(side: Side<'_>) -> Result<Box<dyn Iterator<Item = Result<Self>> + '_>> {
        let scope = Scope::Sync(side.sync.clone());
        side.reader
            .stream_resources(&scope, &ResourceFilter::default())
            .map(|rows| rows as Box<dyn Iterator<Item = Result<Self>>>)
    }

    fn identity(&self, identity: Identity) -> Vec<Cow<'_, str>> {
        match identity {
            // Type and id may hold colons themselves; v1 files do not tell such resources apart.
            Identity::External => vec![Cow::Owned(resource(self).join(":"))],
            Identity::Structural => parts(resource(self)),
        }
    }

    fn counterpart(&self, side: Side<'_>, identity: Identity) -> Result<Option<Self>> {
        let scope = Scope::Sync(side.sync.clone());
        let same = found(side.reader.get_resource(&scope, &reference(self)))?;
        if same.is_some() || identity == Identity::Structural {
            return Ok(same);
        }
        // Another type and id that are the same text.
        let text = resource(self).join(":");
        for (at, _) in text.match_indices(':') {
            let (of_type, rest) = text.split_at(at);
            let id = rest.get(1..).unwrap_or_default();
            if of_type.is_empty() || id.is_empty() {
                continue;
            }
            let other = ResourceRef::new(of_type, id);
            let other = found(side.reader.get_resource(&scope, &other))?;
            if other.is_some() {
                return Ok(other);
            }
        }
        Ok(None)
    }

    fn into_v3(self) -> Result<Self> {
        Ok(record::resource::from_record(record::resource::to_record(
            &self, None,
        )))
    }

    const STORED: RecordKind = RecordKind::Resource;

    fn of_stored(value: &[u8]) -> Result<Self> {
        let record = message::decode("resource record", value)?;
        Ok(record::resource::from_record(record))
    }
}

impl Compared for v2::Entitlement {
    fn rows(side: Side<'_>) -> Result<Box<dyn Iterator<Item = Result<Self>> + '_>> {
        let scope = Scope::Sync(side.sync.clone());
        side.reader
            .stream_entitlements(&scope, &EntitlementFilter::default())
            .map(|rows| rows as Box<dyn Iterator<Item = Result<Self>>>)
    }

    fn identity(&self, identity: Identity) -> Vec<Cow<'_, str>> {
        match identity {
            Identity::External => parts([&self.id]),
            Identity::Structural => parts(entitlement(self)),
        }
    }

    fn counterpart(&self, side: Side<'_>, identity: Identity) -> Result<Option<Self>> {
        let scope = Scope::Sync(side.sync.clone());
        found(
            side.reader
                .get_entitlement(&scope, &entitlement_ref(self, identity)),
        )
    }

    fn into_v3(self) -> Result<Self> {
        let record = record::entitlement::to_record(&self, None);
        Ok(record::entitlement::from_record(record))
    }

    const STORED: RecordKind = RecordKind::Entitlement;

    fn of_stored(value: &[u8]) -> Result<Self> {
        let record = message::decode("entitlement record", value)?;
        Ok(record::entitlement::from_record(record))
    }
}

impl Compared for v2::Grant {
    fn rows(side: Side<'_>) -> Result<Box<dyn Iterator<Item = Result<Self>> + '_>> {
        let scope = Scope::Sync(side.sync.clone());
        let rows = side.reader.stream_grants(&scope, &GrantFilter::default())?;
        Ok(Box::new(rows.map(|row| row.map(|row| row.grant))))
    }

    fn identity(&self, identity: Identity) -> Vec<Cow<'_, str>> {
        match identity {
            Identity::External => parts([&self.id]),
            Identity::Structural => {
                let mut all = parts(entitlement(&self.entitlement));
                all.extend(parts(resource(&self.principal)));
                all
            }
        }
    }

    fn counterpart(&self, side: Side<'_>, identity: Identity) -> Result<Option<Self>> {
        let scope = Scope::Sync(side.sync.clone());
        // By the list, which shows expansion as the rows of a comparison do.
        let filter = GrantFilter {
            entitlement: Some(entitlement_ref(&self.entitlement, identity)),
            principal: Some(reference(&self.principal)),
            ..GrantFilter::default()
        };
        let rows = match side.reader.stream_grants(&scope, &filter) {
            Ok(rows) => rows,
            Err(error) => return found(Err(error)),
        };
        for row in rows {
            let grant = row?.grant;
            if identity == Identity::Structural || grant.id == self.id {
                return Ok(Some(grant));
            }
        }
        match identity {
            Identity::Structural => Ok(None),
            // The grant of this id may have another entitlement or principal now.
            Identity::External => found(side.reader.get_grant(&scope, &self.id)),
        }
    }

    fn into_v3(self) -> Result<Self> {
        let record = record::grant::to_record(&self, &GrantPut::default())?;
        Ok(record::grant::from_record(record, Expansion::Attach))
    }

    const STORED: RecordKind = RecordKind::Grant;

    fn of_stored(value: &[u8]) -> Result<Self> {
        GrantView::parse(value)?.to_message(Expansion::Attach)
    }
}

/// What a point read found; a record that is not there is none.
fn found<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(record) => Ok(Some(record)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn parts<const N: usize>(texts: [&str; N]) -> Vec<Cow<'_, str>> {
    texts.into_iter().map(Cow::Borrowed).collect()
}

fn reference(resource: &v2::Resource) -> ResourceRef {
    let id = &resource.id;
    ResourceRef::new(id.resource_type.clone(), id.resource.clone())
}

fn entitlement_ref(entitlement: &v2::Entitlement, identity: Identity) -> EntitlementRef {
    match identity {
        Identity::External => EntitlementRef::bare(&entitlement.id),
        Identity::Structural => EntitlementRef {
            id: entitlement.id.clone(),
            resource: Some(reference(&entitlement.resource)),
        },
    }
}

fn resource(resource: &v2::Resource) -> [&str; 2] {
    [&resource.id.resource_type, &resource.id.resource]
}

fn entitlement(entitlement: &v2::Entitlement) -> [&str; 3] {
    let [resource_type, resource] = resource(&entitlement.resource);
    [&entitlement.id, resource_type, resource]
}
