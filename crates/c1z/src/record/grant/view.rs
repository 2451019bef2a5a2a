//! A stored grant, borrowed: one walk over its bytes checks every known field and remembers where
//! the parts are.
//!
//! Accepts exactly the bytes that decoding the message accepts, merges repeated occurrences the same
//! way, and allocates only when a stored expansion occurs in several pieces.

use std::borrow::Cow;

use super::StoredExpansion;
use super::sources::{self, Sources};
use crate::Result;
use crate::engine::types::Timestamp;
use crate::keyspace::GrantIdentity;
use crate::record::annotation;
use crate::record::timestamp::Stored;
use crate::record::wire::{self, Field, Fields, Value};

const STRUCTURE: &str = "grant record";

/// Reference to an entitlement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntitlementRefView<'a> {
    /// Type of the entitlement's resource.
    pub resource_type: &'a str,
    /// Id of the entitlement's resource.
    pub resource: &'a str,
    /// The entitlement's id.
    pub id: &'a str,
}

/// Reference to a principal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrincipalRefView<'a> {
    /// Type of the principal.
    pub resource_type: &'a str,
    /// Id of the principal.
    pub resource: &'a str,
    /// Type of the principal's parent; empty without one.
    pub parent_type: &'a str,
    /// Id of the principal's parent; empty without one.
    pub parent: &'a str,
}

/// A stored grant.
#[derive(Clone, Debug)]
pub struct GrantView<'a> {
    pub(super) record: &'a [u8],
    /// The grant's own id; empty when the row stores none.
    pub external_id: &'a str,
    /// What is granted; absent in damaged or very old rows only.
    pub entitlement: Option<EntitlementRefView<'a>>,
    /// Who holds it; absent in damaged or very old rows only.
    pub principal: Option<PrincipalRefView<'a>>,
    /// Whether the row is listed as needing expansion.
    pub needs_expansion: bool,
    discovered_at: Option<Stored>,
    pub(super) expansion: Option<Cow<'a, [u8]>>,
    pub(super) annotations: Annotations,
    pub(super) sources: SourceSummary<'a>,
}

/// What the walk learned about the annotations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Annotations {
    pub(super) count: usize,
    /// Whether every one has canonical bytes.
    pub(super) canonical: bool,
}

/// What the walk learned about the sources.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceSummary<'a> {
    pub(super) count: usize,
    /// Whether keys ascend strictly, so that the bytes can be taken in order.
    pub(super) ascending: bool,
    /// Length of the map in a message, if keys ascend.
    pub(super) message_len: usize,
    last: &'a str,
}

impl<'a> GrantView<'a> {
    /// Reads a stored grant. One walk, no allocation.
    ///
    /// # Errors
    /// Bytes that are not such a record.
    pub fn parse(record: &'a [u8]) -> Result<Self> {
        let mut view = Self {
            record,
            external_id: "",
            entitlement: None,
            principal: None,
            needs_expansion: false,
            discovered_at: None,
            expansion: None,
            annotations: Annotations {
                count: 0,
                canonical: true,
            },
            sources: SourceSummary {
                count: 0,
                ascending: true,
                message_len: 0,
                last: "",
            },
        };
        let mut fields = Fields::new(record);
        while let Some(field) = fields.next_field()? {
            view.take(&field, &fields)?;
        }
        Ok(view)
    }

    #[inline]
    fn take(&mut self, field: &Field<'a>, fields: &Fields<'a>) -> Result<()> {
        match (field.number, field.value) {
            (2, Value::Bytes(bytes)) => self.external_id = wire::text(bytes)?,
            (3, Value::Bytes(bytes)) => {
                let merged = self.entitlement.get_or_insert_default();
                let parts = [
                    &mut merged.resource_type,
                    &mut merged.resource,
                    &mut merged.id,
                ];
                take_texts(bytes, parts, "entitlement reference")?;
            }
            (4, Value::Bytes(bytes)) => {
                let merged = self.principal.get_or_insert_default();
                let parts = [
                    &mut merged.resource_type,
                    &mut merged.resource,
                    &mut merged.parent_type,
                    &mut merged.parent,
                ];
                take_texts(bytes, parts, "principal reference")?;
            }
            (5, Value::Bytes(bytes)) => self.discovered_at.get_or_insert_default().merge(bytes)?,
            (6, Value::Bytes(bytes)) => self.take_expansion(bytes)?,
            (7, Value::Varint(value)) => self.needs_expansion = value != 0,
            (8, Value::Bytes(bytes)) => {
                self.annotations.count += 1;
                self.annotations.canonical &= annotation::is_canonical(bytes)?;
            }
            (sources::FIELD, Value::Bytes(entry)) => self.sources.take(entry)?,
            (10, Value::Bytes(bytes)) => drop(wire::text(bytes)?),
            (2..=10, _) => return Err(fields.wrong_type(STRUCTURE)),
            _ => {}
        }
        Ok(())
    }

