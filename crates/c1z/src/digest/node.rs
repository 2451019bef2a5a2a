//! Nodes and their bytes.
//!
//! | node | value |
//! |---|---|
//! | partition root | width u8, count be64, xor be64 |
//! | leaf, global root | count be64, xor be64 |

use c1z_proto::c1z::v3::GrantDigestRoot;

use super::ABI_VERSION;
use crate::{Error, Result};

/// The greatest width: one leaf per bucket.
pub const WIDTH_MAX: u8 = 16;
/// Grants per leaf that the width aims at. A tuning value: readers take the width from the root.
const LEAF_GRANTS: u64 = 512;

/// A number of grants and the XOR of their content hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Grants below.
    pub count: u64,
    /// XOR of their content hashes.
    pub xor: u64,
}

impl Node {
    /// Adds one grant.
    pub fn add(&mut self, content: u64) {
        self.merge(Node {
            count: 1,
            xor: content,
        });
    }

    /// Adds the grants of another node. Saturates, so that damaged counts cannot overflow.
    pub fn merge(&mut self, other: Node) {
        self.count = self.count.saturating_add(other.count);
        self.xor ^= other.xor;
    }

    /// The value of a leaf or of the global root.
    pub fn encode(&self) -> [u8; 16] {
        (u128::from(self.count) << 64 | u128::from(self.xor)).to_be_bytes()
    }

    /// Reads the value of a leaf or of the global root.
    ///
    /// # Errors
    /// A value that is not 16 bytes.
    pub fn decode(value: &[u8]) -> Result<Self> {
        match value.as_chunks::<8>() {
            (&[count, xor], []) => Ok(Self {
                count: u64::from_be_bytes(count),
                xor: u64::from_be_bytes(xor),
            }),
            _ => Err(wrong_len("digest node", 16, value)),
        }
    }

    /// What the manifest says of a global root.
    pub fn to_manifest(&self) -> GrantDigestRoot {
        GrantDigestRoot {
            xor_digest: self.xor.to_be_bytes().to_vec(),
            count: i64::try_from(self.count).unwrap_or(i64::MAX),
            abi_version: ABI_VERSION,
            ..Default::default()
        }
    }

    /// The global root that a manifest tells; none for another version of the hashes.
    ///
    /// # Errors
    /// A hash that is not 8 bytes, or a negative count.
    pub fn from_manifest(root: &GrantDigestRoot) -> Result<Option<Self>> {
        if root.abi_version != ABI_VERSION {
            return Ok(None);
        }
        let Ok(xor) = root.xor_digest.as_slice().try_into() else {
            return Err(wrong_len("grant digest root", 8, &root.xor_digest));
        };
        let Ok(count) = u64::try_from(root.count) else {
            let (expected, found) = ("a count of grants", root.count);
            return Err(Error::data_loss("grant digest root", 0, expected, found));
        };
        let xor = u64::from_be_bytes(xor);
        Ok(Some(Self { count, xor }))
    }
}

/// Root of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Root {
    /// Leading bits of the bucket that tell leaves apart; at width 0 there are no leaves.
    pub width: u8,
    /// All grants of the partition.
    pub node: Node,
}

impl Root {
    /// The value of the root.
    pub fn encode(&self) -> [u8; 17] {
        let mut value = [self.width; 17];
        if let Some((_, node)) = value.split_first_mut() {
            node.copy_from_slice(&self.node.encode());
        }
        value
    }

    /// Reads the value of a root.
    ///
    /// # Errors
    /// A value that is not 17 bytes, or a width above 16.
    pub fn decode(value: &[u8]) -> Result<Self> {
        match value.split_first() {
            Some((&width, node)) if node.len() == 16 => {
                if width > WIDTH_MAX {
                    return Err(Error::data_loss(
                        "digest root",
                        0,
                        "a width up to 16",
                        width,
                    ));
                }
                let node = Node::decode(node)?;
                Ok(Self { width, node })
            }
            _ => Err(wrong_len("digest root", 17, value)),
        }
    }
}

/// The width of a partition of `count` grants.
pub fn width_of(count: u64) -> u8 {
    let mut width = 0;
    while LEAF_GRANTS << width < count && width < WIDTH_MAX {
        width += 1;
    }
    width
}

#[cold]
fn wrong_len(structure: &'static str, expected: usize, value: &[u8]) -> Error {
    Error::data_loss(
        structure,
        0,
        format!("{expected} bytes"),
        format!("{} bytes", value.len()),
    )
}
