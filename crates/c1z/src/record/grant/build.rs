//! Stored grant bytes to a message, without a stored record in between.
//!
//! The message is what [`super::from_record`] gives for the decoded record. It is filled in place,
//! field by field: the struct is large, and a caller that keeps one message for all rows of a scan
//! also keeps its strings, so that most rows allocate nothing.

use c1z_proto::connector::v2::{
    Entitlement, Grant, Resource, ResourceId, grant_sources::GrantSource,
};
use c1z_proto::google::protobuf::Any;

use super::transcode::canonical_expansion;
use super::view::{EntitlementRefView, GrantView, PrincipalRefView};
use crate::Result;
use crate::record::annotation::{self, EXPANDABLE_URL, Expansion};
use crate::record::wire::{Fields, Value};

impl GrantView<'_> {
    /// The `c1.connector.v2.Grant` that a reader gets for this record.
    ///
    /// # Errors
    /// None for a view that was parsed, save for limits of the message decoder on parts that are not
    /// canonical.
    pub fn to_message(&self, expansion: Expansion) -> Result<Grant> {
        let mut grant = Grant::default();
        self.fill_message(expansion, &mut grant)?;
        Ok(grant)
    }

    /// Makes `grant` the message that a reader gets for this record. `grant` is a default message or
    /// one that this function filled before, and untouched since; its allocations are used again.
    ///
    /// # Errors
    /// As [`GrantView::to_message`]; the message is then in part that of this record.
    pub fn fill_message(&self, expansion: Expansion, grant: &mut Grant) -> Result<()> {
        match &self.entitlement {
            Some(stored) => fill_entitlement(stored, grant.entitlement.get_or_insert_default()),
            None => drop(grant.entitlement.take()),
        }
        match &self.principal {
            Some(stored) => fill_principal(stored, grant.principal.get_or_insert_default()),
            None => drop(grant.principal.take()),
        }
        grant.id.clear();
        self.push_id(&mut grant.id);
        self.fill_annotations(expansion, &mut grant.annotations)?;
        self.fill_sources(grant)
    }

    fn fill_annotations(&self, expansion: Expansion, filled: &mut Vec<Any>) -> Result<()> {
        let attached = match (expansion, &self.expansion) {
            (Expansion::Attach, Some(stored)) => Some(canonical_expansion(stored)?),
            _ => None,
        };
        let count = self.annotations.count;
        filled.resize_with(count + usize::from(attached.is_some()), Any::default);
        let mut slots = filled.iter_mut();
        let (mut left, mut fields) = (count, Fields::new(self.record));
        while left > 0
            && let Some(field) = fields.next_field()?
        {
            if let (8, Value::Bytes(annotation)) = (field.number, field.value)
                && let Some(slot) = slots.next()
            {
                annotation::decode_into(annotation, self.annotations.canonical, slot)?;
                left -= 1;
            }
        }
        if let (Some(value), Some(slot)) = (attached, slots.next()) {
            slot.__buffa_unknown_fields.clear();
            EXPANDABLE_URL.clone_into(&mut slot.type_url);
            value.as_ref().clone_into(&mut slot.value);
        }
        Ok(())
    }

    fn fill_sources(&self, grant: &mut Grant) -> Result<()> {
        if self.sources.count == 0 {
            grant.sources.take();
            return Ok(());
        }
        let map = &mut grant.sources.get_or_insert_default().sources;
        map.clear();
        for source in self.sources() {
            let (key, is_direct) = source?;
            let source = GrantSource {
                is_direct,
                ..Default::default()
            };
            map.insert(key.to_owned(), source);
        }
        Ok(())
    }
}

fn fill_entitlement(stored: &EntitlementRefView<'_>, filled: &mut Entitlement) {
    let of = filled.resource.get_or_insert_default();
    fill_id(
        stored.resource_type,
        stored.resource,
        of.id.get_or_insert_default(),
    );
    stored.id.clone_into(&mut filled.id);
}

fn fill_principal(stored: &PrincipalRefView<'_>, filled: &mut Resource) {
    fill_id(
        stored.resource_type,
        stored.resource,
        filled.id.get_or_insert_default(),
    );
    if stored.parent.is_empty() {
        filled.parent_resource_id.take();
    } else {
        let parent = filled.parent_resource_id.get_or_insert_default();
        fill_id(stored.parent_type, stored.parent, parent);
    }
}

fn fill_id(resource_type: &str, resource: &str, filled: &mut ResourceId) {
    resource_type.clone_into(&mut filled.resource_type);
    resource.clone_into(&mut filled.resource);
}
