//! Index keys made from primary keys, and back, by moving bytes: no component is decoded.
//!
//! A grant key is `0304 00 partition 00 principal`, where *partition* is the encoded entitlement
//! identity (four components) and *principal* the encoded principal (two). Every index of grants is
//! a rearrangement of these two slices, so a splice costs one scan for separators and one copy
//! (`c1z3-keyspace` §3.3, §8.1, §8.3).

use super::family::Family;
use super::tuple::{self, SEPARATOR};
use crate::hex;
use crate::{Error, Result};

/// Components of an entitlement identity.
const PARTITION_COMPONENTS: usize = 4;
/// Components of a principal.
const PRINCIPAL_COMPONENTS: usize = 2;

/// A grant key taken apart into its two encoded halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantKey<'a> {
    /// The encoded entitlement identity.
    pub partition: &'a [u8],
    /// The encoded principal.
    pub principal: &'a [u8],
}

impl<'a> GrantKey<'a> {
    /// Takes a primary grant key apart.
    ///
    /// # Errors
    /// Not a grant key, or not six components. Escapes are not looked at.
    pub fn parse(key: &'a [u8]) -> Result<Self> {
        let body = body(Family::Grant, key)?;
        let (partition, principal) = split(body, PARTITION_COMPONENTS, PRINCIPAL_COMPONENTS, 3)?;
        Ok(Self {
            partition,
            principal,
        })
    }

    /// Takes a principal index key apart.
    ///
    /// # Errors
    /// Not a key of that index, or not six components.
    pub fn parse_by_principal(key: &'a [u8]) -> Result<Self> {
        let body = body(Family::GrantByPrincipal, key)?;
        let (principal, partition) = split(body, PRINCIPAL_COMPONENTS, PARTITION_COMPONENTS, 4)?;
        Ok(Self {
            partition,
            principal,
        })
    }

    /// Takes a key of the needs-expansion index apart.
    ///
    /// # Errors
    /// Not a key of that index, or not six components.
    pub fn parse_needs_expansion(key: &'a [u8]) -> Result<Self> {
        let body = body(Family::GrantNeedsExpansion, key)?;
        let (partition, principal) = split(body, PARTITION_COMPONENTS, PRINCIPAL_COMPONENTS, 4)?;
        Ok(Self {
            partition,
            principal,
        })
    }

    /// Appends the primary key.
    pub fn primary_into(&self, out: &mut Vec<u8>) {
        join(out, Family::Grant, self.partition, self.principal);
    }

    /// Appends the key of the principal index.
    pub fn by_principal_into(&self, out: &mut Vec<u8>) {
        join(
            out,
            Family::GrantByPrincipal,
            self.principal,
            self.partition,
        );
    }

    /// Appends the key of the needs-expansion index.
    pub fn needs_expansion_into(&self, out: &mut Vec<u8>) {
        join(
            out,
            Family::GrantNeedsExpansion,
            self.partition,
            self.principal,
        );
    }

    /// Appends the key of the hash index.
    pub fn hash_into(&self, bucket: u16, out: &mut Vec<u8>) {
        let [high, low] = bucket.to_be_bytes();
        out.extend_from_slice(Family::GrantHash.header());
        out.push(SEPARATOR);
        out.extend_from_slice(self.partition);
        out.extend_from_slice(&[SEPARATOR, high, low]);
        out.extend_from_slice(self.principal);
    }
}

/// A key of the hash index taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HashKey<'a> {
    /// The encoded entitlement identity.
    pub partition: &'a [u8],
    /// Top 16 bits of the hash of the principal.
    pub bucket: u16,
    /// The encoded principal.
    pub principal: &'a [u8],
}

impl<'a> HashKey<'a> {
    /// Takes a key of the hash index apart.
    ///
    /// # Errors
    /// Not a key of that index, or its components do not add up.
    pub fn parse(key: &'a [u8]) -> Result<Self> {
        Self::parse_body(body(Family::GrantHash, key)?, 4)
    }

    pub(crate) fn parse_body(body: &'a [u8], offset: usize) -> Result<Self> {
        let (partition, tail) = split_raw(body, PARTITION_COMPONENTS, offset)?;
        let Some((&bucket, principal)) = tail.split_first_chunk::<2>() else {
            return Err(Error::data_loss(
                "grant hash index key",
                (offset + partition.len() + 1) as u64,
                "two bytes of principal hash",
                hex::short(tail),
            ));
        };
        expect_components(
            principal,
            PRINCIPAL_COMPONENTS,
            offset + partition.len() + 3,
        )?;
        Ok(Self {
            partition,
            bucket: u16::from_be_bytes(bucket),
            principal,
        })
    }

