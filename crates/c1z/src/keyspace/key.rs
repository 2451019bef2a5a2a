//! Keys as values: every shape of the layout as a variant, parsed from bytes and encoded to them.
//!
//! [`Key::parse`] accepts exactly what [`Key::encode_into`] can produce, plus keys that the layout
//! tolerates without giving them meaning, and keeps those as they are. So parsing and encoding again
//! is the identity on every accepted key (`c1z3-keyspace` §3). Hot paths do not build this enum:
//! they splice bytes ([`super::splice`]).

use super::family::Family;
use super::identity::{EntitlementIdentity, GrantIdentity};
use super::metadata::MetadataKey;
use super::tuple::{self, Part, SEPARATOR};
use super::{DIGEST_INDEX, digest_node_prefix};
use crate::hex;
use crate::{Error, Result};

/// Type and id of a resource, as components of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceIdentity<'a> {
    /// The resource's type.
    pub resource_type: Part<'a>,
    /// The resource's id.
    pub resource: Part<'a>,
}

impl<'a> ResourceIdentity<'a> {
    /// The identity of the given parts. Borrows its arguments.
    pub fn new<B: AsRef<[u8]> + ?Sized>(resource_type: &'a B, resource: &'a B) -> Self {
        Self {
            resource_type: Part::Borrowed(resource_type.as_ref()),
            resource: Part::Borrowed(resource.as_ref()),
        }
    }
}

/// Where a digest node stands inside its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodePosition {
    /// Level `00`: width, count and hash of the partition.
    Root,
    /// Level `01`: one bucket; the bucket index stands in the top bits.
    Leaf(u16),
    /// Level `02` of the empty partition: the whole file.
    Global,
}

