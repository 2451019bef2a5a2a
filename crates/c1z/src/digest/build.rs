//! Building digests in one pass, in bounded memory.
//!
//! Nodes do not depend on the order of grants inside a partition, so [`DigestBuilder`] takes either
//! the grants in primary order or the rows of the hash index in theirs: partitions come ascending in
//! both. It holds one partition at a time, at most [`PARTITION_BYTES_MAX`] whatever its size. The
//! rows of the hash index, in contrast, must be sorted within a partition: either by the caller's
//! own sorter, or by [`HashRowSorter`] up to a budget.
//!
//! Partitions without grants have roots too. A caller with two cursors interleaves them:
//!
//! ```text
//! for each grant: while the next entitlement's partition <= the grant's: builder.entitlement(it)
//!                 builder.grant(the hashed grant)
//! the remaining entitlements; builder.finish()
//! ```
//!
//! Node keys come ascending, but for the global root: it sorts before all of them and is known last.

use super::hash::HashedGrant;
use super::node::{Node, Root, WIDTH_MAX, width_of};
use crate::keyspace::tuple::Part;
use crate::keyspace::{GrantKey, Key, NodePosition};
use crate::{Error, ErrorKind, Result};

/// Receives keys and values of rows.
pub type Sink<'s> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 's;

/// Grants that are listed one by one before they are counted by bucket.
const LISTED_MAX: usize = 1 << 16;
/// Number of buckets.
const BUCKETS: usize = 1 << WIDTH_MAX;
/// Memory for one partition: the list, the table of buckets and the leaves, 16 bytes an entry.
pub const PARTITION_BYTES_MAX: usize = 16 * (LISTED_MAX + 2 * BUCKETS);

/// Grants of one partition by bucket.
#[derive(Debug, Default)]
struct Buckets {
    total: Node,
    /// Bucket and content hash of each grant, until there are too many.
    listed: Vec<(u16, u64)>,
    /// Nodes by bucket, once there are.
    table: Vec<Node>,
}

impl Buckets {
    fn add(&mut self, bucket: u16, content: u64) {
        self.total.add(content);
        if !self.table.is_empty() {
            return self.add_to_table(bucket, content);
        }
        self.listed.push((bucket, content));
        if self.listed.len() == LISTED_MAX {
            self.table.resize(BUCKETS, Node::default());
            for (bucket, content) in std::mem::take(&mut self.listed) {
                self.add_to_table(bucket, content);
            }
        }
    }

    fn add_to_table(&mut self, bucket: u16, content: u64) {
        if let Some(node) = self.table.get_mut(usize::from(bucket)) {
            node.add(content);
        }
    }

    /// The leaves at `width`, dense: the node of each of `2^width` ranges of buckets.
    fn leaves(&self, width: u8) -> Vec<Node> {
        let mut leaves = vec![Node::default(); 1 << width];
        let leaf_of = |bucket: usize| bucket >> (WIDTH_MAX - width);
        for &(bucket, content) in &self.listed {
            if let Some(leaf) = leaves.get_mut(leaf_of(usize::from(bucket))) {
                leaf.add(content);
            }
        }
        for (bucket, &node) in self.table.iter().enumerate() {
            if let Some(leaf) = leaves.get_mut(leaf_of(bucket)) {
                leaf.merge(node);
            }
        }
        leaves
    }

    fn clear(&mut self) {
        self.total = Node::default();
        self.listed.clear();
        self.table.clear();
    }
}

/// Builds the nodes of all partitions and the global root.
#[derive(Debug, Default)]
pub struct DigestBuilder {
    global: Node,
    /// The partition that is open; none before the first.
    partition: Option<Vec<u8>>,
    buckets: Buckets,
    key: Vec<u8>,
}

