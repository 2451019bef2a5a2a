//! How a record of each kind becomes a row.

use std::borrow::Cow;

use c1z_proto::connector::v2;
use rusqlite::{Statement, ToSql, params};

use super::super::snapshot::resource_of;
use super::records::{Call, Put, Rule};
use crate::Result;
use crate::engine::Profile;
use crate::engine::contract;
use crate::engine::types::{EntitlementRef, ResourceRef};
use crate::record::annotation::{self, is_expandable};
use crate::record::message;

impl Put for v2::ResourceType {
    const KIND: &'static str = "resource type";
    const TABLE: &'static str = "v1_resource_types";

    fn statement(_: Rule) -> &'static str {
        "INSERT INTO v1_resource_types (external_id, data, sync_id, discovered_at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (external_id, sync_id) DO UPDATE SET \
         data = excluded.data, discovered_at = excluded.discovered_at"
    }

    fn check(&self) -> Result<()> {
        contract::require_id("resource type", &self.id)
    }

    fn external_id(&self) -> Cow<'_, str> {
        self.id.as_str().into()
    }

    fn execute(&self, statement: &mut Statement<'_>, call: &Call<'_>) -> rusqlite::Result<usize> {
        statement.execute(params![self.id, message::encode(self), call.sync, call.at])
    }
}

impl Put for v2::Resource {
    const KIND: &'static str = "resource";
    const TABLE: &'static str = "v1_resources";

    fn statement(_: Rule) -> &'static str {
        "INSERT INTO v1_resources (resource_type_id, external_id, parent_resource_type_id, \
         parent_resource_id, data, sync_id, discovered_at) VALUES (?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (external_id, sync_id) DO UPDATE SET \
         resource_type_id = excluded.resource_type_id, \
         parent_resource_type_id = excluded.parent_resource_type_id, \
         parent_resource_id = excluded.parent_resource_id, \
         data = excluded.data, discovered_at = excluded.discovered_at"
    }

    fn check(&self) -> Result<()> {
        contract::require_ref("resource", &id_of(self))
    }

    fn external_id(&self) -> Cow<'_, str> {
        id_of(self).to_string().into()
    }

    fn execute(&self, statement: &mut Statement<'_>, call: &Call<'_>) -> rusqlite::Result<usize> {
        let parent = self.parent_resource_id.as_option();
        statement.execute(params![
            self.id.resource_type,
            self.external_id(),
            parent.map(|parent| &parent.resource_type),
            parent.map(|parent| &parent.resource),
            message::encode(self),
            call.sync,
            call.at,
        ])
    }
}

impl Put for v2::Entitlement {
    const KIND: &'static str = "entitlement";
    const TABLE: &'static str = "v1_entitlements";

    fn statement(_: Rule) -> &'static str {
        "INSERT INTO v1_entitlements (resource_type_id, resource_id, external_id, data, sync_id, \
         discovered_at) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (external_id, sync_id) DO UPDATE SET \
         resource_type_id = excluded.resource_type_id, resource_id = excluded.resource_id, \
         data = excluded.data, discovered_at = excluded.discovered_at"
    }

    fn check(&self) -> Result<()> {
        contract::require_entitlement(&EntitlementRef {
            id: self.id.clone(),
            resource: Some(resource_of(self)),
        })
    }

    fn external_id(&self) -> Cow<'_, str> {
        self.id.as_str().into()
    }

    fn execute(&self, statement: &mut Statement<'_>, call: &Call<'_>) -> rusqlite::Result<usize> {
        let on = &self.resource.id;
        statement.execute(params![
            on.resource_type,
            on.resource,
            self.id,
            message::encode(self),
            call.sync,
            call.at,
        ])
    }
}

impl Put for v2::Grant {
    const KIND: &'static str = "grant";
    const TABLE: &'static str = "v1_grants";

    fn statement(rule: Rule) -> &'static str {
        match rule {
            // The flag stays as it was where the same expansion is written again (D5).
            Rule::Replace | Rule::IfNewer => {
                "INSERT INTO v1_grants (resource_type_id, resource_id, entitlement_id, \
                 principal_resource_type_id, principal_resource_id, external_id, data, sync_id, \
                 discovered_at, expansion, needs_expansion) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10 IS NOT NULL) \
                 ON CONFLICT (external_id, sync_id) DO UPDATE SET \
                 resource_type_id = excluded.resource_type_id, resource_id = excluded.resource_id, \
                 entitlement_id = excluded.entitlement_id, \
                 principal_resource_type_id = excluded.principal_resource_type_id, \
                 principal_resource_id = excluded.principal_resource_id, \
                 data = excluded.data, discovered_at = excluded.discovered_at, \
                 expansion = excluded.expansion, \
                 needs_expansion = CASE WHEN expansion = excluded.expansion THEN needs_expansion \
                 ELSE excluded.needs_expansion END"
            }
            // What is lifted from it is dropped.
            Rule::KeepExpansion => {
                "INSERT INTO v1_grants (resource_type_id, resource_id, entitlement_id, \
                 principal_resource_type_id, principal_resource_id, external_id, data, sync_id, \
                 discovered_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (external_id, sync_id) DO UPDATE SET \
                 resource_type_id = excluded.resource_type_id, resource_id = excluded.resource_id, \
                 entitlement_id = excluded.entitlement_id, \
                 principal_resource_type_id = excluded.principal_resource_type_id, \
                 principal_resource_id = excluded.principal_resource_id, data = excluded.data"
            }
        }
    }

    fn check(&self) -> Result<()> {
        contract::require_entitlement(&EntitlementRef {
            id: self.entitlement.id.clone(),
            resource: Some(resource_of(&self.entitlement)),
        })?;
        contract::require_ref("principal", &id_of(&self.principal))
    }

    /// Its id, or the one that it gets when its connector gave none (D24).
    fn external_id(&self) -> Cow<'_, str> {
        if self.id.is_empty() {
            format!("{}:{}", self.entitlement.id, id_of(&self.principal)).into()
        } else {
            self.id.as_str().into()
        }
    }

    fn execute(&self, statement: &mut Statement<'_>, call: &Call<'_>) -> rusqlite::Result<usize> {
        let id = self.external_id();
        let (data, expansion) = stored(self, &id);
        let (on, principal) = (&self.entitlement.resource.id, &self.principal.id);
        let values: [&dyn ToSql; 10] = [
            &on.resource_type,
            &on.resource,
            &self.entitlement.id,
            &principal.resource_type,
            &principal.resource,
            &id,
            &data,
            &call.sync,
            &call.at,
            &expansion,
        ];
        // A statement that keeps the stored expansion takes none.
        let taken = statement.parameter_count();
        statement.execute(values.get(..taken).unwrap_or(&values))
    }
}

/// The reference of a resource; both parts empty if it has none.
fn id_of(resource: &v2::Resource) -> ResourceRef {
    let id = &resource.id;
    ResourceRef::new(id.resource_type.as_str(), id.resource.as_str())
}

/// What is stored of a grant: it, with an id and without what is lifted out of it, and that.
fn stored(grant: &v2::Grant, id: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    if !grant.id.is_empty() && !grant.annotations.iter().any(is_expandable) {
        return (message::encode(grant), None);
    }
    let mut grant = grant.clone();
    id.clone_into(&mut grant.id);
    let lifted = annotation::lift(&grant.annotations, Profile::Ours);
    for at in lifted.removed.into_iter().rev() {
        grant.annotations.remove(at);
    }
    let expansion = lifted
        .expansion
        .map(|expansion| message::encode(&expansion));
    (message::encode(&grant), expansion)
}
