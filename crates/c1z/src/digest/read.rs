//! Stored digests, checked and compared.
//!
//! A partition is trusted when its parts agree: leaves stand where the width allows, ascend, are not
//! empty, and sum up to the root. Two partitions are compared at the smaller of their widths, to which
//! the finer one is folded. A partition without a root is unknown: callers treat it as different.

use super::hash::HashedGrant;
use super::node::{Node, Root, WIDTH_MAX};
use crate::keyspace::{Key, NodePosition};
use crate::{Error, Result};

/// A range of buckets and the grants in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Which of the `2^level` ranges.
    pub index: u32,
    /// The grants in it.
    pub node: Node,
}

/// The digest of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDigest {
    /// The root.
    pub root: Root,
    /// The ranges that hold grants, ascending; at width 0 none.
    leaves: Vec<Bucket>,
}

impl PartitionDigest {
    /// Reads the rows of one partition in key order: the root, then the leaves
    /// ([`crate::keyspace::prefix::digest_nodes_of`] is their range). None when there are no rows.
    ///
    /// # Errors
    /// Rows that are no nodes of one partition, or contradict each other.
    pub fn read<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        rows: impl IntoIterator<Item = Result<(K, V)>>,
    ) -> Result<Option<Self>> {
        let mut rows = rows.into_iter();
        let Some((key, value)) = rows.next().transpose()? else {
            return Ok(None);
        };
        let (partition, NodePosition::Root) = node_key(key.as_ref())? else {
            return Err(bad("the root of a partition", "another node"));
        };
        let root = Root::decode(value.as_ref())?;
        let mut leaves = Vec::new();
        for row in rows {
            let (key, value) = row?;
            let (of, NodePosition::Leaf(prefix)) = node_key(key.as_ref())? else {
                return Err(bad("a leaf", "another node"));
            };
            if of != partition {
                return Err(bad("leaves of one partition", "another partition"));
            }
            let node = Node::decode(value.as_ref())?;
            leaves.push(leaf(root.width, prefix, node)?);
        }
        let digest = Self { root, leaves };
        digest.check()?;
        Ok(Some(digest))
    }

    fn check(&self) -> Result<()> {
        if !self.leaves.is_sorted_by(|a, b| a.index < b.index) {
            return Err(bad("leaves in ascending order", "another order"));
        }
        if self.root.width == 0 {
            return Ok(());
        }
        let mut sum = Node::default();
        self.leaves.iter().for_each(|leaf| sum.merge(leaf.node));
        if sum != self.root.node {
            let expected = format!("leaves that add up to {:?}", self.root.node);
            return Err(bad(&expected, &format!("{sum:?}")));
        }
        Ok(())
    }

    /// The ranges at `level` that hold grants, ascending. Level 0 is the one range of all grants and
    /// is there even without any.
    ///
    /// # Errors
    /// Invalid argument for a level finer than the digest's width.
    pub fn nodes_at(&self, level: u8) -> Result<Vec<Bucket>> {
        let width = self.root.width;
        if level > width {
            return Err(Error::invalid(format!(
                "grant digest has no such level level=`{level}` width=`{width}`"
            )));
        }
        if level == 0 {
            let node = self.root.node;
            return Ok(vec![Bucket { index: 0, node }]);
        }
        let mut folded: Vec<Bucket> = Vec::new();
        for leaf in &self.leaves {
            let index = leaf.index >> (width - level);
            match folded.last_mut() {
                Some(last) if last.index == index => last.node.merge(leaf.node),
                _ => folded.push(Bucket { index, ..*leaf }),
            }
        }
        Ok(folded)
    }

    /// Where two digests differ: a level, and the indexes of the ranges at it whose grants are not
    /// the same. Empty when the partitions hold the same grants.
    pub fn differing(&self, other: &Self) -> (u8, Vec<u32>) {
        let level = self.root.width.min(other.root.width);
        if self.root.node == other.root.node {
            return (level, Vec::new());
        }
        let mine = self.nodes_at(level).unwrap_or_default();
        let theirs = other.nodes_at(level).unwrap_or_default();
        (level, differing_indexes(&mine, &theirs))
    }
}

/// The ranges at `level` that hold grants, ascending, from the rows of one partition in the hash index
/// in key order ([`crate::keyspace::prefix::hash_rows_of`]): for levels finer than a digest's width.
/// Callers check first that the partition has a root; rows alone say nothing.
///
/// # Errors
/// Rows that are none of the index or do not ascend; invalid argument for a level above 16.
pub fn nodes_of_rows<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    level: u8,
    rows: impl IntoIterator<Item = Result<(K, V)>>,
) -> Result<Vec<Bucket>> {
    let Some(shift) = WIDTH_MAX.checked_sub(level) else {
        return Err(Error::invalid(format!(
            "grant digest has no such level level=`{level}`"
        )));
    };
    let mut nodes: Vec<Bucket> = Vec::new();
    for row in rows {
        let (key, value) = row?;
        let grant = HashedGrant::from_row(key.as_ref(), value.as_ref())?;
        let index = u32::from(grant.bucket) >> shift;
        match nodes.last_mut() {
            Some(last) if last.index == index => last.node.add(grant.content),
            Some(last) if last.index > index => {
                return Err(bad("hash index rows in ascending order", "another order"));
            }
            _ => {
                let mut node = Node::default();
                node.add(grant.content);
                nodes.push(Bucket { index, node });
            }
        }
    }
    Ok(nodes)
}

/// Whether a bucket lies in range `index` at `level`.
pub fn contains(level: u8, index: u32, bucket: u16) -> bool {
    let shift = u32::from(WIDTH_MAX.saturating_sub(level));
    u32::from(bucket) >> shift == index
}

fn differing_indexes(mine: &[Bucket], theirs: &[Bucket]) -> Vec<u32> {
    let (mut mine, mut theirs) = (mine.iter().peekable(), theirs.iter().peekable());
    let mut found = Vec::new();
    loop {
        let index = match (mine.peek(), theirs.peek()) {
            (None, None) => return found,
            (Some(a), None) => a.index,
            (None, Some(b)) => b.index,
            (Some(a), Some(b)) => a.index.min(b.index),
        };
        let a = mine.next_if(|bucket| bucket.index == index);
        let b = theirs.next_if(|bucket| bucket.index == index);
        if a != b {
            found.push(index);
        }
    }
}

fn node_key(key: &[u8]) -> Result<(Vec<u8>, NodePosition)> {
    match Key::parse(key)? {
        Key::DigestNode {
            partition,
            position,
        } => Ok((partition.into_owned(), position)),
        _ => Err(bad("a digest node key", "another key")),
    }
}

/// A leaf whose prefix holds its index in the top `width` bits and nothing below.
fn leaf(width: u8, prefix: u16, node: Node) -> Result<Bucket> {
    let index = u32::from(prefix) >> (WIDTH_MAX - width);
    if width == 0 || index << (WIDTH_MAX - width) != u32::from(prefix) {
        let expected = format!("a leaf of width {width}");
        return Err(bad(&expected, &format!("prefix {prefix:04x}")));
    }
    if node.count == 0 {
        return Err(bad("a leaf with grants", "an empty leaf"));
    }
    Ok(Bucket { index, node })
}

#[cold]
fn bad(expected: &str, found: &str) -> Error {
    Error::data_loss("grant digest", 0, expected, found)
}
