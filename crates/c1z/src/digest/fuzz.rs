//! Entry points for hostile digests: an error or an answer, never a panic.

use super::{GrantHasher, HashedGrant, Node, PartitionDigest, Root, WIDTH_MAX, nodes_of_rows};

/// Reads rows of one partition, as given.
///
/// # Panics
/// If an accepted digest differs from itself, or its levels do not add up.
pub fn partition(rows: &[(Vec<u8>, Vec<u8>)]) {
    let pairs = || rows.iter().map(|(key, value)| Ok((key, value)));
    if let Ok(Some(digest)) = PartitionDigest::read(pairs()) {
        assert_eq!(digest.differing(&digest).1, Vec::<u32>::new());
        for level in 0..=digest.root.width {
            let nodes = digest.nodes_at(level).unwrap_or_default();
            let mut sum = Node::default();
            for bucket in &nodes {
                sum.merge(bucket.node);
            }
            assert_eq!(sum, digest.root.node);
        }
    }
    for level in [0, 1, WIDTH_MAX, WIDTH_MAX + 1] {
        drop(nodes_of_rows(level, pairs()));
    }
}

/// Reads a key and a value as a hash row and a node, and hashes them as a grant.
///
/// # Panics
/// If an accepted value does not encode to itself.
pub fn row(key: &[u8], value: &[u8]) {
    drop(GrantHasher::new().hash(key, value));
    if let Ok(row) = HashedGrant::from_row(key, value) {
        let mut again = Vec::new();
        row.key_into(&mut again);
        assert_eq!((again.as_slice(), &row.value()[..]), (key, value));
    }
    if let Ok(node) = Node::decode(value) {
        assert_eq!(node.encode(), value);
    }
    if let Ok(root) = Root::decode(value) {
        assert_eq!(root.encode(), value);
    }
}