    /// The two halves of the grant key.
    pub fn grant(&self) -> GrantKey<'a> {
        GrantKey {
            partition: self.partition,
            principal: self.principal,
        }
    }
}

/// The encoded entitlement identity of an entitlement key.
///
/// # Errors
/// Not an entitlement key, or not four components.
pub fn entitlement_partition(key: &[u8]) -> Result<&[u8]> {
    let partition = body(Family::Entitlement, key)?;
    expect_components(partition, PARTITION_COMPONENTS, 3)?;
    Ok(partition)
}

/// Appends the primary key of the entitlement whose encoded identity is `partition`.
pub fn entitlement_key_into(partition: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(Family::Entitlement.header());
    out.push(SEPARATOR);
    out.extend_from_slice(partition);
}

/// Appends the parent index key of a resource: the parent's parts escaped, then the resource's own
/// encoded identity moved over from its primary key.
///
/// # Errors
/// `resource_key` is not a resource key, or not of two components.
pub fn by_parent_into(
    resource_key: &[u8],
    parent_type: &[u8],
    parent: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    let child = body(Family::Resource, resource_key)?;
    expect_components(child, 2, 3)?;
    out.extend_from_slice(Family::ResourceByParent.header());
    out.push(SEPARATOR);
    tuple::encode_into(out, [parent_type, parent]);
    out.push(SEPARATOR);
    out.extend_from_slice(child);
    Ok(())
}

/// Appends the primary key of the child that a parent index key names.
///
/// # Errors
/// Not a key of that index, or not four components.
pub fn child_of_parent_key_into(key: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let body = body(Family::ResourceByParent, key)?;
    let (_, child) = split(body, 2, 2, 4)?;
    out.extend_from_slice(Family::Resource.header());
    out.push(SEPARATOR);
    out.extend_from_slice(child);
    Ok(())
}

fn join(out: &mut Vec<u8>, family: Family, first: &[u8], second: &[u8]) {
    let header = family.header();
    out.reserve(header.len() + first.len() + second.len() + 2);
    out.extend_from_slice(header);
    out.push(SEPARATOR);
    out.extend_from_slice(first);
    out.push(SEPARATOR);
    out.extend_from_slice(second);
}

/// The bytes after the header of `family` and its separator.
fn body(family: Family, key: &[u8]) -> Result<&[u8]> {
    key.strip_prefix(family.header())
        .and_then(|tail| tail.strip_prefix(&[SEPARATOR]))
        .ok_or_else(|| {
            Error::data_loss(
                "index splice",
                0,
                format!("a key of the family {family:?}"),
                hex::short(key),
            )
        })
}

/// Splits a tuple of exactly `first + second` components after the first `first`. One pass.
fn split(body: &[u8], first: usize, second: usize, offset: usize) -> Result<(&[u8], &[u8])> {
    let (mut seen, mut cut) = (0, 0);
    for (at, &byte) in body.iter().enumerate() {
        if byte == SEPARATOR {
            seen += 1;
            if seen == first {
                cut = at;
            }
        }
    }
    if seen + 1 != first + second {
        return Err(tuple::wrong_count(
            "index splice",
            offset,
            first + second,
            seen + 1,
        ));
    }
    let (head, tail) = body.split_at_checked(cut).unwrap_or_default();
    Ok((head, tail.get(1..).unwrap_or_default()))
}

/// Splits at the separator that ends component number `count`; what follows is not looked at.
fn split_raw(body: &[u8], count: usize, offset: usize) -> Result<(&[u8], &[u8])> {
    let mut seen = 0;
    let end = body.iter().position(|&byte| {
        seen += usize::from(byte == SEPARATOR);
        seen == count
    });
    match end.and_then(|at| body.split_at_checked(at)) {
        Some((head, tail)) => Ok((head, tail.get(1..).unwrap_or_default())),
        None => Err(tuple::wrong_count(
            "index splice",
            offset,
            count + 1,
            seen + 1,
        )),
    }
}

fn expect_components(tuple: &[u8], expected: usize, offset: usize) -> Result<()> {
    let found = tuple.split(|&byte| byte == SEPARATOR).count();
    if found == expected {
        return Ok(());
    }
    Err(tuple::wrong_count("index splice", offset, expected, found))
}
