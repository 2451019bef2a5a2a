//! Grant digests: a small hash tree over the grants of each entitlement, so that two files can be
//! compared without reading their grants.
//!
//! Grants of one entitlement are one *partition*, named by the encoded entitlement identity. A grant
//! has a content hash (its identity and the set of its sources) and falls into a bucket by the hash of
//! its principal. A partition has a root and, when it is large, leaves over ranges of buckets; the
//! file has one global root. A node is a count and the XOR of the content hashes below it, so nodes
//! fold into coarser ones and do not depend on the order of grants.
//!
//! | file | holds |
//! |---|---|
//! | [`hash`] | the two hashes, and rows of the hash index |
//! | [`node`] | counts, XORs, widths, and their bytes |
//! | [`build`] | nodes from a stream of grants or of hash index rows; rows sorted within a partition |
//! | [`read`] | checking, folding and comparing stored digests |
//!
//! Rule: present means exact. Digests of a file that is edited are dropped for the touched partition,
//! with the global root, or rebuilt; absence means "recompute", never "no grants". Facts come from
//! `c1z3-keyspace` §8.

pub mod build;
#[doc(hidden)]
pub mod fuzz;
pub mod hash;
pub mod node;
pub mod read;

#[cfg(test)]
mod tests;

pub use build::{DigestBuilder, HashRowSorter};
pub use hash::{GrantHasher, HashedGrant};
pub use node::{Node, Root, WIDTH_MAX, width_of};
pub use read::{Bucket, PartitionDigest, nodes_of_rows};

use crate::keyspace::tuple::Part;
use crate::keyspace::{Key, NodePosition};

/// Version of the hashes and of the node encoding.
pub const ABI_VERSION: u32 = 1;

/// The key of the global root. Whoever touches a partition deletes it with the partition's own
/// ranges ([`crate::keyspace::prefix::digest_nodes_of`], [`crate::keyspace::prefix::hash_rows_of`]).
pub fn global_root_key() -> Vec<u8> {
    node_key(&[], NodePosition::Global)
}

/// The key of the root of a partition.
pub fn root_key(partition: &[u8]) -> Vec<u8> {
    node_key(partition, NodePosition::Root)
}

fn node_key(partition: &[u8], position: NodePosition) -> Vec<u8> {
    let partition = Part::Borrowed(partition);
    Key::DigestNode {
        partition,
        position,
    }
    .to_vec()
}
