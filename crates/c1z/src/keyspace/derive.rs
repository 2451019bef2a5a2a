//! The index rows that a primary row implies.
//!
//! | primary | index row | when |
//! |---|---|---|
//! | resource | by parent | its parent has a resource id |
//! | grant | by principal | always |
//! | grant | needs expansion | the flag is set in the value |
//!
//! Values are scanned for the one field that decides, never decoded. Later occurrences of a field win
//! over earlier ones, as in a protobuf decoder (`c1z3-keyspace` §3.3, §3.4). The same rows are put with
//! a new primary and deleted with an old one.

use super::family::Family;
use super::splice::{self, GrantKey};
use crate::Result;
use crate::record::wire::{Fields, Value};

/// Which indexes to derive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexSet {
    /// Resources by parent.
    pub by_parent: bool,
    /// Grants by principal.
    pub by_principal: bool,
    /// Grants that need expansion.
    pub needs_expansion: bool,
}

impl IndexSet {
    /// Every index.
    pub const ALL: IndexSet = IndexSet {
        by_parent: true,
        by_principal: true,
        needs_expansion: true,
    };
    /// The indexes that are kept during a sync; the principal index may wait for its end.
    pub const INLINE: IndexSet = IndexSet {
        by_principal: false,
        ..IndexSet::ALL
    };
}

/// Derives index rows; holds one buffer that every call uses again.
#[derive(Clone, Debug)]
pub struct Deriver {
    indexes: IndexSet,
    buffer: Vec<u8>,
}

impl Deriver {
    /// A deriver of the given indexes.
    pub fn new(indexes: IndexSet) -> Self {
        Self {
            indexes,
            buffer: Vec::new(),
        }
    }

    /// Calls `emit` with the key of each index row that the primary row implies; the values of those
    /// rows are empty. Rows of other families imply none. Costs one scan of key and value.
    ///
    /// # Errors
    /// A key or value that contradicts the layout, or the first error of `emit`; rows emitted before
    /// it stand.
    pub fn derive(
        &mut self,
        key: &[u8],
        value: &[u8],
        emit: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        match Family::of(key) {
            Some(Family::Grant) => self.derive_grant(key, value, emit),
            Some(Family::Resource) if self.indexes.by_parent => {
                let Some((parent_type, parent)) = parent_of(value)? else {
                    return Ok(());
                };
                self.buffer.clear();
                splice::by_parent_into(key, parent_type, parent, &mut self.buffer)?;
                emit(&self.buffer)
            }
            _ => Ok(()),
        }
    }

    fn derive_grant(
        &mut self,
        key: &[u8],
        value: &[u8],
        emit: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let grant = GrantKey::parse(key)?;
        if self.indexes.by_principal {
            self.buffer.clear();
            grant.by_principal_into(&mut self.buffer);
            emit(&self.buffer)?;
        }
        if self.indexes.needs_expansion && needs_expansion(value)? {
            self.buffer.clear();
            grant.needs_expansion_into(&mut self.buffer);
            emit(&self.buffer)?;
        }
        Ok(())
    }
}

/// Type and id of the parent in a stored resource; none when the id is empty.
///
/// # Errors
/// Bytes that are not a protobuf message.
pub fn parent_of(resource_value: &[u8]) -> Result<Option<(&[u8], &[u8])>> {
    let (mut parent_type, mut parent): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = Fields::new(resource_value);
    while let Some(field) = fields.next_field()? {
        let (6, Value::Bytes(reference)) = (field.number, field.value) else {
            continue;
        };
        let mut parts = Fields::new(reference);
        while let Some(part) = parts.next_field()? {
            match (part.number, part.value) {
                (1, Value::Bytes(bytes)) => parent_type = bytes,
                (2, Value::Bytes(bytes)) => parent = bytes,
                _ => {}
            }
        }
    }
    Ok((!parent.is_empty()).then_some((parent_type, parent)))
}

/// Whether a stored grant has its needs-expansion flag set.
///
/// # Errors
/// Bytes that are not a protobuf message.
pub fn needs_expansion(grant_value: &[u8]) -> Result<bool> {
    let mut flag = false;
    let mut fields = Fields::new(grant_value);
    while let Some(field) = fields.next_field()? {
        if let (7, Value::Varint(value)) = (field.number, field.value) {
            flag = value != 0;
        }
    }
    Ok(flag)
}