/// A key of the layout.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key<'a> {
    /// A resource type by its id.
    ResourceType(Part<'a>),
    /// A resource.
    Resource(ResourceIdentity<'a>),
    /// An entitlement.
    Entitlement(EntitlementIdentity<'a>),
    /// A grant.
    Grant(GrantIdentity<'a>),
    /// An asset by its id.
    Asset(Part<'a>),
    /// The sync run.
    SyncRun,
    /// An index row: a resource under its parent.
    ResourceByParent {
        /// The parent; its type may be empty.
        parent: ResourceIdentity<'a>,
        /// The resource that names it.
        child: ResourceIdentity<'a>,
    },
    /// An index row: a grant under its principal.
    GrantByPrincipal(GrantIdentity<'a>),
    /// An index row: a grant whose expansion is pending.
    GrantNeedsExpansion(GrantIdentity<'a>),
    /// A hash index row.
    GrantHash {
        /// The grant.
        grant: GrantIdentity<'a>,
        /// Top 16 bits of the hash of the principal.
        bucket: u16,
    },
    /// A session row.
    Session {
        /// The sync that the row belongs to.
        sync_id: Part<'a>,
        /// Prefix and key of the entry, joined without a separator.
        key: Part<'a>,
    },
    /// A node of the grant digests.
    DigestNode {
        /// The encoded entitlement identity; empty for the global root.
        partition: Part<'a>,
        /// Root, leaf or global root.
        position: NodePosition,
    },
    /// A stamp, marker or sidecar.
    Metadata(MetadataKey<'a>),
    /// A key of a retired or reserved family: tolerated, never read.
    Retired(Family, &'a [u8]),
    /// A key outside every family: tolerated, never read.
    Unassigned(&'a [u8]),
}

impl<'a> Key<'a> {
    /// Reads a key. Borrows from it wherever a component holds no escape.
    ///
    /// # Errors
    /// A key of a known family whose components contradict the layout.
    pub fn parse(key: &'a [u8]) -> Result<Self> {
        let Some(family) = Family::of(key) else {
            return Ok(Key::Unassigned(key));
        };
        if family.is_retired() {
            return Ok(Key::Retired(family, key));
        }
        match family {
            Family::SyncRun => parse_sync_run(key),
            Family::Metadata => Ok(Key::Metadata(MetadataKey::parse(key))),
            Family::DigestNode => parse_digest_node(key),
            _ => {
                let offset = family.header().len() + 1;
                parse_tuple_key(family, body(family, key)?, offset)
            }
        }
    }

    /// The family; none for keys outside every family.
    pub fn family(&self) -> Option<Family> {
        Some(match self {
            Key::ResourceType(_) => Family::ResourceType,
            Key::Resource(_) => Family::Resource,
            Key::Entitlement(_) => Family::Entitlement,
            Key::Grant(_) => Family::Grant,
            Key::Asset(_) => Family::Asset,
            Key::SyncRun => Family::SyncRun,
            Key::ResourceByParent { .. } => Family::ResourceByParent,
            Key::GrantByPrincipal(_) => Family::GrantByPrincipal,
            Key::GrantNeedsExpansion(_) => Family::GrantNeedsExpansion,
            Key::GrantHash { .. } => Family::GrantHash,
            Key::Session { .. } => Family::Session,
            Key::DigestNode { .. } => Family::DigestNode,
            Key::Metadata(_) => Family::Metadata,
            Key::Retired(family, _) => *family,
            Key::Unassigned(_) => return None,
        })
    }

    /// Appends the key's bytes to `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Key::Metadata(key) => return key.encode_into(out),
            Key::Retired(_, key) | Key::Unassigned(key) => return out.extend_from_slice(key),
            Key::DigestNode {
                partition,
                position,
            } => return encode_digest_node(out, partition, *position),
            _ => {}
        }
        if let Some(family) = self.family() {
            out.extend_from_slice(family.header());
        }
        if !matches!(self, Key::SyncRun) {
            out.push(SEPARATOR);
        }
        self.encode_components(out);
    }

    /// The key's bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }

    fn encode_components(&self, out: &mut Vec<u8>) {
        match self {
            Key::ResourceType(id) | Key::Asset(id) => tuple::escape_into(out, id),
            Key::Resource(id) => tuple::encode_into(out, [&*id.resource_type, &*id.resource]),
            Key::Entitlement(id) => id.encode_into(out),
            Key::Grant(id) | Key::GrantNeedsExpansion(id) => id.encode_into(out),
            Key::GrantByPrincipal(id) => {
                id.encode_principal_into(out);
                out.push(SEPARATOR);
                id.entitlement.encode_into(out);
            }
            Key::ResourceByParent { parent, child } => tuple::encode_into(
                out,
                [
                    &*parent.resource_type,
                    &*parent.resource,
                    &*child.resource_type,
                    &*child.resource,
                ],
            ),
            Key::GrantHash { grant, bucket } => {
                grant.entitlement.encode_into(out);
                out.push(SEPARATOR);
                out.extend_from_slice(&bucket.to_be_bytes());
                grant.encode_principal_into(out);
            }
            Key::Session { sync_id, key } => tuple::encode_into(out, [&**sync_id, &**key]),
            // Encoded above, whole.
            Key::SyncRun
            | Key::DigestNode { .. }
            | Key::Metadata(_)
            | Key::Retired(..)
            | Key::Unassigned(_) => {}
        }
    }
}

fn parse_sync_run(key: &[u8]) -> Result<Key<'_>> {
    match key.len() {
        2 => Ok(Key::SyncRun),
        _ => Err(Error::data_loss(
            "sync run key",
            2,
            "the two bytes 0306 alone",
            hex::short(key),
        )),
    }
}

/// The bytes after the header and its separator.
fn body(family: Family, key: &[u8]) -> Result<&[u8]> {
    let header = family.header();
    match key.get(header.len()..).and_then(<[u8]>::split_first) {
        Some((&SEPARATOR, body)) => Ok(body),
        other => Err(Error::data_loss(
            "key",
            header.len() as u64,
            "separator 00 after the family header",
            other.map_or("end of key".to_owned(), |(byte, _)| format!("{byte:02x}")),
        )),
    }
}

fn parse_tuple_key(family: Family, body: &[u8], offset: usize) -> Result<Key<'_>> {
    Ok(match family {
        Family::ResourceType => {
            let [id] = tuple::decode("resource type key", body, offset)?;
            Key::ResourceType(id)
        }
        Family::Asset => {
            let [id] = tuple::decode("asset key", body, offset)?;
            Key::Asset(id)
        }
        Family::Resource => {
            let [resource_type, resource] = tuple::decode("resource key", body, offset)?;
            Key::Resource(ResourceIdentity {
                resource_type,
                resource,
            })
        }
        Family::Entitlement => {
            let parts = tuple::decode("entitlement key", body, offset)?;
            Key::Entitlement(EntitlementIdentity::from_parts(parts, offset)?)
        }
        Family::Grant => Key::Grant(parse_grant("grant key", body, offset)?),
        Family::GrantNeedsExpansion => {
            Key::GrantNeedsExpansion(parse_grant("grant expansion index key", body, offset)?)
        }
        Family::GrantByPrincipal => parse_by_principal(body, offset)?,
        Family::ResourceByParent => parse_by_parent(body, offset)?,
        Family::Session => {
            let [sync_id, key] = tuple::decode("session key", body, offset)?;
            Key::Session { sync_id, key }
        }
        _ => parse_grant_hash(body, offset)?,
    })
}

fn parse_by_parent(body: &[u8], offset: usize) -> Result<Key<'_>> {
    let [pt, p, ct, c] = tuple::decode("resource parent index key", body, offset)?;
    Ok(Key::ResourceByParent {
        parent: ResourceIdentity {
            resource_type: pt,
            resource: p,
        },
        child: ResourceIdentity {
            resource_type: ct,
            resource: c,
        },
    })
}

fn parse_grant<'a>(
    structure: &'static str,
    body: &'a [u8],
    offset: usize,
) -> Result<GrantIdentity<'a>> {
    let [rt, rid, flag, tail, principal @ ..] = tuple::decode::<6>(structure, body, offset)?;
    GrantIdentity::from_parts([rt, rid, flag, tail], principal, offset)
}

fn parse_by_principal(body: &[u8], offset: usize) -> Result<Key<'_>> {
    let [pt, pid, entitlement @ ..] =
        tuple::decode::<6>("grant principal index key", body, offset)?;
    let grant = GrantIdentity::from_parts(entitlement, [pt, pid], offset)?;
    Ok(Key::GrantByPrincipal(grant))
}

/// The two bytes of the bucket are raw and may look like separators, so the four components before
/// them are counted off first.
fn parse_grant_hash(body: &[u8], offset: usize) -> Result<Key<'_>> {
    const STRUCTURE: &str = "grant hash index key";
    let row = super::splice::HashKey::parse_body(body, offset)?;
    let entitlement = tuple::decode(STRUCTURE, row.partition, offset)?;
    let principal_offset = offset + row.partition.len() + 3;
    let principal = tuple::decode(STRUCTURE, row.principal, principal_offset)?;
    Ok(Key::GrantHash {
        grant: GrantIdentity::from_parts(entitlement, principal, offset)?,
        bucket: row.bucket,
    })
}

