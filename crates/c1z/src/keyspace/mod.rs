//! The keyspace of a v3 database: how records, indexes, digests and stamps are named by keys.
//!
//! Pure functions of bytes. Nothing here opens a file, decodes a record beyond the few fields that an
//! index needs, or knows which sync is meant: one database holds one sync. Facts come from
//! `c1z3-keyspace` §2 to §4, §11 and §12; `docs/format/keyspace.md` is the short form.
//!
//! In reading order: [`mod@tuple`] (the codec), [`family`] (the ranges), [`identity`] (what is one row),
//! [`key`] (keys as values), [`metadata`] and [`stamp`] (the engine's rows), [`splice`] and
//! [`mod@derive`] (index keys from primary rows), [`prefix`] (ranges for lists and wipes), [`bare_id`]
//! (readings of a joined id), [`external_id`] (the older layout).

pub mod bare_id;
pub mod derive;
pub mod external_id;
pub mod family;
#[doc(hidden)]
pub mod fuzz;
pub mod identity;
pub mod key;
pub mod metadata;
pub mod prefix;
mod show;
pub mod splice;
pub mod stamp;
pub mod tuple;

#[cfg(test)]
mod tests;

pub use derive::{Deriver, IndexSet};
pub use external_id::ExternalIdKey;
pub use family::Family;
pub use identity::{EntitlementIdentity, GrantIdentity, IdForm};
pub use key::{Key, NodePosition, ResourceIdentity};
pub use metadata::MetadataKey;
pub use prefix::KeyRange;
pub use splice::{GrantKey, HashKey};
pub use stamp::Layout;

/// The index that grant digests are built over, as it stands in a digest node's key.
pub(crate) const DIGEST_INDEX: u8 = 0x08;

/// What every digest node key begins with: header, index and separator.
pub(crate) fn digest_node_prefix() -> Vec<u8> {
    let mut prefix = Family::DigestNode.header().to_vec();
    prefix.extend_from_slice(&[DIGEST_INDEX, tuple::SEPARATOR]);
    prefix
}