    /// Repeated occurrences merge, which for this message is concatenation.
    fn take_expansion(&mut self, bytes: &'a [u8]) -> Result<()> {
        check_expansion(bytes)?;
        match &mut self.expansion {
            None => self.expansion = Some(Cow::Borrowed(bytes)),
            Some(earlier) => earlier.to_mut().extend_from_slice(bytes),
        }
        Ok(())
    }

    /// The public id: the stored one, or entitlement, principal type and principal joined by `:`.
    pub fn id(&self) -> Cow<'a, str> {
        if !self.external_id.is_empty() {
            return Cow::Borrowed(self.external_id);
        }
        let mut id = String::new();
        self.push_id(&mut id);
        Cow::Owned(id)
    }

    /// Appends the public id.
    pub(super) fn push_id(&self, out: &mut String) {
        match (self.entitlement, self.principal) {
            (Some(entitlement), Some(principal)) if self.external_id.is_empty() => {
                out.push_str(entitlement.id);
                for part in [principal.resource_type, principal.resource] {
                    out.push(':');
                    out.push_str(part);
                }
            }
            _ => out.push_str(self.external_id),
        }
    }

    /// When the row was written.
    pub fn discovered_at(&self) -> Option<Timestamp> {
        self.discovered_at.map(Stored::moment)
    }

    /// The identity, complete.
    ///
    /// # Errors
    /// Invalid argument, naming the part that is missing.
    pub fn identity(&self) -> Result<GrantIdentity<'a>> {
        let entitlement = self.entitlement.unwrap_or_default();
        let principal = self.principal.unwrap_or_default();
        super::complete(
            [
                entitlement.resource_type,
                entitlement.resource,
                entitlement.id,
            ],
            principal.resource_type,
            principal.resource,
        )
    }

    /// The expansion state.
    pub fn stored_expansion(&self) -> StoredExpansion<'_> {
        StoredExpansion {
            expansion: self.expansion.as_deref(),
            needs_expansion: self.needs_expansion,
        }
    }

    /// The source entitlement ids with their direct flag, in the order of the bytes, which in
    /// canonical records is ascending.
    pub fn sources(&self) -> Sources<'a> {
        Sources::new(self.record)
    }

    /// How many sources there are.
    pub fn source_count(&self) -> usize {
        self.sources.count
    }

    /// Whether source keys ascend strictly, as they do in canonical records.
    pub fn sources_ascend(&self) -> bool {
        self.sources.ascending
    }
}

impl<'a> SourceSummary<'a> {
    fn take(&mut self, entry: &'a [u8]) -> Result<()> {
        let (key, is_direct) = sources::parse_entry(entry)?;
        self.ascending &= self.count == 0 || self.last < key;
        self.count += 1;
        self.last = key;
        self.message_len += sources::message_len(std::iter::once((key.len(), is_direct)));
        Ok(())
    }
}

/// Reads the string fields of a reference, numbered from 1, over earlier ones.
#[inline]
fn take_texts<'a, const N: usize>(
    reference: &'a [u8],
    mut parts: [&mut &'a str; N],
    structure: &'static str,
) -> Result<()> {
    let mut fields = Fields::new(reference);
    while let Some(field) = fields.next_field()? {
        let part = parts.get_mut((field.number - 1) as usize);
        match (part, field.value) {
            (Some(part), Value::Bytes(bytes)) => **part = wire::text(bytes)?,
            (Some(_), _) => return Err(fields.wrong_type(structure)),
            (None, _) => {}
        }
    }
    Ok(())
}

fn check_expansion(bytes: &[u8]) -> Result<()> {
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (1 | 3, Value::Bytes(bytes)) => drop(wire::text(bytes)?),
            (2, Value::Varint(_)) => {}
            (1..=3, _) => return Err(fields.wrong_type("grant expansion")),
            _ => {}
        }
    }
    Ok(())
}