impl DigestBuilder {
    /// A builder without grants.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the partition of an entitlement, which gets a root also without grants. Nodes of the
    /// partition before it go to `sink`.
    ///
    /// # Errors
    /// A partition that sorts before the open one, or the error of `sink`.
    pub fn entitlement(&mut self, partition: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        match &self.partition {
            Some(open) if open == partition => return Ok(()),
            Some(open) if open.as_slice() > partition => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "partitions do not come in ascending order",
                ));
            }
            _ => {}
        }
        self.close(sink)?;
        let mut open = self.partition.take().unwrap_or_default();
        open.clear();
        open.extend_from_slice(partition);
        self.partition = Some(open);
        Ok(())
    }

    /// Adds a grant. Grants of one partition come together, in any order.
    ///
    /// # Errors
    /// A partition that sorts before the open one, or the error of `sink`.
    pub fn grant(&mut self, grant: &HashedGrant<'_>, sink: &mut Sink<'_>) -> Result<()> {
        self.entitlement(grant.grant.partition, sink)?;
        self.buckets.add(grant.bucket, grant.content);
        Ok(())
    }

    /// Closes the last partition and returns the global root, which is not in `sink`: its key is
    /// [`super::global_root_key`], its value [`Node::encode`].
    ///
    /// # Errors
    /// The error of `sink`.
    pub fn finish(mut self, sink: &mut Sink<'_>) -> Result<Node> {
        self.close(sink)?;
        Ok(self.global)
    }

    fn close(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        let Some(partition) = &self.partition else {
            return Ok(());
        };
        let node = self.buckets.total;
        let width = width_of(node.count);
        let mut emit = |position, value: &[u8]| {
            self.key.clear();
            let partition = Part::Borrowed(partition.as_slice());
            let key = Key::DigestNode {
                partition,
                position,
            };
            key.encode_into(&mut self.key);
            sink(&self.key, value)
        };
        emit(NodePosition::Root, &Root { width, node }.encode())?;
        if width > 0 {
            for (index, leaf) in (0u32..).zip(self.buckets.leaves(width)) {
                if leaf.count > 0 {
                    emit(
                        NodePosition::Leaf(leaf_prefix(index, width)),
                        &leaf.encode(),
                    )?;
                }
            }
        }
        self.global.merge(node);
        self.buckets.clear();
        Ok(())
    }
}

/// The index of a leaf, shifted to the top of 16 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "an index of `width` bits shifted by 16 - width has 16"
)]
fn leaf_prefix(index: u32, width: u8) -> u16 {
    (index << (WIDTH_MAX - width)) as u16
}

/// Sorts the rows of the hash index within each partition, in memory.
///
/// For a stream of grants in primary order, whose partitions come together; a caller with a sorter of
/// its own for whole families does not need it.
#[derive(Debug)]
pub struct HashRowSorter {
    bytes_max: usize,
    partition: Vec<u8>,
    principals: Vec<u8>,
    rows: Vec<SortedRow>,
    key: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct SortedRow {
    bucket: u16,
    content: u64,
    start: usize,
    end: usize,
}

impl HashRowSorter {
    /// A sorter that holds at most `bytes_max` bytes of rows at a time. A row takes the length of its
    /// encoded principal and 32 bytes, so 64 MiB hold about a million grants of one entitlement.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            partition: Vec::new(),
            principals: Vec::new(),
            rows: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Adds a grant; when it opens a new partition, the rows of the one before go to `sink` in order.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceExhausted`] when one partition exceeds the budget: sort the rows outside.
    /// The error of `sink`.
    pub fn add(&mut self, grant: &HashedGrant<'_>, sink: &mut Sink<'_>) -> Result<()> {
        if self.partition != grant.grant.partition {
            self.flush(sink)?;
            self.partition.extend_from_slice(grant.grant.partition);
        }
        let principal = grant.grant.principal;
        let held = self.principals.len() + (self.rows.len() + 1) * size_of::<SortedRow>();
        if held + principal.len() > self.bytes_max {
            let budget = self.bytes_max;
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!("grants of one entitlement exceed the sort budget bytes=`{budget}`"),
            ));
        }
        let start = self.principals.len();
        self.principals.extend_from_slice(principal);
        self.rows.push(SortedRow {
            bucket: grant.bucket,
            content: grant.content,
            start,
            end: self.principals.len(),
        });
        Ok(())
    }

    /// Sends the rows of the last partition.
    ///
    /// # Errors
    /// The error of `sink`.
    pub fn finish(mut self, sink: &mut Sink<'_>) -> Result<()> {
        self.flush(sink)
    }

    fn flush(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        let principals = &self.principals;
        let principal = |row: &SortedRow| principals.get(row.start..row.end).unwrap_or_default();
        self.rows.sort_unstable_by(|a, b| {
            let by_bucket = a.bucket.cmp(&b.bucket);
            by_bucket.then_with(|| principal(a).cmp(principal(b)))
        });
        for row in &self.rows {
            let grant = GrantKey {
                partition: &self.partition,
                principal: principal(row),
            };
            self.key.clear();
            grant.hash_into(row.bucket, &mut self.key);
            sink(&self.key, &row.content.to_be_bytes())?;
        }
        self.partition.clear();
        self.principals.clear();
        self.rows.clear();
        Ok(())
    }
}