fn parse_digest_node(key: &[u8]) -> Result<Key<'_>> {
    let bad = |offset: usize, expected: &str| {
        let found = hex::short(key.get(offset..).unwrap_or_default());
        Err(Error::data_loss(
            "digest node key",
            offset as u64,
            expected,
            found,
        ))
    };
    let prefix = digest_node_prefix();
    let Some(body) = key.strip_prefix(prefix.as_slice()) else {
        return match key.get(2) {
            Some(&DIGEST_INDEX) | None => bad(2, "index 08 and a separator"),
            // Digests of an index that this layout does not have: tolerated like other strangers.
            Some(_) => Ok(Key::Unassigned(key)),
        };
    };
    let (escaped, tail) = tuple::split_piece(body);
    let partition = tuple::unescape(escaped, prefix.len())?;
    let level_offset = prefix.len() + escaped.len() + 1;
    let position = match (tail, partition.is_empty()) {
        (Some([0x00]), false) => NodePosition::Root,
        (Some(&[0x01, high, low]), false) => NodePosition::Leaf(u16::from_be_bytes([high, low])),
        (Some([0x02]), true) => NodePosition::Global,
        _ => {
            return bad(
                level_offset,
                "a level 00, 01 with two bytes, or a global 02",
            );
        }
    };
    Ok(Key::DigestNode {
        partition,
        position,
    })
}

fn encode_digest_node(out: &mut Vec<u8>, partition: &[u8], position: NodePosition) {
    out.extend_from_slice(&digest_node_prefix());
    tuple::escape_into(out, partition);
    out.push(SEPARATOR);
    match position {
        NodePosition::Root => out.push(0x00),
        NodePosition::Leaf(prefix) => {
            out.push(0x01);
            out.extend_from_slice(&prefix.to_be_bytes());
        }
        NodePosition::Global => out.push(0x02),
    }
}
